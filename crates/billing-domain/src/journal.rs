//! The journal: what was decided, one entry per thing that happened, kept for ever.
//! An entry is also the event that listeners are told.

use serde::{Deserialize, Serialize};

use crate::catalog::PlanKey;
use crate::ids::{
    ChangeId, CheckoutId, CustomerId, GrantId, InvoiceId, JournalId, LicenseId, SubscriptionId,
};
use crate::money::Money;
use crate::time::Timestamp;

mod says;

pub use says::{Part, Says};

/// One thing that happened to a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Our id; ascends with time.
    pub id: JournalId,
    /// Whom it happened to.
    pub customer: CustomerId,
    /// What happened.
    pub event: Event,
    /// When, by our clock.
    pub at: Timestamp,
    /// Who did it. `None`: the engine, by itself.
    pub actor: Option<String>,
    /// Why, in the words of whoever did it. `None`: nobody said, or before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The subscription concerned.
    pub subscription: Option<SubscriptionId>,
    /// The invoice concerned.
    pub invoice: Option<InvoiceId>,
    /// The checkout concerned.
    pub checkout: Option<CheckoutId>,
    /// The grant concerned.
    pub grant: Option<GrantId>,
    /// The change concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeId>,
    /// The license concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<LicenseId>,
    /// The money concerned.
    pub money: Option<Money>,
    /// With `subscription.renewal_pending` and its reminders: which cycle is to be paid, how much of what, and
    /// until when. `None`: something else happened, or before this was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<RenewalOwed>,
    /// With `plan.changed`: the plan before, which is the same where the price or the quantity
    /// alone is another. `None`: something else happened, or before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_before: Option<PlanKey>,
    /// What else a reader needs: a reason, a pay link, a date.
    pub note: Option<String>,
    /// Its place among all that happened to the customer: it grows from entry to entry, and
    /// leaves numbers out. `None`: before this was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
}

/// How far the numbers of two revisions of a customer are apart: more than any one decision
/// notes, and round, so that people see where a decision begins.
const SEQUENCE_STEP: u64 = 1_000;

/// The place of the entry at `index` among those of the decision that makes `revision`.
pub(crate) fn sequence(revision: u64, index: usize) -> u64 {
    let last = SEQUENCE_STEP.saturating_sub(1);
    let within = u64::try_from(index).unwrap_or(last).min(last);
    revision
        .saturating_mul(SEQUENCE_STEP)
        .saturating_add(within)
}

/// What it takes to pay a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalOwed {
    /// The subscription's cycle. Only ever grows, per subscription.
    pub cycle: u32,
    /// What is collected: in satoshi where bitcoin is, else what is listed.
    pub collected: Money,
    /// When it is to be paid.
    pub due_at: Timestamp,
    /// Until when it can be paid: from then on, the subscription is lapsed.
    pub grace_ends_at: Timestamp,
}

impl JournalEntry {
    /// Where the renewal that it tells of is paid: at `address`, or else at the provider's own
    /// page, which is its note. `None`: it tells of none, or there is no page.
    #[must_use]
    pub fn payable_at<'a>(&'a self, address: Option<&'a str>) -> Option<&'a str> {
        self.renewal?;
        address.or(self.note.as_deref())
    }
}

macro_rules! events {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal;)*) => {
        /// The name of something that happened, as listeners see it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Event {$(
            $(#[doc = $doc])*
            #[serde(rename = $text)]
            $name,
        )*}

        impl Event {
            /// Every event, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name, as in `subscription.renewed`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {$(Self::$name => $text),*}
            }

            /// The event of that name. `None`: there is none.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|event| event.as_str() == name)
            }

            /// What happened, in a sentence for whoever listens.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {$(Self::$name => concat!($($doc),*)),*}.trim_start()
            }
        }
    };
}

events! {
    /// A customer was made.
    CustomerCreated = "customer.created";
    /// A customer is written to in another language, or has another name at GitHub; the note
    /// says which of `lang` and `github`.
    CustomerUpdated = "customer.updated";
    /// A customer acts under the plan of another, whom the note names.
    CustomerJoined = "customer.joined";
    /// It no longer does; the note names whom it left.
    CustomerLeft = "customer.left";
    /// What a guest bought is held for the owner of a mailbox.
    ClaimMade = "claim.made";
    /// The mailbox's owner confirmed, and the guest is an account.
    ClaimConfirmed = "claim.confirmed";
    /// The mailbox's owner confirmed, and has an account, which the note names.
    ClaimAttached = "claim.attached";
    /// An account holds what a guest holds, whom the note names.
    ClaimTaken = "claim.taken";
    /// A checkout was begun.
    CheckoutCreated = "checkout.created";
    /// A checkout was paid, or owed nothing.
    CheckoutCompleted = "checkout.completed";
    /// A checkout ended unpaid.
    CheckoutExpired = "checkout.expired";
    /// A checkout was given up or refused.
    CheckoutCanceled = "checkout.canceled";
    /// A subscription came to be.
    SubscriptionCreated = "subscription.created";
    /// A subscription gives access for the first time, or again.
    SubscriptionActivated = "subscription.activated";
    /// A trial ends soon.
    SubscriptionTrialEnding = "subscription.trial_ending";
    /// A renewal can be paid; the note is the provider's page. Told again where another page
    /// is made for the same cycle.
    SubscriptionRenewalPending = "subscription.renewal_pending";
    /// A renewal that can be paid, and is not, is due soon; the note is the provider's page.
    /// Told once a cycle, where it could be paid long enough before.
    SubscriptionRenewalDue = "subscription.renewal_due";
    /// The grace of a renewal that can be paid, and is not, ends soon; the note is the
    /// provider's page. Told once a cycle.
    SubscriptionGraceEnding = "subscription.grace_ending";
    /// A further cycle is paid.
    SubscriptionRenewed = "subscription.renewed";
    /// A cycle was due and is not paid.
    SubscriptionPastDue = "subscription.past_due";
    /// An attempt to collect a cycle failed.
    SubscriptionRenewalFailed = "subscription.renewal_failed";
    /// The provider cannot be reached for a renewal; an operator is needed.
    SubscriptionRenewalStalled = "subscription.renewal_stalled";
    /// Cycles were skipped that nobody could have paid.
    SubscriptionRenewalSkipped = "subscription.renewal_skipped";
    /// A subscription was suspended.
    SubscriptionPaused = "subscription.paused";
    /// A suspended subscription goes on.
    SubscriptionResumed = "subscription.resumed";
    /// A cancellation is to come.
    SubscriptionCancelScheduled = "subscription.cancel_scheduled";
    /// A scheduled cancellation was taken back.
    SubscriptionCancelUnscheduled = "subscription.cancel_unscheduled";
    /// A scheduled cancellation was to be taken back, and stands: the provider refused,
    /// with the code that the note says, or did not answer.
    SubscriptionCancelUpheld = "subscription.cancel_upheld";
    /// A subscription ended on request.
    SubscriptionCanceled = "subscription.canceled";
    /// A subscription ended unpaid.
    SubscriptionLapsed = "subscription.lapsed";
    /// A fixed term is over, or a purchase was never paid.
    SubscriptionExpired = "subscription.expired";
    /// The plan, price or quantity of a subscription is another.
    PlanChanged = "plan.changed";
    /// A change is to come.
    ChangeScheduled = "change.scheduled";
    /// An operator changed a plan, for the reason in the journal; the money is what is collected.
    ChangeForced = "change.forced";
    /// Another change took the place of one that was to come.
    ChangeSuperseded = "change.superseded";
    /// A change that was to come was taken back, or its time ran out.
    ChangeCanceled = "change.canceled";
    /// The provider refused a change.
    ChangeFailed = "change.failed";
    /// A dearer price is to come.
    PriceChangeUpcoming = "price_change.upcoming";
    /// What a customer has to its credit is another.
    BalanceChanged = "balance.changed";
    /// A license was issued.
    LicenseIssued = "license.issued";
    /// A license is good for longer. Not told of one that is suspended.
    LicenseReissued = "license.reissued";
    /// A license shows another plan.
    LicenseTierChanged = "license.tier_changed";
    /// An operator suspended a license, for the reason in the journal.
    LicenseSuspended = "license.suspended";
    /// An operator reinstated a license that was suspended, for the reason in the journal.
    LicenseReinstated = "license.reinstated";
    /// A license is no longer good: what was paid for it went back, or an operator
    /// decided so, for the reason in the journal.
    LicenseRevoked = "license.revoked";
    /// A license was activated on a machine; the note is the machine's fingerprint.
    LicenseMachineActivated = "license.machine_activated";
    /// A license was taken off a machine; the note is the machine's fingerprint.
    LicenseMachineDeactivated = "license.machine_deactivated";
    /// The key of a license was given back to whoever named one of its invoices and
    /// the address; the note is the address's SHA-256.
    LicenseRecovered = "license.recovered";
    /// Terms were negotiated with a customer.
    TermsNegotiated = "terms.negotiated";
    /// A plan was granted.
    GrantAdded = "grant.added";
    /// A grant was taken back.
    GrantRemoved = "grant.removed";
    /// A trial that was granted ends soon; the note is when.
    GrantTrialEnding = "grant.trial_ending";
    /// Something is owed.
    InvoiceOpened = "invoice.opened";
    /// What was owed is paid.
    InvoiceSettled = "invoice.settled";
    /// What was owed is owed no longer.
    InvoiceVoided = "invoice.voided";
    /// A payment for what is owed was refused.
    InvoicePaymentFailed = "invoice.payment_failed";
    /// What was paid is not what was owed; an operator decides.
    InvoiceAmountMismatch = "invoice.amount_mismatch";
    /// An operator promised money back, sent by the provider or by a link, for the reason in the
    /// journal; the money is how much.
    InvoiceRefundPromised = "invoice.refund_promised";
    /// Money of a payment went back; the money is how much, the note the refund.
    InvoiceRefunded = "invoice.refunded";
    /// A buyer's bank contests a payment; the note is the dispute.
    InvoiceDisputed = "invoice.disputed";
    /// A dispute is decided; the note is `won`, where the money stays, or `lost`.
    InvoiceDisputeClosed = "invoice.dispute_closed";
    /// No more of a metered feature is included or sold, or what the customer will spend
    /// on use is spent; the note is the feature. Told once a period.
    UsageLimitReached = "usage.limit_reached";
    /// What the customer will spend on use is another; the money is how much, and none of
    /// it where there is no such limit any more.
    UsageLimitSet = "usage.limit_set";
    /// Something was set aside for a person.
    EventParked = "event.parked";
}
