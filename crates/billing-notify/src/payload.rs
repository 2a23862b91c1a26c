//! What is sent of an event: `{type, timestamp, data}`, the same bytes each time.
//!
//! The fields are documented for receivers in the server's OpenAPI document; a test there
//! holds both to the same names.

use billing_domain::ids::{Id, IdSeq};
use billing_domain::journal::{Event, JournalEntry, RenewalOwed};
use billing_domain::money::{Currency, Money};
use billing_domain::time::Timestamp;
use serde::Serialize;

#[derive(Serialize)]
struct Payload<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    customer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    money: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewal: Option<Renewal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct Amount {
    amount: i64,
    currency: String,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self {
            amount: money.amount,
            currency: money.currency.to_string(),
        }
    }
}

#[derive(Serialize)]
struct Renewal {
    cycle: u32,
    collected: Amount,
    due_at: Timestamp,
    grace_ends_at: Timestamp,
}

impl From<RenewalOwed> for Renewal {
    fn from(owed: RenewalOwed) -> Self {
        Self {
            cycle: owed.cycle,
            collected: owed.collected.into(),
            due_at: owed.due_at,
            grace_ends_at: owed.grace_ends_at,
        }
    }
}

/// Events whose note an operator wrote: why something was done. That is for the audit and the
/// journal, and no receiver is told.
const REASONED: [Event; 5] = [
    Event::ChangeForced,
    Event::LicenseSuspended,
    Event::LicenseReinstated,
    Event::LicenseRevoked,
    Event::InvoiceRefundPromised,
];

/// The note, where it is not the operator's own words.
fn note(entry: &JournalEntry) -> Option<&str> {
    let note = entry.note.as_deref();
    note.filter(|_| !REASONED.contains(&entry.event))
}

/// The body that tells of an entry.
///
/// # Errors
///
/// What serializing says; nothing in an entry is known to make it.
pub fn body(entry: &JournalEntry) -> Result<String, serde_json::Error> {
    let text = |id: &dyn ToString| id.to_string();
    let data = Data {
        id: entry.id.to_string(),
        sequence: entry.sequence,
        customer: entry.customer.to_string(),
        actor: entry.actor.as_deref(),
        subscription: entry.subscription.as_ref().map(|id| text(id)),
        invoice: entry.invoice.as_ref().map(|id| text(id)),
        checkout: entry.checkout.as_ref().map(|id| text(id)),
        grant: entry.grant.as_ref().map(|id| text(id)),
        change: entry.change.as_ref().map(|id| text(id)),
        license: entry.license.as_ref().map(|id| text(id)),
        money: entry.money.map(Amount::from),
        renewal: entry.renewal.map(Renewal::from),
        note: note(entry),
    };
    serde_json::to_string(&Payload {
        r#type: entry.event.as_str(),
        timestamp: entry.at,
        data,
    })
}

/// An entry as one could be, for the documentation of an event.
#[must_use]
pub fn example(event: Event) -> JournalEntry {
    // Any fixed instant; ids are made from it.
    let at = Timestamp::from_second(1_772_366_400).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut ids = IdSeq::new(at, 7);
    let kind = event.as_str().split('.').next().unwrap_or_default();
    let is = |kinds: &[&str]| kinds.contains(&kind);
    let of_subscription = is(&["subscription", "plan", "change", "price_change", "invoice"]);
    let owed = matches!(
        event,
        Event::SubscriptionRenewalPending
            | Event::SubscriptionRenewalDue
            | Event::SubscriptionGraceEnding
    );
    JournalEntry {
        id: ids.draw(),
        customer: ids.draw(),
        event,
        at,
        actor: is(&["grant", "terms", "customer"]).then(|| "operator:ana".to_owned()),
        // The operator's own words, which no receiver is told.
        reason: None,
        subscription: some(&mut ids, of_subscription || is(&["license"])),
        invoice: some(&mut ids, is(&["invoice"]) || owed),
        checkout: some(&mut ids, is(&["checkout"])),
        grant: some(&mut ids, is(&["grant"])),
        change: some(&mut ids, is(&["change", "plan"])),
        license: some(&mut ids, is(&["license"])),
        money: (is(&["invoice"]) || owed).then(|| Money::new(2_000, Currency::USD)),
        renewal: owed.then(|| RenewalOwed {
            cycle: 2,
            collected: Money::new(50_000, Currency::SAT),
            due_at: at,
            grace_ends_at: at,
        }),
        plan_before: None,
        note: owed.then(|| "https://pay.example.com/i/2".to_owned()),
        sequence: Some(17_003),
    }
}

fn some<T: Id>(ids: &mut IdSeq, there: bool) -> Option<T> {
    let id = ids.draw();
    there.then_some(id)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn everything_that_an_entry_says_is_sent() {
        let mut make = billing_testkit::fixtures::Maker::new(1);
        let id = make.id();
        let entry = make.journal(id, Event::SubscriptionRenewalPending);
        let sent: Value = serde_json::from_str(&body(&entry).unwrap()).unwrap();
        let expected = json!({
            "type": "subscription.renewal_pending",
            "timestamp": entry.at.to_string(),
            "data": {
                "id": entry.id.to_string(),
                "sequence": 17_003,
                "customer": entry.customer.to_string(),
                "actor": "operator:ana",
                "subscription": entry.subscription.unwrap().to_string(),
                "invoice": entry.invoice.unwrap().to_string(),
                "checkout": entry.checkout.unwrap().to_string(),
                "grant": entry.grant.unwrap().to_string(),
                "change": entry.change.unwrap().to_string(),
                "license": entry.license.unwrap().to_string(),
                "money": { "amount": 2000, "currency": "usd" },
                "renewal": {
                    "cycle": 2,
                    "collected": { "amount": 50_000, "currency": "sat" },
                    "due_at": entry.at.to_string(),
                    "grace_ends_at": entry.at.to_string(),
                },
                "note": "https://pay.example.com/2",
            },
        });
        assert_eq!(sent, expected);
    }

    #[test]
    fn why_an_operator_did_something_is_told_to_no_receiver() {
        for event in Event::ALL {
            let entry = JournalEntry {
                note: Some("a stolen card".to_owned()),
                reason: Some("asked for by phone".to_owned()),
                ..example(*event)
            };
            let sent = body(&entry).unwrap();
            let by_operators = event.meaning().contains("perator");
            let told = sent.contains("a stolen card");
            // Two that somebody else writes the note of, and which an operator is to look at.
            let looks = [
                Event::SubscriptionRenewalStalled,
                Event::InvoiceAmountMismatch,
            ];
            assert_eq!(told, !by_operators || looks.contains(event), "{sent}");
            assert!(!sent.contains("by phone"), "{sent}");
        }
    }

    #[test]
    fn what_an_entry_does_not_say_is_left_out() {
        let entry = JournalEntry {
            actor: None,
            sequence: None,
            ..example(Event::CustomerCreated)
        };
        let sent: Value = serde_json::from_str(&body(&entry).unwrap()).unwrap();
        let expected = json!({
            "type": "customer.created",
            "timestamp": "2026-03-01T12:00:00Z",
            "data": {
                "id": entry.id.to_string(),
                "customer": entry.customer.to_string(),
            },
        });
        assert_eq!(sent, expected);
    }
}
