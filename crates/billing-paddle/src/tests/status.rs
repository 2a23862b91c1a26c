//! The table of statuses: what Paddle says, what its transactions prove, and what
//! is told.

use billing_domain::fact::SubscriptionSnapshot;
use billing_domain::subscription::Status;
use billing_domain::time::Period;
use serde_json::{Value, json};

use super::{
    MONTHLY, account, at, february, january, snapshot, span, subscription, teller, transaction,
};
use crate::map::proof::{Proof, prove};
use crate::map::subscription::Untold;
use crate::wire::{Subscription, Transaction};

fn read(subscription: &Value) -> Subscription {
    serde_json::from_value(subscription.clone()).unwrap()
}

fn proof(current: Option<Period>, transactions: &[Value]) -> Proof {
    let read = |txn: &Value| -> Transaction { serde_json::from_value(txn.clone()).unwrap() };
    let read: Vec<Transaction> = transactions.iter().map(read).collect();
    prove(current, &read)
}

fn told(subscription: &Value, transactions: &[Value]) -> SubscriptionSnapshot {
    let subscription = read(subscription);
    let proof = proof(subscription.period(), transactions);
    let observed = teller().subscription(&subscription, &proof).unwrap();
    snapshot(&[observed]).clone()
}

fn with(subscription: &Value, set: &Value) -> Value {
    let mut changed = subscription.clone();
    for (name, value) in set.as_object().unwrap() {
        changed[name] = value.clone();
    }
    changed
}

fn trial() -> Value {
    let mut begun = transaction("completed", january());
    begun["details"] = json!({ "totals": { "total": "0", "grand_total": "0" } });
    begun["items"][0]["price"]["trial_period"] = json!({ "interval": "month", "frequency": 1 });
    begun
}

/// What Paddle says, its transactions, what is told, and of which period.
type Row = (Value, Vec<Value>, Status, Option<Period>);

fn check(table: Vec<Row>) {
    for (said, transactions, status, period) in table {
        let seen = told(&said, &transactions);
        let case = format!(
            "{} with {} transactions",
            said["status"],
            transactions.len()
        );
        assert_eq!(seen.status, status, "{case}");
        assert_eq!(seen.period, period, "{case}");
    }
}

fn paid(period: Period) -> Value {
    transaction("completed", period)
}

fn owed(period: Period) -> Value {
    transaction("past_due", period)
}

/// A subscription in February, with this status.
fn as_is(status: &str) -> Value {
    with(
        &subscription(MONTHLY, february()),
        &json!({ "status": status }),
    )
}

/// The same, without a period, as Paddle shows what is paused or over.
fn without(status: &str) -> Value {
    with(&as_is(status), &json!({ "current_billing_period": null }))
}

#[test]
fn what_lives_is_active_as_far_as_it_is_paid() {
    let imported = with(
        &as_is("active"),
        &json!({ "import_meta": { "external_id": "old" } }),
    );
    let (jan, feb) = (Some(january()), Some(february()));
    let (both, first) = (
        vec![paid(february()), paid(january())],
        vec![paid(january())],
    );
    let unpaid = vec![owed(february()), paid(january())];
    check(vec![
        (as_is("trialing"), vec![], Status::Trialing, feb),
        (as_is("active"), both, Status::Active, feb),
        // Renewed, and not paid.
        (as_is("active"), first, Status::Active, jan),
        (as_is("active"), unpaid.clone(), Status::Active, jan),
        // Never paid.
        (as_is("active"), vec![], Status::Incomplete, feb),
        // A trial that is over, and not paid for what follows; and one that is.
        (as_is("active"), vec![trial()], Status::Trialing, jan),
        (
            as_is("active"),
            vec![trial(), paid(february())],
            Status::Active,
            feb,
        ),
        (imported, vec![], Status::Active, feb),
        (as_is("past_due"), unpaid, Status::PastDue, feb),
    ]);
}

#[test]
fn what_is_paused_or_over_says_whether_it_was_for_want_of_money() {
    let given_up = transaction("canceled", february());
    let mut refused = given_up.clone();
    refused["origin"] = json!("subscription_update");
    let (jan, feb) = (Some(january()), Some(february()));
    let (now, first) = (vec![paid(february())], vec![paid(january())]);
    let unpaid = vec![owed(february()), paid(january())];
    check(vec![
        (as_is("paused"), now.clone(), Status::Paused, feb),
        (without("paused"), first.clone(), Status::Paused, jan),
        // Paused by Paddle when nobody paid: recoverable.
        (as_is("paused"), unpaid.clone(), Status::Lapsed, feb),
        (as_is("canceled"), now, Status::Canceled, feb),
        (without("canceled"), first, Status::Canceled, jan),
        // Canceled by Paddle when nobody paid.
        (as_is("canceled"), unpaid.clone(), Status::Expired, jan),
        (without("canceled"), unpaid, Status::Expired, jan),
        // Paddle takes back what it could not collect; a refused change owed nothing.
        (
            without("canceled"),
            vec![given_up, paid(january())],
            Status::Expired,
            jan,
        ),
        (
            without("canceled"),
            vec![refused, paid(january())],
            Status::Canceled,
            jan,
        ),
    ]);
}

#[test]
fn a_lapsed_pause_without_a_period_owes_from_the_last_paid_one_on() {
    let held = with(
        &subscription(MONTHLY, february()),
        &json!({ "status": "paused", "current_billing_period": null }),
    );
    let transactions = [
        transaction("past_due", february()),
        transaction("completed", january()),
    ];
    let seen = told(&held, &transactions);
    assert_eq!(seen.status, Status::Lapsed);
    assert_eq!(seen.period.map(|it| it.start), Some(january().end));
}

#[test]
fn an_ended_one_tells_when_and_a_scheduled_end_tells_its_instant() {
    let held = subscription(MONTHLY, january());
    let ended = with(
        &held,
        &json!({ "status": "canceled", "canceled_at": "2026-01-09T10:00:00Z" }),
    );
    let seen = told(&ended, &[transaction("completed", january())]);
    assert_eq!(seen.ended_at, Some(at("2026-01-09T10:00:00Z")));
    for (action, told_at) in [("cancel", Some(january().end)), ("pause", None)] {
        let to_come = json!({ "action": action, "effective_at": january().end });
        let held = with(&held, &json!({ "scheduled_change": to_come }));
        assert_eq!(told(&held, &[]).cancel_at, told_at, "{action}");
    }
}

#[test]
fn what_is_unknown_or_foreign_is_not_told() {
    let held = subscription(MONTHLY, january());
    let untold = |changes: Value| {
        let held = read(&with(&held, &changes));
        teller().subscription(&held, &Proof::default()).unwrap_err()
    };
    assert_eq!(untold(json!({ "status": "asleep" })), Untold::UnknownStatus);
    assert_eq!(untold(json!({ "items": [] })), Untold::Empty);
    let theirs = json!({ "custom_data": { "billing_operator": "other" } });
    assert_eq!(untold(theirs), Untold::Foreign);
}

#[test]
fn a_charge_within_the_period_and_a_moved_end_prove_it_too() {
    // An immediate change is billed from its instant to the period's end.
    let mut changed = transaction("completed", january());
    changed["billing_period"] = span(Period {
        start: at("2026-01-15T12:00:00Z"),
        end: january().end,
    });
    assert!(proof(Some(january()), &[changed]).current_paid);
    // The operator moved the next bill: the period began with its payment.
    let longer = Period {
        end: february().end,
        ..january()
    };
    assert!(proof(Some(longer), &[transaction("completed", january())]).current_paid);
    // What paid for the period before proves nothing of this one.
    assert!(!proof(Some(february()), &[transaction("completed", january())]).current_paid);
    assert!(!proof(Some(february()), &[transaction("paid", february())]).current_paid);
}

#[test]
fn what_is_charged_beside_the_items_pays_for_no_period() {
    let beside = |status: &str| {
        let mut charged = transaction(status, february());
        charged["origin"] = json!("subscription_charge");
        charged["billing_period"] = span(Period {
            start: at("2026-02-01T01:00:00Z"),
            end: february().end,
        });
        charged
    };
    // The renewal is not paid, though something else was.
    let (jan, feb) = (Some(january()), Some(february()));
    check(vec![
        (
            as_is("active"),
            vec![beside("completed"), paid(january())],
            Status::Active,
            jan,
        ),
        (
            as_is("past_due"),
            vec![beside("completed"), owed(february()), paid(january())],
            Status::PastDue,
            feb,
        ),
        (
            as_is("active"),
            vec![beside("past_due"), paid(february())],
            Status::Active,
            feb,
        ),
        // Nor does it end for want of what was beside it.
        (
            without("canceled"),
            vec![beside("past_due"), paid(january())],
            Status::Canceled,
            jan,
        ),
    ]);
    assert!(!proof(feb, &[beside("completed")]).current_paid);
}

#[test]
fn a_snapshot_is_as_new_as_the_newest_that_it_is_made_of() {
    let held = read(&subscription(MONTHLY, january()));
    let mut paid = transaction("completed", january());
    paid["updated_at"] = json!("2026-01-01T00:00:09Z");
    let proof = proof(held.period(), &[paid]);
    let observed = teller().subscription(&held, &proof).unwrap();
    assert_eq!(observed.at, at("2026-01-01T00:00:09Z"));
    assert_eq!(observed.link.refs[0].account, account());
}

#[test]
fn it_says_when_it_was_first_billed_whatever_its_period() {
    let mut said = as_is("past_due");
    assert_eq!(told(&said, &[]).first_charged_at, None);
    said["first_billed_at"] = json!("2026-01-01T00:00:00Z");
    let seen = told(&said, &[]);
    assert_eq!(seen.first_charged_at, Some(january().start));
    assert_ne!(seen.period, Some(january()));
}
