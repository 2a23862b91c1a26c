//! `billing prorate`: the arithmetic of a change, for people and for programs.

use serde_json::json;

use crate::rig::{Folder, Ran};

/// Runs `billing prorate` with these words.
fn prorate(words: &str) -> Ran {
    let folder = Folder::new(&format!("prorate-{}", words.replace(['/', ' ', ':'], "_")));
    let mut arguments = vec!["prorate"];
    arguments.extend(words.split_whitespace());
    let ran = folder.billing(&arguments);
    assert!(folder.files().is_empty(), "it leaves nothing behind");
    ran
}

const JUNE: &str = "--from 2026-06-01 --to 2026-07-01";

#[test]
fn each_step_is_shown_and_comes_to_the_sums() {
    let ran = prorate(&format!(
        "--price 20.00 --to-price 50.00 {JUNE} --at 2026-06-16"
    ));
    let expected = "\
engine: 2026-06-01T00:00:00Z to 2026-07-01T00:00:00Z, change at 2026-06-16T00:00:00Z
Amounts in minor units until the sums.

credit: charged_less_used
  share    1296000 of 2592000 seconds = 1/2
  exact    2000 × 1/2 used − 2000 charged = -1000
  amount   -1000  (sum, half_away_from_zero)

charge: begins
  share    1296000 of 2592000 seconds = 1/2
  exact    5000 × 1/2 = 2500
  amount   2500  (sum, half_away_from_zero)

credit  USD -10.00
charge  USD 25.00
net     USD 15.00
";
    assert_eq!(ran.exits(0).out, expected);
}

#[test]
fn programs_read_minor_units_and_every_step() {
    let ran = prorate(&format!(
        "--json --dialect stripe --price 1000 --to-price 2000 {JUNE} --at 2026-06-21 --tax 19"
    ));
    let line = |side: &str, reason: &str, base: i64, exact: &str, amount: i64, tax: i64| {
        json!({
            "side": side, "reason": reason, "quantity": 1, "base": base,
            "counted": "864000/2592000", "unit": "seconds", "ratio": "1/3", "charged": 0,
            "exact": exact, "rounding": "half_away_from_zero", "rounded": "line",
            "amount": amount, "tax": tax, "total": amount + tax,
        })
    };
    let expected = json!({
        "dialect": "stripe", "currency": "usd",
        "credit": -396, "charge": 794, "net": 398, "ratio": "1/3",
        "lines": [
            line("credit", "unused", 1000, "-1000/3", -333, -63),
            line("charge", "begins", 2000, "2000/3", 667, 127),
        ],
    });
    assert_eq!(ran.exits(0).json(), expected);
}

/// What is asked, credit and charge, and the share.
const ANSWERS: [(&str, i64, i64, &str); 15] = [
    (
        "engine --price 2000 --to-price 5000 JUNE --at 2026-06-16",
        -1000,
        2500,
        "1/2",
    ),
    (
        "stripe --price 1000 --to-price 3252 UNIX",
        -166,
        541,
        "22277/133920",
    ),
    (
        "stripe-flexible --price 2000 --paid 1000 JUNE --at 2026-06-16",
        -500,
        0,
        "1/2",
    ),
    ("paddle --price 163312 MINUTES", -163_297, 0, "0.99991"),
    ("kill-bill --to-price 249.95 PART", 0, 11_664, "0.466666667"),
    ("kill-bill-30 --to-price 19.95 MAY", 0, 1463, "0.733333333"),
    ("lago --price 3100 --tax 20 OCTOBER", -1920, 0, "16/31"),
    ("lago-usage --to-price 1200000 OCTOBER", 0, 658_065, "17/31"),
    ("polar --price 1500 --to-price 1500 SEATS", -2250, 0, "1/2"),
    ("polar --price 1503 --to-price 1503 SEAT", 0, 751, "1/2"),
    (
        "meteroid --price 1000 --quantity 5 OCTOBER",
        -2742,
        0,
        "17/31",
    ),
    (
        "flexprice --price 1000 --to-price 2000 MARCH",
        -548,
        1097,
        "17/31",
    ),
    (
        "flexprice --price 200 --paid 200 --credited 200 MARCH",
        0,
        0,
        "17/31",
    ),
    ("openmeter --price 900 QUARTER", 0, 307, "31/91"),
    ("keysat --price 2500 --to-price 7500", 0, 5000, "1"),
];

/// What stands for what in [`ANSWERS`].
const SHORT: [(&str, &str); 10] = [
    (
        "SEATS",
        "--quantity 10 --to-quantity 7 JUNE --at 2026-06-16",
    ),
    ("SEAT", "--quantity 1 --to-quantity 2 JUNE --at 2026-06-16"),
    ("JUNE", JUNE),
    ("UNIX", "--from 1596749288 --to 1599427688 --at 1598982148"),
    (
        "MINUTES",
        "--from 2023-08-21T11:21:38Z --to 2023-09-21T11:21:38Z --at 2023-08-21T11:25:12Z",
    ),
    (
        "PART",
        "--from 2017-04-15 --to 2017-05-15 --item-from 2017-05-01 --item-to 2017-05-15",
    ),
    (
        "MAY",
        "--from 2023-05-15 --to 2023-06-15 --item-from 2023-05-23",
    ),
    (
        "OCTOBER",
        "--from 2022-10-01 --to 2022-11-01 --at 2022-10-15",
    ),
    ("MARCH", "--from 2024-03-01 --to 2024-03-31 --at 2024-03-15"),
    (
        "QUARTER",
        "--from 2024-01-01 --to 2024-04-01 --at 2024-02-01",
    ),
];

#[test]
fn every_dialect_answers_as_its_system_does() {
    for (words, credit, charge, ratio) in ANSWERS {
        let words = SHORT.iter().fold(words.to_owned(), |words, (short, long)| {
            words.replace(short, long)
        });
        let told = prorate(&format!("--json --dialect {words}"));
        let told = told.exits(0).json();
        let found = (&told["credit"], &told["charge"], &told["ratio"]);
        let expected = (&json!(credit), &json!(charge), &json!(ratio));
        assert_eq!(found, expected, "{words}");
        assert_eq!(told["net"], json!(credit + charge), "{words}");
    }
}

#[test]
fn days_end_where_the_time_zone_says() {
    let ask = "--json --dialect lago --to-price 3100 --from 2026-07-01 --to 2026-08-01 \
               --at 2026-07-15T15:30:00Z";
    assert_eq!(prorate(ask).json()["charge"], 1700);
    let tokyo = prorate(&format!("{ask} --timezone Asia/Tokyo"));
    assert_eq!(tokyo.json()["charge"], 1600);
}

#[test]
fn discounts_and_currencies_are_read() {
    let ran = prorate(&format!(
        "--json --dialect polar --price 100.00 --discount 25% --to-price 1000.00 \
         --to-discount 50.00 {JUNE} --at 2026-06-16"
    ));
    let told = ran.exits(0).json();
    assert_eq!(
        (&told["credit"], &told["charge"]),
        (&json!(-3750), &json!(47_500))
    );
    let yen = prorate(&format!(
        "--currency jpy --to-price 999 {JUNE} --at 2026-06-16"
    ));
    yen.exits(0).tells(&["net     JPY 500"]);
    let held = format!("--dialect kill-bill --price 249.95 --paid 1.00 {JUNE} --at 2026-06-16");
    prorate(&held).exits(0).tells(&[
        "24995 × 0.500000000 is more than was paid and not credited: -100",
        "net     USD -1.00",
    ]);
    let dropped = "--dialect openmeter --price 0 --from 2026-06-01 --to 2026-07-01 --at 2026-06-16";
    prorate(dropped)
        .exits(0)
        .tells(&["No line: what rounds to zero is dropped."]);
}

#[test]
fn what_cannot_be_read_is_told_with_what_was_expected() {
    let july = "--from 2026-07-01 --to 2026-08-01";
    for (words, expected) in [
        (String::new(), "--price, --to-price or both are needed"),
        ("--dialect recurly".to_owned(), "[possible values: engine, stripe, stripe-flexible"),
        ("--price ten".to_owned(), "--price: found \"ten\", expected minor units such as 1995"),
        ("--price 19.999".to_owned(), "or major units such as 19.95"),
        (format!("--price 1 {july}"), "--at is missing: expected the instant of the change"),
        (format!("--price 1 {july} --at soon"), "--at: found \"soon\", expected a date such as"),
        (format!("--price 1 {july} --at 2026-09-01"), "--at lies outside the period"),
        ("--price 1 --from 2026-07-01".to_owned(), "--to is missing"),
        ("--price 1 --to 2026-07-01".to_owned(), "--from is missing"),
        ("--price 1 --from 2026-08-01 --to 2026-07-01".to_owned(), "--to must be later"),
        ("--price 1 --item-from 2026-07-01".to_owned(), "the period that --item-from is a part of"),
        (format!("--to-price 1 {july} --item-from 2026-07-09 --item-to 2026-07-02"), "in this order"),
        ("--price 1 --tax many".to_owned(), "--tax: found \"many\", expected percent"),
        ("--price 1 --tax 101".to_owned(), "expected percent from 0 to 100"),
        ("--price 1 --discount 101%".to_owned(), "a percentage from 0% to 100%"),
        ("--price -1".to_owned(), "below zero"),
        ("--price 1 --timezone Paris".to_owned(), "a name such as Europe/Paris"),
        ("--to-price 1 --paid 1".to_owned(), "--price is missing"),
        ("--price 1 --to-quantity 2".to_owned(), "--to-price is missing"),
        ("--price 1 --currency xyz".to_owned(), "unknown currency"),
        ("--dialect kill-bill --price 1 --from 2026-07-01 --to 2026-07-01T09:00:00Z --at 2026-07-01".to_owned(), "shorter than the dialect's unit"),
    ] {
        prorate(&words).exits(2).complains(&[expected]);
    }
    let large = prorate("--price 9223372036854775807 --quantity 3");
    large
        .exits(1)
        .complains(&["failed to prorate: amount out of range"]);
}
