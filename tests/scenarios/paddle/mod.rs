//! The promises kept with Paddle: a server with its adapter, over HTTP against a
//! fake of Paddle's side, on both stores.

mod buying;
mod changes;
mod codes;
mod doctor;
mod forged;
mod guests;
mod handed;
mod left;
mod linked;
mod locked;
mod offers;
mod order;
mod outage;
mod paid_back;
mod paused;
mod prices_locked;
mod promises;
mod renewals;
mod returned;
mod shop;
mod signed;
mod used;
