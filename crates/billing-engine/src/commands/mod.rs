//! Commands: what buyers and operators ask for, one file each.

mod cancel;
mod checkout;
mod customer;
mod grant;
mod parked;
mod pause;

pub use cancel::{CancelError, Canceled};
pub use checkout::{CheckoutError, CheckoutOpened, CheckoutRequest, What};
pub use customer::{CreateCustomerError, CustomerRef};
pub use grant::GrantError;
pub use pause::PauseError;
