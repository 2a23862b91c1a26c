//! A renewal that is not paid: told as active first, and past due after.

use billing_testkit::fakes::paddle::{Card, Exhausted, Rules, SubscriptionStatus};
use serde_json::Value;

use super::shop::{Shop, bought_with, days, invoices, only, only_at_paddle, plan_of, shop_of};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// W-06: Paddle calls the new period active before anybody paid for it; that
    /// gives nothing, whichever of its events comes last.
    w_06_an_unpaid_renewal_at_paddle_gives_nothing;
    /// W-06: paid at a later try, it goes on; never paid, it ends.
    w_06_dunning_at_paddle_ends_paid_or_over;
}

fn rules(exhausted: Exhausted) -> Rules {
    Rules {
        retries: vec![days(3), days(5)],
        exhausted,
        ..Rules::default()
    }
}

fn instant(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or_default().to_owned()
}

/// One month has passed, its renewal was declined, and nothing was told of it yet.
async fn declined(kind: StoreKind) -> (Shop, String, Value) {
    let shop = shop_of(kind, rules(Exhausted::Cancel)).await;
    let ana = bought_with(&shop, "ana", "team-monthly", Card::PaysOnce).await;
    let bought = only(&shop, &ana).await;
    shop.pass(days(30)).await;
    shop.fake.advance(days(2));
    (shop, ana, bought)
}

async fn w_06_an_unpaid_renewal_at_paddle_gives_nothing(kind: StoreKind) {
    for backwards in [false, true] {
        let (shop, ana, bought) = declined(kind).await;
        let paid_through = instant(&bought, "paid_through");
        if backwards {
            shop.fake.deliveries().reverse();
        }
        let told = shop.fake.deliveries().take();
        let kinds: Vec<&str> = told.iter().map(|one| one.event.kind.as_str()).collect();
        assert!(kinds.contains(&"subscription.past_due"), "{kinds:?}");
        for one in &told {
            shop.deliver_each(std::slice::from_ref(one)).await;
            shop.work().await;
            let now = only(&shop, &ana).await;
            assert_eq!(
                instant(&now, "paid_through"),
                paid_through,
                "{}",
                one.event.kind
            );
            let settled = invoices(&shop, &ana).await;
            let settled = settled.iter().filter(|(_, status, _)| status == "settled");
            assert_eq!(settled.count(), 1, "{}", one.event.kind);
        }
        let now = only(&shop, &ana).await;
        assert_eq!(now["status"], "past_due");
        // The days of grace that the plan gives, and no day of the new period.
        assert_eq!(plan_of(&shop, &ana).await, "team");
        let grace_ends = instant(&now, "grace_ends_at");
        assert!(grace_ends > paid_through, "{grace_ends}");
        assert!(grace_ends < instant(&bought, "paid_through").replace("-04-01", "-04-09"));
        assert_eq!(shop.told("subscription.renewed"), 0);
        assert_eq!(shop.told("subscription.past_due"), 1);
        shop.is_sound().await;
    }
}

async fn w_06_dunning_at_paddle_ends_paid_or_over(kind: StoreKind) {
    let (shop, ana, bought) = declined(kind).await;
    let reference = only_at_paddle(&shop).id;
    shop.fake.set_card(&reference, Card::Pays).unwrap();
    shop.pass(days(3)).await;
    let now = only(&shop, &ana).await;
    assert_eq!(now["status"], "active");
    assert!(instant(&now, "paid_through") > instant(&bought, "paid_through"));
    assert_eq!(invoices(&shop, &ana).await.len(), 2);
    assert_eq!(shop.told("subscription.renewed"), 1);
    shop.ends_well().await;

    for (exhausted, there, here) in [
        (Exhausted::Cancel, SubscriptionStatus::Canceled, "expired"),
        (Exhausted::Pause, SubscriptionStatus::Paused, "lapsed"),
    ] {
        let shop = shop_of(kind, rules(exhausted)).await;
        let ana = bought_with(&shop, "ana", "team-monthly", Card::PaysOnce).await;
        shop.pass(days(38)).await;
        assert_eq!(only_at_paddle(&shop).status, there);
        let now = only(&shop, &ana).await;
        assert_eq!(now["status"], here, "{now:#}");
        assert_eq!(plan_of(&shop, &ana).await, "");
        let paid = invoices(&shop, &ana).await;
        let settled = paid.iter().filter(|(_, status, _)| status == "settled");
        assert_eq!(settled.count(), 1, "{paid:?}");
        shop.ends_well().await;
    }
}
