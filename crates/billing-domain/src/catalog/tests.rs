//! Every rule of a catalog broken once, and what comparing two catalogs says.

use jiff::SignedDuration;

use super::*;
use crate::entitlement::FeatureKind;
use crate::money::Money;
use crate::time::{Interval, Unit};

fn usd(cents: i64) -> Money {
    Money::new(cents, Currency::USD)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn key(text: &str) -> PriceKey {
    PriceKey::new(text).unwrap()
}

fn shop() -> CatalogBuilder {
    Catalog::builder("Acme", Currency::USD)
        .bytes("quota", "Storage")
        .count("seats", "Seats")
        .flag("sso", "Single sign-on")
        .levels("editor", "Editor", ["none", "read", "write"])
        .newcomer("free")
        .plan("free", "Free", |plan| plan.rank(0).limit("quota", 2_000))
        .plan("pro", "Pro", |plan| {
            plan.rank(10)
                .limit("quota", 5_000)
                .level("editor", "write")
                .grant("sso")
                .trial(SignedDuration::from_hours(24))
                .monthly("pro-monthly", usd(500))
                .provider_ref("stripe", "price_1")
                .yearly("pro-yearly", usd(5_000))
        })
        .plan("team", "Team", |plan| {
            plan.rank(20)
                .unlimited("quota")
                .per("seats", 2, 100)
                .monthly("team-monthly", usd(1_200))
        })
}

fn plan_mut<'a>(draft: &'a mut CatalogDraft, key: &str) -> &'a mut Plan {
    draft
        .plans
        .iter_mut()
        .find(|plan| plan.key.as_str() == key)
        .unwrap()
}

fn price_mut<'a>(draft: &'a mut CatalogDraft, key: &str) -> &'a mut Price {
    draft
        .plans
        .iter_mut()
        .flat_map(|plan| &mut plan.prices)
        .find(|price| price.key.as_str() == key)
        .unwrap()
}

/// What checking says about the shop after `change`: place and code of each.
fn found(change: impl FnOnce(&mut CatalogDraft)) -> Vec<(String, &'static str)> {
    match shop().edit(change).build() {
        Ok(_) => Vec::new(),
        Err(issues) => issues
            .0
            .iter()
            .map(|issue| (issue.at.to_string(), issue.code.name()))
            .collect(),
    }
}

#[track_caller]
fn breaks(change: impl FnOnce(&mut CatalogDraft), place: &str, code: &'static str) {
    assert_eq!(found(change), [(place.to_owned(), code)]);
}

#[test]
fn a_sound_catalog_answers_questions() {
    let shop = shop().build().unwrap();
    assert_eq!(shop.newcomer_plan().unwrap().key.as_str(), "free");
    assert_eq!(shop.price("pro-yearly").unwrap().amount, usd(5_000));
    assert_eq!(shop.price("none"), None);
    let now = at("2026-01-01T00:00:00Z");
    let lowest = |feature, needed| {
        shop.lowest_plan_allowing(feature, &needed, now)
            .map(|plan| plan.key.as_str())
    };
    let limit = |n| Entitlement::Limit(Limit::AtMost(n));
    assert_eq!(lowest("quota", limit(1_000)), Some("free"));
    assert_eq!(lowest("quota", limit(3_000)), Some("pro"));
    assert_eq!(
        lowest("quota", Entitlement::Limit(Limit::Unlimited)),
        Some("team")
    );
    assert_eq!(lowest("seats", limit(100)), Some("team"));
    assert_eq!(lowest("seats", limit(101)), None);
    assert_eq!(lowest("editor", Entitlement::Level(1)), Some("pro"));
    assert_eq!(lowest("sso", Entitlement::Flag(true)), Some("pro"));
    let found = shop.price_by_ref("stripe", "price_1").unwrap();
    assert_eq!(found.key, key("pro-monthly"));
}

#[test]
fn the_stored_form_reads_back() {
    let shop = shop()
        .edit(|draft| {
            let money = usd(50);
            draft.rules.minimum_charge.insert(Currency::USD, money);
            let rows = &mut draft.rules.changes.rows;
            rows.insert(ChangeKind::Upgrade, ChangeRule::Now(ChangeMoney::Full));
            rows.insert(ChangeKind::Lateral, ChangeRule::PeriodEnd);
        })
        .build()
        .unwrap();
    let text = serde_json::to_string(&shop).unwrap();
    assert_eq!(serde_json::from_str::<Catalog>(&text).unwrap(), shop);
}

#[test]
fn a_retired_plan_is_not_advised_or_sold() {
    let shop = shop()
        .edit(|draft| plan_mut(draft, "pro").retired = Some(at("2026-01-01T00:00:00Z")))
        .build()
        .unwrap();
    let (before, after) = (at("2025-12-31T23:59:59Z"), at("2026-01-01T00:00:00Z"));
    assert!(shop.is_sold_at("pro-monthly", before));
    assert!(!shop.is_sold_at("pro-monthly", after));
    let needed = Entitlement::Limit(Limit::AtMost(3_000));
    let plan = shop.lowest_plan_allowing("quota", &needed, after).unwrap();
    assert_eq!(plan.key.as_str(), "team");
}

#[test]
fn change_rules_come_from_the_plan_then_the_catalog_then_the_defaults() {
    let shop = shop()
        .edit(|draft| {
            let rows = &mut draft.rules.changes.rows;
            rows.insert(ChangeKind::Upgrade, ChangeRule::PeriodEnd);
            rows.insert(ChangeKind::Lateral, ChangeRule::PeriodEnd);
            let rows = &mut plan_mut(draft, "pro").changes.rows;
            rows.insert(ChangeKind::Upgrade, ChangeRule::Forbidden);
        })
        .build()
        .unwrap();
    for (plan, kind, rule) in [
        ("pro", ChangeKind::Upgrade, ChangeRule::Forbidden),
        ("team", ChangeKind::Upgrade, ChangeRule::PeriodEnd),
        ("pro", ChangeKind::Lateral, ChangeRule::PeriodEnd),
        (
            "pro",
            ChangeKind::QuantityUp,
            ChangeRule::Now(ChangeMoney::Charge),
        ),
        ("pro", ChangeKind::QuantityDown, ChangeRule::PeriodEnd),
    ] {
        assert_eq!(shop.change_rule(plan, kind), rule, "{plan} {kind:?}");
    }
}

#[test]
fn rules_of_the_whole_catalog() {
    breaks(|d| d.product = " ".into(), "product", "bad_text");
    breaks(
        |d| d.defaults.newcomer = Some(PlanKey::new("fre").unwrap()),
        "defaults.newcomer",
        "unknown_plan",
    );
    breaks(
        |d| d.defaults.plankowners = vec!["did:plc:x".into()],
        "defaults.plankowners",
        "contradiction",
    );
    breaks(
        |d| plan_mut(d, "free").retired = Some(Timestamp::UNIX_EPOCH),
        "defaults.newcomer",
        "contradiction",
    );
    breaks(
        |d| d.rules.quote_ttl = SignedDuration::ZERO,
        "rules.quote_ttl",
        "out_of_range",
    );
    breaks(
        |d| {
            d.rules.minimum_charge.insert(Currency::EUR, usd(50));
        },
        "rules.minimum_charge.eur",
        "contradiction",
    );
    breaks(
        |d| d.checkout.allowed_origins = vec!["https://a.example/".into()],
        "checkout.allowed_origins.0",
        "bad_origin",
    );
    breaks(
        |d| d.checkout.success_url = Some("https://a.example/ok".into()),
        "checkout.success_url",
        "bad_url",
    );
    assert_eq!(
        found(|d| {
            d.checkout.allowed_origins = vec!["https://a.example".into()];
            d.checkout.success_url = Some("https://a.example/ok".into());
            d.checkout.cancel_url = Some("{origin}/no".into());
        }),
        []
    );
}

#[test]
fn rules_of_features_and_entitlements() {
    let grant = |feature: &'static str, value: Entitlement| {
        move |d: &mut CatalogDraft| {
            let feature = FeatureKey::new(feature).unwrap();
            plan_mut(d, "pro").entitlements.insert(feature, value);
        }
    };
    let place = |feature: &str| format!("plans.pro.entitlements.{feature}");
    for (feature, value, code) in [
        ("qouta", Entitlement::Flag(true), "undeclared_feature"),
        ("quota", Entitlement::Flag(true), "wrong_kind"),
        ("sso", Entitlement::Level(0), "wrong_kind"),
        ("editor", Entitlement::Level(3), "out_of_range"),
    ] {
        breaks(grant(feature, value), &place(feature), code);
    }
    breaks(
        |d| {
            let feature = d.features.get_mut("editor").unwrap();
            let levels = ["none", "none", "write"].map(str::to_owned).to_vec();
            feature.kind = FeatureKind::Level(levels);
        },
        "features.editor.levels.1",
        "duplicate",
    );
}

#[test]
fn rules_of_quantity() {
    let rule = |change: fn(&mut QuantityRule)| {
        move |d: &mut CatalogDraft| change(plan_mut(d, "team").quantity.as_mut().unwrap())
    };
    breaks(
        rule(|q| q.feature = FeatureKey::new("sso").unwrap()),
        "plans.team.quantity.feature",
        "wrong_kind",
    );
    breaks(
        rule(|q| q.max = 1),
        "plans.team.quantity.max",
        "out_of_range",
    );
    breaks(
        rule(|q| q.step = 0),
        "plans.team.quantity.step",
        "out_of_range",
    );
    breaks(
        rule(|q| q.min = 0),
        "plans.team.quantity.min",
        "out_of_range",
    );
    breaks(
        |d| {
            let granted = Entitlement::Limit(Limit::AtMost(1));
            let seats = FeatureKey::new("seats").unwrap();
            plan_mut(d, "team").entitlements.insert(seats, granted);
        },
        "plans.team.quantity.feature",
        "contradiction",
    );
    let rule = QuantityRule {
        feature: FeatureKey::new("seats").unwrap(),
        min: 2,
        max: 9,
        step: 3,
    };
    let allowed: Vec<u32> = (0..12).filter(|n| rule.allows(*n)).collect();
    assert_eq!(allowed, [2, 5, 8]);
}

#[test]
fn rules_of_prices() {
    let change =
        |change: fn(&mut Price)| move |d: &mut CatalogDraft| change(price_mut(d, "pro-yearly"));
    let place = |field: &str| format!("plans.pro.prices.pro-yearly.{field}");
    let refer = |provider: &'static str, reference: &'static str| {
        move |d: &mut CatalogDraft| {
            let provider = ProviderKey::new(provider).unwrap();
            price_mut(d, "pro-yearly")
                .provider_refs
                .insert(provider, reference.to_owned());
        }
    };
    breaks(
        change(|p| p.amount.amount = -1),
        &place("amount"),
        "out_of_range",
    );
    assert_eq!(found(change(|p| p.amount.amount = 0)), []);
    breaks(
        change(|p| p.amount.amount = i64::MAX),
        &place("amount"),
        "out_of_range",
    );
    breaks(
        change(|p| p.lead = SignedDuration::from_hours(366 * 24)),
        &place("lead"),
        "out_of_range",
    );
    breaks(refer("stripe", "prod_1"), &place("stripe"), "bad_reference");
    breaks(refer("paddle", "pro_1"), &place("paddle"), "bad_reference");
    breaks(refer("btcpay", "a b"), &place("btcpay"), "bad_reference");
    breaks(refer("stripe", "price_1"), &place("stripe"), "duplicate");
    breaks(
        |d| {
            let again = price_mut(d, "pro-monthly").clone();
            let again = Price {
                plan: PlanKey::new("team").unwrap(),
                provider_refs: BTreeMap::new(),
                ..again
            };
            plan_mut(d, "team").prices.push(again);
        },
        "plans.team.prices.pro-monthly",
        "duplicate",
    );
    breaks(
        |d| plan_mut(d, "free").trial = Some(SignedDuration::from_hours(1)),
        "plans.free.trial",
        "contradiction",
    );
}

fn locked(until: LockEnd, then: Option<&str>) -> impl FnOnce(&mut CatalogDraft) + use<> {
    let lock = Lock {
        until,
        then: then.map(key),
        ..Lock::default()
    };
    move |d| {
        let price = price_mut(d, "pro-monthly");
        price.retired = Some(at("2026-01-01T00:00:00Z"));
        price.lock = Some(lock);
    }
}

#[test]
fn rules_of_locks() {
    let lock = "plans.pro.prices.pro-monthly.lock";
    let until = LockEnd::Until(at("2027-01-01T00:00:00Z"));
    for sound in [
        locked(until, Some("team-monthly")),
        locked(LockEnd::Forever, None),
        locked(LockEnd::UntilChange, None),
        locked(LockEnd::Cycles(12), Some("team-monthly")),
    ] {
        assert_eq!(found(sound), []);
    }
    for (end, then, place, code) in [
        (until, None, "", "bad_lock"),
        (LockEnd::Cycles(1), None, "", "bad_lock"),
        (until, Some("pro-month"), ".then", "unknown_price"),
        (until, Some("pro-yearly"), ".then", "bad_lock"),
        (until, Some("pro-monthly"), ".then", "lock_circle"),
        (LockEnd::Forever, Some("team-monthly"), ".then", "bad_lock"),
        (
            LockEnd::Cycles(0),
            Some("team-monthly"),
            ".cycles",
            "bad_lock",
        ),
        (
            LockEnd::Until(at("2025-01-01T00:00:00Z")),
            Some("team-monthly"),
            ".until",
            "bad_lock",
        ),
    ] {
        breaks(locked(end, then), &format!("{lock}{place}"), code);
    }
    breaks(
        |d| price_mut(d, "pro-monthly").lock = Some(Lock::default()),
        lock,
        "bad_lock",
    );
    breaks(
        |d| {
            price_mut(d, "pro-monthly").interval = Billing::Once;
            locked(LockEnd::Forever, None)(d);
        },
        lock,
        "bad_lock",
    );
}

#[test]
fn a_circle_of_locks_is_found_on_each_of_its_prices_and_not_beside_it() {
    let found = found(|d| {
        for (from, to) in [("a", "b"), ("b", "c"), ("c", "b")] {
            let plan = plan_mut(d, "pro");
            let billing = Billing::Recurring(Interval::MONTH);
            let mut price = Price::new(key(from), plan.key.clone(), usd(1), billing);
            price.retired = Some(Timestamp::UNIX_EPOCH);
            price.lock = Some(Lock {
                until: LockEnd::Cycles(1),
                then: Some(key(to)),
                ..Lock::default()
            });
            plan.prices.push(price);
        }
    });
    let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(
        places,
        [
            "plans.pro.prices.b.lock.then",
            "plans.pro.prices.c.lock.then"
        ]
    );
}

#[test]
fn every_mistake_is_reported_at_once() {
    let issues = shop()
        .flag("BAD KEY", "x")
        .plan("pro2", "", |plan| {
            plan.grant("nothing").level("editor", "wrte")
        })
        .newcomer("nobody")
        .build()
        .unwrap_err();
    let codes: Vec<&str> = issues.0.iter().map(|issue| issue.code.name()).collect();
    assert_eq!(
        codes,
        [
            "bad_key",
            "wrong_kind",
            "unknown_plan",
            "bad_text",
            "undeclared_feature"
        ]
    );
    assert!(
        issues
            .to_string()
            .contains("plans.pro2.name: found nothing")
    );
}

#[test]
fn a_list_that_is_too_long_is_the_only_report() {
    breaks(
        |d| {
            for n in 0..=MAX_PLANS {
                let key = PlanKey::new(format!("p{n}")).unwrap();
                d.plans.push(Plan::new(key, ""));
            }
        },
        "plans",
        "too_many",
    );
}

fn holdings(prices: &[(&str, u64)], plans: &[(&str, u64)]) -> Holdings {
    Holdings {
        prices: prices.iter().map(|(k, n)| (key(k), *n)).collect(),
        plans: plans
            .iter()
            .map(|(k, n)| (PlanKey::new(*k).unwrap(), *n))
            .collect(),
    }
}

#[test]
fn a_diff_names_things_once_and_fields_by_place() {
    let old = shop().build().unwrap();
    let new = shop()
        .edit(|d| {
            d.plans.retain(|plan| plan.key.as_str() != "team");
            plan_mut(d, "pro").rank = Some(30);
            price_mut(d, "pro-monthly").amount = usd(600);
        })
        .plan("max", "Max", |plan| plan.monthly("max-monthly", usd(9_900)))
        .build()
        .unwrap();
    assert_eq!(
        diff(Some(&old), &new).to_string(),
        "+ plans.max: plan\n\
         ~ plans.pro.prices.pro-monthly: USD 5.00 every month -> USD 6.00 every month\n\
         ~ plans.pro.rank: 10 -> 30\n\
         - plans.team: plan\n"
    );
    assert_eq!(diff(Some(&old), &old).to_string(), "no changes\n");
    assert!(!diff(None, &old).is_empty());
}

#[test]
fn what_has_been_bought_is_immutable_and_what_is_held_stays() {
    let old = shop().build().unwrap();
    let new = shop()
        .edit(|d| {
            d.plans.retain(|plan| plan.key.as_str() != "team");
            price_mut(d, "pro-monthly").amount = usd(600);
            price_mut(d, "pro-yearly").amount.currency = Currency::EUR;
        })
        .build()
        .unwrap();
    assert_eq!(refusals(&old, &new, &Holdings::default()), []);
    let bought_once = holdings(&[("pro-monthly", 0), ("team-monthly", 0)], &[("team", 0)]);
    assert_eq!(refusals(&old, &new, &bought_once).len(), 1);
    let held = holdings(
        &[("pro-monthly", 3), ("pro-yearly", 1), ("team-monthly", 8)],
        &[("team", 2), ("pro", 4)],
    );
    let lines: Vec<String> = refusals(&old, &new, &held)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with("plans.team: disappears while held (holders: 2)"));
    assert!(lines[1].contains("amount changes from USD 5.00 to USD 6.00"));
    assert!(lines[1].contains("add `retired: <date>` to it, and add a new price"));
    assert!(lines[2].contains("currency changes from usd to eur"));
    assert!(lines[3].starts_with("plans.team.prices.team-monthly: disappears"));
    assert_eq!(refusals(&old, &old, &held), []);
}

#[test]
fn revenue_a_month_counts_a_twelfth_of_a_year_and_follows_locks() {
    let old = shop().build().unwrap();
    let new = shop()
        .edit(|d| {
            d.plans.retain(|plan| plan.key.as_str() != "team");
            let mut successor = price_mut(d, "pro-yearly").clone();
            successor.key = key("pro-yearly-2027");
            successor.amount = usd(6_001);
            plan_mut(d, "pro").prices.push(successor);
            let price = price_mut(d, "pro-yearly");
            price.retired = Some(at("2026-01-01T00:00:00Z"));
            price.lock = Some(Lock {
                until: LockEnd::Cycles(1),
                then: Some(key("pro-yearly-2027")),
                ..Lock::default()
            });
        })
        .build()
        .unwrap();
    let held = holdings(&[("pro-yearly", 3), ("team-monthly", 2)], &[]);
    let effect = monthly_revenue_effect(&old, &new, &held).unwrap();
    // 3 × 60.01 / 12 = 15.0025 -> 15.00; 3 × 50.00 / 12 = 12.50; minus 2 × 12.00.
    assert_eq!(
        effect.into_iter().collect::<Vec<_>>(),
        [(Currency::USD, usd(1_500 - 1_250 - 2_400))]
    );
    let thirty_days = Interval::new(Unit::Day, 30).unwrap();
    assert!(thirty_days.nominal_seconds() < Interval::MONTH.nominal_seconds());
    let none = monthly_revenue_effect(&old, &old, &held).unwrap();
    assert!(none.is_empty());
}
