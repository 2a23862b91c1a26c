//! Events: what each kind tells, and that a renewal is no payment.

use billing_domain::fact::{
    CheckoutPayment, DisputeState, Fact, Observed, ProviderInvoiceState, RefundState,
};
use billing_domain::invoice::{Purpose, Tried};
use billing_domain::provider::RefKind;
use billing_domain::subscription::Status;
use billing_ports::{Delivery, Reading};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    MONTHLY, at, checkout, february, january, snapshot, subscription, teller, transaction, usd,
};

fn deliver(kind: &str, data: &Value) -> Delivery {
    let body = json!({
        "event_id": "evt_1",
        "event_type": kind,
        "occurred_at": "2026-02-01T00:00:05Z",
        "notification_id": "ntf_1",
        "data": data,
    });
    teller().delivery(Bytes::from(body.to_string()))
}

fn facts(kind: &str, data: &Value) -> Vec<Observed> {
    match deliver(kind, data).reading {
        Reading::Facts(facts) => facts,
        Reading::Unreadable { why, .. } => panic!("{kind}: {why}"),
    }
}

fn hinted(facts: &[Observed]) -> Vec<(RefKind, String)> {
    let mut hints = Vec::new();
    for observed in facts {
        if let Fact::Hinted { object } = &observed.fact {
            hints.push((object.kind, object.id.clone()));
        }
    }
    hints
}

fn bought(status: &str, recurring: bool) -> Value {
    let mut bought = transaction(status, january());
    bought["origin"] = json!("api");
    bought["custom_data"] = json!({
        "billing_checkout": checkout().checkout,
        "billing_customer": checkout().customer,
        "billing_operator": "acme",
    });
    if !recurring {
        bought["subscription_id"] = Value::Null;
        bought["billing_period"] = Value::Null;
        bought["items"][0]["price"]["billing_cycle"] = Value::Null;
    }
    bought
}

fn adjusted(action: &str, status: &str) -> Value {
    json!({
        "id": "adj_1",
        "action": action,
        "status": status,
        "transaction_id": "txn_1",
        "subscription_id": "sub_1",
        "customer_id": "ctm_1",
        "currency_code": "USD",
        "totals": { "total": "500" },
        "created_at": "2026-01-05T00:00:00Z",
        "updated_at": "2026-01-06T00:00:00Z",
    })
}

#[test]
fn a_renewal_that_fails_is_never_told_as_paid() {
    // The three events of a renewal whose card is declined, in Paddle's order.
    let renewed = subscription(MONTHLY, february());
    let mut owing = renewed.clone();
    owing["status"] = json!("past_due");
    let first = facts("subscription.updated", &renewed);
    assert_eq!(
        hinted(&first),
        [(RefKind::Subscription, "sub_1".to_owned())]
    );
    assert_eq!(first.len(), 1, "nothing is claimed before it is read");
    for kind in ["subscription.updated", "subscription.past_due"] {
        assert_eq!(snapshot(&facts(kind, &owing)).status, Status::PastDue);
    }
}

#[test]
fn every_kind_of_subscription_event_tells_or_hints() {
    let held = subscription(MONTHLY, january());
    for kind in ["created", "activated", "updated", "resumed", "imported"] {
        let told = facts(&format!("subscription.{kind}"), &held);
        assert_eq!(hinted(&told).len(), 1, "{kind}");
        assert_eq!(told[0].link.refs[0].id, "sub_1");
        assert_eq!(told[0].link.prices, [MONTHLY]);
    }
    for (status, read) in [
        ("trialing", false),
        ("past_due", false),
        ("paused", true),
        ("canceled", true),
    ] {
        let mut held = held.clone();
        held["status"] = json!(status);
        let told = facts(&format!("subscription.{status}"), &held);
        assert_eq!(hinted(&told).len() == 1, read, "{status}");
        assert_eq!(told[0].at, at("2026-01-01T00:00:01Z"));
    }
}

#[test]
fn completed_is_money_and_paid_is_not() {
    let told = facts("transaction.completed", &bought("completed", true));
    let Fact::ProviderInvoiceSeen {
        amount,
        state,
        period,
        purpose,
        ..
    } = &told[0].fact
    else {
        panic!("{told:?}");
    };
    assert_eq!((*amount, *state), (usd(2_000), ProviderInvoiceState::Paid));
    assert_eq!(
        (*period, *purpose),
        (Some(january()), Some(Purpose::Purchase))
    );
    assert!(matches!(
        &told[1].fact,
        Fact::CheckoutCompleted {
            payment: CheckoutPayment::Paid { .. },
            ..
        }
    ));
    let read = |kind, id: &str| (kind, id.to_owned());
    let subscription = read(RefKind::Subscription, "sub_1");
    // A guest's address is read; who has a name of the host's is no guest.
    let page = read(RefKind::Checkout, "txn_completed");
    assert_eq!(hinted(&told), [page, subscription.clone()]);
    let mut named = bought("completed", true);
    named["custom_data"]["billing_ref"] = json!("ana");
    let of_named = facts("transaction.completed", &named);
    assert_eq!(hinted(&of_named), [subscription]);
    assert_eq!(told[0].link.checkout, Some(checkout().checkout));
    assert_eq!(told[0].link.customer, Some(checkout().customer));
    for status in ["paid", "draft", "ready"] {
        assert_eq!(
            facts("transaction.paid", &bought(status, true)),
            [],
            "{status}"
        );
    }
}

#[test]
fn what_is_bought_once_carries_its_money() {
    let told = facts("transaction.completed", &bought("completed", false));
    assert_eq!((told.len(), hinted(&told).len()), (2, 1), "{told:?}");
    let Fact::CheckoutCompleted {
        payment,
        customer_ref,
        email: None,
        ..
    } = &told[0].fact
    else {
        panic!("{told:?}");
    };
    let paid = CheckoutPayment::Paid {
        payment: "txn_completed".to_owned(),
        amount: usd(2_000),
        conversion: None,
        parts: Vec::new(),
    };
    assert_eq!(*payment, paid);
    assert_eq!(customer_ref.as_deref(), Some("ctm_1"));
}

#[test]
fn a_renewal_inherits_the_checkout_and_completes_none() {
    let mut renewal = bought("completed", true);
    renewal["origin"] = json!("subscription_recurring");
    let told = facts("transaction.completed", &renewal);
    assert!(
        !told
            .iter()
            .any(|it| matches!(it.fact, Fact::CheckoutCompleted { .. }))
    );
    let mut free = bought("completed", true);
    free["details"] = json!({ "totals": { "total": "0", "grand_total": "0" } });
    let told = facts("transaction.completed", &free);
    assert!(matches!(
        &told[0].fact,
        Fact::CheckoutCompleted {
            payment: CheckoutPayment::NotRequired,
            ..
        }
    ));
}

#[test]
fn what_is_owed_says_how_often_it_was_tried() {
    let tried = |status: &str, payments: Value| {
        let mut owed = transaction(status, january());
        owed["payments"] = payments;
        let told = facts("transaction.payment_failed", &owed);
        let Fact::ProviderInvoiceSeen { tried, .. } = told[0].fact else {
            panic!("{told:?}");
        };
        tried
    };
    let times = |times| {
        Some(Tried {
            times,
            next_at: None,
        })
    };
    let failed = json!({ "status": "error", "error_code": "declined", "amount": "2000" });
    let other = json!({ "status": "pending" });
    assert_eq!(tried("past_due", json!([failed, other, failed])), times(2));
    for none in [json!([]), json!([other]), Value::Null] {
        assert_eq!(tried("past_due", none.clone()), None, "{none}");
    }
    assert_eq!(tried("completed", json!([failed])), None);
}

#[test]
fn failures_and_ends_are_told() {
    let state = |kind: &str, data: &Value| {
        let told = facts(kind, data);
        let Fact::ProviderInvoiceSeen { state, .. } = told[0].fact else {
            panic!("{told:?}");
        };
        state
    };
    let owed = transaction("past_due", january());
    assert_eq!(
        state("transaction.payment_failed", &owed),
        ProviderInvoiceState::Failed
    );
    assert_eq!(
        state("transaction.past_due", &owed),
        ProviderInvoiceState::Open
    );
    assert_eq!(hinted(&facts("transaction.past_due", &owed)).len(), 1);
    let canceled = transaction("canceled", january());
    assert_eq!(
        state("transaction.canceled", &canceled),
        ProviderInvoiceState::Void
    );
    let told = facts("transaction.canceled", &bought("canceled", false));
    assert!(matches!(
        told[0].fact,
        Fact::CheckoutEnded { canceled: true, .. }
    ));
    // Before anything is bought, a declined card is the buyer's affair.
    assert_eq!(
        facts("transaction.payment_failed", &bought("ready", false)),
        []
    );
}

#[test]
fn refunds_and_chargebacks_are_told() {
    for (status, state) in [
        ("pending_approval", RefundState::Pending),
        ("approved", RefundState::Done),
        ("rejected", RefundState::Failed),
    ] {
        let told = facts("adjustment.updated", &adjusted("refund", status));
        let Fact::RefundSeen(refund) = &told[0].fact else {
            panic!("{told:?}");
        };
        assert_eq!((refund.state, refund.amount), (state, usd(500)));
        assert_eq!(told[0].at, at("2026-01-06T00:00:00Z"));
    }
    for (action, state) in [
        ("chargeback_warning", DisputeState::Open),
        ("chargeback", DisputeState::Lost),
        ("chargeback_reverse", DisputeState::Won),
        ("chargeback_warning_reverse", DisputeState::Won),
    ] {
        let told = facts("adjustment.created", &adjusted(action, "approved"));
        let Fact::DisputeSeen(dispute) = &told[0].fact else {
            panic!("{told:?}");
        };
        assert_eq!(
            (dispute.state, dispute.dispute.as_str(), dispute.warning),
            (state, "txn_1", action.starts_with("chargeback_warning")),
            "{action}"
        );
    }
    for action in ["chargeback", "chargeback_warning"] {
        let told = facts("adjustment.updated", &adjusted(action, "reversed"));
        assert!(
            matches!(&told[0].fact, Fact::DisputeSeen(seen) if seen.state == DisputeState::Won),
            "{told:?}"
        );
        assert_eq!(told[0].at, at("2026-01-06T00:00:00Z"));
    }
    // What is noted on one afterwards is no newer word of the payment.
    for action in ["chargeback", "chargeback_warning"] {
        let touched = facts("adjustment.updated", &adjusted(action, "approved"));
        assert_eq!(touched[0].at, at("2026-01-05T00:00:00Z"), "{action}");
    }
    assert_eq!(
        facts("adjustment.created", &adjusted("credit", "approved")),
        []
    );
}

#[test]
fn a_page_that_is_there_is_told_and_nobody_else_s() {
    let mut page = transaction("draft", january());
    page["origin"] = json!("api");
    page["subscription_id"] = json!(null);
    page["checkout"] = json!({ "url": "https://pay.example.com/?_ptxn=txn_draft" });
    page["custom_data"] = json!({
        "billing_checkout": checkout().checkout, "billing_operator": "acme",
    });
    for kind in ["transaction.created", "transaction.ready"] {
        let told = facts(kind, &page);
        let [told] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert!(
            matches!(&told.fact, Fact::CheckoutOpened { checkout: of, reference, .. }
                if *of == checkout().checkout && reference == "txn_draft"),
            "{told:?}"
        );
    }
    let mut elsewhere = page.clone();
    elsewhere["custom_data"]["billing_operator"] = json!("other");
    let mut later = page.clone();
    later["origin"] = json!("subscription_recurring");
    let mut closed = page;
    closed["checkout"] = json!(null);
    for none in [elsewhere, later, closed] {
        assert_eq!(facts("transaction.created", &none), []);
    }
}

#[test]
fn what_is_in_words_that_are_not_known_is_for_a_person() {
    let mut bare = adjusted("refund", "approved");
    bare["totals"] = json!({});
    let mut foreign = adjusted("chargeback", "approved");
    foreign["currency_code"] = json!("DOUBLOON");
    let mut unpriced = transaction("completed", january());
    unpriced["currency_code"] = json!("DOUBLOON");
    for (kind, data, why) in [
        (
            "adjustment.created",
            adjusted("refund", "pondered"),
            "a refund of an unknown status",
        ),
        (
            "adjustment.created",
            adjusted("clawback", "approved"),
            "an adjustment of an unknown kind",
        ),
        ("adjustment.updated", bare, "an adjustment of no sum"),
        (
            "adjustment.updated",
            foreign,
            "an adjustment in an unknown currency",
        ),
        (
            "transaction.completed",
            unpriced,
            "a transaction of no sum, or in an unknown currency",
        ),
    ] {
        let told = facts(kind, &data);
        assert!(
            matches!(&told[0].fact, Fact::Unreadable { why: said, .. } if said == why),
            "{told:?}"
        );
        assert!(!told[0].link.refs.is_empty());
    }
}

/// Neither says anything of what is sold and paid: whole bodies, of a customer of ours.
#[test]
fn a_customer_s_new_address_and_a_card_taken_away_tell_nothing() {
    let customer = json!({
        "id": "ctm_1", "status": "active", "name": "Ana", "email": "new@example.com",
        "marketing_consent": false, "locale": "en", "import_meta": null,
        "custom_data": { "billing_operator": "acme",
            "billing_customer": "cus_00000000000000000000000000000002" },
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-09T00:00:00Z",
    });
    let method = json!({
        "id": "paymtd_1", "customer_id": "ctm_1", "address_id": "add_1", "type": "card",
        "origin": "subscription", "deletion_reason": "api",
        "saved_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-09T00:00:00Z",
    });
    for (kind, data) in [
        ("customer.updated", customer),
        ("payment_method.deleted", method),
    ] {
        let told = deliver(kind, &data);
        assert_eq!(told.kind, kind);
        assert_eq!(told.reading, Reading::Facts(Vec::new()));
        assert!(
            !crate::HANDLED_EVENTS.contains(&kind),
            "nobody has to subscribe to it"
        );
    }
}

#[test]
fn what_is_no_concern_of_ours_is_accepted_with_nothing() {
    for kind in [
        "customer.updated",
        "payment_method.deleted",
        "product.created",
        "new.kind",
        "odd",
    ] {
        assert_eq!(facts(kind, &json!({ "id": "x" })), [], "{kind}");
    }
    let mut theirs = bought("completed", true);
    theirs["custom_data"]["billing_operator"] = json!("other");
    assert_eq!(facts("transaction.completed", &theirs), []);
    let mut held = subscription(MONTHLY, january());
    held["custom_data"]["billing_operator"] = json!("other");
    assert_eq!(facts("subscription.updated", &held), []);
}

#[test]
fn what_cannot_be_read_is_kept_and_says_so() {
    let unreadable = |delivery: &Delivery| matches!(delivery.reading, Reading::Unreadable { .. });
    let odd = deliver("subscription.updated", &json!({ "status": "active" }));
    assert!(unreadable(&odd) && odd.event_id == "evt_1");
    let mut asleep = subscription(MONTHLY, january());
    asleep["status"] = json!("asleep");
    assert!(unreadable(&deliver("subscription.updated", &asleep)));
    assert!(unreadable(&deliver(
        "transaction.completed",
        &json!(["txn_1"])
    )));
    assert!(unreadable(
        &teller().delivery(Bytes::from_static(b"[\"evt_1\", \"x.y\"]"))
    ));
    let junk = teller().delivery(Bytes::from_static(b"[1, 2"));
    assert!(unreadable(&junk));
    assert_eq!(junk, teller().delivery(Bytes::from_static(b"[1, 2")));
}

#[test]
fn a_correlation_that_cannot_be_read_is_garbled() {
    let mut odd = bought("completed", true);
    odd["custom_data"]["billing_checkout"] = json!("chk_nonsense");
    let told = facts("transaction.completed", &odd);
    assert!(
        told.iter()
            .all(|fact| fact.link.garbled && fact.link.checkout.is_none())
    );
    odd["custom_data"]["billing_checkout"] = json!(7);
    assert!(facts("transaction.completed", &odd)[0].link.garbled);
}
