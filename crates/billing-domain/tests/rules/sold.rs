//! Terms: what a buyer agrees to, snapshotted, and what is not sold.

use billing_domain::catalog::{Billing, CatalogDraft, CatalogRevision, OnPastDue, Price};
use billing_domain::money::MoneyError;
use billing_domain::terms::{Seller, Terms, TermsError};
use billing_domain::time::{Interval, days};

use crate::common::{World, at, catalog, provider, sold, terms, usd};

fn edited(edit: impl FnOnce(&mut CatalogDraft)) -> CatalogRevision {
    let revision = catalog();
    let mut draft = CatalogDraft::from(revision.catalog);
    edit(&mut draft);
    CatalogRevision {
        number: 2,
        catalog: draft.validate().unwrap(),
        applied_at: at("2026-01-01"),
    }
}

fn ask(revision: &CatalogRevision, price: &str, quantity: u32) -> Result<Terms, TermsError> {
    let price = revision.catalog.price(price).unwrap();
    let plan = revision.catalog.plan(price.plan.as_str()).unwrap();
    let seller = Seller {
        provider: provider().provider().clone(),
        owns_schedule: false,
    };
    Terms::of(revision, plan, price, quantity, &seller, at("2026-01-01"))
}

#[test]
fn a_quantity_is_one_unless_pieces_are_sold_and_then_within_bounds() {
    let revision = catalog();
    let table = [
        ("pro-monthly", 0, false),
        ("pro-monthly", 1, true),
        ("pro-monthly", 2, false),
        ("team-monthly", 1, false),
        ("team-monthly", 2, true),
        ("team-monthly", 50, true),
        ("team-monthly", 51, false),
    ];
    for (price, quantity, is_sold) in table {
        let asked = ask(&revision, price, quantity);
        let refused = asked.err();
        assert_eq!(
            refused,
            (!is_sold).then_some(TermsError::Quantity),
            "{price} x {quantity}"
        );
    }
    assert_eq!(
        ask(&revision, "team-monthly", 7).unwrap().amount(),
        Ok(usd(2_100))
    );
}

#[test]
fn what_is_retired_is_not_sold_from_that_instant() {
    for (retired, refused) in [
        ("2026-01-01", Some(TermsError::Retired)),
        ("2026-01-02", None),
    ] {
        let price = edited(|draft| draft.plans[2].prices[0].retired = Some(at(retired)));
        assert_eq!(ask(&price, "pro-monthly", 1).err(), refused);
        assert!(ask(&price, "pro-daily", 1).is_ok());
        let plan = edited(|draft| draft.plans[2].retired = Some(at(retired)));
        assert_eq!(ask(&plan, "pro-daily", 1).err(), refused);
    }
}

#[test]
fn an_amount_that_does_not_fit_is_refused() {
    let mut agreed = sold("team-monthly", 2, false);
    agreed.unit = usd(i64::MAX);
    assert_eq!(agreed.amount(), Err(MoneyError::OutOfRange));
}

#[test]
fn a_missed_payment_keeps_access_only_where_the_provider_runs_the_schedule() {
    let stated = [None, Some(OnPastDue::Keep), Some(OnPastDue::Cut)];
    for on_past_due in stated {
        let revision = edited(|draft| draft.plans[2].on_past_due = on_past_due);
        let price = revision.catalog.price("pro-monthly").unwrap();
        let plan = revision.catalog.plan("pro").unwrap();
        for owns_schedule in [true, false] {
            let seller = Seller {
                provider: provider().provider().clone(),
                owns_schedule,
            };
            let agreed = Terms::taken(&revision, plan, price, 1, &seller);
            let expected = match (on_past_due, owns_schedule) {
                (Some(OnPastDue::Cut), _) => OnPastDue::Cut,
                (_, true) => OnPastDue::Keep,
                (_, false) => OnPastDue::Grace,
            };
            assert_eq!(agreed.on_past_due, expected);
        }
    }
}

#[test]
fn terms_are_a_snapshot_of_plan_price_and_house_rules() {
    let revision = edited(|draft| {
        draft.plans[2].trial = Some(days(14));
        draft.plans[2].grace = days(3);
        let (key, plan) = ("pro-once".parse().unwrap(), "pro".parse().unwrap());
        let once = Price::new(key, plan, usd(9_000), Billing::Once);
        draft.plans[2].prices.push(once);
        draft.rules.stall_limit = days(10);
    });
    let agreed = ask(&revision, "pro-monthly", 1).unwrap();
    assert_eq!(agreed.price_ref.as_deref(), Some("price_pro"));
    assert_eq!(agreed.billing, Billing::Recurring(Interval::MONTH));
    assert_eq!((agreed.trial, agreed.grace), (Some(days(14)), days(3)));
    assert_eq!(agreed.stall_limit, days(10));
    assert_eq!(agreed.catalog_revision, 2);
    assert!(agreed.renews);
    // Without a name of the provider's, the price has its own.
    let daily = ask(&revision, "pro-daily", 1).unwrap();
    assert_eq!(daily.price_ref.as_deref(), Some("pro-daily"));
    // What is bought once has no trial, and nothing to renew.
    let once = ask(&revision, "pro-once", 1).unwrap();
    assert_eq!((once.trial, once.renews), (None, false));
}

#[test]
fn a_renewal_costs_what_was_agreed_whatever_the_catalog_says_since() {
    let mut world = World::bought(terms("pro-monthly"));
    world.catalog = edited(|draft| draft.plans[2].prices[0].amount = usd(9_999));
    world.tick("2026-02-01");
    assert_eq!(world.open_invoice().unwrap().amount, usd(1_000));
}
