//! Orders and options for tests.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, OpenCheckout};
use billing_domain::money::{Currency, Money};
use billing_domain::provider::ProviderAccount;
use billing_domain::time::{Interval, Timestamp};
use secrecy::SecretString;

use crate::options::StripeOptions;

pub(crate) fn account() -> ProviderAccount {
    "stripe/main".parse().unwrap()
}

pub(crate) fn options() -> StripeOptions {
    StripeOptions::new(
        account(),
        SecretString::from("sk_test_secret"),
        vec![
            SecretString::from("whsec_test_secret"),
            SecretString::from("whsec_old"),
        ],
        "acme".to_owned(),
    )
    .unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn open_checkout() -> OpenCheckout {
    OpenCheckout {
        provider: account(),
        checkout: "chk_00000000000000000000000000000001".parse().unwrap(),
        customer: "cus_00000000000000000000000000000002".parse().unwrap(),
        external_ref: Some("user-7".to_owned()),
        customer_ref: None,
        email: Some("ana@example.com".to_owned()),
        description: "Acme, Team".to_owned(),
        amount: Money::new(2_000, Currency::USD),
        quantity: 2,
        price_ref: Some("price_team".to_owned()),
        discount: None,
        recurring: Some(Interval::MONTH),
        trial_end: None,
        success_url: "https://app.example.com/done?s={CHECKOUT_SESSION_ID}".to_owned(),
        cancel_url: "https://app.example.com/plans".to_owned(),
        expires_at: at("2026-11-21T12:00:00Z"),
    }
}

pub(crate) fn change(when: ChangeWhen) -> ChangeSubscription {
    ChangeSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
        change: Some("chg_00000000000000000000000000000003".parse().unwrap()),
        description: "Acme, Pro".to_owned(),
        price_ref: "price_pro".to_owned(),
        amount: Money::new(5_000, Currency::USD),
        quantity: 3,
        interval: Some(Interval::MONTH),
        when,
        ends_discount: false,
    }
}
