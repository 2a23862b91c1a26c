//! A BTCPay store as a payment provider. What each order takes is in `perform`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use billing_domain::catalog::Catalog;
use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::{Fact, Observed};
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use billing_http::HttpClient;
use billing_ports::{
    Answer, Clock, Delivery, Finding, Listed, PaymentProvider, PerformError, RateSource,
    RefundPromised, Refunds,
};
use serde_json::json;

use crate::api_error::CallError;
use crate::claimed::Turns;
use crate::client::{Answered, Client};
use crate::facts::{Seen, Teller, has_closed, needs_payments};
use crate::options::{BtcPayOptions, OptionsError};
use crate::payments::received;
use crate::seal::Seal;
use crate::wire::{Invoice, Method};

/// A BTCPay store. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct BtcPay {
    pub(crate) client: Client,
    pub(crate) teller: Teller,
    pub(crate) options: BtcPayOptions,
    pub(crate) rates: Arc<dyn RateSource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) turns: Turns,
}

impl fmt::Debug for BtcPay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BtcPay")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl BtcPay {
    /// The store of these settings. Prices are converted by `rates`; `clock` says of
    /// which instant a rate has to be.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] when the settings cannot be used. Nothing is sent.
    pub fn new(
        options: &BtcPayOptions,
        http: HttpClient,
        rates: Arc<dyn RateSource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OptionsError> {
        Ok(Self {
            client: Client::new(options, http)?,
            teller: Teller {
                account: options.account.clone(),
                operator: options.operator.clone(),
                base: options.base_url.clone(),
                seal: Seal::new(&options.api_key, &options.operator),
            },
            options: options.clone(),
            turns: Turns::since(clock.now()),
            rates,
            clock,
        })
    }

    /// The invoice as it stands. `None`: there is none, or it is somebody else's.
    pub(crate) async fn seen(&self, id: &str) -> Result<Option<Seen>, CallError> {
        match self.client.find(&["invoices", id], &[]).await? {
            Some(found) => self.look_into(found).await,
            None => Ok(None),
        }
    }

    /// What was read of an invoice, with its payments where they have to be known.
    /// `None`: it is somebody else's.
    pub(crate) async fn look_into(
        &self,
        found: Answered<Invoice>,
    ) -> Result<Option<Seen>, CallError> {
        let Answered { body: invoice, at } = found;
        let elsewhere = invoice.store_id.as_deref();
        let elsewhere = elsewhere.is_some_and(|store| store != self.client.store());
        let Some(ours) = self.teller.ours(&invoice).filter(|_| !elsewhere) else {
            return Ok(None);
        };
        let paid = if needs_payments(&invoice) {
            let path = ["invoices", invoice.id.as_str(), "payment-methods"];
            let methods: Answered<Vec<Method>> = self.client.get(&path, &[]).await?;
            received(&methods.body)?
        } else {
            Vec::new()
        };
        Ok(Some(Seen {
            owed: Teller::owed(&invoice)?,
            ours,
            paid,
            read_at: at,
            invoice,
        }))
    }

    /// Says to BTCPay what it waits for a person to say: that an invoice which was paid
    /// late, and whole, is settled. Ours counts the money whether or not BTCPay agrees, or
    /// answers: whoever paid is kept from nothing. It is said again with the next look.
    async fn settle_late(&self, seen: Seen) -> Seen {
        if !seen.is_paid_late() {
            return seen;
        }
        let path = ["invoices", seen.invoice.id.as_str(), "status"];
        let marked: Result<Answered<Invoice>, _> = self
            .client
            .post(&path, &json!({ "status": "Settled" }))
            .await;
        match marked {
            Ok(marked) => Seen {
                invoice: marked.body,
                ..seen
            },
            Err(error) => {
                tracing::warn!(invoice = seen.invoice.id, %error, "paid late, and not marked settled");
                seen
            }
        }
    }

    async fn look(&self, object: &ProviderRef) -> Result<Vec<Observed>, CallError> {
        match object.kind {
            RefKind::Invoice | RefKind::Checkout => {}
            RefKind::Payment => return self.refunds_by(&object.id).await,
            // There is nothing of the kind at BTCPay.
            RefKind::Customer | RefKind::Subscription => return Ok(Vec::new()),
        }
        let Some(seen) = self.seen(&object.id).await? else {
            return Ok(Vec::new());
        };
        let seen = self.settle_late(seen).await;
        self.forget_taking_back(&seen).await;
        let mut facts = self.teller.tell(&seen);
        if has_closed(&seen.invoice) {
            match self.refunds_of(&seen).await {
                Ok(refunds) => facts.extend(refunds),
                // What was paid counts, whatever became of it since: a claim is told of by
                // itself, and what was ordered here is asked about until it ends.
                Err(error) if facts.iter().any(tells_money) => {
                    tracing::warn!(invoice = seen.invoice.id, %error, "refunds were not read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(facts)
    }
}

#[async_trait]
impl PaymentProvider for BtcPay {
    fn account(&self) -> &ProviderAccount {
        &self.teller.account
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            owns_schedule: false,
            prorates: false,
            hosted_checkout: true,
            portal: false,
            pause: false,
            saved_method: false,
            paused_ends_at_once: false,
        }
    }

    fn refuses_key(&self) -> bool {
        self.client.watch.is_refused()
    }

    async fn perform(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        let named = order.provider();
        if named.is_some_and(|named| named != &self.teller.account) {
            return Err(misdirected(named, &self.teller.account));
        }
        match self.carry_out(effect, key, order).await? {
            Ok(facts) => Ok(Answer::Done(facts)),
            Err(error) => error.answer(),
        }
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        if object.account != self.teller.account {
            return Err(misdirected(Some(&object.account), &self.teller.account));
        }
        self.look(object).await.map_err(CallError::of_read)
    }

    /// There are none at BTCPay: the engine runs them.
    async fn list_subscriptions(
        &self,
        _after: Option<String>,
    ) -> Result<Listed<Observed>, PerformError> {
        Ok(Listed {
            rows: Vec::new(),
            next: None,
        })
    }

    /// Archived is not gone.
    fn keeps_invoices(&self) -> bool {
        true
    }

    fn lists_states(&self) -> bool {
        true
    }

    async fn list_events(
        &self,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Listed<Delivery>, PerformError> {
        let listed = self.paid_since(since, after.as_deref()).await;
        listed.map_err(CallError::of_read)
    }

    fn refunds(&self) -> Refunds {
        Refunds::ByLink
    }

    async fn refund_link(
        &self,
        key: &EffectKey,
        payment: &str,
    ) -> Result<RefundPromised, PerformError> {
        let promised = self.promised(key, payment).await;
        promised.map_err(CallError::of_read)
    }

    async fn doctor(&self, catalog: &Catalog) -> Vec<Finding> {
        self.examine(catalog).await
    }
}

/// Whether it tells of money that is there.
const fn tells_money(told: &Observed) -> bool {
    matches!(
        told.fact,
        Fact::InvoicePaid { .. } | Fact::CheckoutCompleted { .. }
    )
}

fn misdirected(named: Option<&ProviderAccount>, ours: &ProviderAccount) -> PerformError {
    let named = named.map_or_else(String::new, ToString::to_string);
    PerformError::Misconfigured(format!("what is {named}'s was asked for at {ours}"))
}
