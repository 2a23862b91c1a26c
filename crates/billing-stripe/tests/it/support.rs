//! A Stripe that answers what it is told to, and keeps what it was asked.

use std::sync::Arc;
use std::time::Duration;

use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::{Fact, Observed};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use billing_http::{HttpClient, HttpOptions, Pacing, Pause};
use billing_ports::delivery::{Delivery, Reading};
use billing_ports::{
    Answer, DecodeError, PaymentProvider, PerformError, WebhookDecoder, WebhookRequest,
};
use billing_stripe::{Stripe, StripeDecoder, StripeOptions};
use billing_testkit::{Canary, ManualClock};
use bytes::Bytes;
use ring::hmac;
use secrecy::SecretString;
use serde_json::Value;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) const NOW: &str = "2026-11-21T10:00:00Z";
/// A second after the instant that facts of answers carry.
const DATE: &str = "Sat, 21 Nov 2026 10:00:00 GMT";
pub(crate) const SECRET: &str = "whsec_test_secret";
pub(crate) const KEY: &str = "sk_test_51Secret";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn account() -> ProviderAccount {
    "stripe/main".parse().unwrap()
}

pub(crate) fn options(secrets: &[&str]) -> StripeOptions {
    let secrets = secrets.iter().map(|it| SecretString::from(*it)).collect();
    let key = SecretString::from(KEY);
    StripeOptions::new(account(), key, secrets, "acme".to_owned()).unwrap()
}

pub(crate) struct Far {
    pub(crate) server: MockServer,
    pub(crate) stripe: Stripe,
    /// Last: it listens until all others are gone.
    _canary: Canary,
}

impl Far {
    pub(crate) async fn start() -> Self {
        Self::with(|options| options).await
    }

    pub(crate) async fn with(change: impl FnOnce(StripeOptions) -> StripeOptions) -> Self {
        let server = MockServer::start().await;
        let options = change(options(&[SECRET]));
        let stripe = stripe(options, &server.uri());
        let canary = Canary::over([KEY, SECRET]);
        Self {
            server,
            stripe,
            _canary: canary,
        }
    }

    /// Asked again so often, where that may come to something else.
    pub(crate) async fn repeating(attempts: u32) -> Self {
        let server = MockServer::start().await;
        let options = StripeOptions {
            base_url: server.uri().parse().unwrap(),
            ..options(&[SECRET])
        };
        let stripe = stripe_over(options, attempts);
        let canary = Canary::over([KEY, SECRET]);
        Self {
            server,
            stripe,
            _canary: canary,
        }
    }

    /// The same account, reached elsewhere.
    pub(crate) fn at(self, uri: &str) -> Self {
        let stripe = stripe(options(&[SECRET]), uri);
        Self { stripe, ..self }
    }
}

fn stripe(options: StripeOptions, uri: &str) -> Stripe {
    let options = StripeOptions {
        base_url: uri.parse().unwrap(),
        ..options
    };
    stripe_over(options, 1)
}

/// Over a client that makes so many attempts, one right after the other.
fn stripe_over(options: StripeOptions, max_attempts: u32) -> Stripe {
    let http = HttpOptions {
        max_attempts,
        ..HttpOptions::default()
    };
    let http = HttpClient::with_pacing(http, Arc::new(AtOnce));
    let clock = Arc::new(ManualClock::new(at(NOW)));
    Stripe::new(options, http.unwrap(), clock).unwrap()
}

/// No pause between two attempts.
#[derive(Debug)]
struct AtOnce;

impl Pacing for AtOnce {
    fn chance(&self) -> u64 {
        0
    }

    fn pause(&self, _duration: Duration) -> Pause<'_> {
        Box::pin(std::future::ready(()))
    }
}

impl Far {
    /// Lets it answer a call.
    pub(crate) async fn answers(&self, verb: &str, to: &str, answer: ResponseTemplate) {
        Mock::given(method(verb))
            .and(path(to))
            .respond_with(answer)
            .mount(&self.server)
            .await;
    }

    /// Lets it answer the first call of several.
    pub(crate) async fn answers_once(&self, verb: &str, to: &str, answer: ResponseTemplate) {
        Mock::given(method(verb))
            .and(path(to))
            .respond_with(answer)
            .up_to_n_times(1)
            .with_priority(1)
            .mount(&self.server)
            .await;
    }

    pub(crate) async fn asked(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    /// What it was asked, as `POST /v1/customers`.
    pub(crate) async fn calls(&self) -> Vec<String> {
        let shown = |asked: Request| format!("{} {}", asked.method, asked.url.path());
        self.asked().await.into_iter().map(shown).collect()
    }

    pub(crate) async fn perform(&self, order: &Order) -> Result<Answer, PerformError> {
        let effect = "eff_00000000000000000000000000000009".parse().unwrap();
        let key = EffectKey::from_stored("key:1".to_owned());
        self.stripe.perform(effect, &key, order).await
    }

    pub(crate) async fn done(&self, order: &Order) -> Vec<Observed> {
        match self.perform(order).await {
            Ok(Answer::Done(facts)) => facts,
            other => panic!("the order is carried out, not {other:?}"),
        }
    }

    pub(crate) async fn refused(&self, order: &Order) -> String {
        match self.perform(order).await {
            Ok(Answer::Refused(refusal)) => refusal.code,
            other => panic!("the order is refused, not {other:?}"),
        }
    }

    pub(crate) async fn read(&self, kind: RefKind, id: &str) -> Vec<Observed> {
        let object = ProviderRef {
            account: account(),
            kind,
            id: id.to_owned(),
        };
        self.stripe.read(&object).await.unwrap()
    }
}

/// The value of a header of a request.
pub(crate) fn header<'a>(asked: &'a Request, name: &str) -> Option<&'a str> {
    asked.headers.get(name).map(|value| value.to_str().unwrap())
}

/// Stripe's answer with an object.
pub(crate) fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .insert_header("date", DATE)
        .set_body_json(body)
}

/// Stripe's answer that says no.
pub(crate) fn no(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header("request-id", "req_7")
        .set_body_json(body)
}

/// A webhook with this body, signed at `at`.
pub(crate) fn signed(body: &str, at: Timestamp, secret: &str) -> WebhookRequest {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let time = at.as_second();
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let hex = hex::encode(tag);
    WebhookRequest {
        headers: vec![("stripe-signature".to_owned(), format!("t={time},v1={hex}"))],
        body: Bytes::from(body.to_owned()),
    }
}

pub(crate) fn decode(event: &Value) -> Result<Delivery, DecodeError> {
    let decoder = StripeDecoder::new(&options(&[SECRET])).unwrap();
    decoder.decode(&signed(&event.to_string(), at(NOW), SECRET), at(NOW))
}

/// The facts that a genuine event tells.
pub(crate) fn told(event: &Value) -> Vec<Observed> {
    match decode(event).unwrap().reading {
        Reading::Facts(facts) => facts,
        Reading::Unreadable { why, .. } => panic!("it can be read: {why}"),
    }
}

/// A fact in a word or two, with the object that it is about.
pub(crate) fn brief(facts: &[Observed]) -> Vec<String> {
    let word = |observed: &Observed| match &observed.fact {
        Fact::CheckoutOpened { reference, .. } => format!("opened {reference}"),
        Fact::CheckoutCompleted { reference, .. } => format!("completed {reference}"),
        Fact::CheckoutEnded {
            reference,
            canceled,
            ..
        } => format!("ended {reference} {canceled}"),
        Fact::SubscriptionSeen(seen) => format!("{} {}", seen.reference, seen.status.as_str()),
        Fact::ProviderInvoiceSeen {
            reference, state, ..
        } => format!("{reference} {state:?}"),
        Fact::Hinted { object } => format!("read {} {}", object.kind.as_str(), object.id),
        Fact::RefundSeen(seen) => format!("{} {:?}", seen.refund, seen.state),
        Fact::DisputeSeen(seen) => format!("{} {:?}", seen.dispute, seen.state),
        Fact::Unreadable { why, .. } => format!("unreadable: {why}"),
        Fact::Irrelevant => "irrelevant".to_owned(),
        Fact::InvoiceOpened { .. }
        | Fact::InvoicePaid { .. }
        | Fact::PaymentFailed { .. }
        | Fact::ChargeFailed { .. }
        | Fact::Done { .. }
        | Fact::Refused { .. }
        | Fact::GivenUp { .. }
        | Fact::PaymentPending { .. }
        | Fact::InvoiceClosed { .. }
        | Fact::PaymentReversed { .. }
        | Fact::PaymentUpheld { .. }
        | Fact::PaymentDenied { .. }
        | Fact::PaymentUnconfirmed { .. }
        | Fact::Unclear { .. } => format!("{:?}", observed.fact),
    };
    facts.iter().map(word).collect()
}
