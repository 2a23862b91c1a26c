//! Paddle's own sample bodies can be read, and mean what they should.

use billing_domain::fact::{Fact, RefundState};
use billing_domain::subscription::Status;
use billing_ports::Reading;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{at, snapshot, teller, usd};
use crate::map::proof::{Proof, prove};
use crate::map::transaction::Said;
use crate::wire::{Adjustment, Envelope, Price, Subscription, Transaction};

fn read<T: DeserializeOwned>(text: &str) -> T {
    let envelope: Envelope<T> = serde_json::from_str(text).unwrap();
    envelope.data
}

#[test]
fn a_subscription_is_read() {
    let text = include_str!("../../tests/fixtures/subscriptions_full_entity.json");
    let subscription: Subscription = read(text);
    let observed = teller().subscription(&subscription, &Proof::default());
    let observed = observed.unwrap();
    assert_eq!(observed.at, at("2024-02-08T11:02:04.975Z"));
    assert_eq!(observed.link.refs[0].id, "sub_01hp463gxfvndqjjyqn2n7tkth");
    assert_eq!(observed.link.prices.len(), 2);
    let Fact::SubscriptionSeen(seen) = observed.fact else {
        panic!("{observed:?}");
    };
    assert_eq!(seen.price_ref, "pri_01gsz8x8sawmvhz1pv30nge1ke");
    assert_eq!(seen.quantity, 10);
    // No transaction was told that pays for it.
    assert_eq!(seen.status, Status::Incomplete);
}

#[test]
fn listed_objects_are_read() {
    let text = include_str!("../../tests/fixtures/subscriptions_list_default.json");
    let rows: Vec<Subscription> = read(text);
    let told: Vec<Status> = rows
        .iter()
        .map(|row| match teller().subscription(row, &Proof::default()) {
            Ok(observed) => snapshot(&[observed]).status,
            Err(untold) => panic!("{untold:?}"),
        })
        .collect();
    let active = Status::Incomplete;
    assert_eq!(told, [Status::Trialing, Status::Canceled, active, active]);
    let text = include_str!("../../tests/fixtures/transactions_list_default.json");
    let rows: Vec<Transaction> = read(text);
    assert!(
        rows.iter()
            .any(|row| !teller().transaction(row, Said::Nothing).is_empty())
    );
    assert!(prove(None, &rows).at.is_some());
    let text = include_str!("../../tests/fixtures/prices_full_entity.json");
    let price: Price = read(text);
    assert!(price.unit.is_some() && price.status.as_deref() == Some("active"));
}

#[test]
fn a_draft_tells_nothing_yet() {
    for text in [
        include_str!("../../tests/fixtures/transactions_minimal_entity.json"),
        include_str!("../../tests/fixtures/subscriptions_payment_method_change.json"),
    ] {
        let transaction: Transaction = read(text);
        assert_eq!(
            teller().transaction(&transaction, Said::Nothing),
            Vec::new()
        );
        let page = transaction.checkout.and_then(|page| page.url);
        assert!(
            page.unwrap()
                .ends_with(&format!("_ptxn={}", transaction.id))
        );
    }
    let text = include_str!("../../tests/fixtures/transactions_full_entity_with_includes.json");
    let billed: Transaction = read(text);
    let facts = teller().transaction(&billed, Said::Nothing);
    assert!(
        matches!(facts[0].fact, Fact::ProviderInvoiceSeen { .. }),
        "{facts:?}"
    );
}

#[test]
fn an_adjustment_never_updated_has_the_instant_it_was_made() {
    let text = include_str!("../../tests/fixtures/adjustments_full_entity.json");
    let adjustment: Adjustment = read(text);
    let told = teller().adjustment(&adjustment).unwrap();
    assert_eq!(told.at, at("2023-08-21T13:57:15.489634Z"));
    let Fact::RefundSeen(refund) = told.fact else {
        panic!("{told:?}");
    };
    assert_eq!(refund.state, RefundState::Pending);
    assert_eq!(refund.amount, usd(100));
    assert_eq!(refund.of, ["txn_01h8bxpvx398a7zbawb77y0kp5"]);
    let text = include_str!("../../tests/fixtures/adjustments_list_default.json");
    let rows: Vec<Adjustment> = read(text);
    assert!(!rows.is_empty());
}

#[test]
fn every_sample_event_is_read() {
    let text = include_str!("../../tests/fixtures/events_list_default.json");
    let events: Vec<Value> = read(text);
    let text = include_str!("../../tests/fixtures/notifications_list_default.json");
    let notifications: Vec<Value> = read(text);
    let payloads = notifications.iter().map(|held| held["payload"].clone());
    let mut kinds = Vec::new();
    for event in events.iter().cloned().chain(payloads) {
        let delivery = teller().delivery(Bytes::from(event.to_string()));
        assert_eq!(delivery.event_id, event["event_id"]);
        assert_eq!(delivery.kind, event["event_type"]);
        match delivery.reading {
            Reading::Facts(facts) => {
                assert!(facts.iter().all(|fact| !fact.link.refs.is_empty()));
                if !facts.is_empty() {
                    kinds.push(delivery.kind);
                }
            }
            Reading::Unreadable { why, .. } => panic!("{}: {why}", delivery.kind),
        }
    }
    for kind in [
        "subscription.updated",
        "subscription.created",
        "transaction.past_due",
        "transaction.completed",
        "adjustment.created",
    ] {
        assert!(
            kinds.iter().any(|told| told == kind),
            "{kind} tells nothing"
        );
    }
}
