//! Every published case is a row. What could not be reproduced would be listed.

use std::collections::BTreeMap;

use billing_domain::proration::{Dialect, Discount, Item, Proration, Ratio, Reason};
use serde_json::Value;

use crate::common::{at, change, item, span};

const CASES: &str = include_str!("cases.jsonl");

/// Cases that are not reproduced, each with the reason.
const NOT_REPRODUCED: [(&str, &str); 0] = [];

/// What the case states.
#[derive(Debug, Clone, Copy)]
enum Tells {
    /// The sum of the credits, signed.
    Credit,
    /// The sum of the credits, without its sign.
    Credited,
    /// The sum of the charges.
    Charge,
    /// The net.
    Net,
    /// The share, in the dialect's precision.
    Share,
    /// The sum of the lines' shares.
    Shares,
    /// Credit and charge, without signs.
    Both,
    /// Net, tax and total of a credit, without signs.
    Taxed,
    /// The charge in hundred-thousandths.
    Units,
    /// What the time used and the new time come to.
    UsedAndNew,
}

struct Row {
    id: &'static str,
    dialect: Dialect,
    tells: Tells,
    /// `None`: bought for good.
    period: Option<&'static str>,
    at: &'static str,
    ends: Vec<Item>,
    begins: Vec<Item>,
    tax: u32,
    seats: bool,
}

impl Row {
    fn new(id: &'static str, dialect: Dialect, tells: Tells, period: &'static str) -> Self {
        Self {
            id,
            dialect,
            tells,
            period: Some(period),
            at: period.split_once("..").unwrap().0,
            ends: Vec::new(),
            begins: Vec::new(),
            tax: 0,
            seats: false,
        }
    }

    fn at(self, at: &'static str) -> Self {
        Self { at, ..self }
    }

    fn ends(mut self, item: Item) -> Self {
        self.ends.push(item);
        self
    }

    fn begins(mut self, item: Item) -> Self {
        self.begins.push(item);
        self
    }

    fn part(mut self, price: i64, part: &str) -> Self {
        self.begins.push(Item {
            part: Some(span(part)),
            ..item(price)
        });
        self
    }

    fn tax(self, tax: u32) -> Self {
        Self { tax, ..self }
    }

    fn seats(self) -> Self {
        Self {
            seats: true,
            ..self
        }
    }

    fn answer(&self) -> String {
        let choices = if self.seats {
            self.dialect.seat_choices()
        } else {
            self.dialect.choices()
        };
        let period = self.period.map(span);
        let done = change(
            choices,
            period,
            at(self.at),
            &self.ends,
            &self.begins,
            self.tax,
        );
        let credit = done.credit.amount;
        let charge = done.charge.amount;
        match self.tells {
            Tells::Credit => credit.to_string(),
            Tells::Credited => (-credit).to_string(),
            Tells::Charge => charge.to_string(),
            Tells::Net => done.net.amount.to_string(),
            Tells::Share => choices.precision.show(done.ratio),
            Tells::Shares => {
                let shares = done
                    .lines
                    .iter()
                    .map(|line| Ratio::new(line.counted.part, line.counted.whole).unwrap());
                let sum = shares.reduce(|sum, share| sum.checked_add(share).unwrap());
                sum.unwrap().to_string()
            }
            Tells::Both => format!("{}/{charge}", -credit),
            Tells::Taxed => {
                let line = done.lines[0];
                let (net, tax) = (-line.amount.amount, -line.tax.amount);
                format!("{net}+{tax}={}", -credit)
            }
            Tells::Units => Ratio::new(charge.into(), 100_000).unwrap().to_decimal(5),
            Tells::UsedAndNew => {
                format!(
                    "{}/{}",
                    sum(&done, Reason::Used),
                    sum(&done, Reason::Begins)
                )
            }
        }
    }
}

fn sum(done: &Proration, reason: Reason) -> i64 {
    let lines = done.lines.iter().filter(|line| line.reason == reason);
    lines.map(|line| line.amount.amount).sum()
}

fn fixture() -> BTreeMap<String, Value> {
    let cases = CASES.lines().map(|line| {
        let case: Value = serde_json::from_str(line).unwrap();
        (case["id"].as_str().unwrap().to_owned(), case)
    });
    cases.collect()
}

#[test]
fn every_published_case_is_reproduced_or_listed_with_its_reason() {
    let cases = fixture();
    let mut answers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in rows() {
        let case = cases.get(row.id);
        let case = case.unwrap_or_else(|| panic!("no case {}", row.id));
        let dialect = row.dialect.name();
        let named = case["dialect"].as_str().unwrap();
        assert!(dialect.starts_with(named), "{}: {dialect}", row.id);
        answers.entry(row.id).or_default().push(row.answer());
    }
    let mut wrong = Vec::new();
    for (id, case) in &cases {
        if NOT_REPRODUCED.iter().any(|(listed, _)| listed == id) {
            assert!(
                !answers.contains_key(id.as_str()),
                "{id} is listed and a row"
            );
            continue;
        }
        let expected = &case["expected"];
        let expected = expected
            .as_str()
            .map_or_else(|| expected.to_string(), str::to_owned);
        let found = answers.get(id.as_str()).map(|all| all.join("/"));
        if found.as_deref() != Some(expected.as_str()) {
            let (inputs, source) = (&case["inputs"], &case["source"]);
            wrong.push(format!(
                "{id}: {found:?}, expected {expected} ({inputs}, {source})"
            ));
        }
        assert!(
            !case["source"].as_str().unwrap().is_empty(),
            "{id}: no source"
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    for (id, reason) in NOT_REPRODUCED {
        assert!(cases.contains_key(id) && !reason.is_empty(), "{id}");
    }
    assert_eq!(cases.len(), CASES.lines().count(), "an id is used twice");
}

fn percent(price: i64, percent: u16) -> Item {
    Item {
        discount: Some(Discount::BasisPoints(percent * 100)),
        ..item(price)
    }
}

fn less(price: i64, amount: i64) -> Item {
    Item {
        discount: Some(Discount::Amount(amount)),
        ..item(price)
    }
}

fn seats(price: i64, quantity: u32) -> Item {
    Item {
        quantity,
        ..item(price)
    }
}

fn paid(price: i64, paid: i64, credited: i64) -> Item {
    Item {
        paid: Some(paid),
        credited,
        ..item(price)
    }
}

fn own(price: i64, period: &str, part: &str) -> Item {
    Item {
        period: Some(span(period)),
        part: Some(span(part)),
        ..item(price)
    }
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(kill_bill());
    rows.extend(lago());
    rows.extend(meteroid());
    rows.extend(polar());
    rows.extend(providers());
    rows.extend(others());
    rows
}

fn kill_bill() -> Vec<Row> {
    let row = |id, tells, period| Row::new(id, Dialect::KillBill, tells, period);
    let charge = |id, period| row(id, Tells::Charge, period);
    let share = |id, period| row(id, Tells::Share, period);
    let fixed = |id| {
        Row::new(
            id,
            Dialect::KillBill30,
            Tells::Charge,
            "2023-05-15..2023-06-15",
        )
    };
    vec![
        share("KB-F2", "2023-06-15..2023-07-15").part(100, "2023-06-23..2023-07-15"),
        share("KB-F3", "2023-02-15..2023-03-15").part(100, "2023-02-23..2023-03-15"),
        share("KB-F4", "2024-02-15..2024-03-15").part(100, "2024-02-23..2024-03-15"),
        fixed("KB-01").part(1995, "2023-05-15..2023-05-23"),
        fixed("KB-02").part(1995, "2023-05-23..2023-06-15"),
        charge("KB-11", "2012-05-01..2012-06-01")
            .at("2012-05-08")
            .ends(item(995))
            .begins(item(2995)),
        row("KB-12", Tells::Credit, "2012-05-01..2012-06-01")
            .at("2012-05-08")
            .ends(item(995))
            .begins(item(2995)),
        charge("KB-16", "2017-04-15..2017-05-15").part(24_995, "2017-05-01..2017-05-15"),
        charge("KB-17", "2017-05-15..2017-06-15").part(24_995, "2017-06-01..2017-06-15"),
        charge("KB-21", "2017-04-10..2017-05-10").part(59_995, "2017-05-05..2017-05-10"),
        charge("KB-22", "2017-05-10..2017-06-10").part(59_995, "2017-06-01..2017-06-10"),
        charge("KB-23", "2016-05-10..2017-05-10").part(239_995, "2017-05-01..2017-05-10"),
        charge("KB-24", "2017-06-04..2017-07-04").part(199_995, "2017-07-01..2017-07-04"),
        charge("KB-25", "2012-05-01..2013-05-01")
            .at("2012-05-12")
            .begins(item(239_995)),
        charge("KB-27", "2016-06-10..2016-07-10").part(24_995, "2016-07-01..2016-07-10"),
        charge("KB-31", "2012-06-01..2013-06-01").part(239_995, "2012-06-04..2013-06-01"),
        charge("KB-34", "2018-04-15..2018-05-15").part(4995, "2018-04-15..2018-05-01"),
        charge("KB-35", "2018-04-15..2018-05-15").part(5995, "2018-05-01..2018-05-15"),
        charge("KB-37", "2023-08-11..2023-09-11").part(90_000, "2023-08-11..2023-08-15"),
        row("KB-P1", Tells::Shares, "2011-02-10..2011-03-10").part(1, "2011-02-10..2011-02-24"),
        row("KB-P4", Tells::Shares, "2010-12-15..2011-03-15")
            .begins(own(1, "2010-12-15..2011-01-15", "2011-01-01..2011-01-15"))
            .begins(own(1, "2011-01-15..2011-02-15", "2011-01-15..2011-02-15"))
            .begins(own(1, "2011-02-15..2011-03-15", "2011-02-15..2011-02-27")),
    ]
}

fn lago() -> Vec<Row> {
    let row = |id, tells, period| Row::new(id, Dialect::Lago, tells, period);
    let charge = |id, period| row(id, Tells::Charge, period);
    vec![
        charge("LG-01", "2022-05-01..2022-06-01")
            .at("2022-05-11")
            .begins(item(4000)),
        charge("LG-03", "2022-06-01..2022-07-01")
            .at("2022-06-06")
            .begins(item(5000)),
        charge("LG-04", "2024-03-01..2024-04-01")
            .at("2024-03-05")
            .begins(item(1000)),
        row("LG-08", Tells::Credited, "2024-03-01..2024-04-01")
            .at("2024-03-12")
            .ends(item(1500))
            .begins(item(1900))
            .tax(250_000),
        charge("LG-11", "2024-03-05..2024-04-05")
            .at("2024-03-12")
            .begins(item(1900)),
        charge("LG-13", "2023-06-29..2024-06-29")
            .at("2023-09-28")
            .begins(item(12_000)),
        // Ended on 20 June, which is used up.
        charge("LG-14", "2023-04-15..2023-07-15").part(91_000, "2023-05-20..2023-06-20"),
        charge("LG-21", "2023-05-05..2023-06-05")
            .begins(item(5000))
            .tax(200_000),
        row("LG-23", Tells::Taxed, "2025-09-18..2025-10-18")
            .ends(item(20_000))
            .tax(250_000),
        row("LG-27", Tells::Credited, "2022-10-01..2022-11-01")
            .at("2022-10-15")
            .ends(item(3100)),
        row("LG-28", Tells::Credited, "2022-10-01..2022-11-01")
            .at("2022-10-15")
            .ends(item(3100))
            .tax(200_000),
        charge("LG-30", "2022-03-01..2022-04-01")
            .at("2022-03-04")
            .begins(item(100)),
        Row::new(
            "LG-36",
            Dialect::LagoUsage,
            Tells::Units,
            "2022-07-01..2022-08-01",
        )
        .begins(item(500_000))
        .part(1_200_000, "2022-07-26..2022-08-01")
        .part(1_200_000, "2022-07-26..2022-08-01"),
    ]
}

fn meteroid() -> Vec<Row> {
    let january = "2025-01-01..2025-02-01";
    let row = |id, tells, at| Row::new(id, Dialect::Meteroid, tells, january).at(at);
    let mid = "2025-01-16";
    vec![
        Row::new(
            "MT-03",
            Dialect::Meteroid,
            Tells::Credit,
            "2025-01-01..2025-01-31",
        )
        .at("2025-01-30")
        .ends(item(30_000))
        .begins(item(60_000)),
        row("MT-07", Tells::Credit, mid).ends(item(1000)),
        row("MT-08", Tells::Charge, mid).begins(item(2500)),
        row("MT-09", Tells::Credit, mid).ends(seats(1000, 5)),
        row("MT-10", Tells::Charge, mid).begins(seats(2500, 5)),
        row("MT-13", Tells::Credit, mid)
            .ends(item(3500))
            .begins(item(2900))
            .begins(seats(1000, 5)),
        row("MT-15", Tells::Charge, mid).begins(item(5000)),
        row("MT-16", Tells::Charge, mid).begins(item(3000)),
        row("MT-18", Tells::Charge, "2025-01-01").begins(own(
            365_000,
            "2025-01-01..2026-01-01",
            "2025-01-01..2025-01-31",
        )),
    ]
}

fn polar() -> Vec<Row> {
    let row = |id, tells, at| Row::new(id, Dialect::Polar, tells, "2025-06-01..2025-07-01").at(at);
    let (half, two_thirds) = ("2025-06-16", "2025-06-11");
    let year = |id, tells| {
        Row::new(id, Dialect::Polar, tells, "2024-08-01..2025-08-01")
            .at("2024-10-01")
            .ends(item(100_000))
            .begins(item(300_000))
    };
    let more = |at| row("PO-22", Tells::Charge, at).seats();
    vec![
        row("PO-01", Tells::Credit, half).ends(item(10_000)),
        row("PO-02", Tells::Charge, half).begins(item(30_000)),
        row("PO-03", Tells::Credit, two_thirds).ends(item(10_000)),
        row("PO-04", Tells::Charge, two_thirds).begins(item(30_000)),
        year("PO-07", Tells::Credit),
        year("PO-08", Tells::Charge),
        row("PO-14", Tells::Both, half)
            .ends(percent(10_000, 25))
            .begins(percent(100_000, 50)),
        row("PO-16", Tells::Both, half)
            .ends(less(10_000, 2500))
            .begins(less(100_000, 5000)),
        more(half).begins(seats(1000, 3)),
        more(two_thirds).begins(seats(1500, 5)),
        more(half).begins(seats(2000, 2)),
        row("PO-22", Tells::Credited, half)
            .seats()
            .ends(seats(1500, 3)),
    ]
}

fn providers() -> Vec<Row> {
    let stripe = |id, tells| {
        let period = "2020-08-06T21:28:08Z..2020-09-06T21:28:08Z";
        Row::new(id, Dialect::Stripe, tells, period)
            .at("2020-09-01T17:42:28Z")
            .ends(item(1000))
            .begins(item(3252))
    };
    let paddle = |id, tells, period, at, price| {
        Row::new(id, Dialect::Paddle, tells, period)
            .at(at)
            .ends(item(price))
    };
    let august = "2023-08-21T11:21:38Z..2023-09-21T11:21:38Z";
    let november = "2023-11-11T08:33:04Z..2023-12-11T08:33:04Z";
    let june = "2023-06-30T13:41:51Z..2023-07-30T13:41:51Z";
    vec![
        stripe("ST-01", Tells::Credit),
        stripe("ST-02", Tells::Charge),
        Row::new(
            "ST-04",
            Dialect::Stripe,
            Tells::Credit,
            "2025-06-01..2025-07-01",
        )
        .at("2025-06-16")
        .ends(item(1000))
        .begins(item(2000)),
        paddle(
            "PD-08r",
            Tells::Share,
            august,
            "2023-08-21T11:25:12Z",
            163_312,
        ),
        paddle(
            "PD-08_163312",
            Tells::Credited,
            august,
            "2023-08-21T11:25:12Z",
            163_312,
        ),
        paddle(
            "PD-10r",
            Tells::Share,
            november,
            "2023-11-11T08:50:20Z",
            36_000,
        ),
        paddle(
            "PD-10_36000",
            Tells::Credited,
            november,
            "2023-11-11T08:50:20Z",
            36_000,
        ),
        paddle("PD-11r", Tells::Share, june, "2023-06-30T13:46:23Z", 55_000),
        paddle(
            "PD-11_55000",
            Tells::Credited,
            june,
            "2023-06-30T13:46:23Z",
            55_000,
        ),
    ]
}

fn others() -> Vec<Row> {
    let flexprice = |id, tells| {
        Row::new(id, Dialect::Flexprice, tells, "2024-03-01..2024-03-31")
            .at("2024-03-15")
            .ends(item(1000))
            .begins(item(2000))
    };
    // Days 16 to 30 of 30: a half.
    let cap = |id| {
        Row::new(
            id,
            Dialect::Flexprice,
            Tells::Credited,
            "2024-04-01..2024-04-30",
        )
        .at("2024-04-16")
    };
    vec![
        flexprice("FX-01", Tells::Credit),
        flexprice("FX-02", Tells::Charge),
        cap("FX-09").ends(paid(100, 100, 0)),
        cap("FX-11").ends(paid(200, 200, 200)),
        // In arrears: the month used of the quarter is billed.
        Row::new(
            "OM-03",
            Dialect::OpenMeter,
            Tells::Charge,
            "2024-01-01..2024-04-01",
        )
        .at("2024-02-01")
        .ends(item(900)),
        Row::new(
            "OM-04",
            Dialect::OpenMeter,
            Tells::Charge,
            "2024-01-01..2024-02-01",
        )
        .at("2024-01-21T21:55:18Z")
        .begins(item(2000)),
        Row::new(
            "OM-05",
            Dialect::OpenMeter,
            Tells::UsedAndNew,
            "2024-01-01..2024-02-01",
        )
        .at("2024-01-01T00:00:40Z")
        .ends(item(500))
        .begins(item(1000)),
        Row::new(
            "AU-01",
            Dialect::Engine,
            Tells::Net,
            "2025-06-01..2025-07-01",
        )
        .at("2025-06-16")
        .ends(item(2000))
        .begins(item(5000)),
        Row {
            period: None,
            ..Row::new(
                "KS-03",
                Dialect::Keysat,
                Tells::Charge,
                "2025-06-16..2025-06-16",
            )
            .ends(item(2500))
            .begins(item(7500))
        },
    ]
}
