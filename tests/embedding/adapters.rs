//! Every adapter by the facade alone: an application that embeds the engine names one
//! dependency, and the features of what it sells through.

use std::sync::Arc;

use billing::btcpay::{BtcPay, BtcPayDecoder, BtcPayOptions};
use billing::http::{HttpClient, HttpOptions};
use billing::paddle::{Paddle, PaddleDecoder, PaddleOptions};
use billing::ports::{Clock, RateSource, WebhookRequest};
use billing::rates::{Rates, RatesOptions};
use billing::stripe::{Stripe, StripeDecoder, StripeOptions};
use billing::{Billing, IntakeError};
use billing_testkit::{ManualClock, MemoryStore, SeededIds, fixtures};

const OPERATOR: &str = "harbor";

fn client() -> HttpClient {
    HttpClient::new(HttpOptions::default()).unwrap()
}

/// An engine that sells through all of them. Nothing is sent.
fn sells_everywhere() -> Billing {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(fixtures::start()));
    let stripe = StripeOptions::new(
        "stripe/main".parse().unwrap(),
        "sk_test_none".into(),
        vec!["whsec_none".into()],
        OPERATOR.to_owned(),
    )
    .unwrap();
    let paddle = PaddleOptions {
        webhook_secrets: vec!["pdl_ntfset_none".into()],
        ..PaddleOptions::new(
            "paddle/main".parse().unwrap(),
            "pdl_sdbx_apikey_none".into(),
            OPERATOR.to_owned(),
        )
    };
    let btcpay = BtcPayOptions {
        webhook_secrets: vec!["none".into()],
        ..BtcPayOptions::new(
            "btcpay/main".parse().unwrap(),
            "https://pay.example.com".parse().unwrap(),
            "none".into(),
            "store".to_owned(),
            OPERATOR.to_owned(),
        )
    };
    let rates = Rates::new(RatesOptions::new(None).unwrap(), client()).unwrap();
    let rates: Arc<dyn RateSource> = Arc::new(rates);
    let at_btcpay = BtcPay::new(&btcpay, client(), rates, Arc::clone(&clock)).unwrap();
    let store = Arc::new(MemoryStore::new());
    let billing = Billing::builder(store, Arc::clone(&clock), Arc::new(SeededIds::new(1)))
        .webhooks(Arc::new(StripeDecoder::new(&stripe).unwrap()))
        .provider(Arc::new(
            Stripe::new(stripe, client(), Arc::clone(&clock)).unwrap(),
        ))
        .webhooks(Arc::new(PaddleDecoder::new(&paddle)))
        .provider(Arc::new(Paddle::new(&paddle, client(), clock).unwrap()))
        .webhooks(Arc::new(BtcPayDecoder::new(&btcpay)))
        .provider(Arc::new(at_btcpay));
    billing.build().unwrap()
}

/// E-01: one dependency for every provider, too.
#[tokio::test]
async fn e_01_every_adapter_comes_with_the_one_dependency() {
    let billing = sells_everywhere();
    let unsigned = WebhookRequest {
        headers: Vec::new(),
        body: b"{}".to_vec().into(),
    };
    for account in ["stripe/main", "paddle/main", "btcpay/main"] {
        let account = account.parse().unwrap();
        // Each account has its decoder, which believes nobody.
        let received = billing.receive(&account, &unsigned).await;
        assert!(
            matches!(received, Err(IntakeError::NotGenuine(_))),
            "{account}"
        );
    }
    let other = billing
        .receive(&"other/main".parse().unwrap(), &unsigned)
        .await;
    assert_eq!(other, Err(IntakeError::NoSuchAccount));
}
