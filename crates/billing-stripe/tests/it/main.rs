//! The adapter from outside: webhooks as they arrive, and calls as Stripe sees them.

#[cfg(test)]
mod support;

#[cfg(test)]
mod answers;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod events;
#[cfg(test)]
mod flows;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod pooled;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod refunds;
#[cfg(test)]
mod vectors;
