//! What is decided without a store: prorating, quoting and forecasting.

use std::hint::black_box;

use billing_domain::catalog::CatalogRevision;
use billing_domain::decide::plan_change;
use billing_domain::forecast::{Horizon, forecast};
use billing_domain::ids::{IdSeq, QuoteId};
use billing_domain::money::{Currency, Money};
use billing_domain::proration::{Change, Dialect, Item, TaxRate, Zones, prorate};
use billing_domain::time::{Period, Timestamp, days, shifted_back};
use billing_testkit::fixtures::due_subscriber;

use crate::Size;
use crate::fill::catalog;
use crate::quotes::wish;
use crate::table::{Row, Verdict, median, none, now};

/// When the paid month ends; everything happens half a month before.
const DUE_AT: &str = "2026-02-10T00:00:00Z";

/// What prorating one change may take, in nanoseconds.
const WANTED_PRORATION: u64 = 1_000;

/// What a forecast may take, in nanoseconds, and how far it goes.
const WANTED_FORECAST: u64 = 60_000;
const CYCLES: u16 = 12;

/// Rounds of each; the median is taken.
const ROUNDS: usize = 9;

/// All three.
pub(crate) fn measure(size: Size) -> Vec<Row> {
    let due_at: Timestamp = DUE_AT.parse().unwrap();
    let at = shifted_back(due_at, days(15));
    let account = due_subscriber(0, due_at);
    let held = account.subscriptions.first().unwrap().id;
    let revision = CatalogRevision {
        number: 1,
        catalog: catalog(),
        applied_at: shifted_back(due_at, days(365)),
    };
    let ask = wish(held);
    let id: QuoteId = IdSeq::new(at, 3).draw();
    let quoting = each(size.pick(50_000, 5_000), || {
        let planned = plan_change(black_box(&account), &ask, None, &revision, at).unwrap();
        black_box(planned.quote(&account, None, &revision, id, at)).unwrap();
    });
    let horizon = Horizon::cycles(CYCLES);
    let told = forecast(&account, &revision, held, horizon, at).unwrap();
    assert_eq!(told.entries.len(), usize::from(CYCLES));
    let foretelling = each(size.pick(5_000, 500), || {
        black_box(forecast(black_box(&account), &revision, held, horizon, at));
    });
    vec![
        row(
            "prorating one change".to_owned(),
            prorating(size, due_at, at),
            WANTED_PRORATION,
        ),
        Row::figure(
            "quoting one change, without a store".to_owned(),
            format!("{quoting} ns"),
        ),
        row(
            format!("forecast of {CYCLES} cycles, without a store"),
            foretelling,
            WANTED_FORECAST,
        ),
    ]
}

/// An upgrade in the middle of a paid month, as the engine prorates it.
fn prorating(size: Size, due_at: Timestamp, at: Timestamp) -> u64 {
    let usd = |amount| Item::new(Money::new(amount, Currency::USD), 1);
    let (ends, begins) = ([usd(500)], [usd(2_000)]);
    let change = Change {
        period: Some(Period {
            start: shifted_back(due_at, days(31)),
            end: due_at,
        }),
        at,
        ends: &ends,
        begins: &begins,
        tax: TaxRate::default(),
        zones: Zones::default(),
    };
    let choices = Dialect::Engine.choices();
    each(size.pick(200_000, 20_000), || {
        black_box(prorate(black_box(&change), choices)).unwrap();
    })
}

fn row(what: String, each: u64, wanted: u64) -> Row {
    Row {
        what,
        measured: format!("{each} ns"),
        floor: none(),
        ratio: none(),
        wanted: format!("≤ {wanted} ns"),
        verdict: Verdict::of(each <= wanted),
    }
}

/// Nanoseconds of one call.
fn each(calls: u32, mut call: impl FnMut()) -> u64 {
    let rounds = (0..ROUNDS).map(|_| {
        let began = now();
        for _ in 0..calls {
            call();
        }
        let each = began.elapsed().as_nanos() / u128::from(calls);
        u64::try_from(each).unwrap()
    });
    median(rounds)
}
