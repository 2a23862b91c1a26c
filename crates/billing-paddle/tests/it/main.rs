//! The adapter against a stateful fake of Paddle: the contract of every provider,
//! and flows through whole lives of subscriptions.

#[cfg(test)]
mod charges;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod flows;
#[cfg(test)]
mod pooled;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod search;
