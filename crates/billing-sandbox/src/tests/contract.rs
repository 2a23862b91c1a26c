//! The contract that every provider keeps, held by the sandbox in both modes.

use async_trait::async_trait;
use billing_domain::effect::{ChangeSubscription, Order};
use billing_domain::ids::{CheckoutId, CustomerId, IdSeq};
use billing_domain::money::Money;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use billing_ports::{Clock, PaymentProvider, WebhookDecoder, WebhookRequest};
use billing_testkit::provider_contract::{ChangeRig, ProviderRig};
use bytes::Bytes;
use jiff::SignedDuration;

use super::{Rig, account, to_business};
use crate::sign::Keys;
use crate::world::Event;
use crate::{Fault, Mode, SIGNATURE_HEADER, SandboxDecoder, TIMESTAMP_TOLERANCE, TestCard};

struct Contracted {
    rig: Rig,
    decoder: SandboxDecoder,
    order: Order,
    refused: Order,
    paid: ProviderRef,
    /// Two subscriptions: with a card that pays, and with one that pays no more.
    held: Option<[String; 2]>,
}

impl Contracted {
    /// A sandbox where something was paid already, with an order for a page more.
    async fn start(mode: Mode) -> Self {
        let mut rig = Rig::new(mode, "2026-01-01");
        let mut ids = IdSeq::new(Timestamp::UNIX_EPOCH, 3);
        let ana: CustomerId = ids.draw();
        let mut order = rig.checkout(ana);
        order.checkout = ids.draw::<CheckoutId>();
        let held = if rig.sandbox.capabilities().owns_schedule {
            let others: [CustomerId; 2] = [ids.draw(), ids.draw()];
            let pays = rig.buys(others[0], TestCard::Pays).await;
            let declined = rig.buys(others[1], TestCard::PaysOnce).await;
            let half = SignedDuration::from_hours(24 * 10);
            rig.sandbox.advance(half).await.unwrap();
            order.expires_at = rig.sandbox.clock().now() + half;
            Some([pays, declined])
        } else {
            None
        };
        let page = rig.open(&order).await;
        rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
        order.checkout = ids.draw::<CheckoutId>();
        let mut refused = order.clone();
        refused.success_url = "javascript:alert(1)".to_owned();
        Self {
            decoder: rig.sandbox.decoder(),
            order: Order::OpenCheckout(order),
            refused: Order::OpenCheckout(refused),
            paid: ProviderRef {
                account: account(),
                kind: RefKind::Checkout,
                id: page,
            },
            held,
            rig,
        }
    }

    fn signed(&self, body: &'static str, at: Timestamp) -> WebhookRequest {
        let body = Bytes::from_static(body.as_bytes());
        let signature = self.rig.sandbox.inner.keys.sign(&body, at);
        WebhookRequest {
            headers: vec![(SIGNATURE_HEADER.to_owned(), signature)],
            body,
        }
    }
}

#[async_trait]
impl ProviderRig for Contracted {
    fn provider(&self) -> &dyn PaymentProvider {
        &self.rig.sandbox
    }

    fn decoder(&self) -> &dyn WebhookDecoder {
        &self.decoder
    }

    fn now(&self) -> Timestamp {
        self.rig.sandbox.clock().now()
    }

    fn accepted_order(&self) -> Order {
        self.order.clone()
    }

    fn refused_order(&self) -> Order {
        self.refused.clone()
    }

    async fn objects_made(&self) -> usize {
        self.rig.sandbox.books().checkouts.len()
    }

    async fn lose_next_answer(&self) {
        self.rig.sandbox.inject(Fault::LoseAnswer);
    }

    fn unknown_object(&self) -> ProviderRef {
        ProviderRef {
            id: "sbx_chk_999999".to_owned(),
            ..self.paid.clone()
        }
    }

    fn webhook(&self, at: Timestamp) -> WebhookRequest {
        let mut world = self.rig.sandbox.world();
        let facts = world.read(&self.paid);
        world.emit("checkout.completed", at, facts, at);
        let event: Event = world.events.values().next_back().cloned().unwrap();
        drop(world);
        self.rig.sandbox.request(event, at).unwrap()
    }

    fn webhook_under_other_secret(&self, at: Timestamp) -> WebhookRequest {
        let mut request = self.webhook(at);
        let other = Keys::new(&["whsec_second".into()]).unwrap();
        let signature = other.sign(&request.body, at);
        request.headers = vec![(SIGNATURE_HEADER.to_owned(), signature)];
        request
    }

    fn webhook_of_unknown_kind(&self, at: Timestamp) -> WebhookRequest {
        self.signed(r#"{"id":"sbx_evt_900001","type":"cake.baked"}"#, at)
    }

    fn unreadable_webhook(&self, at: Timestamp) -> WebhookRequest {
        let body = r#"{"id":"sbx_evt_900002","type":"invoice.paid","facts":[{}]}"#;
        self.signed(body, at)
    }

    fn signature_header(&self) -> &str {
        SIGNATURE_HEADER
    }

    fn tolerance(&self) -> Option<SignedDuration> {
        Some(TIMESTAMP_TOLERANCE)
    }

    fn changes(&self) -> Option<&dyn ChangeRig> {
        self.held.is_some().then_some(self as &dyn ChangeRig)
    }
}

#[async_trait]
impl ChangeRig for Contracted {
    fn charged_change(&self) -> ChangeSubscription {
        let [pays, _] = self.held.as_ref().unwrap();
        to_business(pays, self.rig.now())
    }

    fn refused_change(&self) -> ChangeSubscription {
        let [_, declined] = self.held.as_ref().unwrap();
        to_business(declined, self.rig.now())
    }

    async fn paid(&self) -> Vec<Money> {
        let books = self.rig.sandbox.books();
        books.payments.values().map(|paid| paid.amount).collect()
    }

    async fn pass_period(&self) {
        let month = SignedDuration::from_hours(24 * 31);
        self.rig.sandbox.advance(month).await.unwrap();
    }
}

mod own_schedule {
    use super::*;
    billing_testkit::provider_contract!(Contracted::start(Mode::OwnSchedule));
}

mod engine_schedule {
    use super::*;
    billing_testkit::provider_contract!(Contracted::start(Mode::EngineSchedule {
        saves_cards: true
    }));
}
