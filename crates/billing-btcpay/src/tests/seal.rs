//! A rate counts under the seal of who made it, and no other.

use billing_domain::invoice::Conversion;
use billing_domain::money::{Currency, Money};
use serde_json::json;

use super::{CHECKOUT, INVOICE, OPERATOR, seal};
use crate::correlation::{Metadata, Ours};
use crate::seal::Seal;

const COLLECTED: i64 = 50_000;

fn ours() -> Ours {
    Ours::Invoice(INVOICE.parse().unwrap())
}

fn rate(satoshi: i64) -> Conversion {
    Conversion {
        listed: Money::new(2_500, Currency::USD),
        collected: Money::new(satoshi, Currency::SAT),
        rate: 5_000_000,
        source: "pin".to_owned(),
        at: "2026-01-01T00:00:00.123456789Z".parse().unwrap(),
    }
}

fn sealed() -> Metadata {
    let mut metadata = Metadata::new();
    metadata.insert("orderId".to_owned(), json!("renewal:1"));
    seal().put(&mut metadata, ours(), &rate(COLLECTED));
    metadata
}

#[test]
fn what_was_sealed_is_believed_as_btcpay_gives_it_back() {
    assert_eq!(
        seal().conversion(&sealed(), ours(), COLLECTED),
        Some(rate(COLLECTED))
    );
    // It writes instants its own way.
    let mut metadata = sealed();
    metadata["billing_conversion"]["at"] = json!("2026-01-01T00:00:00.1234567Z");
    let read = seal().conversion(&metadata, ours(), COLLECTED).unwrap();
    assert_eq!(
        (read.collected, read.rate),
        (rate(COLLECTED).collected, 5_000_000)
    );
}

/// Something that somebody does to what is told of an invoice.
type Change = fn(&mut Metadata);

#[test]
fn what_anybody_changed_is_not() {
    let changes: [(&str, Change); 7] = [
        ("price", |it| {
            it["billing_conversion"]["listed"]["amount"] = json!(5_000);
        }),
        ("rate", |it| it["billing_conversion"]["rate"] = json!(1)),
        ("source", |it| {
            it["billing_conversion"]["source"] = json!("me");
        }),
        ("day", |it| {
            it["billing_conversion"]["at"] = json!("2026-01-02T00:00:00Z");
        }),
        ("order", |it| it["orderId"] = json!("renewal:2")),
        ("seal", |it| it["billing_seal"] = json!("00")),
        ("no seal", |it| drop(it.remove("billing_seal"))),
    ];
    for (what, change) in changes {
        let mut metadata = sealed();
        change(&mut metadata);
        let told = seal().conversion(&metadata, ours(), COLLECTED);
        assert_eq!(told, None, "{what}");
    }
    // Fewer satoshi, whatever the invoice is for.
    let mut metadata = sealed();
    metadata["billing_conversion"]["collected"]["amount"] = json!(1);
    for collected in [1, COLLECTED] {
        assert_eq!(seal().conversion(&metadata, ours(), collected), None);
    }
    // For something else, by another deployment, under another key.
    let other = Ours::Checkout(CHECKOUT.parse().unwrap());
    assert_eq!(seal().conversion(&sealed(), other, COLLECTED), None);
    for (key, operator) in [("another", OPERATOR), ("key", "there"), ("", OPERATOR)] {
        let seal = Seal::new(&key.into(), operator);
        assert_eq!(seal.conversion(&sealed(), ours(), COLLECTED), None);
    }
}

#[test]
fn a_seal_shows_no_key() {
    assert!(!format!("{:?}", seal()).contains("key"));
    let without = {
        let mut metadata = Metadata::new();
        Seal::new(&"".into(), OPERATOR).put(&mut metadata, ours(), &rate(COLLECTED));
        metadata
    };
    let nobody = Seal::new(&"".into(), OPERATOR);
    assert_eq!(nobody.conversion(&without, ours(), COLLECTED), None);
}
