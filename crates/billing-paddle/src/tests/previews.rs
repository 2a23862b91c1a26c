//! Previews: lines that sum to what is owed, or two sums where they do not.

use billing_domain::line::{LineKind, sum};
use billing_domain::money::Currency;
use serde_json::{Value, json};

use super::usd;
use crate::preview::{Previewed, read};

fn preview(value: Value) -> Option<billing_domain::effect::Preview> {
    let previewed: Previewed = serde_json::from_value(value).unwrap();
    read(&previewed, Currency::USD)
}

fn amount(amount: &str) -> Value {
    json!({ "amount": amount, "currency_code": "USD" })
}

fn priced(charge: &str, credit: &str, action: &str, result: &str) -> Value {
    json!({
        "update_summary": {
            "charge": amount(charge),
            "credit": amount(credit),
            "result": { "action": action, "amount": result, "currency_code": "USD" },
        },
        "immediate_transaction": {
            "details": { "line_items": [{ "quantity": 3, "totals": { "total": charge } }] },
            "adjustments": [{ "items": [{ "totals": { "total": credit } }] }],
        },
    })
}

#[test]
fn lines_say_what_begins_and_what_is_given_back() {
    let read = preview(priced("3000", "1000", "charge", "2000")).unwrap();
    assert_eq!(read.owed, usd(2_000));
    assert_eq!(sum(&read.lines, Currency::USD), Ok(usd(2_000)));
    let told: Vec<_> = read
        .lines
        .iter()
        .map(|line| (line.kind, line.quantity, line.amount))
        .collect();
    assert_eq!(
        told,
        [
            (LineKind::Begins, 3, usd(3_000)),
            (LineKind::Unused, 1, usd(-1_000)),
        ]
    );
}

#[test]
fn what_comes_to_a_credit_owes_nothing() {
    let read = preview(priced("1000", "3000", "credit", "2000")).unwrap();
    assert_eq!(read.owed, usd(0));
    assert_eq!(sum(&read.lines, Currency::USD), Ok(usd(-2_000)));
}

#[test]
fn lines_that_do_not_come_to_it_give_way_to_the_sums() {
    let mut odd = priced("3000", "1000", "charge", "2000");
    odd["immediate_transaction"]["details"]["line_items"][0]["totals"]["total"] = json!("7");
    let read = preview(odd).unwrap();
    assert_eq!(sum(&read.lines, Currency::USD), Ok(usd(2_000)));
    assert_eq!(read.lines.len(), 2);
}

#[test]
fn the_sample_is_priced() {
    let text = include_str!("../../tests/fixtures/subscriptions_preview_update_full_entity.json");
    let body: Value = serde_json::from_str(text).unwrap();
    let read = preview(body["data"].clone()).unwrap();
    assert_eq!(read.owed, usd(150_782));
    assert_eq!(sum(&read.lines, Currency::USD), Ok(usd(150_782)));
}

#[test]
fn no_sums_are_nothing_owed_only_where_nothing_is_charged() {
    assert_eq!(preview(json!({})).unwrap().owed, usd(0));
    assert_eq!(preview(json!({ "immediate_transaction": {} })), None);
    assert_eq!(preview(json!({ "update_summary": {} })), None);
}
