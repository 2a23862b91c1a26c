//! The promises kept with Stripe: a server with its adapter, over HTTP against a
//! fake of Stripe's side, on both stores.

mod buying;
mod doctor;
mod order;
mod promises;
mod shop;
