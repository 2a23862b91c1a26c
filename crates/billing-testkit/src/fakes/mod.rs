//! Stateful fakes of payment providers, as HTTP servers on loopback.
//!
//! A fake keeps what it was told, computes what the provider would charge,
//! sends the webhooks that the provider would send and refuses what the
//! provider would refuse. Its time is its own and is moved by hand; its faults
//! are ordered in advance. Deliberately knows nothing of the adapters and of
//! the engine: they meet it over HTTP alone.

pub mod btcpay;
pub mod paddle;
pub mod rig;
pub mod stripe;
