//! Discount codes and their uses. A use concerns many customers, so it is
//! reserved in a step of its own before a checkout, and counted or given back
//! after it: two transactions, never one.

use async_trait::async_trait;
use billing_domain::discount::DiscountCode;
use billing_domain::ids::{CheckoutId, DiscountCodeId};
use billing_domain::time::Timestamp;

use crate::store::error::StoreError;
use crate::store::reads::{Page, PageAsk};

/// A code with how often it has been used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeUses {
    /// The code.
    pub code: DiscountCode,
    /// Uses that count.
    pub used: u32,
    /// Uses that are reserved and not over.
    pub reserved: u32,
}

/// Discount codes.
///
/// - The text of a code MUST be unique among codes that are not retired.
/// - `reserve` MUST never let more uses be counted and reserved together than the
///   code allows, whoever asks at the same time.
/// - A reservation whose time is over MUST count for nothing, by itself.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Codes: Send + Sync {
    /// Stores a new code. `false`: its text is taken, and nothing was written.
    async fn create_code(&self, code: &DiscountCode) -> Result<bool, StoreError>;

    /// The code with this text that is not retired, in capitals. `None`: there is none.
    async fn find_code(&self, text: &str) -> Result<Option<DiscountCode>, StoreError>;

    /// Codes, newest first, each with its uses at `now`.
    async fn list_codes(&self, page: PageAsk, now: Timestamp)
    -> Result<Page<CodeUses>, StoreError>;

    /// Retires a code. `false`: there is none with this id, or it was retired before.
    async fn retire_code(&self, id: DiscountCodeId, now: Timestamp) -> Result<bool, StoreError>;

    /// Reserves a use for a checkout, until an instant. Reserving again for the
    /// same checkout is the same reservation. `false`: no use is left.
    async fn reserve_code(
        &self,
        id: DiscountCodeId,
        checkout: CheckoutId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Counts the use of a checkout for good (even when its reservation is over:
    /// it was paid), or gives it back. May be repeated; a counted use stays counted.
    async fn settle_code(
        &self,
        id: DiscountCodeId,
        checkout: CheckoutId,
        used: bool,
    ) -> Result<(), StoreError>;
}
