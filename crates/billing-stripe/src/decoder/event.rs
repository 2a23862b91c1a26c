//! What an event means to us. Its body is believed as it stands only in the pinned
//! version; of any other it only names what has to be read.

use billing_domain::provider::RefKind;
use billing_domain::time::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::facts::{Teller, Told, Unreadable, instant};
use crate::options::API_RELEASE;
use crate::wire::{Bare, Invoice, PaymentPart, Schedule, Session, Subscription, id_of};

/// The kinds of events that mean something to us: what the endpoint has to be sent.
/// `invoice.payment_succeeded` is left out, since `invoice.paid` tells the same.
pub const HANDLED_EVENTS: [&str; 32] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.finalization_failed",
    "invoice.marked_uncollectible",
    "invoice.voided",
    "invoice.upcoming",
    "subscription_schedule.updated",
    "subscription_schedule.released",
    "subscription_schedule.canceled",
    "subscription_schedule.completed",
    "subscription_schedule.aborted",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "customer.deleted",
];

/// `event`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Event {
    pub(crate) id: String,
    object: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Seconds; a text in the events of the second interface.
    created: Value,
    pub(crate) livemode: Option<bool>,
    api_version: Option<String>,
    data: Option<Data>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Data {
    object: Value,
}

impl Event {
    /// The event that a body is. `None`: it is none. A list is none either, though it
    /// could be taken for an event's fields in their order.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let object = Some(value).filter(Value::is_object)?;
        serde_json::from_value(object).ok()
    }

    /// When it happened, if it says so in a way that we know.
    pub(crate) fn created(&self) -> Option<Timestamp> {
        self.created.as_i64().and_then(instant)
    }

    /// The facts. Empty: it means nothing to us, or is another deployment's.
    pub(crate) fn facts(&self, teller: &Teller) -> Told {
        // The thin events of the second interface have a body of another shape.
        let thin = self.object.as_deref().is_some_and(|it| it != "event");
        if self.kind.is_empty() {
            return Err(Unreadable("an event without a kind"));
        }
        if thin || !HANDLED_EVENTS.contains(&self.kind.as_str()) {
            return Ok(Vec::new());
        }
        let at = self
            .created()
            .ok_or(Unreadable("an event without an instant"))?;
        let group = self.kind.rsplit_once('.').map_or("", |(group, _)| group);
        match group {
            "checkout.session" => self.session(teller, at),
            "customer.subscription" => self.subscription(teller, at),
            "invoice" => self.invoice(teller, at),
            "subscription_schedule" => self.schedule(teller, at),
            "customer" => {
                let customer: Bare = self.object()?;
                let id = named(&customer.id)?;
                Ok(teller.hint(RefKind::Customer, id, &[], None, at))
            }
            // `charge`, `refund`, `charge.dispute`
            _ => self.payment(teller, at),
        }
    }

    fn session(&self, teller: &Teller, at: Timestamp) -> Told {
        let session: Session = self.object()?;
        let id = named(&session.id)?;
        if !self.is_pinned() {
            let others = [
                (RefKind::Subscription, id_of(session.subscription.as_ref())),
                (RefKind::Customer, id_of(session.customer.as_ref())),
            ];
            let words = session.metadata.as_ref();
            return Ok(teller.hint(RefKind::Checkout, id, &others, words, at));
        }
        if self.kind == "checkout.session.async_payment_failed" {
            teller.session_failed(&session, at)
        } else {
            teller.session(&session, at)
        }
    }

    fn subscription(&self, teller: &Teller, at: Timestamp) -> Told {
        let subscription: Subscription = self.object()?;
        let id = named(&subscription.id)?;
        // It comes without its invoice.
        if !self.is_pinned() || !subscription.says_what_is_paid() {
            let others = [(RefKind::Customer, id_of(subscription.customer.as_ref()))];
            let words = subscription.metadata.as_ref();
            return Ok(teller.hint(RefKind::Subscription, id, &others, words, at));
        }
        teller.subscription(&subscription, at)
    }

    /// An invoice; or its subscription, where there is no invoice yet to speak of.
    fn invoice(&self, teller: &Teller, at: Timestamp) -> Told {
        let invoice: Invoice = self.object()?;
        if invoice.ours().is_some() {
            return self.own_invoice(&invoice, teller, at);
        }
        let Some(subscription) = invoice.subscription() else {
            return Ok(Vec::new());
        };
        let customer = (RefKind::Customer, id_of(invoice.customer.as_ref()));
        let words = invoice
            .of_subscription()
            .and_then(|details| details.metadata.as_ref());
        let unfinished = matches!(
            self.kind.as_str(),
            "invoice.upcoming" | "invoice.finalization_failed"
        );
        if unfinished {
            let others = [customer];
            return Ok(teller.hint(RefKind::Subscription, subscription, &others, words, at));
        }
        let id = named(invoice.id.as_deref().unwrap_or_default())?;
        let mut told = if self.is_pinned() {
            teller.invoice(&invoice, at)?
        } else {
            let others = [(RefKind::Subscription, Some(subscription)), customer];
            teller.hint(RefKind::Invoice, id, &others, words, at)
        };
        let settled = matches!(
            self.kind.as_str(),
            "invoice.paid" | "invoice.voided" | "invoice.marked_uncollectible"
        );
        if settled {
            // A renewed one has been active before: no event of its own tells that its
            // period is paid now, or never will be.
            told.extend(teller.hint(RefKind::Subscription, subscription, &[customer], words, at));
        }
        Ok(told)
    }

    /// An invoice that we made.
    fn own_invoice(&self, invoice: &Invoice, teller: &Teller, at: Timestamp) -> Told {
        if !self.is_pinned() {
            let id = named(invoice.id.as_deref().unwrap_or_default())?;
            let others = [(RefKind::Customer, id_of(invoice.customer.as_ref()))];
            let words = invoice.metadata.as_ref();
            return Ok(teller.hint(RefKind::Invoice, id, &others, words, at));
        }
        if self.kind == "invoice.payment_failed" {
            return teller.own_invoice_failed(invoice, at);
        }
        teller.invoice(invoice, at)
    }

    /// A schedule changes what is to come of its subscription.
    fn schedule(&self, teller: &Teller, at: Timestamp) -> Told {
        let schedule: Schedule = self.object()?;
        let held = id_of(schedule.subscription.as_ref());
        let Some(held) = held.or(schedule.released_subscription.as_deref()) else {
            return Ok(Vec::new());
        };
        let others = [(RefKind::Customer, id_of(schedule.customer.as_ref()))];
        let words = schedule.metadata.as_ref();
        Ok(teller.hint(RefKind::Subscription, held, &others, words, at))
    }

    /// What goes back of a payment says of none of our objects whose it is: the
    /// payment is read, and with it what it paid.
    fn payment(&self, teller: &Teller, at: Timestamp) -> Told {
        let part: PaymentPart = self.object()?;
        let payment = part
            .payment()
            .ok_or(Unreadable("a refund or dispute of no payment"))?;
        let others = [(RefKind::Customer, id_of(part.customer.as_ref()))];
        let words = part.metadata.as_ref();
        Ok(teller.hint(RefKind::Payment, payment, &others, words, at))
    }

    /// Whether the body is of the version that it is read as: within one release,
    /// later versions only add.
    fn is_pinned(&self) -> bool {
        let version = self.api_version.as_deref().unwrap_or_default();
        version
            .rsplit_once('.')
            .is_some_and(|(_, release)| release == API_RELEASE)
    }

    fn object<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        let object = self.data.as_ref().map(|data| &data.object);
        let object = object
            .filter(|object| object.is_object())
            .ok_or(Unreadable("an event without its object"))?;
        T::deserialize(object).map_err(|_shape| Unreadable("an object of an unknown shape"))
    }
}

fn named(id: &str) -> Result<&str, Unreadable> {
    if id.is_empty() {
        return Err(Unreadable("an object without an id"));
    }
    Ok(id)
}
