//! What tests of the billing engine stand on: a store in memory, a clock that
//! is moved by hand, ids that repeat, a notifier and a mailer that remember,
//! ready-made values, and the contract suites that every store and provider must pass.
//!
//! Meant for tests of applications that embed the engine as much as for its
//! own. Deliberately knows nothing of the engine, and never leaves the process.

#[cfg(feature = "fakes")]
pub mod canary;
pub mod catalogs;
pub mod clock;
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a behavior is a test: it panics where the law is broken"
)]
pub mod contract;
#[cfg(feature = "fakes")]
pub mod documented;
#[cfg(feature = "fakes")]
pub mod fakes;
pub mod fixtures;
pub mod ids;
pub mod mailer;
pub mod memory;
pub mod notifier;
#[expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a behavior is a test: it panics where the law is broken"
)]
pub mod provider_contract;

#[expect(
    clippy::expect_used,
    reason = "a behavior is a test: it panics where the law is broken"
)]
pub mod upgraded;

#[cfg(feature = "fakes")]
pub mod receiver;

#[cfg(feature = "fakes")]
pub use canary::Canary;
pub use clock::ManualClock;
pub use ids::SeededIds;
pub use mailer::RecordingMailer;
pub use memory::MemoryStore;
pub use notifier::RecordingNotifier;
