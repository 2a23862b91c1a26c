//! A letter says what is true when it is written, however much later that is than what it is
//! about.

use billing::sandbox::TestCard;
use billing_catalog::read_plan_file;
use billing_ports::Mail;
use billing_server::{Letter, LetterOptions};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::harbor::{listed, text, until};
use super::on_both_stores;
use crate::rig::{KEY, Site, StoreKind};

on_both_stores! {
    /// X-17: the letter of a dearer price tells what comes by now, or is not written.
    x_17_a_price_letter_says_what_comes_by_now;
    /// X-17: a letter about a change that is not paid names the plan that was wanted.
    x_17_a_letter_about_a_change_names_what_it_leads_to;
}

const PLANS: &str = r#"
currency: usd
product: "Harbor"
features: { seats: { kind: count, name: "Seats" } }
plans:
  deck:
    name: Deck
    rank: 10
    quantity: { feature: seats, min: 1, max: 10 }
    prices:
      deck-2025: { amount: 3.00, interval: month }
  bridge:
    name: Bridge
    rank: 20
    prices:
      bridge-monthly: { amount: 75.00, interval: month }
"#;

/// What was charged before ends in June, as it was promised.
const DEARER: &str = "deck-2025: { amount: 3.00, interval: month, retired: 2026-04-01, \
    lock: { until: 2026-06-01, then: deck-2026, notice: 30d } }
      deck-2026: { amount: 5.00, interval: month }";

async fn site(kind: StoreKind) -> Site {
    let start = "2026-03-01T12:00:00Z".parse().unwrap();
    let plans = read_plan_file("plans.yaml", PLANS.as_bytes()).unwrap();
    Site::carrying(kind, &plans, start, |state| {
        let options = LetterOptions {
            wanted: [Letter::PriceChange, Letter::PaymentFailed].into(),
            ..LetterOptions::default()
        };
        state.letters(options).into_iter().collect()
    })
    .await
}

/// Somebody buys; gives the subscription.
async fn buys(site: &Site, who: &str, price: &str, card: TestCard) -> String {
    let customer = json!({ "external_ref": who, "email": format!("{who}@buyers.test") });
    let customer = site.operate("/v1/customers", &customer).await;
    let customer = customer.is(StatusCode::CREATED).json();
    let asked = json!({ "customer": customer["id"], "price": price });
    let opened = site.operate("/v1/checkouts", &asked).await;
    let page = text(&opened.is(StatusCode::CREATED).json()["url"]);
    let reference = page.rsplit('/').next().unwrap();
    site.rig.sandbox.pay(reference, card, None).await.unwrap();
    site.rig.settle().await;
    let url = format!("/v1/subscriptions?customer={}", text(&customer["id"]));
    text(&listed(site, &url).await[0]["id"])
}

async fn changed(site: &Site, subscription: &str, more: Value) -> Value {
    let path = format!("/v1/subscriptions/{subscription}/change-plan");
    site.operate(&path, &more).await.is(StatusCode::OK).json()
}

fn to<'a>(mail: &'a [Mail], who: &str) -> Vec<&'a Mail> {
    mail.iter()
        .filter(|mail| mail.to.starts_with(who))
        .collect()
}

async fn x_17_a_price_letter_says_what_comes_by_now(kind: StoreKind) {
    let site = site(kind).await;
    let mut bought = Vec::new();
    for who in ["ana", "ben", "cem", "dan", "eve"] {
        bought.push(buys(&site, who, "deck-2025", TestCard::Pays).await);
    }
    let [_ana, ben, cem, dan, eve] = &bought[..] else {
        unreachable!()
    };
    let dearer = PLANS.replace("deck-2025: { amount: 3.00, interval: month }", DEARER);
    let dearer = read_plan_file("plans.yaml", dearer.as_bytes()).unwrap();
    site.rig.billing.apply_catalog(&dearer).await.unwrap();
    until(&site, "2026-05-03T12:00:00Z").await;
    // No mail is taken while all of them have their notice; then each does something else.
    site.mail_fails(5);
    assert_eq!(site.carry().await, 5);
    let gift = |what: Value| {
        let mut body = json!({ "collect": "none", "reason": "asked for" });
        body.as_object_mut()
            .unwrap()
            .extend(what.as_object().unwrap().clone());
        body
    };
    changed(&site, ben, gift(json!({ "quantity": 3 }))).await;
    changed(&site, cem, gift(json!({ "plan": "bridge" }))).await;
    let canceled = format!("/v1/subscriptions/{dan}/cancel");
    let canceled = site.operate(&canceled, &json!({})).await;
    assert!(canceled.status.is_success(), "{}", canceled.text);
    let paused = format!("/v1/subscriptions/{eve}/pause");
    let paused = site.operate(&paused, &json!({})).await;
    assert!(paused.status.is_success(), "{}", paused.text);
    until(&site, "2026-05-03T13:00:00Z").await;
    site.carry().await;

    let mail = site.mail().await;
    for (who, amount) in [("ana", "USD 5.00"), ("ben", "USD 15.00")] {
        let [letter] = to(&mail, who)[..] else {
            panic!("not one to {who}: {mail:?}")
        };
        for said in ["Deck", amount, "1 June 2026"] {
            assert!(letter.text.contains(said), "{said}: {}", letter.text);
        }
    }
    for who in ["cem", "dan", "eve"] {
        assert_eq!(
            to(&mail, who),
            [] as [&Mail; 0],
            "no dearer price is to come"
        );
    }

    // Who goes on after all, before the day, is written to after all.
    let taken_back = format!("/v1/subscriptions/{dan}/cancellation");
    let taken_back = site.delete_as(KEY, &taken_back).await;
    assert!(taken_back.status.is_success(), "{}", taken_back.text);
    until(&site, "2026-05-05T12:00:00Z").await;
    let resumed = format!("/v1/subscriptions/{eve}/resume");
    let resumed = site.operate(&resumed, &json!({})).await;
    assert!(resumed.status.is_success(), "{}", resumed.text);
    until(&site, "2026-05-05T13:00:00Z").await;
    site.carry().await;
    let mail = site.mail().await;
    // What was left of the paid time comes back, and the first cycle at the new price after it.
    for (who, day) in [("dan", "1 June 2026"), ("eve", "3 June 2026")] {
        let [letter] = to(&mail, who)[..] else {
            panic!("not one to {who}: {mail:?}")
        };
        for said in ["Deck", "USD 5.00", day] {
            assert!(letter.text.contains(said), "{said}: {}", letter.text);
        }
    }
    for who in ["ana", "ben"] {
        assert_eq!(to(&mail, who).len(), 1);
    }
}

async fn x_17_a_letter_about_a_change_names_what_it_leads_to(kind: StoreKind) {
    let site = site(kind).await;
    let ana = buys(&site, "ana", "deck-2025", TestCard::PaysOnce).await;
    until(&site, "2026-03-10T12:00:00Z").await;
    let wanted = json!({ "plan": "bridge", "collect": "invoice", "reason": "asked for" });
    changed(&site, &ana, wanted).await;
    // The card that paid is charged, and declined.
    assert_eq!(site.carry().await, 1);
    let mail = site.mail().await;
    let [letter] = to(&mail, "ana")[..] else {
        panic!("not one: {mail:?}")
    };
    assert!(letter.text.contains("Bridge"), "{}", letter.text);
    assert!(!letter.text.contains("Deck"), "{}", letter.text);
}
