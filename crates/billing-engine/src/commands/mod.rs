//! Commands: what buyers and operators ask for, one file each.

mod audit;
mod cancel;
mod change;
mod checkout;
mod code;
mod customer;
mod drift;
mod exchange;
mod forecast;
mod grant;
mod license;
mod migration;
mod negotiated;
mod offer;
mod parked;
mod pause;
mod payment;
mod portal;
mod quote;

pub use audit::Audited;
pub use cancel::{CancelError, Canceled};
pub use change::{ChangeAccepted, ChangeError};
pub use checkout::{CheckoutError, CheckoutOpened, CheckoutRequest, What};
pub use code::{CodeError, NewCode};
pub use customer::{CreateCustomerError, CustomerRef};
pub use drift::{Drifted, Unanswered};
pub use exchange::{Exchange, Exchanged, Unpaid};
pub use grant::GrantError;
pub use license::{LicenseHeld, LicenseStanding};
pub use migration::MigrationError;
pub use negotiated::{MAX_NEGOTIATED, NegotiateError, NewTerms};
pub use pause::PauseError;
pub use payment::PaymentError;
pub use portal::PortalError;
pub use quote::{AllowedChange, QuoteError};
