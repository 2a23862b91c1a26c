//! The hands of the billing engine, and what applications embed.
//!
//! [`Billing`] is the one object: commands for buyers and operators, intake for
//! webhooks, `tick` for what falls due, `gate` for "may this customer use this
//! feature?". It walks the ring: receive, decide, commit, perform.
//!
//! Spawns nothing by itself: the host calls [`Billing::work`], or runs the
//! ready-made [`worker`](Billing::run_worker). Knows no database, no provider
//! and no wall clock; all come in through the ports.

mod asked;
mod billing;
mod catalog;
mod commands;
mod epochs;
mod error;
mod estimates;
mod gate;
mod generations;
mod limits;
mod manual;
mod recent;
mod ring;
mod worker;

pub use billing::{Billing, BillingBuilder, BuildError};
pub use billing_domain::decide::{
    CancelWhen, ChangeAsk, CustomerDetails, Force, LicenseAct, LicenseActError, MachineAct,
    MachineActError, NewCustomer, PauseOutcome, PauseRefusal, QuoteRefusal, REFUND_ORDERS_MAX,
    RefundAsk, RefundRefusal, StepAsk, UncancelRefusal,
};
pub use catalog::{ApplyOutcome, CatalogError};
pub use commands::{
    AllowedChange, Audited, CancelError, Canceled, ChangeAccepted, ChangeError, CheckoutError,
    CheckoutOpened, CheckoutRequest, CodeError, CreateCustomerError, CustomerRef, CustomerRow,
    Drifted, Exchange, Exchanged, GrantError, GrantRow, ImportError, ImportMode, ImportRow,
    LeftOut, LicenseError, LicenseHeld, LicenseRow, LicenseStanding, MAX_NEGOTIATED, MachineError,
    MemberError, MigrationError, NegotiateError, NewCode, NewTerms, NotTaken, OfMailbox,
    PauseError, PaymentError, PortalError, QuoteError, RefundBy, RefundError, RefundMade,
    RenewalPage, RenewalPageError, RenewalStanding, RenewalToPay, ReplayAsk, ReplayFinding,
    Replayed, SubscriptionRow, Unanswered, UncancelError, Uncanceled, Unpaid, UsageError,
    UsageNotTaken, UsageReport, UsageStanding, UsageTaken, What,
};
pub use error::EngineError;
pub use gate::GateError;
pub use limits::Limits;
pub use manual::{MANUAL, ManualProvider};
pub use ring::{
    Adopted, Adoptee, Adopting, Adoption, Difference, IntakeError, LostEvent, Reconciled, Reread,
    RereadError, WorkDone,
};
