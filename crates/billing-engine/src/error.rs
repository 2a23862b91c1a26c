//! Why the engine could not do something, common to all operations.

use billing_ports::store::StoreError;

/// Why the engine could not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Billing is switched off.
    #[error("billing is switched off")]
    Disabled,
    /// No catalog has been applied yet.
    #[error("no catalog applied yet")]
    NoCatalog,
    /// The customer was changed by others at every attempt.
    #[error("customer changed at every attempt")]
    Contended,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
