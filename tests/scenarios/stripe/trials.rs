//! Trials through Stripe's Checkout: what is asked at their beginning, and what becomes of
//! them at their end, in each style of the setting `stripe.trial`.

use billing_stripe::{MissingMethod, StripeOptions, TrialStyle};
use billing_testkit::fakes::stripe::{Card, FakeOptions, Payment};

use super::shop::{
    PLANS, Shop, Sold, account, dashboard, days, opened, options, pays, session_of, with,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-25: a trial without a card ends, and nothing was charged.
    k_25_a_trial_at_stripe_without_a_card_ends;
    /// K-25: with one it is charged at its end, once.
    k_25_a_trial_at_stripe_with_a_card_is_charged_at_its_end;
    /// K-25: by invoice, it is owed at its end, and goes on once it is paid.
    k_25_a_trial_at_stripe_is_invoiced_at_its_end;
    /// K-25: by pause, it waits for a card, and is charged once there is one.
    k_25_a_trial_at_stripe_is_paused_at_its_end;
    /// K-25: where the card comes first, there is no trial without one.
    k_25_a_trial_at_stripe_asks_for_the_card_first;
}

/// A shop whose dearest plan is tried for two weeks.
async fn trying(kind: StoreKind, trial: TrialStyle) -> Shop {
    let fake = account(FakeOptions::default()).await;
    let options = StripeOptions {
        trial,
        ..options(&fake, "cellar")
    };
    let plans = PLANS.replace("    grace: 7d\n", "    grace: 7d\n    trial: 14d\n");
    assert_ne!(plans, PLANS);
    with(kind.fresh().await, fake, options, &plans).await
}

const LATER: [MissingMethod; 3] = [
    MissingMethod::Cancel,
    MissingMethod::CreateInvoice,
    MissingMethod::Pause,
];

/// Somebody new begins the trial, with this card or without one.
async fn begins(shop: &Shop, who: &str, card: Option<Card>) -> Sold {
    let customer = shop.customer(who).await;
    let checkout = opened(shop, &customer, "bosun-monthly").await;
    let session = session_of(&checkout);
    let done = match card {
        Some(card) => shop.fake.pay(&session, card).unwrap(),
        None => shop.fake.complete_without_card(&session).unwrap(),
    };
    assert_eq!(done, Payment::Complete);
    shop.settle().await;
    let page = shop.fake.object(&session).unwrap();
    let text = |field: &str| page[field].as_str().unwrap_or_default().to_owned();
    let me = shop.me(&customer).await;
    let held = Sold {
        id: me["subscriptions"][0]["id"].as_str().unwrap().to_owned(),
        customer,
        payer: text("customer"),
        subscription: text("subscription"),
        invoice: text("invoice"),
    };
    assert_eq!(held.status(shop).await, "trialing");
    assert_eq!(held.there(shop)["status"], "trialing");
    assert_eq!(held.plan(shop).await, "bosun");
    assert_eq!(charged(shop, &held), (0, 0));
    assert_eq!(owed(shop, &held).await, []);
    shop.pass(days(13)).await;
    assert_eq!(held.status(shop).await, "trialing");
    assert_eq!(charged(shop, &held), (0, 0));
    held
}

/// How often the customer was charged at Stripe, and how much in all.
fn charged(shop: &Shop, held: &Sold) -> (u64, i64) {
    let account = shop.fake.books().of(&held.payer);
    let all = account.charged.get("usd").copied();
    (account.charges, all.unwrap_or_default())
}

/// The invoices that ask for something, and how they stand.
async fn owed(shop: &Shop, held: &Sold) -> Vec<(i64, String)> {
    let rows = held.invoices(shop).await.into_iter().map(|row| {
        let amount = row["amount"]["amount"].as_i64().unwrap();
        (amount, row["status"].as_str().unwrap().to_owned())
    });
    rows.filter(|(amount, _)| *amount > 0).collect()
}

fn one(word: &str) -> Vec<(i64, String)> {
    vec![(800, word.to_owned())]
}

/// A month later it is renewed as everything is.
async fn goes_on(shop: &Shop, held: &Sold) {
    assert_eq!(held.status(shop).await, "active");
    assert_eq!(held.plan(shop).await, "bosun");
    assert_eq!(charged(shop, held), (1, 800));
    assert_eq!(owed(shop, held).await, one("settled"));
    shop.pass(days(32)).await;
    assert_eq!(charged(shop, held), (2, 1_600));
    assert_eq!(held.status(shop).await, "active");
    assert_eq!(owed(shop, held).await.len(), 2);
    shop.ends_well().await;
}

async fn k_25_a_trial_at_stripe_without_a_card_ends(kind: StoreKind) {
    let shop = trying(kind, TrialStyle::default()).await;
    let held = begins(&shop, "ana", None).await;
    shop.pass(days(2)).await;
    assert_eq!(held.there(&shop)["status"], "canceled");
    assert_eq!(held.status(&shop).await, "canceled");
    assert_eq!(held.plan(&shop).await, "free");
    assert_eq!(charged(&shop, &held), (0, 0));
    assert_eq!(owed(&shop, &held).await, []);
    shop.ends_well().await;
}

async fn k_25_a_trial_at_stripe_with_a_card_is_charged_at_its_end(kind: StoreKind) {
    // Whatever would become of one without.
    for missing in LATER {
        let shop = trying(kind, TrialStyle::MethodLater(missing)).await;
        let held = begins(&shop, "ana", Some(Card::Good)).await;
        shop.pass(days(2)).await;
        goes_on(&shop, &held).await;
    }
}

async fn k_25_a_trial_at_stripe_is_invoiced_at_its_end(kind: StoreKind) {
    let shop = trying(kind, TrialStyle::MethodLater(MissingMethod::CreateInvoice)).await;
    let held = begins(&shop, "ana", None).await;
    shop.pass(days(2)).await;
    assert_eq!(held.status(&shop).await, "past_due");
    assert_eq!(held.plan(&shop).await, "bosun", "within its grace");
    assert_eq!(charged(&shop, &held), (0, 0));
    assert_eq!(owed(&shop, &held).await, one("open"));
    let asked = held.there(&shop)["latest_invoice"].take();
    let asked = asked.as_str().unwrap();
    let paid = shop.fake.pay_invoice(asked, Card::Good).unwrap();
    assert_eq!(paid, Payment::Complete);
    shop.settle().await;
    goes_on(&shop, &held).await;
}

async fn k_25_a_trial_at_stripe_is_paused_at_its_end(kind: StoreKind) {
    let shop = trying(kind, TrialStyle::MethodLater(MissingMethod::Pause)).await;
    let held = begins(&shop, "ana", None).await;
    shop.pass(days(2)).await;
    assert_eq!(held.there(&shop)["status"], "paused");
    assert_eq!(held.status(&shop).await, "paused");
    assert_eq!(held.plan(&shop).await, "free");
    shop.pass(days(3)).await;
    assert_eq!(charged(&shop, &held), (0, 0));
    assert_eq!(owed(&shop, &held).await, []);
    // A card comes, and the subscription is resumed in the dashboard.
    shop.fake.set_card(&held.payer, Some(Card::Good)).unwrap();
    let path = format!("subscriptions/{}/resume", held.subscription);
    let from_now = [("billing_cycle_anchor", "now")];
    dashboard(&shop.fake, "POST", &path, &from_now).await;
    shop.pass(jiff::SignedDuration::from_hours(2)).await;
    goes_on(&shop, &held).await;
}

async fn k_25_a_trial_at_stripe_asks_for_the_card_first(kind: StoreKind) {
    let shop = trying(kind, TrialStyle::MethodFirst).await;
    let ben = shop.customer("ben").await;
    let checkout = opened(&shop, &ben, "bosun-monthly").await;
    let refused = shop.fake.complete_without_card(&session_of(&checkout));
    assert!(refused.is_err(), "{refused:?}");
    shop.settle().await;
    assert_eq!(super::shop::plan_of(&shop, &ben).await, "free");
    let held = begins(&shop, "ana", Some(Card::Good)).await;
    shop.pass(days(2)).await;
    goes_on(&shop, &held).await;
    // Who came back to the page with a card is served as well.
    let again = opened(&shop, &ben, "bosun-monthly").await;
    pays(&shop, &again);
    shop.settle().await;
    assert_eq!(super::shop::plan_of(&shop, &ben).await, "bosun");
}
