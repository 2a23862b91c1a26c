//! Events sent out, as [Standard Webhooks](https://www.standardwebhooks.com) have it.
//!
//! The engine tells a [`Sender`] what happened. For each receiver that wants the event a
//! delivery is stored, under an id that is the same however often it is told; from there on
//! the engine has no part in it. The sender claims what is due, receiver by receiver, signs
//! it, posts it and records what came back:
//!
//! 1. [`Sender`] as a [`billing_ports::Notifier`] writes deliveries (`told`).
//! 2. [`Sender::run`] finds receivers to whom something is due, and works for each by itself,
//!    so that one that hangs holds up nobody (`sender`).
//! 3. One try is a request, and what becomes of it a plain function of the answer (`attempt`,
//!    `rules`).
//!
//! What goes to people and places that are no receivers, such as letters, is carried by a
//! [`Courier`], from rows of the same kind (`courier`); whoever has a plan is invited to an
//! organization at GitHub so ([`Invitations`]).
//!
//! Knows no route, no configuration and no engine. An address that strangers may have chosen
//! is dialed only on the public internet, unless the host says otherwise.

mod address;
mod attempt;
mod courier;
mod example;
mod github;
mod links;
mod payload;
mod rules;
mod secret;
mod sender;
mod sign;
mod told;
mod welcome;

pub use address::{AddressError, MAX_ADDRESS};
pub use courier::{CARRYING_ENDS_WITHIN, Carried, Courier, Transport, Way, entry_of};
pub use example::example;
pub use github::{Invitations, Inviting};
pub use links::RenewalLinks;
pub use payload::body;
pub use rules::{FAILING_FOR, RETRY_AFTER_MAX, WAITS};
pub use secret::{SECRET_PREFIX, shown};
pub use sender::{LANE, ROTATION_WINDOW, Reaching, Sender};
pub use welcome::Welcome;
