//! Changes: what is compared, what is sent, and that nothing is charged twice.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, EffectKey, Order};
use billing_domain::fact::{Fact, Observed};
use billing_domain::ids::ChangeId;
use billing_domain::ids::EffectId;
use billing_domain::invoice::Purpose;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::subscription::Status;
use billing_domain::time::{Interval, Period};
use billing_ports::{Answer, PaymentProvider, PerformError, Previewed};
use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{
    BIGGER, MONTHLY, YEARLY, account, answer, at, change, february, january, paddle, price,
    refusal, respond, sent, snapshot, subscription, transaction, usd,
};
use crate::Paddle;
use crate::deferred::Deferred;
use crate::wire::Subscription;

const PLACE: &str = "/subscriptions/sub_1";
const PREVIEW: &str = "/subscriptions/sub_1/preview";

fn effect() -> EffectId {
    "eff_00000000000000000000000000000003".parse().unwrap()
}

async fn perform(paddle: &Paddle, order: &Order) -> Result<Answer, PerformError> {
    let key = EffectKey::undo("chg_00000000000000000000000000000004".parse().unwrap());
    paddle.perform(effect(), &key, order).await
}

async fn done(paddle: &Paddle, order: &Order) -> Vec<Observed> {
    match perform(paddle, order).await {
        Ok(Answer::Done(facts)) => facts,
        other => panic!("it is done, not {other:?}"),
    }
}

fn now(quoted: Option<i64>) -> ChangeWhen {
    ChangeWhen::Prorated {
        at: at("2026-01-15T00:00:00Z"),
        quoted: quoted.map(usd),
    }
}

fn order(change: ChangeSubscription) -> Order {
    Order::ChangeSubscription(change)
}

fn undo(change: Option<ChangeId>) -> Order {
    Order::UndoChange {
        provider: account(),
        reference: "sub_1".to_owned(),
        change,
    }
}

/// A subscription of which MONTHLY is paid for, with BIGGER in place from February.
fn deferred() -> Value {
    let mut held = subscription(BIGGER, january());
    held["custom_data"]["billing_deferred"] = json!({
        "paid": { "price": MONTHLY, "quantity": 1 },
        "later": { "price": BIGGER, "quantity": 1 },
        "until": january().end,
        "since": january().start,
    });
    held
}

fn costs(owed: &str) -> Value {
    json!({
        "update_summary": {
            "result": { "action": "charge", "amount": owed, "currency_code": "USD" },
            "charge": { "amount": owed, "currency_code": "USD" },
        },
    })
}

/// Paddle with this subscription, its January paid for, a change to `after`, and a
/// price for it.
async fn world(server: &MockServer, held: &Value, after: &Value, owed: &str) {
    answer(server, "GET", PLACE, held).await;
    let mut charged = transaction("completed", january());
    charged["id"] = json!("txn_change");
    charged["origin"] = json!("subscription_update");
    charged["created_at"] = json!("2026-01-15T00:00:00Z");
    charged["items"][0]["price"] = price(BIGGER);
    let paid = json!([charged, transaction("completed", january())]);
    answer(server, "GET", "/transactions", &paid).await;
    answer(server, "PATCH", PLACE, after).await;
    answer(server, "PATCH", PREVIEW, &costs(owed)).await;
}

#[tokio::test]
async fn a_change_is_compared_with_its_quote_and_then_charged() {
    let (server, paddle) = paddle().await;
    let held = subscription(MONTHLY, january());
    world(&server, &held, &subscription(BIGGER, january()), "1001").await;
    let change = ChangeSubscription {
        change: Some("chg_00000000000000000000000000000004".parse().unwrap()),
        ..change(BIGGER, now(Some(1_000)))
    };
    // One line, so one minor unit more is still what was agreed.
    let facts = done(&paddle, &order(change)).await;
    assert_eq!(snapshot(&facts).price_ref, BIGGER);
    let Fact::ProviderInvoiceSeen {
        reference, purpose, ..
    } = &facts[1].fact
    else {
        panic!("{facts:?}");
    };
    assert_eq!(reference, "txn_change");
    assert_eq!(*purpose, Some(Purpose::Change));
    let body = &sent(&server, "PATCH", PLACE).await[0];
    assert_eq!(
        body["items"],
        json!([{ "price_id": BIGGER, "quantity": 1 }])
    );
    assert_eq!(body["proration_billing_mode"], "prorated_immediately");
    assert_eq!(body["on_payment_failure"], "prevent_change");
    assert_eq!(
        body["custom_data"]["billing_change"],
        "chg_00000000000000000000000000000004"
    );
    assert_eq!(body["custom_data"]["theirs"], 1, "what is not ours stays");
}

#[tokio::test]
async fn a_stale_quote_is_refused_and_nothing_is_sent() {
    let (server, paddle) = paddle().await;
    let held = subscription(MONTHLY, january());
    world(&server, &held, &held, "1002").await;
    let answer = perform(&paddle, &order(change(BIGGER, now(Some(1_000))))).await;
    let Ok(Answer::Refused(refusal)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(refusal.code, "quote_stale");
    assert!(sent(&server, "PATCH", PLACE).await.is_empty());
}

#[tokio::test]
async fn what_is_in_place_already_is_done_and_its_charge_is_told_again() {
    let (server, paddle) = paddle().await;
    let held = subscription(BIGGER, january());
    world(&server, &held, &held, "1000").await;
    let facts = done(&paddle, &order(change(BIGGER, now(Some(1_000))))).await;
    assert_eq!(
        facts.len(),
        2,
        "the subscription and what it was charged: {facts:?}"
    );
    assert!(sent(&server, "PATCH", PLACE).await.is_empty());
    assert!(sent(&server, "PATCH", PREVIEW).await.is_empty());
}

#[tokio::test]
async fn refusals_are_named_and_locks_pass() {
    for (status, code, passing) in [
        (400, "subscription_payment_declined", false),
        (409, "subscription_next_billed_at_too_soon", false),
        (409, "subscription_locked_renewal", true),
        (400, "subscription_locked_pending_changes", false),
        (
            400,
            "subscription_invalid_billing_mode_for_scheduled_change",
            false,
        ),
        (
            400,
            "subscription_incorrect_proration_on_paused_subscription",
            false,
        ),
        (400, "subscription_is_canceled_action_invalid", false),
        (
            400,
            "subscription_credit_creation_against_processing_transaction",
            true,
        ),
        (429, "too_many_requests", true),
    ] {
        let (server, paddle) = paddle().await;
        answer(&server, "GET", PLACE, &subscription(MONTHLY, january())).await;
        respond(&server, "PATCH", PLACE, status, refusal(code, "no")).await;
        match perform(&paddle, &order(change(BIGGER, now(None)))).await {
            Ok(Answer::Refused(refusal)) => {
                assert!(!passing && refusal.code == code, "{refusal:?}");
                assert!(refusal.message.contains("req-1"), "{refusal:?}");
            }
            Err(PerformError::NotSent(_)) => assert!(passing, "{code}"),
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_to_come_stands_in_place_under_a_note() {
    let (server, paddle) = paddle().await;
    let held = subscription(MONTHLY, january());
    world(&server, &held, &deferred(), "0").await;
    let facts = done(
        &paddle,
        &order(change(BIGGER, ChangeWhen::NextPeriod { at: None })),
    )
    .await;
    assert_eq!(snapshot(&facts).price_ref, MONTHLY, "not before its time");
    let body = &sent(&server, "PATCH", PLACE).await[0];
    assert_eq!(body["proration_billing_mode"], "do_not_bill");
    assert_eq!(
        body["items"],
        json!([{ "price_id": BIGGER, "quantity": 1 }])
    );
    let note = &body["custom_data"]["billing_deferred"];
    assert_eq!(note["paid"], json!({ "price": MONTHLY, "quantity": 1 }));
    assert_eq!(note["until"], json!(january().end));
    assert!(body.get("next_billed_at").is_none(), "the dates stay");
}

#[tokio::test]
async fn a_deferred_change_of_interval_says_when_the_period_ends() {
    let (server, paddle) = paddle().await;
    let held = subscription(MONTHLY, january());
    world(&server, &held, &deferred(), "0").await;
    let yearly = ChangeSubscription {
        interval: Some(Interval::YEAR),
        ..change(YEARLY, ChangeWhen::NextPeriod { at: None })
    };
    done(&paddle, &order(yearly)).await;
    let body = &sent(&server, "PATCH", PLACE).await[0];
    assert_eq!(body["next_billed_at"], json!(january().end));
    assert_eq!(body["custom_data"]["billing_deferred"]["moves_dates"], true);
}

#[tokio::test]
async fn the_same_deferred_change_again_sends_nothing() {
    let (server, paddle) = paddle().await;
    world(&server, &deferred(), &deferred(), "0").await;
    let facts = done(
        &paddle,
        &order(change(BIGGER, ChangeWhen::NextPeriod { at: None })),
    )
    .await;
    assert_eq!(snapshot(&facts).price_ref, MONTHLY);
    assert!(sent(&server, "PATCH", PLACE).await.is_empty());
}

#[tokio::test]
async fn with_the_next_period_the_note_is_over() {
    let (server, paddle) = paddle().await;
    let mut held = deferred();
    held["current_billing_period"] = super::span(february());
    answer(&server, "GET", PLACE, &held).await;
    answer(
        &server,
        "GET",
        "/transactions",
        &json!([transaction("completed", february())]),
    )
    .await;
    let facts = done(&paddle, &undo(None)).await;
    assert_eq!(snapshot(&facts).price_ref, BIGGER);
    assert_eq!(snapshot(&facts).status, Status::Active);
    assert!(
        sent(&server, "PATCH", PLACE).await.is_empty(),
        "too late to undo"
    );
}

#[tokio::test]
async fn with_a_period_that_a_resumption_began_the_note_is_over() {
    let middle = at("2026-01-15T00:00:00Z");
    let resumed = Period {
        start: middle,
        end: at("2026-02-15T00:00:00Z"),
    };
    let moved = Period {
        end: at("2026-03-10T00:00:00Z"),
        ..january()
    };
    // Another interval was put in place, and Paddle told when the old one ends.
    let counted_anew = Period {
        start: middle,
        ..january()
    };
    for (period, price) in [
        (resumed, BIGGER),
        (moved, MONTHLY),
        (counted_anew, MONTHLY),
        (january(), MONTHLY),
    ] {
        let (server, paddle) = paddle().await;
        let mut held = deferred();
        held["current_billing_period"] = super::span(period);
        answer(&server, "GET", PLACE, &held).await;
        let paid = json!([transaction("completed", period)]);
        answer(&server, "GET", "/transactions", &paid).await;
        let order = Order::ReadSubscription {
            provider: account(),
            reference: "sub_1".to_owned(),
        };
        let facts = done(&paddle, &order).await;
        assert_eq!(snapshot(&facts).price_ref, price, "{period:?}");
    }
}

#[tokio::test]
async fn a_late_undo_leaves_a_newer_change_alone() {
    let newer: ChangeId = "chg_00000000000000000000000000000005".parse().unwrap();
    let older: ChangeId = "chg_00000000000000000000000000000004".parse().unwrap();
    for (undone, noted, lifted) in [
        (Some(older), Some(newer), false),
        (Some(newer), Some(newer), true),
        (Some(older), None, false),
        (None, Some(newer), true),
    ] {
        let (server, paddle) = paddle().await;
        let mut held = deferred();
        held["custom_data"]["billing_deferred"]["change"] = json!(noted);
        world(&server, &held, &subscription(MONTHLY, january()), "0").await;
        done(&paddle, &undo(undone)).await;
        let patched = !sent(&server, "PATCH", PLACE).await.is_empty();
        assert_eq!(patched, lifted, "{undone:?} of {noted:?}");
    }
}

#[tokio::test]
async fn taking_it_back_puts_the_paid_items_back() {
    let (server, paddle) = paddle().await;
    world(&server, &deferred(), &subscription(MONTHLY, january()), "0").await;
    let facts = done(&paddle, &undo(None)).await;
    assert_eq!(snapshot(&facts).price_ref, MONTHLY);
    let body = &sent(&server, "PATCH", PLACE).await[0];
    assert_eq!(
        body["items"],
        json!([{ "price_id": MONTHLY, "quantity": 1 }])
    );
    assert_eq!(body["proration_billing_mode"], "do_not_bill");
    assert!(body["custom_data"].get("billing_deferred").is_none());
}

#[tokio::test]
async fn an_upgrade_over_a_deferred_change_computes_on_what_is_paid_for() {
    let (server, paddle) = paddle().await;
    world(
        &server,
        &deferred(),
        &subscription("pri_top", january()),
        "1000",
    )
    .await;
    done(&paddle, &order(change("pri_top", now(Some(1_000))))).await;
    let bodies = sent(&server, "PATCH", PLACE).await;
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    assert_eq!(bodies[0]["items"][0]["price_id"], MONTHLY, "lifted first");
    assert_eq!(bodies[0]["proration_billing_mode"], "do_not_bill");
    assert_eq!(bodies[0]["custom_data"]["billing_deferred"]["lifted"], true);
    assert_eq!(bodies[1]["items"][0]["price_id"], "pri_top");
    assert!(bodies[1]["custom_data"].get("billing_deferred").is_none());
}

/// What is deferred, with what is paid for back in place for `whom`.
fn lifted(whom: &str) -> Value {
    let mut held = deferred();
    held["items"][0]["price"] = price(MONTHLY);
    held["custom_data"]["billing_deferred"]["lifted"] = json!(true);
    held["custom_data"]["billing_deferred"]["lifted_by"] = json!(whom);
    held
}

/// The subscription reads as `first` once, and as `then` from then on.
async fn reads(server: &MockServer, first: &Value, then: &Value) {
    let mut first = first.clone();
    super::seal(&mut first);
    Mock::given(method("GET"))
        .and(path(PLACE))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "data": first })))
        .up_to_n_times(1)
        .mount(server)
        .await;
    answer(server, "GET", PLACE, then).await;
}

#[tokio::test]
async fn an_upgrade_refused_leaves_what_was_to_come() {
    let (server, paddle) = paddle().await;
    reads(&server, &deferred(), &lifted("pri_top*1")).await;
    let lifted = subscription(MONTHLY, january());
    world(&server, &deferred(), &lifted, "9999").await;
    let answer = perform(&paddle, &order(change("pri_top", now(Some(1_000))))).await;
    assert!(matches!(answer, Ok(Answer::Refused(_))), "{answer:?}");
    let bodies = sent(&server, "PATCH", PLACE).await;
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[1]["items"][0]["price_id"], BIGGER, "in place again");
    assert_eq!(
        bodies[1]["custom_data"]["billing_deferred"]["lifted"],
        false
    );
}

#[tokio::test]
async fn an_upgrade_that_has_to_wait_leaves_what_was_to_come() {
    let (server, paddle) = paddle().await;
    reads(&server, &deferred(), &lifted("pri_top*1")).await;
    answer(&server, "PATCH", PLACE, &lifted("pri_top*1")).await;
    let busy = refusal(
        "subscription_credit_creation_against_processing_transaction",
        "wait",
    );
    respond(&server, "PATCH", PREVIEW, 400, busy).await;
    let waits = perform(&paddle, &order(change("pri_top", now(Some(1_000))))).await;
    assert!(matches!(waits, Err(PerformError::NotSent(_))), "{waits:?}");
    let bodies = sent(&server, "PATCH", PLACE).await;
    assert_eq!(bodies.len(), 2, "lifted, and put in place again");
    assert_eq!(bodies[1]["items"][0]["price_id"], BIGGER);
}

#[tokio::test]
async fn what_was_done_since_is_never_put_back() {
    let mut paid_for_more = subscription("pri_top", january());
    paid_for_more["custom_data"]["billing_change"] = json!("chg_1");
    let mut theirs = lifted("chg_1");
    theirs["custom_data"]["billing_deferred"]["moves_dates"] = json!(true);
    let mut first = deferred();
    first["custom_data"]["billing_deferred"]["moves_dates"] = json!(true);
    // Somebody has bought the dearer one meanwhile, or is about to.
    for meanwhile in [paid_for_more, theirs] {
        let (server, paddle) = paddle().await;
        reads(&server, &first, &meanwhile).await;
        answer(&server, "PATCH", PLACE, &subscription(MONTHLY, january())).await;
        answer(&server, "PATCH", PREVIEW, &costs("1000")).await;
        let quoted = paddle.preview(&change("pri_top", now(None))).await;
        let refused = matches!(&quoted, Ok(Previewed::Refused(refusal))
            if refusal.code == "change_of_interval_to_come");
        assert!(refused, "{quoted:?}");
        let bodies = sent(&server, "PATCH", PLACE).await;
        assert_eq!(bodies.len(), 0, "nothing is put in place: {bodies:?}");
    }
}

/// What Paddle says of a change to `price`, from what is in place.
async fn asks(server: &MockServer, price: &str, charge: &str, credit: &str, result: (&str, &str)) {
    let amount = |amount: &str| json!({ "amount": amount, "currency_code": "USD" });
    let said = json!({ "update_summary": {
        "charge": amount(charge),
        "credit": amount(credit),
        "result": { "action": result.0, "amount": result.1, "currency_code": "USD" },
    }});
    let to = json!({ "items": [{ "price_id": price, "quantity": 1 }] });
    Mock::given(method("PATCH"))
        .and(path(PREVIEW))
        .and(body_partial_json(to))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "data": said })))
        .mount(server)
        .await;
}

#[tokio::test]
async fn a_preview_leaves_what_is_to_come_where_it_is() {
    let (server, paddle) = paddle().await;
    answer(&server, "GET", PLACE, &deferred()).await;
    // 5 are given back of what is in place, whichever way it is left.
    asks(&server, "pri_top", "3000", "500", ("charge", "2500")).await;
    asks(&server, MONTHLY, "2000", "500", ("charge", "1500")).await;
    for estimated in [false, true] {
        let change = change("pri_top", now(None));
        let said = if estimated {
            paddle.estimate(&change).await
        } else {
            paddle.preview(&change).await
        };
        let Ok(Previewed::Costs(cost)) = said else {
            panic!("{said:?}");
        };
        assert_eq!(cost.owed, usd(1_000));
        let lines: Vec<i64> = cost.lines.iter().map(|line| line.amount.amount).collect();
        assert_eq!(lines, [3_000, -2_000]);
    }
    // What is in place already: it costs what going back from it would give.
    let there = paddle.preview(&change(BIGGER, now(None))).await;
    let Ok(Previewed::Costs(cost)) = there else {
        panic!("{there:?}");
    };
    assert_eq!(cost.owed, usd(0));
    let lines: Vec<i64> = cost.lines.iter().map(|line| line.amount.amount).collect();
    assert_eq!(lines, [500, -2_000]);
    assert!(sent(&server, "PATCH", PLACE).await.is_empty());
}

#[tokio::test]
async fn what_is_asked_over_another_interval_to_come_is_refused_and_never_writes() {
    let (server, paddle) = paddle().await;
    let mut held = deferred();
    held["custom_data"]["billing_deferred"]["moves_dates"] = json!(true);
    answer(&server, "GET", PLACE, &held).await;
    let change = change("pri_top", now(None));
    for said in [
        paddle.preview(&change).await,
        paddle.estimate(&change).await,
    ] {
        assert!(
            matches!(&said, Ok(Previewed::Refused(why)) if why.code == "change_of_interval_to_come"),
            "{said:?}"
        );
    }
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().all(|sent| sent.method.as_str() == "GET"));
}

#[tokio::test]
async fn a_preview_asks_and_changes_nothing() {
    let (server, paddle) = paddle().await;
    let held = subscription(MONTHLY, january());
    world(&server, &held, &held, "1000").await;
    for (when, owed) in [
        (now(None), 1_000),
        (ChangeWhen::Unbilled, 0),
        (ChangeWhen::NextPeriod { at: None }, 0),
    ] {
        let previewed = paddle.preview(&change(BIGGER, when)).await;
        assert!(matches!(previewed, Ok(Previewed::Costs(cost)) if cost.owed == usd(owed)));
    }
    assert!(sent(&server, "PATCH", PLACE).await.is_empty());
    assert_eq!(sent(&server, "PATCH", PREVIEW).await.len(), 1);
}

#[tokio::test]
async fn what_a_lost_process_left_lifted_is_put_right_when_somebody_looks() {
    let (server, paddle) = paddle().await;
    let mut lifted = deferred();
    lifted["items"][0]["price"] = price(MONTHLY);
    lifted["custom_data"]["billing_deferred"]["lifted"] = json!(true);
    world(&server, &lifted, &deferred(), "0").await;
    let look = Order::ReadSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
    };
    let facts = done(&paddle, &look).await;
    assert_eq!(snapshot(&facts).price_ref, MONTHLY);
    let bodies = sent(&server, "PATCH", PLACE).await;
    assert_eq!(bodies[0]["items"][0]["price_id"], BIGGER);
    // So is it when it is read because of an event, or of the daily look.
    let object = ProviderRef {
        account: account(),
        kind: RefKind::Subscription,
        id: "sub_1".to_owned(),
    };
    paddle.read(&object).await.unwrap();
    assert_eq!(sent(&server, "PATCH", PLACE).await.len(), 2);
}

#[tokio::test]
async fn whoever_only_compares_is_told_what_was_left_and_writes_nothing() {
    let (server, paddle) = paddle().await;
    let mut lifted = deferred();
    lifted["items"][0]["price"] = price(MONTHLY);
    lifted["custom_data"]["billing_deferred"]["lifted"] = json!(true);
    world(&server, &lifted, &deferred(), "0").await;
    let object = ProviderRef {
        account: account(),
        kind: RefKind::Subscription,
        id: "sub_1".to_owned(),
    };
    let inspected = paddle.inspect(&object).await.unwrap();
    assert_eq!(snapshot(&inspected.facts).price_ref, MONTHLY);
    let left = inspected.left.unwrap();
    assert_eq!(left.stands, "pri_month x 1");
    assert_eq!(left.wanted, "pri_bigger x 1 from 2026-02-01T00:00:00Z");
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().all(|sent| sent.method.as_str() == "GET"));
    // Put right by whoever reads it, nothing is left.
    paddle.read(&object).await.unwrap();
    assert_eq!(sent(&server, "PATCH", PLACE).await.len(), 1);
}

#[tokio::test]
async fn what_was_left_lifted_is_told_though_it_cannot_be_put_right() {
    let object = ProviderRef {
        account: account(),
        kind: RefKind::Subscription,
        id: "sub_1".to_owned(),
    };
    // What has ended or stands still is left as it is.
    for status in ["canceled", "paused"] {
        let (server, paddle) = paddle().await;
        let mut held = lifted("quote");
        held["status"] = json!(status);
        world(&server, &held, &deferred(), "0").await;
        let facts = paddle.read(&object).await.unwrap();
        assert_eq!(snapshot(&facts).status.as_str(), status);
        assert!(sent(&server, "PATCH", PLACE).await.is_empty(), "{status}");
    }
    // What Paddle does not take now is told as it stands.
    let (server, paddle) = paddle().await;
    answer(&server, "GET", PLACE, &lifted("quote")).await;
    let paid = json!([transaction("completed", january())]);
    answer(&server, "GET", "/transactions", &paid).await;
    let locked = refusal("subscription_locked_renewal", "later");
    respond(&server, "PATCH", PLACE, 400, locked).await;
    let facts = paddle.read(&object).await.unwrap();
    assert_eq!(snapshot(&facts).price_ref, MONTHLY);
    assert_eq!(sent(&server, "PATCH", PLACE).await.len(), 1);
}

#[tokio::test]
async fn what_is_paused_is_told_no_date() {
    for (status, dated) in [("paused", false), ("active", true)] {
        let (server, paddle) = paddle().await;
        let mut held = deferred();
        held["status"] = json!(status);
        held["custom_data"]["billing_deferred"]["moves_dates"] = json!(true);
        world(&server, &held, &subscription(MONTHLY, january()), "0").await;
        done(&paddle, &undo(None)).await;
        let bodies = sent(&server, "PATCH", PLACE).await;
        assert_eq!(bodies[0]["items"][0]["price_id"], MONTHLY);
        assert_eq!(bodies[0].get("next_billed_at").is_some(), dated, "{status}");
    }
}

#[test]
fn what_was_announced_for_a_day_waits_for_it_and_no_longer() {
    let held = deferred();
    let noted = held["custom_data"]["billing_deferred"].clone();
    let announced: Deferred = serde_json::from_value(noted.clone()).unwrap();
    let (before, on) = (at("2026-01-31T23:59:59Z"), january().end);
    assert_eq!(announced.begun_at(before).price, MONTHLY);
    assert_eq!(announced.begun_at(on).price, BIGGER);
    let mut asked_for = noted;
    asked_for["change"] = json!("chg_00000000000000000000000000000004");
    let asked_for: Deferred = serde_json::from_value(asked_for).unwrap();
    assert_eq!(asked_for.begun_at(before).price, BIGGER);
}

#[tokio::test]
async fn what_somebody_is_at_work_on_is_left_alone() {
    let (server, paddle) = paddle().await;
    let mut held = lifted("quote");
    held["updated_at"] = json!("2026-01-19T23:51:00Z");
    world(&server, &held, &deferred(), "0").await;
    let look = Order::ReadSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
    };
    let facts = done(&paddle, &look).await;
    assert_eq!(snapshot(&facts).price_ref, MONTHLY);
    assert!(sent(&server, "PATCH", PLACE).await.is_empty());
}

#[tokio::test]
async fn extras_stay_and_a_trial_is_changed_for_nothing() {
    let (server, paddle) = paddle().await;
    let mut held = subscription(MONTHLY, january());
    held["status"] = json!("trialing");
    let extra = json!({ "price": price("pri_extra"), "quantity": 4, "recurring": true });
    held["items"].as_array_mut().unwrap().push(extra);
    world(&server, &held, &held, "0").await;
    done(&paddle, &order(change(BIGGER, now(Some(0))))).await;
    let body = &sent(&server, "PATCH", PLACE).await[0];
    let items = json!([
        { "price_id": BIGGER, "quantity": 1 },
        { "price_id": "pri_extra", "quantity": 4 },
    ]);
    assert_eq!(body["items"], items);
    assert_eq!(body["proration_billing_mode"], "do_not_bill");
}

/// MONTHLY is paid for, and YEARLY waits in place since 15 January; Paddle counts from
/// there, to the end that it was told.
fn another_interval(period: Period) -> Value {
    let mut held = subscription(YEARLY, period);
    held["billing_cycle"] = json!({ "interval": "year", "frequency": 1 });
    held["custom_data"]["billing_deferred"] = json!({
        "paid": { "price": MONTHLY, "quantity": 1 },
        "later": { "price": YEARLY, "quantity": 1 },
        "until": january().end,
        "since": january().start,
        "moves_dates": true,
        "counted_at": "2026-01-15T09:00:00Z",
    });
    held
}

/// Where Paddle began to count when YEARLY was put in place.
const COUNTED: &str = "2026-01-15T09:00:20Z";

#[test]
fn a_date_that_is_moved_ends_no_wait_for_another_interval() {
    for (what, begins, ends, paid) in [
        ("it waits", COUNTED, "2026-02-01T00:00:00Z", MONTHLY),
        ("moved back", COUNTED, "2026-02-20T00:00:00Z", MONTHLY),
        ("moved forward", COUNTED, "2026-01-25T00:00:00Z", MONTHLY),
        (
            "renewed on its day",
            "2026-02-01T00:00:00Z",
            "2027-02-01T00:00:00Z",
            YEARLY,
        ),
        (
            "renewed where it was moved back to",
            "2026-02-20T00:00:00Z",
            "2027-02-20T00:00:00Z",
            YEARLY,
        ),
        (
            "renewed where it was moved forward to",
            "2026-01-25T00:00:00Z",
            "2027-01-25T00:00:00Z",
            YEARLY,
        ),
        (
            "resumed after a pause",
            "2026-01-18T00:00:00Z",
            "2027-01-18T00:00:00Z",
            YEARLY,
        ),
    ] {
        let mut held = another_interval(super::period(begins, ends));
        super::seal(&mut held);
        let held: Subscription = serde_json::from_value(held).unwrap();
        assert_eq!(
            super::teller().present(&held).unwrap().price,
            paid,
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_date_that_was_moved_stays_where_it_is() {
    let moved = at("2026-02-20T00:00:00Z");
    let held = another_interval(Period {
        start: at(COUNTED),
        end: moved,
    });
    let (server, paddle) = paddle().await;
    world(&server, &held, &subscription(MONTHLY, january()), "0").await;
    done(&paddle, &undo(None)).await;
    assert_eq!(
        sent(&server, "PATCH", PLACE).await[0]["next_billed_at"],
        json!(moved)
    );
    // What is to come instead waits until there as well, counted from now.
    let (server, paddle) = self::paddle().await;
    world(&server, &held, &held, "0").await;
    let other = change(BIGGER, ChangeWhen::NextPeriod { at: None });
    done(&paddle, &order(other)).await;
    let body = &sent(&server, "PATCH", PLACE).await[0];
    assert_eq!(body["next_billed_at"], json!(moved));
    let note = &body["custom_data"]["billing_deferred"];
    assert_eq!(note["until"], json!(moved));
    assert_eq!(note["counted_at"], json!("2026-01-20T00:00:00Z"));
}

/// A note of a plan that was never paid for, with what was bought in place.
fn with_note(seals: &Value) -> Value {
    let mut held = subscription(MONTHLY, january());
    held["custom_data"]["billing_deferred"] = json!({
        "paid": { "price": BIGGER, "quantity": 99 },
        "later": { "price": MONTHLY, "quantity": 1 },
        "until": "2099-01-01T00:00:00Z",
        "seals": seals,
    });
    held
}

#[tokio::test]
async fn a_note_that_was_not_sealed_here_is_not_believed() {
    let object = ProviderRef {
        account: account(),
        kind: RefKind::Subscription,
        id: "sub_1".to_owned(),
    };
    // The seal of another subscription, and of another note of the same.
    let teller = super::teller();
    let said = |held: &Value| {
        let mut noted = held["custom_data"]["billing_deferred"].clone();
        noted.as_object_mut().unwrap().remove("seals");
        serde_json::from_value::<Deferred>(noted).unwrap()
    };
    let note = said(&with_note(&json!([])));
    let other = Deferred {
        until: at("2098-01-01T00:00:00Z"),
        ..note.clone()
    };
    let seals = |of: &str, note: &Deferred| teller.sealed(of, note).unwrap()["seals"].clone();
    for (seals, told) in [
        (json!([]), MONTHLY),
        (json!("yes"), MONTHLY),
        (json!(["00"]), MONTHLY),
        (seals("sub_2", &note), MONTHLY),
        (seals("sub_1", &other), MONTHLY),
        (seals("sub_1", &note), BIGGER),
    ] {
        let (server, paddle) = paddle().await;
        let held = json!({ "data": with_note(&seals) });
        Mock::given(method("GET"))
            .and(path(PLACE))
            .respond_with(ResponseTemplate::new(200).set_body_json(held))
            .mount(&server)
            .await;
        let paid = json!([transaction("completed", january())]);
        answer(&server, "GET", "/transactions", &paid).await;
        let facts = paddle.read(&object).await.unwrap();
        assert_eq!(snapshot(&facts).price_ref, told, "{seals}");
        assert!(sent(&server, "PATCH", PLACE).await.is_empty());
    }
}

#[tokio::test]
async fn a_note_outlives_the_rotation_of_any_one_key() {
    let note: Deferred =
        serde_json::from_value(deferred()["custom_data"]["billing_deferred"].clone()).unwrap();
    let other = |text: &str| secrecy::SecretString::from(text);
    let new_key = || other("pdl_sdbx_apikey_new");
    let new_hook = || vec![other("pdl_ntfset_new")];
    let believes = |before: &crate::PaddleOptions, rotated: &crate::PaddleOptions| {
        let mut held = deferred();
        let sealing = crate::map::Teller::new(before);
        held["custom_data"]["billing_deferred"] = sealing.sealed("sub_1", &note).unwrap();
        let held: Subscription = serde_json::from_value(held).unwrap();
        let teller = crate::map::Teller::new(rotated);
        let believed = teller.note(&held).is_some();
        assert_eq!(teller.is_forged(&held), !believed);
        believed
    };
    let now = super::options();
    let with = |api_key, webhook_secrets, note_keys: &[&str]| crate::PaddleOptions {
        api_key,
        webhook_secrets,
        note_keys: note_keys.iter().map(|key| other(key)).collect(),
        ..now.clone()
    };
    let hook = || now.webhook_secrets.clone();
    for (api_key, webhook_secrets, believed) in [
        (now.api_key.clone(), hook(), true),
        (new_key(), hook(), true),
        (now.api_key.clone(), new_hook(), true),
        (new_key(), new_hook(), false),
    ] {
        let rotated = with(api_key, webhook_secrets, &[]);
        assert_eq!(believes(&now, &rotated), believed);
    }
    // A key of our own bears it out where both of the others are new.
    let own = with(now.api_key.clone(), hook(), &["our own"]);
    for (note_keys, believed) in [
        (&["our own"][..], true),
        (&["newer", "our own"], true),
        (&["newer"], false),
        (&[], false),
    ] {
        let rotated = with(new_key(), new_hook(), note_keys);
        assert_eq!(believes(&own, &rotated), believed, "{note_keys:?}");
    }
}
