//! The provider contract on a provider of a hundred lines, which shows that the
//! contract can be met, and how little a rig needs.

#![expect(clippy::unwrap_used, reason = "a poisoned lock fails the test")]

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use billing_domain::catalog::Catalog;
use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use billing_ports::delivery::{Delivery, Reading};
use billing_ports::{
    Answer, DecodeError, Finding, PaymentProvider, PerformError, Refusal, WebhookDecoder,
    WebhookRequest,
};
use billing_testkit::fixtures;
use billing_testkit::provider_contract::ProviderRig;
use bytes::Bytes;
use jiff::SignedDuration;

const SIGNATURE: &str = "toy-signature";
const TOLERANCE: SignedDuration = SignedDuration::from_secs(300);
const SECRETS: [&str; 2] = ["new", "old"];

billing_testkit::provider_contract!(std::future::ready(Toy::new()));

struct Toy {
    account: ProviderAccount,
    objects: Mutex<BTreeMap<EffectKey, String>>,
    lossy: AtomicBool,
    events: AtomicU32,
}

impl Toy {
    fn new() -> Self {
        Self {
            account: fixtures::provider("toy/main"),
            objects: Mutex::default(),
            lossy: AtomicBool::new(false),
            events: AtomicU32::new(0),
        }
    }

    fn observed(&self, id: &str) -> Observed {
        Observed {
            fact: Fact::Irrelevant,
            at: fixtures::start(),
            link: Link {
                refs: vec![ProviderRef {
                    account: self.account.clone(),
                    kind: RefKind::Subscription,
                    id: id.to_owned(),
                }],
                ..Link::default()
            },
        }
    }

    fn sign(body: &str, at: Timestamp, secret: &str) -> WebhookRequest {
        let body = Bytes::from(body.to_owned());
        let at = at.as_second();
        let signature = format!("{at}.{:016x}", digest(secret, at, &body));
        WebhookRequest {
            headers: vec![(SIGNATURE.to_owned(), signature)],
            body,
        }
    }

    fn body(&self, kind: &str) -> String {
        let event = self.events.fetch_add(1, Ordering::Relaxed);
        format!("{kind} evt_{event}")
    }
}

fn digest(secret: &str, at: i64, body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (secret, at, body).hash(&mut hasher);
    hasher.finish()
}

#[async_trait]
impl PaymentProvider for Toy {
    fn account(&self) -> &ProviderAccount {
        &self.account
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            owns_schedule: false,
            prorates: false,
            hosted_checkout: false,
            portal: false,
            pause: true,
            saved_method: false,
            paused_ends_at_once: false,
        }
    }

    async fn perform(
        &self,
        _: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        let Order::PauseSubscription { reference, .. } = order else {
            return Ok(Answer::Refused(Refusal {
                code: "only_pauses".to_owned(),
                message: "this provider only pauses".to_owned(),
            }));
        };
        let mut objects = self.objects.lock().unwrap();
        let made = objects
            .entry(key.clone())
            .or_insert_with(|| reference.clone());
        if self.lossy.swap(false, Ordering::Relaxed) {
            return Err(PerformError::Unknown("answer lost".to_owned()));
        }
        Ok(Answer::Done(vec![self.observed(made)]))
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        let objects = self.objects.lock().unwrap();
        let found = objects.values().find(|held| **held == object.id);
        Ok(found.map(|id| self.observed(id)).into_iter().collect())
    }

    async fn doctor(&self, _: &Catalog) -> Vec<Finding> {
        Vec::new()
    }
}

impl WebhookDecoder for Toy {
    fn account(&self) -> &ProviderAccount {
        &self.account
    }

    fn decode(&self, request: &WebhookRequest, now: Timestamp) -> Result<Delivery, DecodeError> {
        let signature = request.header(SIGNATURE).ok_or(DecodeError)?;
        let (at, signed) = signature.split_once('.').ok_or(DecodeError)?;
        let at: i64 = at.parse().map_err(|_no_number| DecodeError)?;
        let genuine = |secret| format!("{:016x}", digest(secret, at, &request.body)) == signed;
        let distance = i64::abs(now.as_second() - at);
        if !SECRETS.into_iter().any(genuine) || distance > TOLERANCE.as_secs() {
            return Err(DecodeError);
        }
        let text = String::from_utf8_lossy(&request.body);
        let (kind, event_id) = text.split_once(' ').unwrap_or(("unknown", &text));
        let reading = match kind {
            "paused" => Reading::Facts(vec![self.observed("sub_1")]),
            "unknown" => Reading::Unreadable {
                why: "no kind".to_owned(),
                at: None,
            },
            _ => Reading::Facts(Vec::new()),
        };
        Ok(Delivery {
            account: self.account.clone(),
            event_id: event_id.to_owned(),
            kind: kind.to_owned(),
            reading,
            body: request.body.clone(),
        })
    }
}

#[async_trait]
impl ProviderRig for Toy {
    fn provider(&self) -> &dyn PaymentProvider {
        self
    }

    fn decoder(&self) -> &dyn WebhookDecoder {
        self
    }

    fn now(&self) -> Timestamp {
        fixtures::start()
    }

    fn accepted_order(&self) -> Order {
        Order::PauseSubscription {
            provider: self.account.clone(),
            reference: "sub_1".to_owned(),
            change: None,
        }
    }

    fn refused_order(&self) -> Order {
        Order::ResumeSubscription {
            provider: self.account.clone(),
            reference: "sub_1".to_owned(),
            change: None,
            quoted: None,
        }
    }

    async fn objects_made(&self) -> usize {
        self.objects.lock().unwrap().len()
    }

    async fn lose_next_answer(&self) {
        self.lossy.store(true, Ordering::Relaxed);
    }

    fn unknown_object(&self) -> ProviderRef {
        fixtures::Maker::new(1).reference(RefKind::Subscription)
    }

    fn webhook(&self, at: Timestamp) -> WebhookRequest {
        Self::sign(&self.body("paused"), at, SECRETS[0])
    }

    fn webhook_under_other_secret(&self, at: Timestamp) -> WebhookRequest {
        Self::sign(&self.body("paused"), at, SECRETS[1])
    }

    fn webhook_of_unknown_kind(&self, at: Timestamp) -> WebhookRequest {
        Self::sign(&self.body("invented"), at, SECRETS[0])
    }

    fn unreadable_webhook(&self, at: Timestamp) -> WebhookRequest {
        Self::sign("garbage", at, SECRETS[0])
    }

    fn signature_header(&self) -> &str {
        SIGNATURE
    }

    fn tolerance(&self) -> Option<SignedDuration> {
        Some(TOLERANCE)
    }
}
