//! Why a change is not quoted: every code, and what is no quantity at all.

use billing_domain::effect::{EffectKey, Order};
use billing_domain::ids::IdSeq;
use billing_domain::money::{Currency, Money};
use billing_ports::store::{Also, Ring as _};
use billing_ports::{Answer, Clock as _, PaymentProvider as _};
use billing_sandbox::{Fault, Mode};
use billing_testkit::fixtures::next_commit;
use serde_json::{Value, json};

use crate::rig::{READ, WRITE, text};
use crate::shop::{Holder, PAGES, PLANS, sells, shop};

/// Asks for each and checks how it is refused, and that nothing was written.
async fn refusals(holder: &Holder<'_>, table: &[(Value, u16, &str)]) {
    let before = holder.rig.store.snapshot();
    for (wanted, status, code) in table {
        let got = holder.asks_for(wanted.clone()).send().await;
        let body = got.refused(*status, code);
        assert!(body["errors"].is_null(), "{wanted}: {body}");
    }
    assert_eq!(holder.rig.store.snapshot(), before);
}

#[tokio::test]
async fn a_target_that_cannot_be_is_refused_with_its_code() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let granted = rig
        .post("/v1/customers/ana/grants")
        .by(WRITE)
        .json(json!({ "plan": "corp" }));
    granted.send().await.ok(201);
    refusals(
        &ana,
        &[
            (json!({ "plan": "nosuch" }), 422, "unknown_target"),
            (json!({ "plan": "../etc" }), 422, "unknown_target"),
            (json!({ "price": "nosuch" }), 422, "unknown_target"),
            (
                json!({ "plan": "team", "price": "pro-monthly" }),
                422,
                "unknown_target",
            ),
            (json!({ "price": "pro-old" }), 422, "target_retired"),
            (json!({ "plan": "loose" }), 422, "unranked_target"),
            (json!({ "plan": "basic" }), 422, "nothing_changes"),
            (json!({ "price": "basic-monthly" }), 422, "nothing_changes"),
            (json!({ "quantity": 1 }), 422, "nothing_changes"),
            (json!({ "quantity": 2 }), 422, "quantity_out_of_bounds"),
            (
                json!({ "plan": "team", "quantity": 1 }),
                422,
                "quantity_out_of_bounds",
            ),
            (
                json!({ "plan": "team", "quantity": 3 }),
                422,
                "quantity_out_of_bounds",
            ),
            (
                json!({ "plan": "team", "quantity": 11 }),
                422,
                "quantity_out_of_bounds",
            ),
            (json!({ "price": "pro-euro" }), 422, "currency_mismatch"),
            (json!({ "plan": "side" }), 403, "change_forbidden"),
            (json!({ "plan": "free" }), 422, "is_purchase"),
            (json!({ "price": "pro-once" }), 422, "is_purchase"),
            (json!({ "plan": "corp" }), 422, "already_granted"),
            (json!({ "price": "pro-away" }), 422, "not_sold_there"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_higher_plan_with_fewer_pieces_is_two_changes() {
    let rig = shop(PAGES).await;
    let customer = rig.customer("ana").await;
    let bought = rig
        .post("/v1/checkouts")
        .by(WRITE)
        .json(json!({ "customer": customer, "price": "team-monthly", "quantity": 4 }));
    let bought = bought.send().await.ok(201);
    rig.pays(bought["url"].as_str().unwrap()).await;
    let ana = Holder::holding(&rig, customer).await;
    let wanted = json!({ "plan": "corp", "quantity": 2 });
    refusals(&ana, &[(wanted, 422, "mixed_change")]).await;
    let fewer = ana.quote(json!({ "quantity": 2 })).await;
    assert_eq!(fewer["timing"], "period_end");
    assert_eq!(fewer["kinds"], json!(["quantity_down"]));
    let more = ana.quote(json!({ "quantity": 6 })).await;
    assert_eq!(more["timing"], "now");
    assert_eq!(more["kinds"], json!(["quantity_up"]));
}

#[tokio::test]
async fn what_is_no_quantity_or_no_field_is_named() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let before = rig.store.snapshot();
    let path = format!("/v1/me/subscriptions/{}/quotes", ana.subscription);
    for number in ["0", "-1", "1.5", "\"3\"", "1e3", "4294967296", "true"] {
        let body = format!(r#"{{"plan": "team", "quantity": {number}}}"#);
        let ask = rig.post(&path).by(&ana.session);
        let got = ask.bytes("application/json", body).send().await;
        got.wrong("quantity");
    }
    let ask = |body| ana.asks_for(body).send();
    ask(json!({})).await.wrong("plan");
    ask(json!({ "plan": "pro", "amount": 1 }))
        .await
        .wrong("amount");
    ask(json!({ "plan": 7 })).await.wrong("plan");
    ask(json!({ "price": [] })).await.wrong("price");
    assert_eq!(rig.store.snapshot(), before);
}

#[tokio::test]
async fn a_downgrade_may_be_forbidden() {
    let plans = format!("{PLANS}\nrules:\n  changes:\n    downgrade: {{ when: forbidden }}\n");
    let rig = shop(PAGES).await;
    sells(&rig.state.billing, &plans).await;
    let ana = Holder::of(&rig, "ana", "pro-monthly").await;
    let wanted = json!({ "plan": "basic" });
    refusals(&ana, &[(wanted, 403, "downgrade_forbidden")]).await;
}

#[tokio::test]
async fn what_is_unpaid_canceled_or_over_is_not_changed() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let cancel = format!("/v1/me/subscriptions/{}/cancel", ana.subscription);
    rig.post(&cancel).by(&ana.session).send().await.ok(200);
    let yearly = json!({ "price": "pro-yearly" });
    refusals(&ana, &[(yearly, 409, "cancellation_pending")]).await;
    let now = format!("/v1/subscriptions/{}/cancel", ana.subscription);
    let now = rig.post(&now).by(WRITE).json(json!({ "when": "now" }));
    now.send().await.ok(200);
    let pro = || json!({ "plan": "pro" });
    refusals(&ana, &[(pro(), 409, "illegal_transition")]).await;
    let list = format!("/v1/me/subscriptions/{}/changes", ana.subscription);
    let list = rig.get(&list).by(&ana.session).send().await;
    list.refused(409, "illegal_transition");

    let bob = Holder::of(&rig, "bob", "basic-monthly").await;
    rig.clock.set("2026-04-18T00:00:00Z".parse().unwrap());
    rig.state.billing.work_until_idle().await.unwrap();
    let session = rig.session("bob").await;
    let bob = Holder { session, ..bob };
    refusals(&bob, &[(pro(), 409, "invoice_open")]).await;
}

#[tokio::test]
async fn a_provider_that_refuses_or_is_not_reached_changes_nothing() {
    let rig = shop(Mode::OwnSchedule).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let pro = || json!({ "plan": "pro" });
    rig.sandbox.inject(Fault::NotReached);
    let got = ana.asks_for(pro()).send().await;
    got.refused(502, "provider_error");
    let quote = ana.quote(pro()).await;
    assert_eq!(quote["source"], "provider");
    rig.sandbox.inject(Fault::Refuse {
        code: "card_declined".to_owned(),
    });
    let got = ana.accepts(&quote).send().await;
    let refused = got.refused(402, "payment_required");
    assert_eq!(refused["provider_code"], "card_declined");
    // It would charge something else than it said: another quote is needed.
    let quote = ana.quote(pro()).await;
    rig.sandbox.inject(Fault::Refuse {
        code: "quote_stale".to_owned(),
    });
    let got = ana.accepts(&quote).send().await;
    got.refused(409, "quote_stale");
    rig.deliver().await;
    assert_eq!(ana.stands().await["plan"], "basic");
}

#[tokio::test]
async fn what_is_paid_ahead_takes_effect_before_another_change_is_to_come() {
    let rig = shop(PAGES).await;
    let mut plans = PLANS.to_owned();
    for price in [
        "basic-monthly: { amount: 10.00",
        "pro-monthly: { amount: 30.00",
    ] {
        assert!(plans.contains(price));
        plans = plans.replace(price, &format!("{price}, lead: 10d"));
    }
    sells(&rig.state.billing, &plans).await;
    let ana = Holder::of(&rig, "ana", "pro-monthly").await;
    let change = ana.changes(json!({ "plan": "basic" })).await;
    assert_eq!(change["status"], "scheduled");
    // Nothing is paid for it yet: another may take its place.
    let side = || json!({ "plan": "side" });
    assert_eq!(ana.quote(side()).await["timing"], "period_end");

    rig.clock.set("2026-03-25T00:00:00Z".parse().unwrap());
    rig.state.billing.work_until_idle().await.unwrap();
    let open = format!("/v1/invoices?customer={}&status=open", ana.customer);
    let open = rig.get(&open).by(READ).send().await.ok(200);
    rig.pays(&text(&open["data"][0]["pay_url"])).await;
    let session = rig.session(&ana.customer).await;
    let ana = Holder { session, ..ana };
    assert_eq!(ana.stands().await["plan"], "pro", "until its period ends");
    refusals(&ana, &[(side(), 409, "change_paid")]).await;
    // Once it is in effect, the next may come.
    rig.clock.set("2026-04-02T00:00:00Z".parse().unwrap());
    rig.state.billing.work_until_idle().await.unwrap();
    let session = rig.session(&ana.customer).await;
    let ana = Holder { session, ..ana };
    assert_eq!(ana.stands().await["plan"], "basic");
    ana.quote(json!({ "plan": "pro" })).await;
}

#[tokio::test]
async fn an_amount_that_does_not_fit_is_refused() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    // A debt of all the money there is, and then more.
    let customer = ana.customer.parse().unwrap();
    let before = rig.store.load(customer, &Also::default()).await;
    let before = before.unwrap().unwrap();
    let mut after = before.account.clone();
    after.customer.balances = vec![Money::new(i64::MIN + 1, Currency::USD)];
    let debt = next_commit(&before, &after, rig.clock.now());
    rig.store.commit(debt).await.unwrap();
    let pro = json!({ "plan": "pro" });
    refusals(&ana, &[(pro, 422, "amount_out_of_range")]).await;
}

#[tokio::test]
async fn a_provider_that_is_down_or_would_refuse_makes_no_quote() {
    let rig = shop(Mode::OwnSchedule).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let pro = || json!({ "plan": "pro" });
    for fault in [Fault::NotReached, Fault::TimeOutBefore, Fault::LoseAnswer] {
        rig.sandbox.inject(fault);
        refusals(&ana, &[(pro(), 502, "provider_error")]).await;
    }
    ana.quote(pro()).await;

    // Paused over there by somebody, which nobody has told here.
    let held = rig.store.snapshot().accounts[0].account.subscriptions[0].clone();
    let order = Order::PauseSubscription {
        provider: rig.sandbox.account().clone(),
        reference: held.reference().unwrap().to_owned(),
        change: None,
    };
    let effect = IdSeq::new(rig.clock.now(), 41).draw();
    let key = EffectKey::subscription("pause", held.id, effect);
    let paused = rig.sandbox.perform(effect, &key, &order).await.unwrap();
    assert!(matches!(paused, Answer::Done(_)), "{paused:?}");
    refusals(&ana, &[(pro(), 422, "provider_refused")]).await;
    let refused = ana.asks_for(pro()).send().await;
    let refused = refused.refused(422, "provider_refused");
    assert_eq!(refused["provider_code"], "subscription_paused");
}
