//! The adapter against a stateful fake of Paddle: the contract of every provider,
//! and flows through whole lives of subscriptions.

mod contract;
mod flows;
mod rig;
mod search;
