//! Making invoices: the page of a checkout, a renewal, a change.
//!
//! BTCPay makes another invoice each time it is asked, and an order does not say whether
//! it was tried before. So the invoice of its key is always looked for first, and with
//! it the rate that it was made at: a repetition asks nobody for another one. One that
//! names the key and is not what would have been asked for is somebody else's.

use billing_domain::effect::{CreateInvoice, EffectKey, OpenCheckout};
use billing_domain::fact::{CheckoutPayment, Fact, Link, Observed};
use billing_domain::invoice::Conversion;
use billing_domain::money::{Currency, Money};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::time::{Timestamp, to_micros};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::api_error::{ApiError, CallError, refused};
use crate::client::Answered;
use crate::correlation::{CHECKOUT, CUSTOMER, HOST_REF, INVOICE, Metadata, OPERATOR, ORDER, Ours};
use crate::facts::{EMAIL, SATOSHI, Seen};
use crate::provider::BtcPay;
use crate::wire::Invoice;

/// How many invoices of one key are looked at. There is one; two where two processes
/// asked at the same instant.
const SAME_KEY_MAX: &str = "20";

/// How far what is paid may be below what is owed, in percent, and settle it: not at
/// all. Set on every invoice, whatever the store is set to.
const TOLERANCE: u8 = 0;

/// An invoice to be made.
struct Wanted<'a> {
    ours: Ours,
    metadata: Metadata,
    amount: Money,
    lives: SignedDuration,
    description: &'a str,
    /// What it is found by without its key.
    term: String,
    /// Where the payer goes on.
    back: Option<&'a str>,
}

impl BtcPay {
    pub(super) async fn open_checkout(
        &self,
        key: &EffectKey,
        order: &OpenCheckout,
    ) -> Result<Vec<Observed>, CallError> {
        let now = self.clock.now();
        if order.trial_end.is_some() {
            return Ok(self.begin_trial(key, order, to_micros(now)));
        }
        if order.expires_at <= now {
            return Err(refused("expired", "the checkout would be closed already"));
        }
        let left = order.expires_at.duration_since(now);
        let mut metadata = Metadata::new();
        let mut set = |name: &str, value: &str| metadata.insert(name.to_owned(), json!(value));
        set(CHECKOUT, &order.checkout.to_string());
        set(CUSTOMER, &order.customer.to_string());
        if let Some(external) = &order.external_ref {
            set(HOST_REF, external);
        }
        if let Some(email) = &order.email {
            set(EMAIL, email);
        }
        self.make(
            key,
            Wanted {
                ours: Ours::Checkout(order.checkout),
                metadata,
                amount: order.amount,
                lives: self.options.checkout_lifetime.min(left),
                description: &order.description,
                term: order.checkout.to_string(),
                back: Some(&order.success_url),
            },
        )
        .await
    }

    pub(super) async fn create_invoice(
        &self,
        key: &EffectKey,
        order: &CreateInvoice,
    ) -> Result<Vec<Observed>, CallError> {
        let mut metadata = Metadata::new();
        let mut set = |name: &str, value: String| metadata.insert(name.to_owned(), json!(value));
        set(INVOICE, order.invoice.to_string());
        set(CUSTOMER, order.customer.to_string());
        let lives = match order.cycle {
            Some(_) => self.options.invoice_lifetime,
            None => self.options.change_lifetime,
        };
        self.make(
            key,
            Wanted {
                ours: Ours::Invoice(order.invoice),
                metadata,
                amount: order.amount,
                lives,
                description: &order.description,
                term: order.invoice.to_string(),
                back: None,
            },
        )
        .await
    }

    /// Makes it, unless it was made before.
    async fn make(&self, key: &EffectKey, wanted: Wanted<'_>) -> Result<Vec<Observed>, CallError> {
        if wanted.amount.amount <= 0 {
            return Err(refused(
                "amount_too_small",
                "an invoice is for more than nothing",
            ));
        }
        if let Some(made) = self.made_before(key, &wanted).await? {
            return Ok(self.tell_made(&made));
        }
        let conversion = self.convert(wanted.amount).await?;
        let body = self.body(key, wanted, conversion.as_ref());
        let made: Answered<Invoice> = match self.client.post(&["invoices"], &body).await {
            Err(CallError::Refused(ApiError {
                status: 404,
                detail,
                ..
            })) => {
                let store = self.client.store();
                return Err(CallError::Misconfigured(format!(
                    "there is no store {store}: {detail}"
                )));
            }
            made => made?,
        };
        let seen = self.look_into(made).await?.ok_or_else(|| {
            CallError::Unknown("BTCPay's answer is about another invoice".to_owned())
        })?;
        Ok(self.tell_made(&seen))
    }

    /// That it was made, and how it stands if that is something else.
    fn tell_made(&self, made: &Seen) -> Vec<Observed> {
        let opened = self.teller.opened(made);
        let mut facts = self.teller.tell(made);
        facts.retain(|fact| *fact != opened);
        facts.insert(0, opened);
        facts
    }

    /// What an earlier try of this effect made.
    async fn made_before(
        &self,
        key: &EffectKey,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Seen>, CallError> {
        let query = [
            ("orderId", key.as_str()),
            ("includeArchived", "true"),
            ("take", SAME_KEY_MAX),
        ];
        let Answered { body, at } = self
            .client
            .get::<Vec<Invoice>>(&["invoices"], &query)
            .await?;
        let mut made: Vec<Invoice> = body
            .into_iter()
            .filter(|invoice| self.is_wanted(invoice, wanted))
            .collect();
        // One that was paid before one that can be, before one that cannot.
        made.sort_by_key(|invoice| {
            let rank = match invoice.status.as_str() {
                "Settled" => 0_u8,
                "Processing" => 1,
                "New" => 2,
                _ => 3,
            };
            (rank, invoice.created_time, invoice.id.clone())
        });
        match made.into_iter().next() {
            Some(body) => self.look_into(Answered { body, at }).await,
            None => Ok(None),
        }
    }

    /// Whether it is what would be asked for, for what and for how much.
    fn is_wanted(&self, made: &Invoice, wanted: &Wanted<'_>) -> bool {
        let ours = self.teller.ours(made) == Some(wanted.ours);
        ours && self.teller.is_for(made, wanted.ours, wanted.amount)
    }

    /// How `listed` is collected in satoshi. `None`: as it stands.
    async fn convert(&self, listed: Money) -> Result<Option<Conversion>, CallError> {
        if listed.currency == Currency::SAT {
            return Ok(None);
        }
        let rate = self.rates.rate(listed.currency, self.clock.now()).await;
        // Nobody is charged without one; it comes back, and then it is asked again.
        let rate = rate.map_err(|error| CallError::NotSent(error.to_string()))?;
        match rate.convert(listed) {
            Ok(conversion) if conversion.collected.amount > 0 => Ok(Some(conversion)),
            Ok(_nothing) => Err(refused(
                "amount_too_small",
                "it comes to less than a satoshi",
            )),
            Err(error) => Err(refused("amount_too_large", error.to_string())),
        }
    }

    fn body(&self, key: &EffectKey, wanted: Wanted<'_>, conversion: Option<&Conversion>) -> Value {
        let collected = conversion.map_or(wanted.amount, |conversion| conversion.collected);
        let mut metadata = wanted.metadata;
        let mut set = |name: &str, value: Value| metadata.insert(name.to_owned(), value);
        set(ORDER, json!(key.as_str()));
        set(OPERATOR, json!(self.teller.operator));
        set("itemDesc", json!(wanted.description));
        if let Some(conversion) = conversion {
            self.teller.seal.put(&mut metadata, wanted.ours, conversion);
        }
        let mut checkout = json!({
            "expirationMinutes": wanted.lives.as_mins().max(1),
            "monitoringMinutes": self.options.monitoring.as_mins().max(1),
            "paymentTolerance": TOLERANCE,
        });
        if let Some(speed) = self.options.speed_policy {
            checkout["speedPolicy"] = json!(speed.as_str());
        }
        if let Some(back) = wanted.back {
            checkout["redirectURL"] = json!(back);
        }
        json!({
            "amount": collected.amount.to_string(),
            "currency": SATOSHI,
            "metadata": metadata,
            "checkout": checkout,
            "additionalSearchTerms": [wanted.term],
        })
    }

    /// A trial costs nothing today, and BTCPay keeps nothing that could be charged when
    /// it ends: it begins at once, and its first invoice is paid like every other.
    fn begin_trial(&self, key: &EffectKey, order: &OpenCheckout, now: Timestamp) -> Vec<Observed> {
        let reference = key.to_string();
        let opened = Fact::CheckoutOpened {
            checkout: order.checkout,
            reference: reference.clone(),
            url: order.success_url.clone(),
            expires_at: order.expires_at,
            conversion: None,
            customer_ref: None,
        };
        let completed = Fact::CheckoutCompleted {
            checkout: order.checkout,
            reference: reference.clone(),
            payment: CheckoutPayment::NotRequired,
            customer_ref: None,
            email: None,
            sold: None,
        };
        let link = Link {
            checkout: Some(order.checkout),
            customer: Some(order.customer),
            refs: vec![ProviderRef {
                account: self.teller.account.clone(),
                kind: RefKind::Checkout,
                id: reference,
            }],
            ..Link::default()
        };
        let observed = |fact| Observed {
            fact,
            at: now,
            link: link.clone(),
        };
        vec![observed(opened), observed(completed)]
    }
}
