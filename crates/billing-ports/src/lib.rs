//! The doors of the billing engine: what a store, a provider, a clock must do.
//!
//! A port states its law with MUST; the contract suites of `billing-testkit`
//! hold every implementation to the same words. Nothing is implemented here,
//! and no web, SQL or HTTP-client type appears.

pub mod claims;
pub mod clock;
pub mod delivery;
pub mod license;
pub mod mailer;
pub mod notifier;
pub mod provider;
pub mod rate;
pub mod store;
pub mod webhook;

pub use claims::ClaimPost;
pub use clock::{Clock, IdSource};
pub use delivery::{Delivery, Reading};
pub use license::{LicenseClaims, LicenseSigner, SignError};
pub use mailer::{Mail, MailError, Mailer};
pub use notifier::{Notifier, NotifyError};
pub use provider::{
    Answer, Finding, FindingLevel, Listed, PaymentProvider, PerformError, PortalAnswer, PortalAsk,
    PortalPurpose, Previewed, RefundLink, RefundPromised, Refunds, Refusal, Resent,
    ResumePreviewed,
};
pub use rate::{Rate, RateError, RateSource};
pub use store::Store;
pub use webhook::{DecodeError, WebhookDecoder, WebhookRequest};

/// mockall mocks of every port, for "was it called with". For behavior, use the
/// stateful fakes of `billing-testkit`.
#[cfg(feature = "mock")]
pub mod mock {
    pub use crate::claims::MockClaimPost;
    pub use crate::clock::{MockClock, MockIdSource};
    pub use crate::license::MockLicenseSigner;
    pub use crate::mailer::MockMailer;
    pub use crate::notifier::MockNotifier;
    pub use crate::provider::MockPaymentProvider;
    pub use crate::rate::MockRateSource;
    pub use crate::store::{
        MockActs, MockBookmarks, MockCatalogs, MockCodes, MockCredentials, MockEndpoints,
        MockMigrations, MockQuotes, MockReadModels, MockRing,
    };
    pub use crate::webhook::MockWebhookDecoder;
}
