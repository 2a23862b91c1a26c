//! Decisions: plain functions that change a [`Draft`](crate::Draft) and nothing else.
//!
//! One file per decision. None is async, reads a clock, logs or calls anybody;
//! what they say is carried out without further choices.

mod books;
mod cancel;
mod checkout;
mod customer;
mod due;
mod fact;
mod grant;
mod mirror;
mod page;
mod pause;
mod renew;
mod settle;
mod start;

pub use cancel::{CancelOutcome, CancelWhen, cancel};
pub use checkout::{Begun, CHECKOUT_LIFETIME, CheckoutAsk, CheckoutRefusal, begin_checkout};
pub use customer::{NewCustomer, create_customer};
pub use due::fall_due;
pub use fact::{Verdict, apply_fact};
pub use grant::{add_grant, end_grant};
pub use pause::{PauseRefusal, pause, resume};
