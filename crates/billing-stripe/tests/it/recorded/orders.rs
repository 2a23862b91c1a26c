//! Changes of a subscription, as `record.py` says them.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, Order, Resuming};
use billing_domain::money::{Currency, Money};
use billing_domain::time::{Interval, Unit};
use billing_ports::{PaymentProvider, ResumePreviewed};
use billing_stripe::{PauseStyle, StripeOptions};
use serde_json::{Value, json};

use super::Recording;
use crate::support::{Far, account, at, ok};

const SUBSCRIPTION: &str = "/v1/subscriptions/sub_1";
const SCHEDULE: &str = "/v1/subscription_schedules/sub_sched_1";

/// A subscription of two pieces, and whatever else is said of it.
fn subscription(more: &Value) -> Value {
    let mut subscription = json!({
        "id": "sub_1", "status": "active", "customer": "cus_9", "metadata": {},
        "items": { "data": [{
            "id": "si_1", "price": { "id": "price_team" }, "quantity": 2,
            "current_period_start": 1_795_200_000, "current_period_end": 1_797_792_000,
        }]},
    });
    for (name, value) in more.as_object().unwrap() {
        subscription[name] = value.clone();
    }
    subscription
}

/// A Stripe with one subscription, that does whatever is asked of it.
async fn with(options: fn(StripeOptions) -> StripeOptions, more: &Value) -> Far {
    let far = Far::with(options).await;
    let standing = ok(&subscription(more));
    for (verb, path) in [
        ("GET", SUBSCRIPTION),
        ("POST", SUBSCRIPTION),
        ("DELETE", SUBSCRIPTION),
        ("POST", "/v1/subscriptions/sub_1/pause"),
        ("POST", "/v1/subscriptions/sub_1/resume"),
    ] {
        far.answers(verb, path, standing.clone()).await;
    }
    let change = "chg_00000000000000000000000000000003";
    let schedule = ok(&json!({ "id": "sub_sched_1", "status": "active",
        "metadata": { "billing_change": change },
        "current_phase": { "start_date": 1_795_200_000, "end_date": 1_797_792_000 } }));
    let release = format!("{SCHEDULE}/release");
    for (verb, path) in [
        ("GET", SCHEDULE),
        ("POST", SCHEDULE),
        ("POST", "/v1/subscription_schedules"),
        ("POST", release.as_str()),
    ] {
        far.answers(verb, path, schedule.clone()).await;
    }
    let preview = json!({ "id": "upcoming_in_1", "currency": "usd", "total": 2_100,
        "amount_due": 2_100, "lines": { "data": [{ "amount": 2_100 }] } });
    far.answers("POST", "/v1/invoices/create_preview", ok(&preview))
        .await;
    far
}

async fn standing(more: &Value) -> Far {
    with(|options| options, more).await
}

fn change(when: ChangeWhen) -> ChangeSubscription {
    ChangeSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
        change: Some("chg_00000000000000000000000000000003".parse().unwrap()),
        description: "Acme, Pro".to_owned(),
        price_ref: "price_pro".to_owned(),
        amount: Money::new(5_000, Currency::USD),
        quantity: 3,
        interval: Interval::new(Unit::Month, 3).ok(),
        when,
        ends_discount: false,
    }
}

pub(super) async fn changes(recording: &mut Recording) {
    let far = standing(&json!({ "schedule": "sub_sched_1" })).await;
    let prorated = change(ChangeWhen::Prorated {
        at: at("2026-11-21T09:58:00Z"),
        quoted: Some(Money::new(2_100, Currency::USD)),
    });
    far.done(&Order::ChangeSubscription(prorated)).await;
    let names = [
        "read a subscription",
        "preview a change",
        "let a schedule go",
        "change at once, prorated",
    ];
    recording.has(&far, &names).await;

    let far = standing(&json!({})).await;
    far.done(&Order::ChangeSubscription(change(ChangeWhen::Unbilled)))
        .await;
    let names = ["read a subscription", "change at once, unbilled"];
    recording.has(&far, &names).await;
}

/// What is discounted ends with the change, whichever way that comes.
pub(super) async fn ended_discounts(recording: &mut Recording) {
    let prorated = ChangeWhen::Prorated {
        at: at("2026-11-21T09:58:00Z"),
        quoted: Some(Money::new(2_100, Currency::USD)),
    };
    for (when, names) in [
        (
            prorated,
            [
                "read a subscription",
                "preview a change without the discount",
                "change at once, prorated, without the discount",
            ]
            .as_slice(),
        ),
        (
            ChangeWhen::Unbilled,
            &[
                "read a subscription",
                "change at once, unbilled, without the discount",
            ],
        ),
        (
            ChangeWhen::NextPeriod { at: None },
            &[
                "read a subscription",
                "put a change off: make a schedule",
                "put a change off: say the phases, the second without the discount",
                "read a subscription",
            ],
        ),
    ] {
        let far = standing(&json!({ "status": "trialing", "trial_end": 1_797_792_000,
            "discounts": ["di_1"] }))
        .await;
        let order = ChangeSubscription {
            ends_discount: true,
            ..change(when)
        };
        far.done(&Order::ChangeSubscription(order)).await;
        recording.has(&far, names).await;
    }
}

pub(super) async fn schedules(recording: &mut Recording) {
    let on_trial = json!({ "status": "trialing", "trial_end": 1_797_792_000,
        "discounts": ["di_1"] });
    let far = standing(&on_trial).await;
    let next = change(ChangeWhen::NextPeriod { at: None });
    far.done(&Order::ChangeSubscription(next)).await;
    let names = [
        "read a subscription",
        "put a change off: make a schedule",
        "put a change off: say the phases",
        "read a subscription",
    ];
    recording.has(&far, &names).await;

    let far = standing(&json!({ "schedule": "sub_sched_1" })).await;
    let undo = Order::UndoChange {
        provider: account(),
        reference: "sub_1".to_owned(),
        change: change(ChangeWhen::Unbilled).change,
    };
    far.done(&undo).await;
    let names = [
        "read a subscription",
        "read a schedule",
        "let a schedule go",
        "read a subscription",
    ];
    recording.has(&far, &names).await;
}

pub(super) async fn ends(recording: &mut Recording) {
    for (at_once, name) in [(false, "end with the period"), (true, "end at once")] {
        let far = standing(&json!({})).await;
        let order = Order::CancelSubscription {
            provider: account(),
            reference: "sub_1".to_owned(),
            at_once,
        };
        far.done(&order).await;
        recording.has(&far, &["read a subscription", name]).await;
    }
    // By whichever of its two fields says that it ends.
    for (ending, name) in [
        (
            json!({ "cancel_at_period_end": true, "cancel_at": 1_797_792_000 }),
            "take back the end with the period",
        ),
        (
            json!({ "cancel_at": 1_796_000_000 }),
            "take back the end at a date",
        ),
    ] {
        let far = standing(&ending).await;
        let order = Order::UndoCancellation {
            provider: account(),
            reference: "sub_1".to_owned(),
            subscription: "sub_00000000000000000000000000000004".parse().unwrap(),
        };
        far.done(&order).await;
        recording.has(&far, &["read a subscription", name]).await;
    }
}

const WHOLE: fn(StripeOptions) -> StripeOptions = |options| StripeOptions {
    pause: PauseStyle::Subscription,
    ..options
};

pub(super) async fn pauses(recording: &mut Recording) {
    let collection: fn(StripeOptions) -> StripeOptions = |options| options;
    for (options, name) in [
        (collection, "pause the collection"),
        (WHOLE, "pause as a whole"),
    ] {
        let far = with(options, &json!({})).await;
        let order = Order::PauseSubscription {
            provider: account(),
            reference: "sub_1".to_owned(),
            change: None,
        };
        far.done(&order).await;
        recording.has(&far, &["read a subscription", name]).await;
    }
}

pub(super) async fn resumptions(recording: &mut Recording) {
    let left_out = json!({ "id": "in_1", "status": "void", "attempt_count": 0,
        "billing_reason": "subscription_cycle", "currency": "usd", "total": 2_000,
        "lines": { "data": [{ "amount": 2_000,
            "period": { "start": 1_795_200_000, "end": 1_797_792_000 } }] } });
    let void = json!({ "behavior": "void" });
    for (stopped, preview, resume) in [
        (
            json!({ "status": "paused" }),
            Some("preview going on"),
            "resume as a whole",
        ),
        (
            json!({ "pause_collection": void, "latest_invoice": left_out }),
            Some("preview going on with a new period"),
            "collect again, with a new period",
        ),
        (json!({ "pause_collection": void }), None, "collect again"),
    ] {
        let far = standing(&stopped).await;
        let ask = Resuming {
            provider: account(),
            reference: "sub_1".to_owned(),
            amount: Money::new(2_000, Currency::USD),
            interval: Some(Interval::MONTH),
            at: at("2026-11-21T10:00:00Z"),
        };
        let said = far.stripe.preview_resume(&ask).await;
        assert!(matches!(said, Ok(ResumePreviewed::Costs(_))), "{said:?}");
        let order = Order::ResumeSubscription {
            provider: account(),
            reference: "sub_1".to_owned(),
            change: None,
            quoted: None,
        };
        far.done(&order).await;
        let mut names = vec!["read a subscription"];
        names.extend(preview);
        names.extend(["read a subscription", resume]);
        recording.has(&far, &names).await;
    }
}
