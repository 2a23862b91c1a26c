//! Decisions: plain functions that change a [`Draft`](crate::Draft) and nothing else.
//!
//! One file per decision. None is async, reads a clock, logs or calls anybody;
//! what they say is carried out without further choices.

mod balance;
mod books;
mod cancel;
mod change;
mod checkout;
mod claim;
mod credit;
mod customer;
mod denied;
mod due;
mod fact;
mod forgone;
mod grant;
mod imagine;
mod import;
mod license;
mod machine;
mod member;
mod migrate;
mod mirror;
mod ordered;
mod page;
mod pause;
mod pending;
mod promise;
mod quote;
mod rate;
mod refund;
mod refund_failed;
mod refund_link;
mod refund_sent;
mod remind;
mod renew;
mod settle;
mod stalled;
mod start;
mod step;
mod uncancel;
mod upheld;
mod usage;
mod void;

pub use cancel::{
    CancelAnswer, CancelOutcome, CancelWhen, cancel, cancellation_answered, cancellation_forgone,
};
pub use change::{
    AcceptRefusal, Accepted, ForceRefusal, TakeBackRefusal, accept, after, force_change, take_back,
};
pub use checkout::{Begun, CHECKOUT_LIFETIME, CheckoutAsk, CheckoutRefusal, begin_checkout};
pub use claim::{Reserved, attach_claim, confirm_claim, take_claim};
pub use customer::{CustomerDetails, NewCustomer, create_customer, describe_customer};
pub use due::fall_due;
pub use fact::{Verdict, apply_fact};
pub use grant::{add_grant, end_grant};
pub(crate) use imagine::{links_opened, paid_on_time, renewed_by_provider};
pub use import::{
    import_grant, import_subscription, is_charged_already, know_at_provider, park_charged_twice,
};
pub use license::{LicenseAct, LicenseActError, act_on_license};
pub use machine::{MachineAct, MachineActError, act_on_machine, note_recovery};
pub use member::act_under;
pub use migrate::{MigrateError, Migrated, migrate};
pub use mirror::outrank;
pub(crate) use mirror::{Apart, apart, mirrored};
pub use pause::{PauseOutcome, PauseRefusal, pause, resume};
pub use pending::{grace_end, sure_until};
pub(crate) use promise::{
    Promised, cycle_number, cycle_starts, is_dearer, is_given, terms_at_price,
};
pub use promise::{keep_promises, may_rejoin, price_answered};
pub use quote::{
    ChangeAsk, Force, Planned, PlannedStep, QuoteRefusal, StepAsk, plan_change, plan_step,
};
pub use refund_failed::{forgo_refund, park_refused_refund, take_up_refund};
pub use refund_link::{
    PromisedRefund, REFUND_ORDERS_MAX, RefundAsk, RefundRefusal, close_promise, promise_refund,
    send_refund, standing_promise,
};
pub use refund_sent::{SentRefund, hear_refund};
pub use stalled::try_stalled_again;
pub use uncancel::{UncancelOutcome, UncancelRefusal, uncancel, uncancel_overtaken, uncanceled};
pub use usage::{UsageRefusal, follow_usage, note_usage_reached, open_usage, set_spending_limit};
