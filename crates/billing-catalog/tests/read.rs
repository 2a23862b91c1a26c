//! Plan files that read, and plan files with mistakes at known places.

use billing_catalog::{MAX_FILE_BYTES, PlanFileErrors, SAMPLE, read_plan_file, sample_catalog};
use billing_domain::catalog::{
    Billing, Catalog, ChangeKind, ChangeMoney, ChangeRule, EntitlementLock, LockEnd, OnPastDue,
};
use billing_domain::entitlement::{Entitlement, Limit};
use billing_domain::money::{Currency, Money};
use billing_domain::time::{Interval, Unit, days};
use proptest::prelude::*;

const FIXTURE: &str = include_str!("fixture.yaml");

fn read(text: &str) -> Result<Catalog, PlanFileErrors> {
    read_plan_file("plans.yaml", text.as_bytes())
}

/// Line, column and code of every error.
fn mistakes(text: &str) -> Vec<(usize, usize, &'static str)> {
    match read(text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .errors
            .iter()
            .map(|error| (error.line, error.column, error.code.name()))
            .collect(),
    }
}

/// The place of the first `needle` in `text` from byte `start` on; nowhere
/// without one.
fn place(text: &str, start: usize, needle: &str) -> (usize, usize) {
    let Some(found) = text[start..].find(needle) else {
        return (0, 0);
    };
    let at = start + found;
    let line = text[..at].matches('\n').count() + 1;
    let column = text[..at].chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}

#[test]
fn the_fixture_reads() {
    let catalog = read(FIXTURE).map_err(|errors| errors.to_string()).unwrap();
    assert_eq!(catalog.product(), "Acme Storage");
    assert_eq!(catalog.newcomer_plan().unwrap().name, "Swabbie");
    assert_eq!(catalog.plankowner_plan().unwrap().name, "Deckhand");
    let before = catalog.defaults().plankowner_before.unwrap();
    assert_eq!(before.to_string(), "2025-06-01T00:00:00Z");
    assert_eq!(
        catalog.rules().minimum_charge.get(&Currency::EUR),
        Some(&Money::new(50, Currency::EUR))
    );
    let upgrade = catalog.change_rule("bosun", ChangeKind::Upgrade);
    assert_eq!(upgrade, ChangeRule::Now(ChangeMoney::Charge));
    let fewer = catalog.change_rule("bosun", ChangeKind::QuantityDown);
    assert_eq!(fewer, ChangeRule::Forbidden);
    let bosun = catalog.plan("bosun").unwrap();
    assert_eq!(bosun.trial, Some(days(14)));
    assert_eq!(bosun.on_past_due, Some(OnPastDue::Grace));
    assert_eq!(
        bosun.entitlements.get("editor"),
        Some(&Entitlement::Level(2))
    );
    let quota = Entitlement::Limit(Limit::AtMost(10_000_000_000));
    assert_eq!(bosun.entitlements.get("quota"), Some(&quota));
    assert_eq!(bosun.quantity.as_ref().unwrap().max, 500);
    assert_eq!(bosun.license.unwrap().max_machines, 3);
    let old = catalog.price("bosun-monthly-2024").unwrap();
    let lock = old.lock.as_ref().unwrap();
    let end = "2027-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(lock.until, LockEnd::Until(end));
    assert_eq!(lock.then.as_ref().unwrap().as_str(), "bosun-monthly");
    assert_eq!(lock.entitlements, EntitlementLock::Frozen);
    assert_eq!(old.amount, Money::new(300, Currency::USD));
    let bitcoin = catalog.price("bosun-bitcoin").unwrap();
    let thirty = Interval::new(Unit::Day, 30).unwrap();
    assert_eq!(bitcoin.interval, Billing::Recurring(thirty));
    assert_eq!(bitcoin.lead, days(3));
    let sats = catalog.price("bosun-sats").unwrap();
    assert_eq!(sats.amount, Money::new(50_000, Currency::SAT));
    let lifetime = catalog.price("bosun-lifetime").unwrap();
    assert_eq!(lifetime.interval, Billing::Once);
    assert_eq!(lifetime.provider_ref("stripe"), Some("price_1One"));
}

#[test]
fn the_sample_reads_and_says_what_it_promises() {
    let sample = sample_catalog()
        .map_err(|errors| errors.to_string())
        .unwrap();
    assert_eq!(sample.newcomer_plan().unwrap().key.as_str(), "free");
    let amounts: Vec<(&str, i64)> = sample
        .prices()
        .map(|price| (price.key.as_str(), price.amount.amount))
        .collect();
    assert_eq!(
        amounts,
        [
            ("personal-monthly", 500),
            ("personal-yearly", 5_000),
            ("team-monthly", 1_200),
            ("lifetime-once", 9_900)
        ]
    );
    assert!(sample.prices().all(|price| price.provider_refs.is_empty()));
    assert!(SAMPLE.lines().all(|line| line.len() <= 100));
}

/// One edit of the fixture a line: after which words, what is replaced, by
/// what; then where the error points, its code, and what it says would be right.
const EDITS: &str = r#"
currency:         | usd | uds | uds | bad_value | three-letter
product:          | product | prodcut | prodcut | unknown_key | did you mean `product`?
defaults:         | swabbie | swabie | swabie | unknown_plan | did you mean `swabbie`?
defaults:         | swabbie | Swabbie | Swabbie | bad_value | lower-case
defaults:         | 2025-06-01 | 2025-06-31 | 2025-06-31 | bad_value | 2026-01-31
checkout:         | https://app | app | "app | bad_origin | scheme
checkout:         | {origin} | https://x.example | "https://x | bad_url | {origin}
changes:          | now | later | later | bad_value | one of now, period_end, forbidden
changes:          | upgrade | upgrades | upgrades | unknown_key | did you mean `upgrade`?
downgrade:        | period_end | period_end, money: charge | charge | contradiction | `when: now`
minimum_charge    | 0.50 | 0.505 | 0.505 | bad_value | has 2 decimals
minimum_charge    | sat: 1 | sat: 1.5 | 1.5 | bad_value | no decimals
minimum_charge    | eur | USD | USD | duplicate_key | each currency once
minimum_charge    | eur | euro | euro | bad_value | three-letter
quote_ttl         | 15m | 15 minutes | 15 minutes | bad_value | did you mean `15m`?
features:         | bytes | byte | byte | bad_value | did you mean `bytes`?
features:         | levels: [none, read, write], | | editor | missing | `levels`
name: Deckhand    | quota | qouta | qouta | undeclared_feature | did you mean `quota`?
name: Deckhand    | 5GB | 5 GBs | 5 GBs | bad_value | did you mean `5GB`?
name: Deckhand    | 5GB | true | true | bad_value | a size
name: Bosun       | sso: true | sso: yes | yes | bad_value | true or false
name: Bosun       | editor: write | editor: wirte | wirte | bad_value | did you mean `write`?
rank: 0             | name: Deckhand | rang: 1 | deckhand | missing | `name`
deckhand-yearly:  | 20.00 | 20.001 | 20.001 | bad_value | has 2 decimals
deckhand-yearly:  | 20.00 | -20.00 | -20.00 | out_of_range | zero
deckhand-yearly:  | 20.00 | 1e3 | 1e3 | bad_value | 20.00
amount: 20.00     | amount: 20.00 | amount: | : | wrong_shape | 20.00
deckhand-yearly:  | 20.00 | [20] | [20] | wrong_shape | 20.00
interval: year    | year | yearly | yearly | bad_value | did you mean `year`?
deckhand-yearly:  | price_1Abc | prod_1Abc | prod_1Abc | bad_reference | price_
deckhand-yearly:  | stripe | strip | strip | unknown_key | did you mean `stripe`?
deckhand-yearly:  | stripe: price_1Abc | amount: 1.00 | amount: 1.00 | duplicate_key | once
name: Bosun       | feature: seats | feature: sso | sso, | wrong_kind | count
name: Bosun       | min: 1 | min: 600 | 500 | out_of_range | `min`
name: Bosun       | rank: 20 | rank: high | high | bad_value | whole number
name: Bosun       | trial: 14d | trial: 2w | 2w | bad_value | did you mean `14d`?
name: Bosun       | on_past_due: grace | on_past_due: no | no | bad_value | keep, grace, cut
lock:             | then: bosun-monthly | then: bosun-monthli | bosun-monthli | unknown_price | `bosun-monthly`?
lock:             | then: bosun-monthly | then: bosun-sats | bosun-sats | bad_lock | usd
lock:             | then: bosun-monthly, | | lock | bad_lock | `then`
lock:             | 30d | 30 | 30, | bad_value | 7d
lock:             | until: 2027-01-01 | until: 2025-01-01 | 2025-01-01 | bad_lock | after
lock:             | until: 2027-01-01 | until: 2027-01-01, cycles: 3 | cycles | contradiction | one of
retired: 2026     | retired: 2026-01-01 | name: Old | lock | bad_lock | `retired`
bosun-bitcoin     | lead: 3d | lead: 31d | 31d | out_of_range | shorter
bosun-bitcoin     | bosun-bitcoin | Bosun-Bitcoin | Bosun-Bitcoin | bad_key | lower-case
bosun-lifetime    | bosun-lifetime | deckhand-yearly | deckhand-yearly | duplicate | deckhand
bosun-sats        | store-default | *store | *store | syntax |
bosun-sats        | store-default | !!str x | x } | unsupported | plain
bosun-sats        | store-default | &a x | x } | unsupported | plain"#;

#[test]
fn every_mistake_is_at_its_place() {
    let mut wrong = Vec::new();
    for edit in EDITS.lines().skip(1) {
        let cells: Vec<&str> = edit.split('|').map(str::trim).collect();
        let [anchor, old, new, needle, code, says] = cells[..] else {
            panic!("{edit}");
        };
        let (head, tail) = FIXTURE.split_at(FIXTURE.find(anchor).expect(anchor));
        assert!(tail.contains(old), "{edit}");
        let text = format!("{head}{}", tail.replacen(old, new, 1));
        let place = place(&text, head.len(), needle);
        let errors = read(&text).err().map_or(Vec::new(), |errors| errors.errors);
        let hit = errors.iter().any(|error| {
            (error.line, error.column) == place
                && error.code.name() == code
                && error.expected.contains(says)
        });
        // An unknown key in the place of a required one is two mistakes.
        let most = if matches!(old, "product" | "name: Deckhand") {
            2
        } else {
            1
        };
        if !hit || errors.len() > most {
            let found: Vec<String> = errors.iter().map(|e| format!("{e} [{}]", e.code)).collect();
            wrong.push(format!("{edit}\nwanted {place:?}, got {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn eleven_different_mistakes_are_eleven_errors_in_the_order_of_lines() {
    let text = "\
currency: usd
product: Acme
colour: red
defaults: { newcomer: fre }
rules: { quote_ttl: 15 minutes }
features:
  quota: { kind: byte, name: Storage }
  seats: { kind: count, name: Seats }
plans:
  free:
    name: Free
    rank: zero
    entitlements: { quota: 2GB, seats: many }
  pro:
    name: Pro
    entitlements: { storage: 5GB }
    prices:
      pro-monthly:
        amount: 5.001
        interval: monthly
        stripe: prod_1
      pro-monthly:
        amount: 6.00
";
    assert_eq!(
        mistakes(text),
        [
            (3, 1, "unknown_key"),
            (4, 23, "unknown_plan"),
            (5, 21, "bad_value"),
            (7, 18, "bad_value"),
            (12, 11, "bad_value"),
            (13, 40, "bad_value"),
            (16, 21, "undeclared_feature"),
            (19, 17, "bad_value"),
            (20, 19, "bad_value"),
            (21, 17, "bad_reference"),
            (22, 7, "duplicate_key"),
        ]
    );
}

#[test]
fn errors_show_their_line_with_a_caret() {
    let text = FIXTURE.replace("amount: 20.00", "amount: 20.001");
    let (line, column) = place(&text, 0, "20.001");
    assert_eq!(
        read(&text).unwrap_err().to_string(),
        format!(
            "plans.yaml:{line}:{column}: plans.deckhand.prices.deckhand-yearly.amount: \
             found `20.001`, expected an amount of usd, which has 2 decimals\n\
             {line:>5} |         amount: 20.001\n      |                 ^"
        )
    );
}

#[test]
fn files_that_are_no_plan_file_are_refused() {
    let nested = format!("plans: {}", "[".repeat(100));
    let lines: Vec<String> = (0..100).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    let deep_block = lines.concat();
    for (text, code) in [
        ("", "wrong_shape"),
        ("# nothing\n", "wrong_shape"),
        ("hello", "wrong_shape"),
        ("- a\n- b\n", "wrong_shape"),
        ("a: [", "syntax"),
        ("a: b: c", "syntax"),
        ("a: 'open", "syntax"),
        ("a: 1\n---\nb: 2\n", "second_document"),
        ("? [a, b]\n: c\n", "wrong_shape"),
        (&nested, "too_deep"),
        (&deep_block, "too_deep"),
    ] {
        let found = mistakes(text);
        assert!(
            found.iter().any(|(_, _, found)| *found == code),
            "{text:.40}: {found:?}"
        );
    }
    let huge = vec![b'#'; MAX_FILE_BYTES + 1];
    let errors = read_plan_file("p", &huge).unwrap_err();
    assert_eq!(errors.errors[0].code.name(), "too_large");
    let errors = read_plan_file("p", b"a: \xff").unwrap_err();
    assert_eq!(errors.errors[0].code.name(), "not_utf8");
    let empty = "currency: usd\nproduct: x\ndefaults: { newcomer: a }\nplans: {}\n";
    assert_eq!(mistakes(empty), [(3, 23, "unknown_plan")]);
    let free = "currency: usd\nproduct: x\nplans:\n  a: { name: A, trial: 1d, prices: {} }\n";
    assert_eq!(mistakes(free), [(4, 24, "contradiction")]);
    assert_eq!(mistakes(&format!("\u{feff}{FIXTURE}")), []);
    assert_eq!(mistakes(&FIXTURE.replace('\n', "\r\n")), []);
}

#[test]
fn the_largest_files_of_every_kind_are_answered() {
    for piece in [
        "a: 1\n", "- ", "[", "{", "a,", "\"", "? ", "&a ", "*a ", "!a ", "x\n", "#\n", ": ",
    ] {
        let text = piece.repeat(MAX_FILE_BYTES / piece.len());
        assert!(read(&text).is_err(), "{piece}");
    }
    let items: Vec<String> = (0..60_000).map(|n| format!("  k{n}: 1\n")).collect();
    let text = format!("currency: usd\nproduct: x\nplans:\n{}", items.concat());
    assert!(text.len() < MAX_FILE_BYTES);
    let errors = read(&text).unwrap_err();
    assert_eq!(errors.errors.len(), 60_001);
    assert!(errors.to_string().ends_with("and 59501 more errors"));
}

fn yaml_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("plans:"),
        Just("  "),
        Just("\n"),
        Just("\t"),
        Just("- "),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(": "),
        Just(","),
        Just("'"),
        Just("\""),
        Just("|"),
        Just(">"),
        Just("&a"),
        Just("*a"),
        Just("!!int"),
        Just("---"),
        Just("..."),
        Just("%YAML 1.2"),
        Just("#"),
        Just("? "),
        Just("é"),
        Just("\u{0}"),
        Just("\r"),
        Just("\\x"),
        Just("5.00"),
        Just("<<"),
        Just("features"),
        Just("a"),
        Just("~"),
        Just("@"),
        Just("`"),
        Just("\u{85}"),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read_plan_file("p", &bytes).is_err());
    }

    #[test]
    fn nothing_like_yaml_panics(text in yaml_like()) {
        let errors = read(&text);
        prop_assert!(errors.is_err());
        prop_assert!(!errors.unwrap_err().errors.is_empty());
    }

    /// A damaged plan file never panics, and every error it has is inside the file.
    #[test]
    fn a_damaged_plan_file_is_answered(cut in 0..FIXTURE.len(), length in 0usize..60, piece in yaml_like()) {
        let end = (cut + length).min(FIXTURE.len());
        let text = format!("{}{piece}{}", &FIXTURE[..cut], &FIXTURE[end..]);
        if let Err(errors) = read(&text) {
            prop_assert!(!errors.errors.is_empty());
            let lines = text.chars().filter(|c| matches!(c, '\n' | '\r')).count() + 1;
            prop_assert!(errors.errors.iter().all(|error| (1..=lines + 1).contains(&error.line)));
        }
    }
}

/// A plan file with a meter and an overage.
const METERED: &str = "\
currency: usd
product: Acme
features:
  calls: { kind: count, name: Calls, meter: sum }
  disk: { kind: bytes, name: Disk, meter: max }
plans:
  pro:
    name: Pro
    entitlements: { calls: 1000, disk: 5GB }
    prices:
      pro-monthly:
        amount: 10.00
        interval: month
        overage:
          calls: { per: 100, amount: 0.50 }
          disk: { per: 1GB, amount: 2.00 }
";

#[test]
fn meters_and_overage_are_read_exactly() {
    use billing_domain::usage::{Meter, Overage};
    let catalog = read_plan_file("plans.yaml", METERED.as_bytes()).unwrap();
    let meters: Vec<_> = catalog
        .features()
        .values()
        .map(|feature| feature.meter)
        .collect();
    assert_eq!(meters, [Some(Meter::Sum), Some(Meter::Max)]);
    let overage = &catalog.price("pro-monthly").unwrap().overage;
    let of = |cents, per| Overage {
        amount: Money::new(cents, Currency::USD),
        per,
    };
    assert_eq!(overage.get("calls"), Some(&of(50, 100)));
    assert_eq!(overage.get("disk"), Some(&of(200, 1_000_000_000)));
}

#[test]
fn a_mistake_about_use_is_told_once_at_its_place() {
    for (from, to, line, found) in [
        ("meter: sum", "meter: summ", 4, "`summ`"),
        ("per: 100,", "per: many,", 15, "`many`"),
        ("per: 100, amount: 0.50", "per: 100", 15, "no `amount`"),
        ("amount: 0.50", "amount: 0.505", 15, "`0.505`"),
        ("per: 100", "each: 100", 15, "the unknown key `each`"),
        (
            "name: Calls, meter: sum",
            "name: Calls",
            15,
            "`calls`, which has no meter",
        ),
        (
            "kind: count",
            "kind: text",
            4,
            "a meter of a feature of kind text",
        ),
    ] {
        let text = METERED.replacen(from, to, 1);
        let errors = read_plan_file("plans.yaml", text.as_bytes()).unwrap_err();
        let said = errors.to_string();
        let at = format!("plans.yaml:{line}:");
        assert!(
            said.lines().any(|told| told.contains(&at)) && said.contains(found),
            "{to}: {said}"
        );
    }
}
