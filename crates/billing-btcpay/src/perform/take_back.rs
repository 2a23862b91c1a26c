//! Taking invoices back. One that nobody has paid is marked invalid, which closes its
//! page; whoever pays its address all the same is told of. One with a transaction on its
//! way is left alone: what comes of it is told as it comes.

use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::{EffectId, InvoiceId};
use billing_domain::time::to_micros;
use serde_json::{Value, json};

use crate::api_error::{CallError, refused};
use crate::client::Answered;
use crate::correlation::{Ours, TAKEN_BACK};
use crate::facts::{Seen, is_settled};
use crate::provider::BtcPay;
use crate::wire::Invoice;

/// How many invoices are looked at that mention an invoice of ours: as many as it was
/// quoted times, which its lapse bounds.
const MENTIONED_MAX: &str = "50";

impl BtcPay {
    pub(super) async fn expire_checkout(
        &self,
        reference: &str,
    ) -> Result<Vec<Observed>, CallError> {
        let Some(held) = self.seen(reference).await? else {
            return Ok(Vec::new());
        };
        let held = self.close(held).await?;
        if held.invoice.status == "Processing" {
            // Money is on its way still, now that the time of the page is over.
            let now = to_micros(self.clock.now());
            return Ok(self.teller.on_its_way_at(&held, now));
        }
        Ok(self.teller.tell(&held))
    }

    pub(super) async fn void_invoice(
        &self,
        effect: EffectId,
        invoice: InvoiceId,
        reference: Option<&str>,
    ) -> Result<Vec<Observed>, CallError> {
        let held = match reference {
            Some(reference) => {
                let held = self.seen(reference).await?;
                let missing = || refused("no_such_invoice", "there is no invoice with this id");
                vec![held.ok_or_else(missing)?]
            }
            None => self.mentioning(invoice).await?,
        };
        if held.iter().any(|held| is_settled(&held.invoice)) {
            return Err(refused("already_paid", "the invoice was paid"));
        }
        let done = Fact::Done { effect };
        let mut told = None;
        for held in held {
            let held = self.close(held).await?;
            if is_settled(&held.invoice) {
                return Err(refused("already_paid", "the invoice was paid meanwhile"));
            }
            told = Some(self.teller.done(&held, done.clone()));
        }
        // Nothing was ever made for it: as good as taken back.
        let nothing = || Observed {
            fact: done.clone(),
            at: to_micros(self.clock.now()),
            link: Link::default(),
        };
        Ok(vec![told.unwrap_or_else(nothing)])
    }

    /// The invoices that were made for one of ours, whatever their keys.
    async fn mentioning(&self, invoice: InvoiceId) -> Result<Vec<Seen>, CallError> {
        let term = invoice.to_string();
        let query = [("textSearch", term.as_str()), ("take", MENTIONED_MAX)];
        let Answered { body, at } = self
            .client
            .get::<Vec<Invoice>>(&["invoices"], &query)
            .await?;
        let mut held = Vec::new();
        for body in body {
            if self.teller.ours(&body) == Some(Ours::Invoice(invoice)) {
                held.extend(self.look_into(Answered { body, at }).await?);
            }
        }
        Ok(held)
    }

    /// Closes the page of an invoice that nobody has paid; what it is otherwise, it stays.
    async fn close(&self, held: Seen) -> Result<Seen, CallError> {
        if held.invoice.status != "New" {
            return Ok(held);
        }
        let id = held.invoice.id.clone();
        // Said first: a mark without it would look like a person's.
        let mut metadata = held.invoice.metadata.clone().unwrap_or_default();
        metadata.insert(TAKEN_BACK.to_owned(), Value::Bool(true));
        let path = ["invoices", id.as_str()];
        let _noted: Answered<Value> = self
            .client
            .put(&path, &json!({ "metadata": metadata }))
            .await?;
        let path = ["invoices", id.as_str(), "status"];
        let marked: Result<Answered<Invoice>, _> = self
            .client
            .post(&path, &json!({ "status": "Invalid" }))
            .await;
        match marked {
            Ok(marked) => Ok(self.look_into(marked).await?.unwrap_or(held)),
            // It has changed meanwhile.
            Err(CallError::Refused(_)) => {
                let changed = self.seen(&id).await?.unwrap_or(held);
                self.forget_taking_back(&changed).await;
                Ok(changed)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the note off an invoice that was settled after we took it back, or before we
    /// could: whoever marks it invalid from then on is a person, and means what was paid.
    ///
    /// BTCPay keeps neither the order of marks nor who made them. Settled and not settled
    /// again by a person between two looks of ours, it stands as we left it: what was
    /// paid for it is told as paid then, and that it was marked twice cannot be told.
    ///
    /// What was paid counts all the same where BTCPay does not take it off: it is tried
    /// again with the next look.
    pub(crate) async fn forget_taking_back(&self, seen: &Seen) {
        let mut metadata = seen.invoice.metadata.clone().unwrap_or_default();
        if !is_settled(&seen.invoice) || metadata.remove(TAKEN_BACK).is_none() {
            return;
        }
        let path = ["invoices", seen.invoice.id.as_str()];
        let body = json!({ "metadata": metadata });
        let forgotten: Result<Answered<Value>, _> = self.client.put(&path, &body).await;
        if let Err(error) = forgotten {
            tracing::warn!(invoice = seen.invoice.id, %error, "settled, and noted as taken back");
        }
    }
}
