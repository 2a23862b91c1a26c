//! Fakes of providers that a program is pointed at, on a runtime of their own.

use std::ops::Deref;

use billing::system::SystemClock;
use billing_domain::money::Currency;
use billing_domain::time::Interval;
use billing_ports::Clock as _;
use billing_testkit::fakes::btcpay::{FakeBtcPay, FakeBtcPayOptions};
use billing_testkit::fakes::paddle::{FakePaddle, FakePaddleOptions, PriceSeed};
use billing_testkit::fakes::stripe::{FakeOptions, FakeStripe};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::http::ask;

/// A price list that names a price of both.
pub(crate) const PLANS: &str = r"
product: Acme
currency: usd
plans:
  pro:
    name: Pro
    prices:
      pro-monthly:
        amount: 10.00
        interval: month
        stripe: price_pro
        paddle: pri_pro
";

/// A fake that is served while this lives.
pub(crate) struct Far<F> {
    fake: F,
    _served_by: Runtime,
}

impl<F> Deref for Far<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.fake
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// A fake Stripe that takes `key` and sells `price_pro`.
pub(crate) fn stripe(key: &str, secret: &str) -> Far<FakeStripe> {
    let runtime = runtime();
    let options = FakeOptions {
        key: key.to_owned(),
        webhook_secrets: vec![secret.to_owned()],
        start: SystemClock.now(),
        running: true,
        ..FakeOptions::default()
    };
    let fake = runtime.block_on(FakeStripe::start(options)).unwrap();
    fake.price(
        "price_pro",
        "prod_pro",
        1000,
        Currency::USD,
        Some(Interval::MONTH),
    );
    Far {
        fake,
        _served_by: runtime,
    }
}

/// A fake Paddle that takes `key` and sells `pri_pro`.
pub(crate) fn paddle(key: &str, secret: &str) -> Far<FakePaddle> {
    let runtime = runtime();
    let price = PriceSeed::new("pri_pro", 1000, Currency::USD, Some(Interval::MONTH));
    let options = FakePaddleOptions {
        key: key.to_owned(),
        secrets: vec![secret.to_owned()],
        running: true,
        ..FakePaddleOptions::new(SystemClock.now(), vec![price])
    };
    let fake = runtime.block_on(FakePaddle::start(options)).unwrap();
    fake.rules(|rules| rules.checkout_page = Some("https://shop.example.com/pay".to_owned()));
    Far {
        fake,
        _served_by: runtime,
    }
}

/// A fake BTCPay that takes `key`.
pub(crate) fn btcpay(key: &str, secret: &str) -> Far<FakeBtcPay> {
    let runtime = runtime();
    let options = FakeBtcPayOptions {
        key: key.to_owned(),
        secret: secret.to_owned(),
        running: true,
        ..FakeBtcPayOptions::new(SystemClock.now())
    };
    let fake = runtime.block_on(FakeBtcPay::start(options)).unwrap();
    Far {
        fake,
        _served_by: runtime,
    }
}

/// Asks a fake's API as its owner does in the dashboard; `body` is in its own form.
#[track_caller]
pub(crate) fn set_up(base: &url::Url, key: &str, method: &str, path: &str, body: &str) -> Value {
    let kind = if body.starts_with('{') {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    let headers = format!("authorization: Bearer {key}\r\ncontent-type: {kind}\r\n");
    let url = base.join(path).unwrap();
    let answer = ask(method, url.as_str(), &headers, body);
    assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
    answer.json()
}
