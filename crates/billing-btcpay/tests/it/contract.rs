//! The contract that every provider keeps, held by BTCPay.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use billing_btcpay::SIGNATURE_HEADER;
use billing_domain::effect::{CreateInvoice, Order};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use billing_http::SigningKeys;
use billing_ports::{PaymentProvider, WebhookDecoder, WebhookRequest};
use billing_testkit::fakes::btcpay::{DEFAULT_SECRET, DEFAULT_STORE};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use billing_testkit::provider_contract::ProviderRig;
use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::rig::{OTHER_SECRET, Rig, sat, usd};

struct Contracted {
    rig: Rig,
    order: CreateInvoice,
    events: AtomicUsize,
}

impl Contracted {
    async fn start() -> Self {
        let rig = Rig::start().await;
        let (_, order) = rig.renewal(usd(2_500));
        Self {
            rig,
            order,
            events: AtomicUsize::new(0),
        }
    }

    fn event(&self, kind: &str, invoice: &Value) -> Value {
        let number = self.events.fetch_add(1, Ordering::Relaxed);
        json!({
            "deliveryId": format!("delivery{number}"),
            "originalDeliveryId": format!("delivery{number}"),
            "isRedelivery": false,
            "type": kind,
            "timestamp": self.now().as_second(),
            "storeId": DEFAULT_STORE,
            "invoiceId": invoice,
            "metadata": {
                "billing_invoice": self.order.invoice.to_string(),
                "billing_customer": self.order.customer.to_string(),
                "billing_operator": "here",
            },
        })
    }

    fn settled(&self) -> Value {
        self.event("InvoiceSettled", &json!("anInvoice"))
    }

    fn signed(event: &Value, secret: &str) -> WebhookRequest {
        let body = Bytes::from(serde_json::to_vec_pretty(event).unwrap());
        let keys = SigningKeys::new(&[secret.into()]).unwrap();
        let value = format!("sha256={}", keys.sign(&body));
        WebhookRequest {
            headers: vec![(SIGNATURE_HEADER.to_owned(), value)],
            body,
        }
    }
}

#[async_trait]
impl ProviderRig for Contracted {
    fn provider(&self) -> &dyn PaymentProvider {
        &self.rig.btcpay
    }

    fn decoder(&self) -> &dyn WebhookDecoder {
        &self.rig.decoder
    }

    fn now(&self) -> Timestamp {
        self.rig.now()
    }

    fn accepted_order(&self) -> Order {
        Order::CreateInvoice(self.order.clone())
    }

    fn refused_order(&self) -> Order {
        Order::CreateInvoice(CreateInvoice {
            amount: sat(0),
            ..self.order.clone()
        })
    }

    async fn objects_made(&self) -> usize {
        self.rig.fake.world().invoices.len()
    }

    async fn lose_next_answer(&self) {
        let lost = Fault::next(FaultKind::LostAnswer).after();
        self.rig.fake.fault(lost.on("POST", "/"));
    }

    fn unknown_object(&self) -> ProviderRef {
        ProviderRef {
            account: self.rig.account(),
            kind: RefKind::Invoice,
            id: "unheardOf".to_owned(),
        }
    }

    fn webhook(&self, _at: Timestamp) -> WebhookRequest {
        Self::signed(&self.settled(), DEFAULT_SECRET)
    }

    fn webhook_under_other_secret(&self, _at: Timestamp) -> WebhookRequest {
        Self::signed(&self.settled(), OTHER_SECRET)
    }

    fn webhook_of_unknown_kind(&self, _at: Timestamp) -> WebhookRequest {
        Self::signed(&self.event("CakeBaked", &json!("aCake")), DEFAULT_SECRET)
    }

    fn unreadable_webhook(&self, _at: Timestamp) -> WebhookRequest {
        Self::signed(&self.event("InvoiceSettled", &Value::Null), DEFAULT_SECRET)
    }

    fn signature_header(&self) -> &str {
        SIGNATURE_HEADER
    }

    fn tolerance(&self) -> Option<SignedDuration> {
        None
    }
}

billing_testkit::provider_contract!(Contracted::start());
