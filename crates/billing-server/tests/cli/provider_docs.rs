//! The guides for operators name what the program listens to and understands.

use billing_btcpay::{HANDLED_EVENTS as BTCPAY_EVENTS, PAYOUT_EVENTS};
use billing_paddle::HANDLED_EVENTS as PADDLE_EVENTS;
use billing_server::config::{Config, Environment};
use billing_stripe::{API_VERSION, HANDLED_EVENTS as STRIPE_EVENTS};

const STRIPE: &str = include_str!("../../../../docs/providers/stripe.md");
const BTCPAY: &str = include_str!("../../../../docs/providers/btcpay.md");
const PADDLE: &str = include_str!("../../../../docs/providers/paddle.md");

/// The lines of the fenced block after the mark `<!-- events -->`.
#[track_caller]
fn events(guide: &str) -> Vec<&str> {
    let (_, rest) = guide.split_once("<!-- events -->").unwrap();
    let (_, rest) = rest.split_once("```text\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    block.split_whitespace().collect()
}

#[test]
fn the_events_to_subscribe_to_are_those_that_are_handled() {
    let sorted = |mut events: Vec<&'static str>| {
        events.sort_unstable();
        events
    };
    assert_eq!(sorted(events(STRIPE)), sorted(STRIPE_EVENTS.to_vec()));
    assert_eq!(sorted(events(PADDLE)), sorted(PADDLE_EVENTS.to_vec()));
    let btcpay = [BTCPAY_EVENTS.as_slice(), &PAYOUT_EVENTS].concat();
    assert_eq!(sorted(events(BTCPAY)), sorted(btcpay));
    assert!(STRIPE.contains(API_VERSION), "the pinned version is named");
}

/// Every `NAME=value` of the program's in a guide is a setting that it takes.
#[test]
fn the_variables_of_the_guides_are_understood() {
    for guide in [STRIPE, PADDLE, BTCPAY] {
        let words = guide.split(|c: char| c.is_whitespace() || c == '`');
        let set: Vec<(String, String)> = words
            .filter_map(|word| word.split_once('='))
            .filter(|(name, _)| name.starts_with("BILLING_") && *name != "BILLING_KEY")
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert!(set.len() >= 4, "{set:?}");
        let read = Config::read(None, &Environment::of(set.clone()));
        assert!(read.is_ok(), "{set:?}: {:?}", read.err());
    }
}
