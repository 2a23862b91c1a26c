//! What is sent of an event: `{type, timestamp, data}`, the same bytes each time.
//!
//! The fields are documented for receivers in the server's OpenAPI document; a test there
//! holds both to the same names.

use billing_domain::journal::{JournalEntry, Part, RenewalOwed};
use billing_domain::money::Money;
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pay_url: Option<String>,
}

impl Renewal {
    fn of(owed: RenewalOwed, pay_url: Option<&str>) -> Self {
        Self {
            cycle: owed.cycle,
            collected: owed.collected.into(),
            due_at: owed.due_at,
            grace_ends_at: owed.grace_ends_at,
            pay_url: pay_url.map(str::to_owned),
        }
    }
}

/// The note, where it is not the operator's own words.
fn note(entry: &JournalEntry) -> Option<&str> {
    let note = entry.note.as_deref();
    note.filter(|_| entry.says(Part::Note))
}

/// The body that tells of an entry. `pay_url` is where a renewal is paid for as long as it can
/// be; `None`: at the provider's own page, if there is one by now.
///
/// # Errors
///
/// What serializing says; nothing in an entry is known to make it.
pub fn body(entry: &JournalEntry, pay_url: Option<&str>) -> Result<String, serde_json::Error> {
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
        renewal: entry
            .renewal
            .map(|owed| Renewal::of(owed, entry.payable_at(pay_url))),
        note: note(entry),
    };
    serde_json::to_string(&Payload {
        r#type: entry.event.as_str(),
        timestamp: entry.at,
        data,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use billing_domain::journal::Event;

    use super::*;
    use crate::example::example;

    #[test]
    fn everything_that_an_entry_says_is_sent() {
        let mut make = billing_testkit::fixtures::Maker::new(1);
        let id = make.id();
        let entry = make.journal(id, Event::SubscriptionRenewalPending);
        let link = "https://billing.example.com/renewal?link=br_2";
        let sent = body(&entry, Some(link)).unwrap();
        let sent: Value = serde_json::from_str(&sent).unwrap();
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
                    "pay_url": link,
                },
                "note": "https://pay.example.com/2",
            },
        });
        assert_eq!(sent, expected);
    }

    #[test]
    fn without_a_page_of_ours_a_renewal_is_paid_at_the_provider_s_if_there_is_one() {
        let mut entry = example(Event::SubscriptionRenewalPending);
        for page in [Some("https://pay.example.com/i/2"), None] {
            entry.note = page.map(str::to_owned);
            let sent: Value = serde_json::from_str(&body(&entry, None).unwrap()).unwrap();
            let paid_at = sent["data"]["renewal"].get("pay_url");
            assert_eq!(paid_at.and_then(Value::as_str), page, "{sent}");
            assert_eq!(paid_at.is_some(), page.is_some(), "{sent}");
        }
    }

    #[test]
    fn why_an_operator_did_something_is_told_to_no_receiver() {
        for event in Event::ALL {
            let entry = JournalEntry {
                note: Some("a stolen card".to_owned()),
                reason: Some("asked for by phone".to_owned()),
                ..example(*event)
            };
            let sent = body(&entry, None).unwrap();
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
        let sent: Value = serde_json::from_str(&body(&entry, None).unwrap()).unwrap();
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
