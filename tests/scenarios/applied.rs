//! What was paid or given is applied once, and the license is the same for life.

use billing::sandbox::Fault;
use billing_domain::time::Timestamp;
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::books::Books;
use super::harbor::{
    END, MIDDLE, PAGES, bought, ends_well, harbor, listed, over, pay, pays, read, sent, storm,
    text, told, unanswered, until, usd,
};
use super::{CARDS, PROVIDER, on_both_stores};
use crate::rig::StoreKind;

on_both_stores! {
    /// K-07: twenty settlements at once are one application and one event.
    k_07_settlement_applies_exactly_once;
    /// K-08: what an operator gave is applied once, and no renewal plays it again.
    k_08_a_comp_is_not_replayed_at_renewal;
    /// K-10: both ways to collect, and the reason in the journal.
    k_10_an_operator_collects_or_not_and_says_why;
    /// K-10: where the provider charges by itself, it charges what the operator gave.
    k_10_a_provider_that_charges_by_itself_follows;
    /// K-15: renewal after renewal extends the same license of the same subscription.
    k_15_a_renewal_makes_no_second_license;
}

async fn k_07_settlement_applies_exactly_once(kind: StoreKind) {
    let books = Books::fresh(kind).await;
    let site = over(std::sync::Arc::clone(&books.store), PAGES, None).await;
    let held = bought(&site, "deck-monthly").await;
    until(&site, MIDDLE).await;
    let before = held.shown(&site).await;
    let stood = held.stands(&site).await;
    let end = |grace: i64| {
        let paid_through: Timestamp = END.parse().unwrap();
        let second = paid_through.as_second() + grace * 24 * 3_600;
        Some(Timestamp::from_second(second).unwrap())
    };
    assert_eq!(held.says(&site).await.2, end(7));
    let change = held.upgrade(&site, json!({ "plan": "bridge" })).await;
    let change = change.is(StatusCode::OK).json();
    site.rig.settle().await;
    pay(&site, &text(&change["checkout_url"])).await;
    // The sandbox hears of no answer, and so sends it again.
    let webhooks = unanswered(&site).await;
    storm(&site, &webhooks, 20).await;

    let after = held.shown(&site).await;
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["key"], before["key"]);
    assert_eq!(
        after["serial"],
        json!(before["serial"].as_u64().unwrap() + 1)
    );
    let says = held.says(&site).await;
    assert_eq!(
        says,
        ("bridge".to_owned(), json!({ "editor": "write" }), end(14))
    );
    let stands = held.stands(&site).await;
    assert_eq!(stands["id"], stood["id"]);
    assert_eq!(stands["price"], "bridge-monthly");
    assert_eq!(stands["paid_through"], stood["paid_through"]);
    for event in ["license.tier_changed", "plan.changed"] {
        assert_eq!(held.happened(&site, event).await.len(), 1, "{event}");
        assert_eq!(told(&site, event), 1, "{event}");
    }
    let invoices = held.invoices(&site).await;
    assert_eq!(invoices.len(), 2);
    assert_eq!(invoices[1]["status"], "settled");
    assert_eq!(invoices[1]["payments"].as_array().unwrap().len(), 1);
    let path = format!("/v1/changes/{}", text(&change["id"]));
    let applied = read(&site, &path).await;
    assert_eq!(applied["status"], "applied");
    let rows = format!("/v1/licenses?customer={}", held.customer);
    assert_eq!(listed(&site, &rows).await.len(), 1);

    // An hour later the same again, signed anew: not one row is another.
    let rows = books.dump().await;
    site.rig.clock.advance(SignedDuration::from_hours(1));
    let again = sent(&site).await;
    assert_eq!(again.len(), webhooks.len());
    storm(&site, &again, 20).await;
    assert_eq!(books.dump().await, rows);
    assert_eq!(read(&site, &path).await, applied);
    ends_well(&site).await;
}

async fn k_08_a_comp_is_not_replayed_at_renewal(kind: StoreKind) {
    let site = harbor(kind, CARDS).await;
    let (kept, lowered) = (
        bought(&site, "deck-monthly").await,
        bought(&site, "deck-monthly").await,
    );
    until(&site, MIDDLE).await;
    let comp = |plan: &str| json!({ "plan": plan, "collect": "none", "reason": "a gift" });
    let mut applied = Vec::new();
    for held in [&kept, &lowered] {
        let given = held.forced(&site, &comp("bridge")).await;
        let given = given.is(StatusCode::OK).json();
        assert_eq!(given["status"], "applied");
        assert_eq!(held.says(&site).await.0, "bridge");
        applied.push(given);
    }
    // One is lowered again before its renewal: the gift is over, and stays so.
    until(&site, "2026-03-20T00:00:00Z").await;
    lowered
        .forced(&site, &comp("deck"))
        .await
        .is(StatusCode::OK);

    until(&site, "2026-05-02T00:00:00Z").await;
    for (held, plan, amount, moves) in [(&kept, "bridge", 7_500, 1), (&lowered, "deck", 2_500, 2)] {
        assert_eq!(held.says(&site).await.0, plan);
        assert_eq!(held.stands(&site).await["plan"], plan);
        let invoices = held.invoices(&site).await;
        let owed: Vec<&Value> = invoices.iter().map(|row| &row["amount"]).collect();
        assert_eq!(owed, [&usd(2_500), &usd(amount), &usd(amount)]);
        let moved = held.happened(&site, "license.tier_changed").await;
        assert_eq!(moved.len(), moves, "{plan}");
    }
    for given in &applied {
        let now = read(&site, &format!("/v1/changes/{}", text(&given["id"]))).await;
        assert_eq!(&now, given, "applied once, then");
    }
    ends_well(&site).await;
}

async fn k_10_an_operator_collects_or_not_and_says_why(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let held = bought(&site, "deck-monthly").await;
    until(&site, MIDDLE).await;
    let asked = site.rig.sandbox.books().invoices.len();

    let free = json!({ "plan": "bridge", "collect": "none", "reason": "won a prize" });
    let given = held.forced(&site, &free).await.is(StatusCode::OK).json();
    assert_eq!(given["status"], "applied");
    assert_eq!(given["applied_at"], MIDDLE);
    assert_eq!(given["owed"], usd(0));
    assert_eq!(given["checkout_url"], Value::Null);
    assert_eq!(
        (&given["by"], &given["reason"]),
        (&json!("operator"), &json!("won a prize"))
    );
    assert_eq!(held.says(&site).await.0, "bridge");
    assert_eq!(site.rig.sandbox.books().invoices.len(), asked);
    let balances = read(&site, &format!("/v1/customers/{}", held.customer)).await;
    assert_eq!(balances["balances"], json!([]));

    // A zero charge cannot be collected, and the refusal says what can be done.
    let zero = json!({ "plan": "deck", "collect": "invoice", "reason": "too much" });
    let refused = held.forced(&site, &zero).await;
    refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "nothing_to_collect");
    assert!(text(&refused.json()["detail"]).contains("without collecting"));

    let other = bought(&site, "deck-monthly").await;
    let paid = json!({ "price": "bridge-yearly", "collect": "invoice", "reason": "by phone" });
    let opened = other.forced(&site, &paid).await.is(StatusCode::OK).json();
    assert_eq!(opened["status"], "awaiting_payment");
    assert_eq!(other.says(&site).await.0, "deck");
    pays(&site, &text(&opened["checkout_url"])).await;
    assert_eq!(other.says(&site).await.0, "bridge");

    for (held, change) in [(&held, &given), (&other, &opened)] {
        let changed = held.happened(&site, "plan.changed").await;
        let [changed] = changed.as_slice() else {
            panic!("not one: {changed:#?}");
        };
        assert_eq!(changed["change"], change["id"]);
        assert_eq!(changed["note"], "bridge");
    }
    // Who applied it: the operator, and the engine once it was paid.
    let by_hand = held.happened(&site, "plan.changed").await;
    assert!(text(&by_hand[0]["actor"]).starts_with("key_"));
    let paid_for = other.happened(&site, "plan.changed").await;
    assert_eq!(paid_for[0]["actor"], Value::Null);
    let owing = other.happened(&site, "invoice.opened").await;
    assert_eq!(owing[0]["actor"], by_hand[0]["actor"]);
    let forced = held.happened(&site, "change.forced").await;
    assert_eq!(
        (
            &forced[0]["note"],
            &forced[0]["money"],
            &forced[0]["change"]
        ),
        (&json!("won a prize"), &usd(0), &given["id"]),
        "an audited zero charge"
    );
    assert!(text(&forced[0]["actor"]).starts_with("key_"));
    for (id, reason) in [(&given["id"], "won a prize"), (&opened["id"], "by phone")] {
        let kept = read(&site, &format!("/v1/changes/{}", text(id))).await;
        assert_eq!(
            (&kept["by"], &kept["reason"]),
            (&json!("operator"), &json!(reason))
        );
    }
    for (body, field) in [
        (json!({ "plan": "deck", "collect": "none" }), "reason"),
        (json!({ "plan": "deck", "reason": "x" }), "collect"),
        (
            json!({ "plan": "deck", "reason": "x", "collect": "later" }),
            "collect",
        ),
    ] {
        let refused = held.forced(&site, &body).await;
        refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
        assert_eq!(refused.json()["errors"][0]["field"], field);
    }
    let reads = json!({ "name": "reads", "scope": "read" });
    let reads = site.operate("/v1/keys", &reads).await;
    let reads = text(&reads.is(StatusCode::CREATED).json()["secret"]);
    let path = format!("/v1/admin/licenses/{}/change-plan", held.id);
    let refused = site.post_as(&reads, &path, &free).await;
    refused.refused(StatusCode::FORBIDDEN, "insufficient_scope");
    ends_well(&site).await;
}

async fn k_15_a_renewal_makes_no_second_license(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let held = bought(&site, "deck-monthly").await;
    let before = held.shown(&site).await;
    for (cycle, day, paid_through) in [
        (1, "2026-04-03T00:00:00Z", "2026-05-01T12:00:00.000001Z"),
        (2, "2026-05-03T00:00:00Z", "2026-06-01T12:00:00.000001Z"),
    ] {
        // The call that makes the invoice is done, and its answer lost.
        site.rig.sandbox.inject(Fault::LoseAnswer);
        until(&site, day).await;
        assert_eq!(held.stands(&site).await["status"], "past_due");
        let invoices = held.invoices(&site).await;
        let open = &invoices[cycle];
        assert_eq!(
            (&open["purpose"], &open["cycle"]),
            (&json!("renewal"), &json!(cycle))
        );
        pay(&site, &text(&open["pay_url"])).await;
        storm(&site, &sent(&site).await, 20).await;

        let stands = held.stands(&site).await;
        assert_eq!(stands["status"], "active");
        assert_eq!(stands["paid_through"], paid_through);
        let grace_end: Timestamp = paid_through.parse().unwrap();
        let grace_end = grace_end.as_second() + 7 * 24 * 3_600;
        assert_eq!(held.says(&site).await.2.unwrap().as_second(), grace_end);
        for event in ["license.reissued", "subscription.renewed"] {
            assert_eq!(held.happened(&site, event).await.len(), cycle, "{event}");
            assert_eq!(told(&site, event), cycle, "{event}");
        }
        for list in ["licenses", "subscriptions"] {
            let rows = listed(&site, &format!("/v1/{list}?limit=100")).await;
            assert_eq!(rows.len(), 1, "{list}");
        }
    }
    let after = held.shown(&site).await;
    assert_eq!(
        (&after["id"], &after["key"]),
        (&before["id"], &before["key"])
    );
    assert_eq!(after["serial"], 3);
    assert_eq!(held.happened(&site, "license.issued").await.len(), 1);
    assert_eq!(site.rig.sandbox.books().invoices.len(), 2);
    ends_well(&site).await;
}

async fn k_10_a_provider_that_charges_by_itself_follows(kind: StoreKind) {
    let site = harbor(kind, PROVIDER).await;
    let held = bought(&site, "deck-monthly").await;
    until(&site, MIDDLE).await;
    let free = json!({ "plan": "bridge", "collect": "none", "reason": "by arrangement" });
    held.forced(&site, &free).await.is(StatusCode::OK);
    site.rig.settle().await;
    assert_eq!(held.says(&site).await.0, "bridge");
    let charged = site.rig.sandbox.books();
    let charged: Vec<i64> = charged
        .payments
        .values()
        .map(|paid| paid.amount.amount)
        .collect();
    assert_eq!(charged, [2_500], "nothing for the gift");
    // It charges the plan that is held, and was told so.
    until(&site, "2026-04-02T00:00:00Z").await;
    let renewed = &held.invoices(&site).await[1];
    assert_eq!(
        (&renewed["status"], &renewed["amount"]),
        (&json!("settled"), &usd(7_500))
    );
    assert_eq!(held.says(&site).await.0, "bridge");
    ends_well(&site).await;
}
