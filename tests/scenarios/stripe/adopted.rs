//! What Stripe charges already is adopted, and follows its webhooks from then on.

use billing::{Adopted, Adoptee, Adopting, Adoption, ImportMode};
use billing_domain::customer::Customer;
use billing_domain::import::{ImportOutcome, ImportRefusal};
use billing_ports::store::PageAsk;
use billing_testkit::fakes::rig::{Fault, FaultKind};
use billing_testkit::fakes::stripe::Card;
use serde_json::{Value, json};

use super::shop::{Shop, dashboard, days, plan_of, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// what was sold at Stripe before is held here, charged there, and follows its webhooks.
    x_18_what_stripe_charges_already_is_adopted_and_follows_its_webhooks;
    /// unknown prices and what is over are left alone; a go that was cut off is begun again.
    x_18_what_cannot_be_adopted_is_told_and_left_alone;
    /// whoever bought nothing at Stripe is brought over too, page by page, and once.
    x_18_customers_of_stripe_who_bought_nothing_are_brought_over_once;
}

/// Somebody who bought `price` at Stripe before we were there: Stripe's customer and
/// subscription.
async fn sold_before(shop: &Shop, who: &str, prices: &[&str]) -> (String, String) {
    let fields = [
        ("email", format!("{who}@buyers.test")),
        ("metadata[user_id]", who.to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, is)| (*name, is.as_str()))
        .collect();
    let payer = dashboard(&shop.fake, "POST", "customers", &fields).await;
    let payer = payer["id"].as_str().unwrap().to_owned();
    let mut fields = vec![
        ("mode".to_owned(), "subscription"),
        ("success_url".to_owned(), "https://elsewhere.test/thanks"),
        ("customer".to_owned(), payer.as_str()),
    ];
    for (place, price) in prices.iter().enumerate() {
        fields.push((format!("line_items[{place}][price]"), price));
        fields.push((format!("line_items[{place}][quantity]"), "1"));
    }
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, is)| (name.as_str(), *is))
        .collect();
    let page = dashboard(&shop.fake, "POST", "checkout/sessions", &fields).await;
    let page = page["id"].as_str().unwrap();
    shop.fake.pay(page, Card::Good).unwrap();
    let paid = shop.fake.object(page).unwrap();
    // Nobody was there to hear of it.
    drop(shop.fake.deliveries().take());
    (payer, paid["subscription"].as_str().unwrap().to_owned())
}

/// A go, whether it came to the end, and what it told.
async fn goes(shop: &Shop, mode: ImportMode) -> (bool, Vec<Adopted>) {
    let account = "stripe/main".parse().unwrap();
    let adopting = Adopting {
        account: &account,
        mode,
        reference_key: "user_id",
        actor: Some("key_1"),
    };
    let mut told = Vec::new();
    let done = shop.billing.adopt(&adopting, |one| told.push(one.clone()));
    let finished = done.await.is_ok_and(|finished| finished);
    (finished, told)
}

/// What came of the subscriptions.
async fn adopt(shop: &Shop, mode: ImportMode) -> Vec<Adopted> {
    let (finished, mut told) = goes(shop, mode).await;
    assert!(finished);
    told.retain(|one| one.what == Adoptee::Subscription);
    told.sort_by(|one, other| one.reference.cmp(&other.reference));
    told
}

/// How many customers were brought, were there, and were refused.
fn customers(told: &[Adopted]) -> [usize; 3] {
    let refused = Adoption::Refused(ImportRefusal::OtherReference);
    [BROUGHT, THERE, refused].map(|came| {
        let of_customers = told.iter().filter(|one| one.what == Adoptee::Customer);
        of_customers.filter(|one| one.outcome == came).count()
    })
}

/// Everybody who is here, by the host's names.
async fn everybody(shop: &Shop) -> Vec<Customer> {
    let page = PageAsk {
        after: None,
        limit: 500,
    };
    shop.store.list_customers(page).await.unwrap().rows
}

const BROUGHT: Adoption = Adoption::Brought(ImportOutcome::CREATED);
const THERE: Adoption = Adoption::Brought(ImportOutcome::There);

async fn x_18_what_stripe_charges_already_is_adopted_and_follows_its_webhooks(kind: StoreKind) {
    let shop = shop(kind).await;
    let ben = shop.customer("ben").await;
    let (of_ana, held) = sold_before(&shop, "ana", &["price_bosun"]).await;
    let (_, of_ben) = sold_before(&shop, "ben", &["price_deckhand"]).await;
    for mode in [ImportMode::Dry, ImportMode::Apply] {
        let told = adopt(&shop, mode).await;
        assert_eq!(told.len(), 2);
        assert!(told.iter().all(|one| one.outcome == BROUGHT), "{told:?}");
        let known = shop.rows("/v1/subscriptions?limit=10").await;
        assert_eq!(known.len(), if mode == ImportMode::Dry { 0 } else { 2 });
    }
    let again = adopt(&shop, ImportMode::Apply).await;
    assert!(again.iter().all(|one| one.outcome == THERE), "{again:?}");
    shop.settle().await;
    let told: Vec<String> = shop
        .notifier
        .events()
        .iter()
        .map(|it| it.as_str().to_owned())
        .collect();
    assert_eq!(told, ["customer.created"], "of ben, and of nothing else");

    // One was made by Stripe's word, the other was known by the host's name.
    let customers = shop.rows("/v1/customers?limit=10").await;
    assert_eq!(customers.len(), 2, "{customers:?}");
    let ana = customers
        .iter()
        .find(|row| row["external_ref"] == "ana")
        .unwrap();
    assert_eq!(ana["email"], "ana@buyers.test");
    let ana = ana["id"].as_str().unwrap().to_owned();
    assert_eq!(plan_of(&shop, &ana).await, "bosun");
    assert_eq!(plan_of(&shop, &ben).await, "deckhand");

    // It is charged there, by Stripe alone, and told here.
    let charged_until = |row: &Value| row["paid_through"].as_str().unwrap().to_owned();
    let rows = shop
        .rows(&format!("/v1/subscriptions?customer={ana}&limit=10"))
        .await;
    let before = charged_until(&rows[0]);
    shop.pass(days(33)).await;
    let rows = shop
        .rows(&format!("/v1/subscriptions?customer={ana}&limit=10"))
        .await;
    assert!(charged_until(&rows[0]) > before, "{rows:?}");
    let invoices = shop
        .rows(&format!("/v1/invoices?customer={ana}&limit=10"))
        .await;
    assert_eq!(
        invoices.len(),
        1,
        "one of the month that it was here for: {invoices:?}"
    );
    assert_eq!(
        invoices[0]["amount"],
        json!({ "amount": 800, "currency": "usd" })
    );
    shop.fake.switch_in_portal(&held, "price_deckhand").unwrap();
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "deckhand");
    shop.fake.set_card(&of_ana, Some(Card::FailsLater)).unwrap();
    dashboard(
        &shop.fake,
        "DELETE",
        &format!("subscriptions/{of_ben}"),
        &[],
    )
    .await;
    // What is left of the dearer month pays the cheaper ones first.
    shop.pass(days(100)).await;
    assert_eq!(plan_of(&shop, &ana).await, "free");
    assert_eq!(plan_of(&shop, &ben).await, "free");
    shop.is_sound().await;
}

async fn x_18_what_cannot_be_adopted_is_told_and_left_alone(kind: StoreKind) {
    let shop = shop(kind).await;
    let month = Some(billing_domain::time::Interval::MONTH);
    let usd = billing_domain::money::Currency::USD;
    shop.fake
        .price("price_course", "prod_course", 5_000, usd, month);
    let (_, good) = sold_before(&shop, "ana", &["price_bosun"]).await;
    let (_, course) = sold_before(&shop, "ben", &["price_course"]).await;
    let (_, both) = sold_before(&shop, "eve", &["price_bosun", "price_course"]).await;
    let (_, over) = sold_before(&shop, "dan", &["price_bosun"]).await;
    dashboard(&shop.fake, "DELETE", &format!("subscriptions/{over}"), &[]).await;
    drop(shop.fake.deliveries().take());

    // Stripe does not answer: nothing is half done, and it is begun again.
    shop.down(FaultKind::ServerError);
    let account = "stripe/main".parse().unwrap();
    let adopting = Adopting {
        account: &account,
        mode: ImportMode::Apply,
        reference_key: "user_id",
        actor: None,
    };
    shop.billing.adopt(&adopting, |_| {}).await.unwrap_err();
    shop.fake.faults().clear();
    shop.fake.fault(
        Fault::next(FaultKind::ServerError)
            .on("GET", "/v1/customers/")
            .times(1),
    );
    // Whom a dry run brings nobody of is asked about.
    let told = adopt(&shop, ImportMode::Dry).await;
    let of = |told: &[Adopted], reference: &str| {
        let mut all = told.iter();
        all.find(|one| one.reference == reference)
            .map(|one| one.outcome.clone())
    };
    let unread = Some(Adoption::Refused(ImportRefusal::Unreadable));
    assert_eq!(of(&told, &good), unread, "{told:?}");
    let told = adopt(&shop, ImportMode::Apply).await;
    assert_eq!(of(&told, &good), Some(BROUGHT));
    let unknown = Some(Adoption::Refused(ImportRefusal::NoSuchPrice));
    assert_eq!(of(&told, &course), unknown);
    let several = Some(Adoption::Refused(ImportRefusal::SeveralPrices));
    assert_eq!(of(&told, &both), several);
    assert_eq!(of(&told, &over), Some(Adoption::PassedOver));
    assert_eq!(shop.rows("/v1/subscriptions?limit=10").await.len(), 1);
    assert_eq!(everybody(&shop).await.len(), 4, "whatever they have there");
    shop.ends_well().await;
}

/// One page of Stripe's list.
const PAGE: usize = 100;

async fn x_18_customers_of_stripe_who_bought_nothing_are_brought_over_once(kind: StoreKind) {
    let shop = shop(kind).await;
    let ben = shop.customer("ben").await;
    let (of_ana, _) = sold_before(&shop, "ana", &["price_bosun"]).await;
    let known = async |fields: &[(&str, &str)]| {
        let made = dashboard(&shop.fake, "POST", "customers", fields).await;
        made["id"].as_str().unwrap().to_owned()
    };
    let of_ben = known(&[("metadata[user_id]", "ben")]).await;
    let nameless = known(&[("email", "eve@buyers.test")]).await;
    let other = known(&[("metadata[billing_operator]", "another shop")]).await;
    let doubled = known(&[("metadata[user_id]", "ana")]).await;
    let gone = known(&[("metadata[user_id]", "gone")]).await;
    dashboard(&shop.fake, "DELETE", &format!("customers/{gone}"), &[]).await;
    // What looks like an id of ours is no name.
    known(&[("metadata[user_id]", &ben)]).await;
    for number in 1..PAGE {
        known(&[("metadata[user_id]", &format!("c-{number}"))]).await;
    }
    drop(shop.fake.deliveries().take());

    // Newest first: of the two who are called ana, one is refused.
    let (finished, dry) = goes(&shop, ImportMode::Dry).await;
    assert!(finished);
    assert_eq!(customers(&dry), [PAGE + 2, 1, 1]);
    assert_eq!(everybody(&shop).await.len(), 1, "a dry run writes nothing");

    // Stripe does not answer after the first page: the next go begins with the second.
    let down = Fault::next(FaultKind::ServerError).on("GET", "/v1/customers");
    shop.fake.fault(down.skip(1).times(1));
    let (finished, first) = goes(&shop, ImportMode::Apply).await;
    assert!(!finished);
    assert_eq!(customers(&first), [PAGE, 0, 0]);
    assert_eq!(first.len(), PAGE);
    let (finished, rest) = goes(&shop, ImportMode::Apply).await;
    assert!(finished);
    assert_eq!(customers(&rest), [2, 1, 1]);
    let (_, again) = goes(&shop, ImportMode::Apply).await;
    assert_eq!(customers(&again), [0, PAGE + 3, 1]);

    let all = everybody(&shop).await;
    assert_eq!(all.len(), PAGE + 3, "{all:?}");
    let of = |name: &str| {
        all.iter()
            .find(|it| it.external_ref.as_deref() == Some(name))
    };
    let there = |name: &str| {
        let at = &of(name).unwrap().at_providers;
        at.iter().map(|it| it.reference.clone()).collect::<Vec<_>>()
    };
    assert_eq!(there("ben"), [of_ben]);
    assert_eq!(of("ben").unwrap().id.to_string(), ben);
    assert_eq!(there("ana"), [doubled]);
    assert_eq!(there(&nameless), std::slice::from_ref(&nameless));
    assert_eq!(
        of(&nameless).unwrap().email.as_deref(),
        Some("eve@buyers.test")
    );
    for none in [&other, &gone, &of_ana, &ben] {
        assert!(of(none).is_none(), "{none}");
    }
    // What the other ana pays for is for a person, and a dry run had said so.
    let ended = [dry, again].map(|told| {
        let mut told = told.into_iter();
        let of_ana = told.find(|one| one.what == Adoptee::Subscription);
        of_ana.unwrap().outcome
    });
    assert_eq!(
        ended,
        [(); 2].map(|()| Adoption::Refused(ImportRefusal::OtherReference))
    );
    shop.settle().await;
    assert_eq!(
        shop.told("customer.created"),
        1,
        "of ben, and of nobody else"
    );
    shop.ends_well().await;
}
