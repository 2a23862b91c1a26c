//! The books, to be looked at: by tests, by an operator's page, by a person.
//! A copy; changing it changes nothing.

use std::collections::BTreeMap;

use billing_domain::fact::Observed;
use billing_domain::ids::{CheckoutId, CustomerId, InvoiceId};
use billing_domain::invoice::{Conversion, Purpose, ReturnKind};
use billing_domain::money::{Currency, Money};
use billing_domain::subscription::Status;
use billing_domain::time::{Interval, Period, Timestamp};

use crate::world::{CheckoutState, EventState, InvoiceFor, InvoiceState, Outcome, Phase, World};

/// Everything that the sandbox knows, for looking at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// Everybody who pays, by the sandbox's id.
    pub customers: BTreeMap<String, CustomerEntry>,
    /// Every checkout, by the sandbox's id.
    pub checkouts: BTreeMap<String, CheckoutEntry>,
    /// Every payment, by the sandbox's id of it.
    pub payments: BTreeMap<String, PaymentEntry>,
    /// Every invoice, by the sandbox's id.
    pub invoices: BTreeMap<String, InvoiceEntry>,
    /// Every subscription on the sandbox's own schedule, by the sandbox's id.
    pub subscriptions: BTreeMap<String, SubscriptionEntry>,
    /// Every order that arrived, by its key.
    pub calls: BTreeMap<String, CallEntry>,
    /// The events that are still kept, by their id: all that wait or failed,
    /// and the latest of those that are done with.
    pub events: BTreeMap<String, EventEntry>,
}

/// Somebody who pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerEntry {
    /// Our customer.
    pub customer: CustomerId,
    /// What changes that cost less than nothing have left, at most one amount of
    /// each currency, above zero. Later invoices of the sandbox's own schedule
    /// take from it.
    pub credit: Vec<Money>,
}

/// A page where something is bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutEntry {
    /// Our customer.
    pub customer: CustomerId,
    /// Our checkout.
    pub checkout: CheckoutId,
    /// What it asks for, per period or once, as listed.
    pub amount: Money,
    /// What is collected for it in another currency. `None`: the amount itself.
    pub conversion: Option<Conversion>,
    /// Whether the buyer finished it.
    pub completed: bool,
    /// Whether it ended without being finished.
    pub ended: bool,
    /// The sandbox's id of the subscription that it began, if it did.
    pub subscription: Option<String>,
}

/// Money that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentEntry {
    /// Our customer.
    pub customer: CustomerId,
    /// How much.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
    /// The sandbox's id of the checkout or invoice that was paid.
    pub paid_for: String,
    /// What went back of it, or is contested, in order.
    pub back: Vec<BackEntry>,
}

/// A refund or a dispute of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackEntry {
    /// The sandbox's id of it.
    pub id: String,
    /// Which of the two, and how it stands.
    pub kind: ReturnKind,
    /// How much.
    pub amount: Money,
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceEntry {
    /// Our customer.
    pub customer: CustomerId,
    /// Our invoice. `None`: the sandbox's own schedule made it.
    pub invoice: Option<InvoiceId>,
    /// The sandbox's id of the subscription. `None`: the engine ordered it.
    pub subscription: Option<String>,
    /// The time it pays for. `None`: the engine knows.
    pub period: Option<Period>,
    /// What it is for. `None`: the engine knows.
    pub purpose: Option<Purpose>,
    /// What is left to pay, as listed.
    pub amount: Money,
    /// What was taken off it from the customer's credit.
    pub drawn: Money,
    /// What is collected for it in another currency. `None`: the amount itself.
    pub conversion: Option<Conversion>,
    /// Whether it is paid.
    pub paid: bool,
    /// Whether it was taken back.
    pub void: bool,
    /// How often the saved card was declined for it.
    pub failures: u8,
}

/// A subscription on the sandbox's own schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionEntry {
    /// Our customer.
    pub customer: CustomerId,
    /// How it stands.
    pub status: Status,
    /// The name of its price. `None`: the order gave none.
    pub price_ref: Option<String>,
    /// What one period costs, all pieces together.
    pub amount: Money,
    /// Pieces.
    pub quantity: u32,
    /// How often it is charged.
    pub interval: Interval,
    /// The name of the price that it has from the next period on. `None`: the same.
    pub next_price_ref: Option<String>,
    /// The current period; during a trial, the trial.
    pub period: Period,
    /// When it will be canceled, if that was asked.
    pub cancel_at: Option<Timestamp>,
}

/// An order that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEntry {
    /// The word for the kind of order.
    pub kind: &'static str,
    /// How often it arrived.
    pub times: u32,
    /// The code of the refusal. `None`: it was done.
    pub refused: Option<String>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventEntry {
    /// `invoice.paid`.
    pub kind: String,
    /// When it happened.
    pub created: Timestamp,
    /// What it tells.
    pub facts: Vec<Observed>,
    /// How far telling it has come.
    pub state: EventState,
    /// How often delivering it failed.
    pub failures: u8,
}

impl Books {
    /// Everything that this customer of ours was charged, in order.
    #[must_use]
    pub fn charged(&self, customer: CustomerId) -> Vec<Money> {
        self.payments
            .values()
            .filter(|payment| payment.customer == customer)
            .map(|payment| payment.amount)
            .collect()
    }

    /// What this customer of ours has left of changes that cost less than nothing.
    #[must_use]
    pub fn credit(&self, customer: CustomerId, currency: Currency) -> Money {
        self.customers
            .values()
            .filter(|entry| entry.customer == customer)
            .flat_map(|entry| &entry.credit)
            .find(|credit| credit.currency == currency)
            .copied()
            .unwrap_or(Money::zero(currency))
    }

    /// The sandbox's id of the page made for a checkout of ours. `None`: none was.
    #[must_use]
    pub fn page_of(&self, ours: CheckoutId) -> Option<&str> {
        self.checkouts
            .iter()
            .find(|(_, checkout)| checkout.checkout == ours)
            .map(|(id, _)| id.as_str())
    }

    /// Every invoice made for an invoice of ours, by the sandbox's id.
    #[must_use]
    pub fn invoices_for(&self, ours: InvoiceId) -> Vec<(&str, &InvoiceEntry)> {
        self.invoices
            .iter()
            .filter(|(_, invoice)| invoice.invoice == Some(ours))
            .map(|(id, invoice)| (id.as_str(), invoice))
            .collect()
    }

    /// The ids of the events in this state, failed ones for instance.
    #[must_use]
    pub fn events_in(&self, state: EventState) -> Vec<&str> {
        self.events
            .iter()
            .filter(|(_, event)| event.state == state)
            .map(|(id, _)| id.as_str())
            .collect()
    }

    pub(crate) fn of(world: &World) -> Self {
        Self {
            customers: copy(&world.customers, |customer| CustomerEntry {
                customer: customer.ours,
                credit: customer
                    .credit
                    .iter()
                    .map(|(currency, amount)| Money::new(*amount, *currency))
                    .collect(),
            }),
            checkouts: copy(&world.checkouts, |checkout| CheckoutEntry {
                customer: checkout.order.customer,
                checkout: checkout.order.checkout,
                amount: checkout.order.amount,
                conversion: checkout.conversion.clone(),
                completed: matches!(checkout.state, CheckoutState::Completed { .. }),
                ended: matches!(checkout.state, CheckoutState::Expired { .. }),
                subscription: match &checkout.state {
                    CheckoutState::Completed { subscription, .. } => subscription.clone(),
                    CheckoutState::Open | CheckoutState::Expired { .. } => None,
                },
            }),
            payments: copy(&world.payments, |payment| PaymentEntry {
                customer: payment.customer,
                amount: payment.amount,
                at: payment.at,
                paid_for: payment.paid_for.clone(),
                back: payment
                    .back
                    .iter()
                    .map(|back| BackEntry {
                        id: back.id.clone(),
                        kind: back.kind,
                        amount: back.amount,
                    })
                    .collect(),
            }),
            invoices: copy(&world.invoices, |invoice| {
                let (ours, period, purpose) = match &invoice.purpose {
                    InvoiceFor::Engine { invoice } => (Some(*invoice), None, None),
                    InvoiceFor::Period {
                        period, purpose, ..
                    } => (None, Some(*period), *purpose),
                };
                InvoiceEntry {
                    customer: invoice.ours,
                    invoice: ours,
                    subscription: invoice.subscription().map(str::to_owned),
                    period,
                    purpose,
                    amount: invoice.amount,
                    drawn: Money::new(invoice.drawn, invoice.amount.currency),
                    conversion: invoice.conversion.clone(),
                    paid: matches!(invoice.state, InvoiceState::Paid { .. }),
                    void: matches!(invoice.state, InvoiceState::Void),
                    failures: invoice.failures,
                }
            }),
            subscriptions: copy(&world.subscriptions, |subscription| SubscriptionEntry {
                customer: subscription.ours,
                status: match &subscription.phase {
                    Phase::Trialing => Status::Trialing,
                    Phase::Active => Status::Active,
                    Phase::PastDue { .. } => Status::PastDue,
                    Phase::Paused => Status::Paused,
                    Phase::Canceled { .. } => Status::Canceled,
                },
                price_ref: subscription.price_ref.clone(),
                amount: subscription.amount,
                quantity: subscription.quantity,
                interval: subscription.interval,
                next_price_ref: subscription
                    .to_come
                    .as_ref()
                    .map(|to_come| to_come.price_ref.clone()),
                period: subscription.period,
                cancel_at: subscription.cancel_at,
            }),
            calls: copy(&world.calls, |call| CallEntry {
                kind: call.order.kind(),
                times: call.times,
                refused: match &call.outcome {
                    Outcome::Done { .. } => None,
                    Outcome::Refused { code, .. } => Some(code.clone()),
                },
            }),
            events: copy(&world.events, |event| EventEntry {
                kind: event.kind.clone(),
                created: event.created,
                facts: event.facts.clone(),
                state: event.state,
                failures: event.failures,
            }),
        }
    }
}

fn copy<A, B>(from: &BTreeMap<String, A>, entry: impl Fn(&A) -> B) -> BTreeMap<String, B> {
    from.iter()
        .map(|(id, object)| (id.clone(), entry(object)))
        .collect()
}
