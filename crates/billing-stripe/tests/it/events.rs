//! What each kind of event means.

use billing_domain::fact::{Fact, Observed, ProviderInvoiceState, SubscriptionSnapshot};
use billing_domain::invoice::Purpose;
use billing_domain::time::Timestamp;
use billing_ports::delivery::Reading;
use billing_stripe::{API_VERSION, HANDLED_EVENTS};
use serde_json::{Value, json};

use crate::support::{account, at, brief, decode, told};

/// 2026-11-21T09:59:00Z
const CREATED: i64 = 1_795_255_140;

fn event(kind: &str, version: &str, object: &Value) -> Value {
    json!({
        "id": "evt_1", "object": "event", "api_version": version, "created": CREATED,
        "type": kind, "livemode": false, "pending_webhooks": 1,
        "data": { "object": object, "previous_attributes": {} },
    })
}

fn seen(facts: &[Observed]) -> &SubscriptionSnapshot {
    let Fact::SubscriptionSeen(seen) = &facts[0].fact else {
        panic!("a subscription: {facts:?}");
    };
    seen
}

fn words() -> Value {
    json!({
        "billing_checkout": "chk_00000000000000000000000000000001",
        "billing_customer": "cus_00000000000000000000000000000002",
        "billing_operator": "acme",
    })
}

fn session() -> Value {
    json!({
        "id": "cs_1", "object": "checkout.session", "status": "complete", "mode": "subscription",
        "payment_status": "paid", "customer": "cus_9", "subscription": "sub_1",
        "payment_intent": null, "invoice": "in_1", "amount_total": 2000, "currency": "usd",
        "client_reference_id": "chk_00000000000000000000000000000001", "metadata": words(),
        "expires_at": 1_795_340_000, "url": null,
    })
}

fn subscription() -> Value {
    json!({
        "id": "sub_1", "object": "subscription", "status": "active", "customer": "cus_9",
        "items": { "object": "list", "data": [{
            "id": "si_1", "price": { "id": "price_team", "currency": "usd" }, "quantity": 2,
            "current_period_start": 1_795_200_000, "current_period_end": 1_797_792_000,
        }]},
        "cancel_at_period_end": false, "cancel_at": null, "metadata": words(),
        "latest_invoice": "in_1", "pause_collection": null, "schedule": null,
        "start_date": 1_795_200_000,
    })
}

fn invoice() -> Value {
    json!({
        "id": "in_1", "object": "invoice", "status": "paid", "customer": "cus_9",
        "billing_reason": "subscription_cycle", "currency": "usd", "total": 2400,
        "total_excluding_tax": 2000, "amount_due": 2400, "amount_paid": 2400,
        "attempted": true, "created": 1_795_200_100,
        "period_start": 1, "period_end": 2, "metadata": {},
        "parent": { "subscription_details": { "subscription": "sub_1", "metadata": words() } },
        "lines": { "data": [{
            "amount": 2000, "quantity": 2,
            "period": { "start": 1_795_200_000, "end": 1_797_792_000 },
            "pricing": { "price_details": { "price": "price_team" } },
            "parent": { "subscription_item_details": { "proration": false } },
        }]},
    })
}

fn object_of(kind: &str) -> Value {
    match kind.rsplit_once('.').unwrap().0 {
        "checkout.session" => session(),
        "customer.subscription" => subscription(),
        "invoice" => invoice(),
        "subscription_schedule" => {
            json!({ "id": "sub_sched_1", "subscription": "sub_1", "status": "active" })
        }
        "charge" => json!({
            "id": "ch_1", "object": "charge", "payment_intent": "pi_1", "customer": "cus_9",
        }),
        "refund" => json!({ "id": "re_1", "object": "refund", "payment_intent": "pi_1" }),
        "charge.dispute" => json!({ "id": "du_1", "object": "dispute", "charge": "ch_1" }),
        "customer" => json!({ "id": "cus_9", "object": "customer" }),
        other => panic!("no object of {other}"),
    }
}

#[test]
fn every_handled_event_in_the_pinned_version() {
    for kind in HANDLED_EVENTS {
        let two = [
            "invoice.paid",
            "invoice.voided",
            "invoice.marked_uncollectible",
        ];
        if two.contains(&kind) {
            continue;
        }
        let expected = match kind {
            "invoice.upcoming" | "invoice.finalization_failed" => "read subscription sub_1",
            "customer.deleted" => "read customer cus_9",
            "charge.refunded" | "refund.created" | "refund.updated" | "refund.failed" => {
                "read payment pi_1"
            }
            other if other.starts_with("charge.dispute.") => "read payment ch_1",
            other if other.starts_with("subscription_schedule.") => "read subscription sub_1",
            other if other.starts_with("checkout.session.") => "completed cs_1",
            other if other.starts_with("customer.subscription.") => "sub_1 active",
            _ => "in_1 Paid",
        };
        let facts = told(&event(kind, API_VERSION, &object_of(kind)));
        assert_eq!(brief(&facts), [expected], "{kind}");
        assert_eq!(facts[0].at, at("2026-11-21T09:59:00Z"), "{kind}");
        assert!(!facts[0].link.refs.is_empty(), "{kind}");
    }
}

#[test]
fn what_is_paid_or_never_will_be_says_so_of_the_subscription_as_well() {
    for (kind, status, word) in [
        ("invoice.paid", "paid", "in_1 Paid"),
        ("invoice.voided", "void", "in_1 Void"),
        ("invoice.marked_uncollectible", "uncollectible", "in_1 Void"),
    ] {
        let mut object = invoice();
        object["status"] = json!(status);
        for (version, first) in [(API_VERSION, word), ("2024-06-20", "read invoice in_1")] {
            let facts = told(&event(kind, version, &object));
            let expected = [first, "read subscription sub_1"];
            assert_eq!(brief(&facts), expected, "{kind} {version}");
        }
    }
}

#[test]
fn a_renewed_subscription_is_read_before_it_counts_as_paid() {
    let of = |status: &str, start_date: i64| {
        let mut object = subscription();
        object["status"] = json!(status);
        object["start_date"] = json!(start_date);
        brief(&told(&event(
            "customer.subscription.updated",
            API_VERSION,
            &object,
        )))
    };
    let (first, earlier) = (1_795_200_000, 1_792_500_000);
    for (status, start_date, expected) in [
        ("active", first, "sub_1 active"),
        ("active", earlier, "read subscription sub_1"),
        ("canceled", earlier, "read subscription sub_1"),
        ("paused", earlier, "read subscription sub_1"),
        // Over this period, or over a change within it?
        ("past_due", earlier, "read subscription sub_1"),
        ("past_due", first, "read subscription sub_1"),
        ("unpaid", earlier, "sub_1 lapsed"),
        ("trialing", earlier, "sub_1 trialing"),
    ] {
        assert_eq!(of(status, start_date), [expected], "{status} {start_date}");
    }
}

#[test]
fn a_subscription_says_when_its_first_charge_was_whatever_its_period() {
    let (sold, tried, later) = (1_792_500_000, 1_793_700_000, 1_796_000_000);
    for (trial, first) in [
        ((Value::Null, Value::Null), sold),
        ((json!(sold), json!(tried)), tried),
        // Both are noted with the sale, though not at once.
        ((json!(sold + 1), json!(tried)), tried),
        // A trial that somebody gave later: it was charged before.
        ((json!(later), json!(later + 1_200_000)), sold),
    ] {
        let mut object = subscription();
        // Trialing, so that it is told at once.
        object["status"] = json!("trialing");
        object["start_date"] = json!(sold);
        object["trial_start"] = trial.0.clone();
        object["trial_end"] = trial.1.clone();
        let kind = "customer.subscription.updated";
        let facts = told(&event(kind, API_VERSION, &object));
        let told = seen(&facts).first_charged_at.map(Timestamp::as_second);
        assert_eq!(told, Some(first), "{trial:?}");
    }
}

#[test]
fn an_older_version_is_a_hint_and_no_more() {
    for (kind, version, expected) in [
        (
            "customer.subscription.updated",
            "2024-06-20",
            "read subscription sub_1",
        ),
        (
            "customer.subscription.updated",
            "2025-09-30.clover",
            "read subscription sub_1",
        ),
        (
            "customer.subscription.updated",
            "2026-10-28.endive",
            "sub_1 active",
        ),
        ("invoice.payment_failed", "2024-06-20", "read invoice in_1"),
        (
            "checkout.session.completed",
            "2024-06-20",
            "read checkout cs_1",
        ),
    ] {
        let facts = told(&event(kind, version, &object_of(kind)));
        assert_eq!(brief(&facts), [expected], "{kind} {version}");
        assert!(
            facts[0].link.checkout.is_some(),
            "our words are read all the same"
        );
    }
}

#[test]
fn an_invoice_from_before_2025_names_its_subscription_elsewhere() {
    let old = json!({
        "id": "in_1", "status": "paid", "subscription": "sub_1", "customer": "cus_9",
        "subscription_details": { "metadata": words() }, "currency": "usd", "total": 2000,
    });
    let facts = told(&event("invoice.paid", "2024-06-20", &old));
    assert_eq!(
        brief(&facts),
        ["read invoice in_1", "read subscription sub_1"]
    );
    assert_eq!(facts[0].link.refs[0].id, "sub_1");
    assert!(facts[0].link.customer.is_some());
}

#[test]
fn an_invoice_is_told_net_with_its_period_and_purpose() {
    let facts = told(&event("invoice.paid", API_VERSION, &invoice()));
    let Fact::ProviderInvoiceSeen {
        subscription_ref,
        amount,
        period,
        state,
        purpose,
        collected,
        opened_at,
        ..
    } = &facts[0].fact
    else {
        panic!("an invoice: {facts:?}");
    };
    assert_eq!(subscription_ref.as_deref(), Some("sub_1"));
    assert_eq!(amount.to_string(), "USD 20.00");
    let with_tax = collected.map(|collected| collected.to_string());
    assert_eq!(with_tax.as_deref(), Some("USD 24.00"));
    let born = invoice()["created"].as_i64().unwrap();
    assert_eq!(opened_at.unwrap().as_second(), born);
    assert_eq!(period.unwrap().end.as_second(), 1_797_792_000);
    assert_eq!(*state, ProviderInvoiceState::Paid);
    assert_eq!(*purpose, Some(Purpose::Renewal));
    assert_eq!(facts[0].link.prices, ["price_team"]);
}

#[test]
fn an_invoice_stands_as_its_status_says() {
    for (status, attempted, expected) in [
        ("open", false, &["in_1 Open"][..]),
        ("open", true, &["in_1 Failed"]),
        ("paid", true, &["in_1 Paid"]),
        ("void", true, &["in_1 Void"]),
        ("uncollectible", true, &["in_1 Void"]),
        ("draft", false, &[]),
    ] {
        let mut object = invoice();
        object["status"] = json!(status);
        object["attempted"] = json!(attempted);
        let facts = told(&event("invoice.payment_failed", API_VERSION, &object));
        assert_eq!(brief(&facts), expected, "{status}");
    }
}

#[test]
fn what_is_owed_says_how_often_it_was_tried_and_when_it_is_again() {
    let tried = |status: &str, count: Value, next: Value| {
        let mut object = invoice();
        object["status"] = json!(status);
        object["attempt_count"] = count;
        object["next_payment_attempt"] = next;
        let facts = told(&event("invoice.payment_failed", API_VERSION, &object));
        let Fact::ProviderInvoiceSeen { tried, .. } = &facts[0].fact else {
            panic!("{facts:?}");
        };
        tried.map(|tried| (tried.times, tried.next_at.map(Timestamp::as_second)))
    };
    let next = json!(1_797_900_000);
    assert_eq!(
        tried("open", json!(2), next.clone()),
        Some((2, Some(1_797_900_000)))
    );
    assert_eq!(tried("open", json!(4), Value::Null), Some((4, None)));
    assert_eq!(tried("open", Value::Null, next.clone()), None);
    assert_eq!(tried("paid", json!(3), Value::Null), None);
    assert_eq!(tried("void", json!(3), next), None);
}

#[test]
fn an_invoice_stands_since_its_own_instant_however_late_it_is_told() {
    let told_at = |status: &str, moved: Value| {
        let mut object = invoice();
        object["status"] = json!(status);
        object["status_transitions"] = moved;
        told(&event("invoice.paid", API_VERSION, &object))[0]
            .at
            .as_second()
    };
    let event_at = at("2026-11-21T09:59:00Z").as_second();
    assert_eq!(
        told_at("paid", json!({ "paid_at": 1_000, "voided_at": null })),
        1_000
    );
    assert_eq!(told_at("void", json!({ "voided_at": 2_000 })), 2_000);
    let written_off = json!({ "marked_uncollectible_at": 3_000 });
    assert_eq!(told_at("uncollectible", written_off), 3_000);
    assert_eq!(told_at("open", json!({ "finalized_at": 4_000 })), event_at);
    assert_eq!(told_at("paid", json!({ "paid_at": null })), event_at);
}

#[test]
fn the_end_of_a_subscription_has_several_shapes() {
    let end = |change: &dyn Fn(&mut Value)| {
        let mut object = subscription();
        change(&mut object);
        let facts = told(&event(
            "customer.subscription.updated",
            API_VERSION,
            &object,
        ));
        seen(&facts).cancel_at.map(Timestamp::as_second)
    };
    assert_eq!(end(&|_| {}), None);
    let at_end = end(&|it| it["cancel_at_period_end"] = json!(true));
    assert_eq!(at_end, Some(1_797_792_000));
    // As the portal does it.
    let at_instant = end(&|it| it["cancel_at"] = json!(1_796_000_000));
    assert_eq!(at_instant, Some(1_796_000_000));
}

#[test]
fn the_period_ends_with_the_last_item_or_as_of_old() {
    let period = |items: Value| {
        let mut object = subscription();
        object["status"] = json!("unpaid");
        object["items"]["data"] = items;
        object["current_period_start"] = json!(10);
        object["current_period_end"] = json!(20);
        let facts = told(&event(
            "customer.subscription.updated",
            API_VERSION,
            &object,
        ));
        let period = seen(&facts).period.unwrap();
        (period.start.as_second(), period.end.as_second())
    };
    let item = |start: i64, end: i64| {
        json!({ "id": "si", "price": "price_team", "quantity": 1,
            "current_period_start": start, "current_period_end": end })
    };
    assert_eq!(period(json!([item(1, 5), item(2, 9), item(3, 7)])), (2, 9));
    assert_eq!(
        period(json!([{ "id": "si", "price": "price_team" }])),
        (10, 20)
    );
}

#[test]
fn a_late_payment_that_was_refused_ends_the_checkout() {
    let mut object = session();
    object["payment_status"] = json!("unpaid");
    let failed = event(
        "checkout.session.async_payment_failed",
        API_VERSION,
        &object,
    );
    assert_eq!(brief(&told(&failed)), ["ended cs_1 true"]);
    let waits = event("checkout.session.completed", API_VERSION, &object);
    assert_eq!(brief(&told(&waits)), ["completed cs_1"]);
}

#[test]
fn what_another_deployment_made_means_nothing() {
    for kind in HANDLED_EVENTS {
        let mut object = object_of(kind);
        let foreign = json!({ "billing_operator": "somebody" });
        object["metadata"] = foreign.clone();
        if object.get("parent").is_some() {
            object["parent"]["subscription_details"]["metadata"] = foreign;
        }
        if kind == "customer.deleted" {
            continue;
        }
        for version in [API_VERSION, "2024-06-20"] {
            assert_eq!(told(&event(kind, version, &object)), [], "{kind} {version}");
        }
    }
}

#[test]
fn our_words_that_cannot_be_read_are_said_to_be_so() {
    let mut object = subscription();
    object["metadata"]["billing_checkout"] = json!("chk_?");
    let facts = told(&event(
        "customer.subscription.updated",
        API_VERSION,
        &object,
    ));
    assert!(facts[0].link.garbled);
    assert_eq!(facts[0].link.checkout, None);
    assert!(facts[0].link.customer.is_some());
}

#[test]
fn unknown_kinds_and_thin_events_are_accepted() {
    let unknown = event("invoice.sublimated", API_VERSION, &invoice());
    let twice = event("invoice.payment_succeeded", API_VERSION, &invoice());
    let thin = json!({
        "id": "evt_2", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered",
        "created": "2026-11-21T09:59:00.000Z", "livemode": false,
    });
    for event in [unknown, twice] {
        let delivery = decode(&event).unwrap();
        assert_eq!(delivery.reading, Reading::Facts(Vec::new()));
        assert_eq!(delivery.account, account());
        assert_eq!(delivery.event_id, "evt_1");
    }
    let delivery = decode(&thin).unwrap();
    assert_eq!(delivery.reading, Reading::Facts(Vec::new()));
    assert_eq!(delivery.event_id, "evt_2");
}

#[test]
fn the_other_mode_is_not_believed() {
    let mut live = event("invoice.paid", API_VERSION, &invoice());
    live["livemode"] = json!(true);
    assert!(decode(&live).is_err());
}

#[test]
fn what_cannot_be_read_is_kept_as_unreadable() {
    let status = |status: &str| {
        let mut object = subscription();
        object["status"] = json!(status);
        event("customer.subscription.updated", API_VERSION, &object)
    };
    let mut shapeless = event("invoice.paid", API_VERSION, &invoice());
    shapeless["data"]["object"]["lines"] = json!("many");
    let mut undated = event("invoice.paid", API_VERSION, &invoice());
    undated["created"] = Value::Null;
    let kindless = json!({ "id": "evt_1", "object": "event", "livemode": false });
    let mut empty = event("invoice.paid", API_VERSION, &invoice());
    empty["data"] = Value::Null;
    for event in [
        status("hibernating"),
        shapeless,
        undated,
        empty,
        kindless,
        json!([1]),
        json!(["evt_1"]),
    ] {
        let reading = decode(&event).unwrap().reading;
        assert!(matches!(reading, Reading::Unreadable { .. }), "{event}");
    }
}

/// What is charged there counts where it is charged, and not again where the debt that it
/// left is collected.
#[test]
fn what_is_too_little_to_collect_is_charged_once() {
    let with = |more: Value| {
        let mut told = invoice();
        let fields = told.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        told
    };
    for (what, invoice, expected) in [
        (
            "moved to the balance",
            with(
                json!({ "total": 30, "total_excluding_tax": 30, "amount_due": 0,
                "amount_paid": 0, "starting_balance": 0, "ending_balance": 30 }),
            ),
            30,
        ),
        (
            "collects it",
            with(json!({ "amount_due": 2430, "amount_paid": 2430,
                "starting_balance": 30, "ending_balance": 0 })),
            2000,
        ),
        (
            "paid by credit",
            with(json!({ "amount_due": 1900, "amount_paid": 1900,
                "starting_balance": -500, "ending_balance": 0 })),
            1500,
        ),
        (
            "what credit leaves is moved",
            with(
                json!({ "total": 530, "total_excluding_tax": 530, "amount_due": 0,
                "amount_paid": 0, "starting_balance": -500, "ending_balance": 30 }),
            ),
            30,
        ),
    ] {
        let facts = told(&event("invoice.paid", API_VERSION, &invoice));
        let amounts = facts.iter().filter_map(|seen| {
            let Fact::ProviderInvoiceSeen { amount, .. } = &seen.fact else {
                return None;
            };
            Some(amount.amount)
        });
        assert_eq!(amounts.collect::<Vec<_>>(), [expected], "{what}");
    }
}
