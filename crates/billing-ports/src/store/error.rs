//! How a store fails.

/// Why a store could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or did not answer in time.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// A row holds what cannot be read.
    #[error("unreadable row {row} of {table}: {why}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's key.
        row: String,
        /// What is wrong with it.
        why: String,
    },
    /// The statement failed; a defect of ours.
    #[error("database statement failed: {0}")]
    Failed(String),
}

/// Why a commit wrote nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The customer has been changed since it was loaded: load and decide again.
    #[error("customer changed meanwhile")]
    Conflict,
    /// A claim that this commit relies on has passed to another worker: drop it.
    #[error("claim lost to another worker")]
    ClaimLost,
    /// A unique name is taken: an external reference, a provider's object.
    #[error("{what} is taken")]
    Taken {
        /// Which name.
        what: Taken,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which unique name was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The customer's external reference.
    ExternalRef,
    /// A provider's object, of an exclusive kind, belongs to another customer.
    ProviderRef,
    /// An effect's key.
    EffectKey,
    /// The one open invoice of a subscription and purpose (not a provider's own,
    /// which have no cycle), or a cycle's credit.
    Invoice,
    /// The event has been received before.
    Delivery,
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ExternalRef => "external reference",
            Self::ProviderRef => "provider reference",
            Self::EffectKey => "effect key",
            Self::Invoice => "open invoice",
            Self::Delivery => "delivery",
        })
    }
}
