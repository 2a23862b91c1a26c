//! Customers and what they have.

use billing_domain::customer::Customer;
use billing_domain::grant::{Grant, GrantReason};
use billing_domain::ids::CustomerId;
use billing_domain::invoice::{Invoice, InvoiceState, Purpose};
use billing_domain::journal::JournalEntry;
use billing_domain::parked::Parked;
use billing_domain::subscription::{State, Subscription};
use billing_domain::time::Timestamp;
use poem_openapi::Object;

use crate::api::views::MoneyView;

/// A customer.
#[derive(Debug, Object)]
#[oai(rename = "Customer")]
pub(crate) struct CustomerView {
    /// Its id.
    id: String,
    /// The host application's name for it. Absent for a guest.
    external_ref: Option<String>,
    /// Where mail goes.
    email: Option<String>,
    /// The customer under whose plan this one acts.
    member_of: Option<String>,
    /// When it joined the host application.
    joined_at: String,
}

impl From<Customer> for CustomerView {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.id.to_string(),
            external_ref: customer.external_ref,
            email: customer.email,
            member_of: customer.member_of.map(|owner| owner.to_string()),
            joined_at: customer.joined_at.to_string(),
        }
    }
}

/// A paid agreement.
#[derive(Debug, Object)]
#[oai(rename = "Subscription")]
pub(crate) struct SubscriptionView {
    /// Its id.
    id: String,
    /// Who holds it.
    customer: String,
    /// The plan.
    plan: String,
    /// The price. Absent for a plan without prices.
    price: Option<String>,
    /// What one piece costs.
    unit: MoneyView,
    /// Pieces.
    quantity: u32,
    /// `month`, `3 months`, `once`.
    interval: String,
    /// `incomplete`, `trialing`, `active`, `past_due`, `paused`, `lapsed`,
    /// `canceled` or `expired`, as last decided.
    status: String,
    /// Whether it gives its plan now.
    gives_access: bool,
    /// Whether another period follows.
    renews: bool,
    /// Until when it is paid. Absent: for ever, or never yet.
    paid_through: Option<String>,
    /// When its trial ends.
    trial_ends_at: Option<String>,
    /// When what is owed is due.
    due_at: Option<String>,
    /// When it lapses unless what is owed is paid.
    grace_ends_at: Option<String>,
    /// When it ends, or ended, by cancellation.
    ends_at: Option<String>,
    /// The provider account where it is paid. Absent when nothing is ever owed.
    provider: Option<String>,
    /// When it was made.
    created_at: String,
}

impl SubscriptionView {
    pub(crate) fn of(subscription: &Subscription, now: Timestamp) -> Self {
        let terms = &subscription.terms;
        let text = |instant: Option<Timestamp>| instant.map(|instant| instant.to_string());
        let trial = match subscription.state {
            State::Trialing { ends_at, .. } => Some(ends_at),
            State::Incomplete
            | State::Active
            | State::PastDue { .. }
            | State::Paused { .. }
            | State::Lapsed { .. }
            | State::Canceled { .. }
            | State::Expired { .. } => None,
        };
        let ended = match subscription.state {
            State::Canceled { ends_at } => Some(ends_at),
            State::Incomplete
            | State::Trialing { .. }
            | State::Active
            | State::PastDue { .. }
            | State::Paused { .. }
            | State::Lapsed { .. }
            | State::Expired { .. } => subscription.cancellation.map(|to_come| to_come.ends_at),
        };
        Self {
            id: subscription.id.to_string(),
            customer: subscription.customer.to_string(),
            plan: terms.plan.to_string(),
            price: terms.price.as_ref().map(ToString::to_string),
            unit: terms.unit.into(),
            quantity: terms.quantity,
            interval: terms.billing.to_string(),
            status: subscription.status().as_str().to_owned(),
            gives_access: subscription.gives_access(now),
            renews: terms.renews && ended.is_none() && !subscription.is_over(),
            paid_through: text(subscription.times.paid_through),
            trial_ends_at: text(trial),
            due_at: text(subscription.times.due_at),
            grace_ends_at: text(subscription.times.grace_ends_at),
            ends_at: text(ended),
            provider: subscription.provider.as_ref().map(ToString::to_string),
            created_at: subscription.created_at.to_string(),
        }
    }
}

/// A plan held without paying.
#[derive(Debug, Object)]
#[oai(rename = "Grant")]
pub(crate) struct GrantView {
    /// Its id.
    id: String,
    /// The plan.
    plan: String,
    /// `plankowner`, `comp`, `trial` or `free_plan`.
    reason: String,
    /// Since when it gives access.
    starts_at: String,
    /// When it ends. Absent: it does not.
    ends_at: Option<String>,
    /// Whether it gives its plan now.
    gives_access: bool,
}

impl GrantView {
    pub(crate) fn of(grant: &Grant, now: Timestamp) -> Self {
        let reason = match grant.reason {
            GrantReason::Plankowner => "plankowner",
            GrantReason::Comp => "comp",
            GrantReason::Trial => "trial",
            GrantReason::FreePlan => "free_plan",
        };
        Self {
            id: grant.id.to_string(),
            plan: grant.plan.to_string(),
            reason: reason.to_owned(),
            starts_at: grant.starts_at.to_string(),
            ends_at: grant.ends_at.map(|end| end.to_string()),
            gives_access: grant.is_live(now),
        }
    }
}

/// What is owed, for one purpose.
#[derive(Debug, Object)]
#[oai(rename = "Invoice")]
pub(crate) struct InvoiceView {
    /// Its id.
    id: String,
    /// Who owes it.
    customer: String,
    /// The subscription that it pays for. Absent: none, yet.
    subscription: Option<String>,
    /// `purchase`, `renewal`, `one_time` or `change`.
    purpose: String,
    /// Which cycle of the subscription it pays for; the purchase is 0. Absent
    /// for what has no cycles, and for what the provider counts itself.
    cycle: Option<u32>,
    /// `open`, `settled` or `void`.
    status: String,
    /// What is owed, net.
    amount: MoneyView,
    /// The first instant that it pays for.
    period_start: Option<String>,
    /// The first instant that it no longer pays for.
    period_end: Option<String>,
    /// Where it can be paid. Absent until there is a page, and when it is not owed.
    pay_url: Option<String>,
    /// The provider account where it is paid.
    provider: Option<String>,
    /// Payments that were seen for it.
    payments: Vec<PaymentView>,
    /// When it was opened.
    opened_at: String,
    /// When it was settled or voided.
    closed_at: Option<String>,
}

/// A payment that was seen for an invoice.
#[derive(Debug, Object)]
#[oai(rename = "Payment")]
pub(crate) struct PaymentView {
    /// The provider's id of it.
    reference: String,
    /// What was paid.
    amount: MoneyView,
    /// When, by the provider's clock.
    at: String,
    /// Whether it settled the invoice.
    credited: bool,
}

impl InvoiceView {
    pub(crate) fn of(customer: CustomerId, invoice: Invoice) -> Self {
        let (status, closed_at) = match invoice.state {
            InvoiceState::Open => ("open", None),
            InvoiceState::Settled { at } => ("settled", Some(at)),
            InvoiceState::Void { at } => ("void", Some(at)),
        };
        let purpose = match invoice.purpose {
            Purpose::Purchase => "purchase",
            Purpose::Renewal => "renewal",
            Purpose::OneTime => "one_time",
            Purpose::Change => "change",
        };
        let open = invoice.is_open();
        let payments = invoice.payments.into_iter().map(|payment| PaymentView {
            reference: payment.reference,
            amount: payment.amount.into(),
            at: payment.at.to_string(),
            credited: payment.credited,
        });
        Self {
            id: invoice.id.to_string(),
            customer: customer.to_string(),
            subscription: invoice.subscription.map(|id| id.to_string()),
            cycle: invoice.cycle,
            purpose: purpose.to_owned(),
            status: status.to_owned(),
            amount: invoice.amount.into(),
            period_start: invoice.period.map(|period| period.start.to_string()),
            period_end: invoice.period.map(|period| period.end.to_string()),
            pay_url: invoice.pay_url.filter(|_| open),
            provider: invoice.provider.map(|account| account.to_string()),
            payments: payments.collect(),
            opened_at: invoice.opened_at.to_string(),
            closed_at: closed_at.map(|at| at.to_string()),
        }
    }
}

/// One thing that happened to a customer.
#[derive(Debug, Object)]
#[oai(rename = "JournalEntry")]
pub(crate) struct JournalView {
    /// Its id; ascends with time.
    id: String,
    /// What happened, as in `subscription.renewed`.
    event: String,
    /// When.
    at: String,
    /// Who did it. Absent: the engine, by itself.
    actor: Option<String>,
    /// The subscription concerned.
    subscription: Option<String>,
    /// The invoice concerned.
    invoice: Option<String>,
    /// The checkout concerned.
    checkout: Option<String>,
    /// The grant concerned.
    grant: Option<String>,
    /// The money concerned.
    money: Option<MoneyView>,
    /// What else a reader needs.
    note: Option<String>,
}

impl From<JournalEntry> for JournalView {
    fn from(entry: JournalEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            event: entry.event.as_str().to_owned(),
            at: entry.at.to_string(),
            actor: entry.actor,
            subscription: entry.subscription.map(|id| id.to_string()),
            invoice: entry.invoice.map(|id| id.to_string()),
            checkout: entry.checkout.map(|id| id.to_string()),
            grant: entry.grant.map(|id| id.to_string()),
            money: entry.money.map(MoneyView::from),
            note: entry.note,
        }
    }
}

/// Something set aside for a person.
#[derive(Debug, Object)]
#[oai(rename = "Parked")]
pub(crate) struct ParkedView {
    /// Its id.
    id: String,
    /// Why, as in `unlinked`.
    reason: String,
    /// Whom it concerns. Absent: nobody known.
    customer: Option<String>,
    /// What a person needs to decide, in plain words.
    evidence: String,
    /// Whether it can be tried again.
    can_replay: bool,
    /// When it was set aside.
    at: String,
}

impl From<Parked> for ParkedView {
    fn from(parked: Parked) -> Self {
        Self {
            id: parked.id.to_string(),
            reason: parked.reason.as_str().to_owned(),
            customer: parked.customer.map(|id| id.to_string()),
            can_replay: parked.inbox.is_some() || parked.effect.is_some(),
            evidence: parked.evidence,
            at: parked.at.to_string(),
        }
    }
}
