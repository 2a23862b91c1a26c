//! Drift: where these books and a provider's differ, one object at a time, with the
//! side that is right and what becomes of it. Repairs nothing, and asks nobody: what
//! the provider says was read by somebody else.

mod invoice;
mod subscription;

use crate::customer::Account;
use crate::fact::{Fact, Observed};
use crate::invoice::Invoice;
use crate::provider::{ProviderRef, RefKind};
use crate::subscription::Subscription;

/// A difference between these books and a provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// In what they differ.
    pub code: DriftCode,
    /// The object over there.
    pub object: ProviderRef,
    /// Our row, by its id. `None`: there is none.
    pub row: Option<String>,
    /// What these books say.
    pub ours: String,
    /// What the provider says.
    pub theirs: String,
    /// Which of them is right.
    pub right: Side,
    /// What would be done about it.
    pub remedy: Remedy,
}

/// In what two books differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriftCode {
    /// The provider has no such object.
    Missing,
    /// These books have no such object.
    Unknown,
    /// How it stands.
    Status,
    /// Until when a subscription is paid.
    PaidThrough,
    /// The price that is held.
    Price,
    /// How many pieces are held.
    Quantity,
    /// When a subscription ends that was canceled.
    Cancellation,
    /// A payment that these books have not seen.
    Payment,
    /// How much an invoice comes to.
    Amount,
    /// It is there and cannot be read.
    Unread,
    /// What is to come with a subscription's next period.
    Upcoming,
    /// What a call of ours that was cut off has left there.
    Unfinished,
}

impl DriftCode {
    /// Every code.
    pub const ALL: [Self; 12] = [
        Self::Missing,
        Self::Unknown,
        Self::Status,
        Self::PaidThrough,
        Self::Price,
        Self::Quantity,
        Self::Cancellation,
        Self::Payment,
        Self::Amount,
        Self::Unread,
        Self::Upcoming,
        Self::Unfinished,
    ];

    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "drift_missing",
            Self::Unknown => "drift_unknown",
            Self::Status => "drift_status",
            Self::PaidThrough => "drift_paid_through",
            Self::Price => "drift_price",
            Self::Quantity => "drift_quantity",
            Self::Cancellation => "drift_cancellation",
            Self::Payment => "drift_payment",
            Self::Amount => "drift_amount",
            Self::Unread => "drift_unread",
            Self::Upcoming => "drift_upcoming",
            Self::Unfinished => "drift_unfinished",
        }
    }
}

/// Which of two books is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// These books.
    Ours,
    /// The provider's.
    Provider,
    /// Nobody can tell from the books alone.
    Unclear,
}

impl Side {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Provider => "provider",
            Self::Unclear => "unclear",
        }
    }
}

/// What would be done about a difference, once somebody reconciles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remedy {
    /// What the provider says is received, as if its webhook had come: it takes the
    /// place of what these books say.
    TakeOver,
    /// The payment is received, and settles the invoice; one that comes too late for
    /// what it pays for is set aside for a person.
    Credit,
    /// It is received, and set aside for a person.
    SetAside,
    /// What these books say is ordered of the provider again.
    OrderAgain,
    /// It is put right there by whoever reads it next, and not only compares.
    PutRight,
    /// Nothing: what these books say is newer, or is never taken back.
    Keep,
    /// Nothing by itself: a person has to look.
    Look,
}

impl Remedy {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TakeOver => "take_over",
            Self::Credit => "credit",
            Self::SetAside => "set_aside",
            Self::OrderAgain => "order_again",
            Self::PutRight => "put_right",
            Self::Keep => "keep",
            Self::Look => "look",
        }
    }

    /// The same for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::TakeOver => "the provider's word would be taken over",
            Self::Credit => "the payment would be credited",
            Self::SetAside => "the payment would be set aside for a person",
            Self::OrderAgain => "it would be ordered of the provider again",
            Self::PutRight => "it would be put right at the provider",
            Self::Keep => "nothing would be done",
            Self::Look => "a person has to look",
        }
    }
}

/// Compares what `account` holds with what its provider `seen` says of `object`: all
/// that reading it has told, and nothing where there is no such object. Empty: both
/// say the same.
///
/// The account has the subscriptions, and of invoices and changes at least those that
/// are told of: one that is not there counts as unknown.
#[must_use]
pub fn drift(account: &Account, object: &ProviderRef, seen: &[Observed]) -> Vec<Drift> {
    let mut comparing = Comparing {
        account,
        object,
        found: Vec::new(),
    };
    let says = |fact: &Fact| !matches!(fact, Fact::Unreadable { .. } | Fact::Irrelevant);
    if !seen.iter().any(|told| says(&told.fact)) {
        comparing.nothing_is_told(seen.is_empty());
    }
    for told in seen {
        match &told.fact {
            Fact::SubscriptionSeen(snapshot) => comparing.subscription(told, snapshot),
            Fact::InvoicePaid {
                invoice,
                payment,
                amount,
                conversion,
                parts: _,
            } => comparing.paid(*invoice, payment, *amount, conversion.as_ref()),
            Fact::ProviderInvoiceSeen { .. } => comparing.provider_invoice(&told.fact),
            // Owed, as ours is; or about something else than how these objects stand:
            // what was given back is no part of what was owed.
            Fact::InvoiceOpened { .. }
            | Fact::PaymentFailed { .. }
            | Fact::ChargeFailed { .. }
            | Fact::PaymentPending { .. }
            | Fact::InvoiceClosed { .. }
            | Fact::PaymentReversed { .. }
            | Fact::PaymentUpheld { .. }
            | Fact::PaymentDenied { .. }
            | Fact::PaymentUnconfirmed { .. }
            | Fact::Unclear { .. }
            | Fact::CheckoutOpened { .. }
            | Fact::CheckoutCompleted { .. }
            | Fact::CheckoutEnded { .. }
            | Fact::RefundSeen(_)
            | Fact::DisputeSeen(_)
            | Fact::Hinted { .. }
            | Fact::Done { .. }
            | Fact::Refused { .. }
            | Fact::GivenUp { .. }
            | Fact::Unreadable { .. }
            | Fact::Irrelevant => {}
        }
    }
    comparing.found
}

/// What of `account` a provider is to be asked about, to compare its books with ours:
/// the subscriptions that it runs and that are not over, and the invoices that are
/// open. Only what the provider has named is there to be read.
#[must_use]
pub fn open_objects(account: &Account) -> Vec<ProviderRef> {
    let held = account.subscriptions.iter().filter(|held| !held.is_over());
    let owed = account.invoices.iter().filter(|owed| owed.is_open());
    let held = held.filter_map(Subscription::provider_ref);
    held.chain(owed.filter_map(Invoice::provider_ref)).collect()
}

struct Comparing<'a> {
    account: &'a Account,
    object: &'a ProviderRef,
    found: Vec<Drift>,
}

/// What two books say of one thing.
struct Said {
    ours: String,
    theirs: String,
}

impl Said {
    fn new(ours: impl Into<String>, theirs: impl Into<String>) -> Self {
        Self {
            ours: ours.into(),
            theirs: theirs.into(),
        }
    }
}

impl Comparing<'_> {
    fn note(
        &mut self,
        code: DriftCode,
        (kind, reference): (RefKind, &str),
        row: Option<String>,
        said: Said,
        (right, remedy): (Side, Remedy),
    ) {
        self.found.push(Drift {
            code,
            object: ProviderRef {
                account: self.object.account.clone(),
                kind,
                id: reference.to_owned(),
            },
            row,
            ours: said.ours,
            theirs: said.theirs,
            right,
            remedy,
        });
    }

    /// What is open here is not there, or is owed by nobody. Which of the two, the
    /// provider does not say.
    fn nothing_is_told(&mut self, gone: bool) {
        let (account, object) = (self.account, self.object);
        let subscription = account
            .subscriptions
            .iter()
            .filter(|held| held.provider_ref().as_ref() == Some(object) && !held.is_over())
            .map(|held| (held.id.to_string(), held.status().as_str()));
        let invoice = account
            .invoices
            .iter()
            .filter(|held| held.provider_ref().as_ref() == Some(object) && held.is_open())
            .map(|held| (held.id.to_string(), "open"));
        let Some((row, ours)) = subscription.chain(invoice).next() else {
            return;
        };
        let (code, theirs) = if gone {
            (DriftCode::Missing, "there is no such object")
        } else {
            (DriftCode::Status, "nothing is owed")
        };
        self.note(
            code,
            (object.kind, &object.id),
            Some(row),
            Said::new(ours, theirs),
            (Side::Unclear, Remedy::Look),
        );
    }
}
