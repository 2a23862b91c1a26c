//! Providers that move money, as they are configured.

use billing_domain::money::{Currency, Money};
use billing_rates::Source;
use secrecy::ExposeSecret;

use super::tests::{EVERYTHING, problems, read, read_for};
use super::*;

const STRIPE_KEY: (&str, &str) = ("BILLING_STRIPE_SECRET_KEY", "sk_test_0123456789");
const STRIPE_HOOK: (&str, &str) = ("BILLING_STRIPE_WEBHOOK_SECRETS", "whsec_one");
const PADDLE_KEY: (&str, &str) = ("BILLING_PADDLE_API_KEY", "pdl_sdbx_apikey_0123456789");
const PADDLE_HOOK: (&str, &str) = ("BILLING_PADDLE_WEBHOOK_SECRETS", "pdl_ntfset_one");
const BTCPAY: [(&str, &str); 4] = [
    ("BILLING_BTCPAY_API_KEY", "0123456789abcdef"),
    ("BILLING_BTCPAY_WEBHOOK_SECRETS", "hook_one"),
    ("BILLING_BTCPAY_BASE_URL", "https://pay.example.com/btcpay"),
    ("BILLING_BTCPAY_STORE_ID", "HUZAUrnnsHzte"),
];

fn shown(secrets: &[SecretString]) -> Vec<&str> {
    secrets.iter().map(ExposeSecret::expose_secret).collect()
}

#[test]
fn an_account_is_two_secrets_and_everything_else_has_a_default() {
    let config = read(None, &[STRIPE_KEY, STRIPE_HOOK, PADDLE_KEY, PADDLE_HOOK]).unwrap();
    let stripe = config.stripe.unwrap();
    assert_eq!(stripe.secret_key.expose_secret(), STRIPE_KEY.1);
    assert_eq!(shown(&stripe.webhook_secrets), ["whsec_one"]);
    assert_eq!(stripe.pause, StripePause::Collection);
    assert_eq!(
        stripe.trial,
        StripeTrial::MethodLater(MissingMethod::Cancel)
    );
    assert!(stripe.base_url.is_none() && stripe.portal_configuration.is_none());
    let paddle = config.paddle.unwrap();
    assert_eq!(paddle.api_key.expose_secret(), PADDLE_KEY.1);
    assert_eq!(shown(&paddle.webhook_secrets), ["pdl_ntfset_one"]);
    assert!(paddle.note_keys.is_empty());
    assert!(paddle.base_url.is_none() && paddle.checkout_url.is_none());
    assert!(paddle.webhook_tolerance.is_none());
    let lenient = ("BILLING_PADDLE_WEBHOOK_TOLERANCE", "2m");
    let config = read(None, &[PADDLE_KEY, PADDLE_HOOK, lenient]).unwrap();
    let told = config.paddle.unwrap().webhook_tolerance;
    assert_eq!(told, Some(Duration::from_mins(2)));
    let config = read(None, &[STRIPE_KEY, STRIPE_HOOK]).unwrap();
    assert_eq!(config.operator, "billing");
    assert!(config.sandbox.is_none(), "not beside what moves money");
}

#[test]
fn a_store_is_an_instance_an_id_and_two_secrets() {
    let config = read(None, &BTCPAY).unwrap();
    let btcpay = config.btcpay.unwrap();
    assert_eq!(btcpay.api_key.expose_secret(), BTCPAY[0].1);
    assert_eq!(shown(&btcpay.webhook_secrets), ["hook_one"]);
    assert_eq!(btcpay.base_url.as_str(), BTCPAY[2].1);
    assert_eq!(btcpay.store_id, BTCPAY[3].1);
    assert!(btcpay.rate_pins.is_empty() && btcpay.speed.is_none());
    assert!(config.sandbox.is_none(), "not beside what moves money");
    for left_out in 0..BTCPAY.len() {
        let mut said = BTCPAY.to_vec();
        let (missing, _) = said.remove(left_out);
        let problems = problems(None, &said);
        let expected = format!("{missing}: found nothing, expected ");
        assert!(
            problems.iter().any(|told| told.starts_with(&expected)),
            "{problems:?}"
        );
    }
}

#[test]
fn rates_are_pinned_in_minor_units() {
    let pinned = |text| {
        let mut said = BTCPAY.to_vec();
        said.push(("BILLING_BTCPAY_RATE_PINS", text));
        read(None, &said)
            .ok()?
            .btcpay
            .map(|btcpay| btcpay.rate_pins)
    };
    let dollars = Money::new(6_400_000, Currency::USD);
    let euros = Money::new(5_912_345, Currency::EUR);
    assert_eq!(pinned("usd=64000"), Some(vec![dollars]));
    assert_eq!(
        pinned("usd=64000.00, EUR = 59123.45"),
        Some(vec![dollars, euros])
    );
    for wrong in [
        "usd",
        "usd=",
        "usd=1,usd=2",
        "usd=-1",
        "usd=1.001",
        "xxx=1",
        "usd=1,",
    ] {
        assert_eq!(pinned(wrong), None, "{wrong}");
    }
}

#[test]
fn sources_of_rates_are_asked_in_the_order_that_is_said() {
    let asked = |text: Option<&'static str>| {
        let mut said = BTCPAY.to_vec();
        said.extend(text.map(|text| ("BILLING_BTCPAY_RATE_SOURCES", text)));
        let config = read(None, &said).ok()?;
        config.btcpay.map(|btcpay| btcpay.rate_sources)
    };
    let default = [
        Source::BtcPay,
        Source::Kraken,
        Source::Coinbase,
        Source::CoinGecko,
    ];
    assert_eq!(asked(None), Some(default.to_vec()));
    let two = vec![Source::CoinGecko, Source::Kraken];
    assert_eq!(asked(Some("coingecko, kraken")), Some(two));
    assert_eq!(asked(Some("none")), Some(Vec::new()));
    for wrong in ["mtgox", "kraken,", "kraken,kraken", "kraken,none", "Kraken"] {
        assert_eq!(asked(Some(wrong)), None, "{wrong}");
    }
    let mut said = BTCPAY.to_vec();
    said.push(("BILLING_BTCPAY_RATE_SOURCES", "kraken, mtgox"));
    let problems = problems(None, &said);
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    let told = "BILLING_BTCPAY_RATE_SOURCES: found \"kraken, mtgox\", expected who is asked for \
                rates, in order and each once: btcpay, kraken, coinbase or coingecko, ";
    assert!(problem.starts_with(told), "{problem}");
}

#[test]
fn whoever_says_nothing_of_them_has_neither() {
    let config = read(None, &[]).unwrap();
    assert!(config.stripe.is_none() && config.paddle.is_none() && config.btcpay.is_none());
}

#[test]
fn several_secrets_are_apart_by_commas_while_one_is_rotated() {
    let both = ("BILLING_STRIPE_WEBHOOK_SECRETS", "whsec_new, whsec_old");
    let config = read(None, &[STRIPE_KEY, both]).unwrap();
    let stripe = config.stripe.unwrap();
    assert_eq!(shown(&stripe.webhook_secrets), ["whsec_new", "whsec_old"]);
    for wrong in ["", "whsec_new,", "a b", "1,2,3,4"] {
        let said = ("BILLING_STRIPE_WEBHOOK_SECRETS", wrong);
        let problems = problems(None, &[STRIPE_KEY, said]);
        let [problem] = problems.as_slice() else {
            panic!("{problems:?}");
        };
        assert!(problem.starts_with("BILLING_STRIPE_WEBHOOK_SECRETS: "));
        assert!(wrong.is_empty() || !problem.contains(wrong), "{problem}");
    }
}

#[test]
fn keys_of_notes_at_paddle_are_long_and_may_be_several() {
    let (new, old) = ("n".repeat(32), "o".repeat(40));
    let said = |text: &str| {
        let keys = ("BILLING_PADDLE_NOTE_KEYS", text);
        read(None, &[PADDLE_KEY, PADDLE_HOOK, keys])
    };
    let config = said(&format!("{new}, {old}")).unwrap();
    let keys = config.paddle.unwrap().note_keys;
    assert_eq!(shown(&keys), [new.as_str(), old.as_str()]);
    let short = "s".repeat(31);
    for wrong in [
        short.clone(),
        format!("{new},"),
        format!("{new},{short}"),
        [new.as_str(); 4].join(","),
    ] {
        let refused = said(&wrong).unwrap_err();
        let [problem] = refused.problems.as_slice() else {
            panic!("{refused:?}");
        };
        let told = problem.to_string();
        assert!(told.starts_with("BILLING_PADDLE_NOTE_KEYS: "), "{told}");
        assert!(!told.contains(&short) && !told.contains(&new), "{told}");
    }
}

#[test]
fn a_missing_secret_names_its_variable() {
    for (said, missing) in [
        (STRIPE_KEY, "BILLING_STRIPE_WEBHOOK_SECRETS"),
        (STRIPE_HOOK, "BILLING_STRIPE_SECRET_KEY"),
        (PADDLE_KEY, "BILLING_PADDLE_WEBHOOK_SECRETS"),
        (PADDLE_HOOK, "BILLING_PADDLE_API_KEY"),
        (
            (
                "BILLING_PADDLE_CHECKOUT_URL",
                "https://shop.example.com/pay",
            ),
            "BILLING_PADDLE_API_KEY",
        ),
    ] {
        let problems = problems(None, &[said]);
        let expected = format!("{missing}: found nothing, expected ");
        assert!(
            problems.iter().any(|told| told.starts_with(&expected)),
            "{problems:?}"
        );
    }
}

#[test]
fn a_program_without_them_refuses_to_be_asked_for_them() {
    let without = Built {
        btcpay: false,
        paddle: false,
        stripe: false,
        ..EVERYTHING
    };
    for (said, feature) in [
        (STRIPE_KEY, "stripe"),
        (PADDLE_KEY, "paddle"),
        (BTCPAY[0], "btcpay"),
    ] {
        let refused = read_for(without, None, &[said]).unwrap_err();
        let [problem] = refused.problems.as_slice() else {
            panic!("{refused:?}");
        };
        let told = problem.to_string();
        assert!(
            told.contains(&format!("(cargo feature `{feature}`)")),
            "{told}"
        );
        assert!(!told.contains(said.1), "{told}");
    }
}

#[test]
fn a_mistake_in_the_file_does_not_show_the_line_that_it_is_in() {
    for text in [
        "[stripe]\nsecret_key = sk_live_0123456789\n",
        "[stripe]\nsecret_key = \"sk_live_0123456789\n",
        "[paddle]\napi_key \"pdl_live_apikey_0123456789\"\n",
    ] {
        let problems = problems(Some(text), &[]);
        let [problem] = problems.as_slice() else {
            panic!("{problems:?}");
        };
        assert!(problem.contains("line "), "{problem}");
        assert!(!problem.contains("0123456789"), "{problem}");
    }
    let pasted = ("BILLING_PADDLE_CLIENT_TOKEN", "pdl_live_apikey_0123456789");
    let problems = problems(None, &[PADDLE_KEY, PADDLE_HOOK, pasted]);
    assert!(!problems.concat().contains("0123456789"), "{problems:?}");
}
