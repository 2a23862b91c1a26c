//! Commits, counted by customer, so that what was read before one is not kept after
//! it. Knows neither what was read nor where it is kept.

use std::sync::atomic::{AtomicU64, Ordering};

use billing_domain::ids::CustomerId;

/// How many customers' commits are told apart. 256: a few dozen commits while one
/// customer is read rarely touch the customer who is read.
const STRIPES: usize = 256;

/// How many commits there have been, by [`stripe_of`] their customer.
pub(crate) struct Epochs([AtomicU64; STRIPES]);

/// How many commits about a customer there had been when it was about to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    /// Whose.
    pub(crate) of: CustomerId,
    stripe: usize,
    epoch: u64,
}

impl Default for Epochs {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; STRIPES])
    }
}

impl Epochs {
    /// To be noted before a customer is read.
    pub(crate) fn mark(&self, of: CustomerId) -> Mark {
        let stripe = stripe_of(of);
        let epoch = self.at(stripe);
        Mark { of, stripe, epoch }
    }

    /// Whether there has been no commit about the customer since.
    pub(crate) fn stands(&self, mark: &Mark) -> bool {
        self.at(mark.stripe) == mark.epoch
    }

    /// There was a commit about a customer.
    pub(crate) fn raise(&self, of: CustomerId) {
        if let Some(epoch) = self.0.get(stripe_of(of)) {
            epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// There was something that concerns everybody.
    pub(crate) fn raise_all(&self) {
        for epoch in &self.0 {
            epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn at(&self, stripe: usize) -> u64 {
        let epoch = self.0.get(stripe);
        epoch.map_or(0, |epoch| epoch.load(Ordering::Acquire))
    }
}

/// Which count a customer's commits raise. The end of an id is its random part.
fn stripe_of(id: CustomerId) -> usize {
    let [.., last] = id.uuid().into_bytes();
    usize::from(last)
}
