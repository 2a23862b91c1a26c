//! The promises kept with Stripe: a server with its adapter, over HTTP against a
//! fake of Stripe's side, on both stores.

mod adopted;
mod buying;
mod claimed;
mod codes;
mod deferred;
mod doctor;
mod guests;
mod handed;
mod lifecycle;
mod links;
mod money;
mod order;
mod outage;
mod paid;
mod paid_back;
mod promises;
mod released;
mod seats;
mod secrets;
mod sharing;
mod shop;
mod signed;
mod swept;
mod tiers;
mod trials;
mod used;
