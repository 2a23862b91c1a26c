//! The catalog that a server starts with when it has none: four plans that
//! show a free tier, two intervals, seats and a price paid once.
//!
//! Its prices carry no provider references, so the sandbox sells them.

use billing_domain::catalog::Catalog;

use crate::error::PlanFileErrors;
use crate::read::read_plan_file;

/// The sample as a file, to be copied and edited.
pub const SAMPLE: &str = include_str!("sample.yaml");

/// The sample as a catalog.
///
/// # Errors
///
/// None, as long as the sample in this crate is sound, which a test asserts.
pub fn sample_catalog() -> Result<Catalog, PlanFileErrors> {
    read_plan_file("sample.yaml", SAMPLE.as_bytes())
}
