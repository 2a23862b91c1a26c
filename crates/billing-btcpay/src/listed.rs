//! The store's invoices, listed: what was paid there although no webhook came of it. A
//! page that has closed here is asked about no more, and can be paid all the same.
//!
//! BTCPay keeps no list of what happened. So each invoice that something was paid for is
//! told of once for every state that it is seen in, as a webhook would: a hint.

use billing_domain::digest::digest128;
use billing_domain::fact::{Fact, Observed};
use billing_domain::time::{Timestamp, shifted};
use billing_ports::{Delivery, Listed, Reading};
use bytes::Bytes;
use serde_json::Value;

use crate::api_error::CallError;
use crate::claimed::Place;
use crate::client::Answered;
use crate::correlation;
use crate::decimal::Decimal;
use crate::facts::is_marked;
use crate::payments::received;
use crate::provider::BtcPay;
use crate::wire::{Invoice, at};

/// Invoices of a page: an answer of some hundred kilobytes.
const PAGE: usize = 100;

/// The word for an invoice that was found by itself, and not told of by a webhook.
const KIND: &str = "listed.invoice";

impl BtcPay {
    /// What was paid of the invoices that BTCPay may still have looked at since then, the
    /// latest first. `after` says how many are passed over.
    pub(crate) async fn paid_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<Listed<Delivery>, CallError> {
        if let Some(place) = after.and_then(Place::named) {
            return self.claimed(place).await;
        }
        let passed: usize = after.and_then(|after| after.parse().ok()).unwrap_or(0);
        let (made_since, skip) = (
            self.made_since(since).as_second().to_string(),
            passed.to_string(),
        );
        let take = PAGE.to_string();
        let query = [
            // What is open is asked about where it is known.
            ("status", "Settled"),
            ("status", "Expired"),
            ("status", "Invalid"),
            ("startDate", &made_since),
            ("includeArchived", "true"),
            ("includePaymentMethods", "true"),
            ("skip", &skip),
            ("take", &take),
        ];
        let Answered { body, at } = self.client.get::<Vec<Value>>(&["invoices"], &query).await?;
        let more = body.len() >= PAGE;
        // What else the store sells may be of another shape.
        let ours = body
            .into_iter()
            .filter_map(|row| serde_json::from_value(row).ok());
        let rows = ours.filter_map(|invoice: Invoice| self.news_of(&invoice, at));
        let mut rows: Vec<Delivery> = rows.collect();
        if more {
            let next = Some(passed.saturating_add(PAGE).to_string());
            return Ok(Listed { rows, next });
        }
        // After what came in, what went back.
        let next = match self.claimed(self.turns.next()).await {
            Ok(back) => {
                rows.extend(back.rows);
                back.next
            }
            // What came in is told all the same; what went back is looked at again with
            // the next go.
            Err(failure) => {
                tracing::warn!(
                    error = &failure as &dyn std::error::Error,
                    "refunds were not listed"
                );
                None
            }
        };
        Ok(Listed { rows, next })
    }

    /// Since when an invoice must have been made for BTCPay to have looked for payments
    /// of it at that instant.
    fn made_since(&self, instant: Timestamp) -> Timestamp {
        let options = &self.options;
        let lives = options
            .checkout_lifetime
            .max(options.invoice_lifetime)
            .max(options.change_lifetime);
        shifted(instant, -lives.saturating_add(options.monitoring))
    }

    /// A hint at what was paid, or is settled or not by a person's word. `None`: it is
    /// neither, or somebody else's.
    fn news_of(&self, invoice: &Invoice, told_at: Option<Timestamp>) -> Option<Delivery> {
        let ours = self.teller.ours(invoice)?;
        let metadata = invoice.metadata.as_ref()?;
        let taken_back = correlation::is_taken_back(metadata);
        // A version that does not list them says nothing of what has changed.
        let methods = invoice.payment_methods.as_deref();
        let paid = methods.and_then(|methods| received(methods).ok());
        let is_paid = match (&paid, invoice.paid_amount.and_then(Decimal::floor)) {
            (Some(paid), _) => !paid.is_empty(),
            (None, Some(amount)) => amount > 0,
            (None, None) => true,
        };
        if !is_paid && (taken_back || !is_marked(invoice)) {
            return None;
        }
        let unknown = paid.is_none().then_some(told_at);
        let state = (
            &invoice.status,
            invoice.qualified(),
            taken_back,
            &paid,
            unknown,
        );
        let event_id = format!("listed:{}:{}", invoice.id, digest128(&state));
        let link = correlation::link(&self.teller.account, &invoice.id, ours, metadata);
        let object = link.refs.first()?.clone();
        let hint = Observed {
            fact: Fact::Hinted { object },
            at: told_at.unwrap_or_else(|| at(invoice.created_time)),
            link,
        };
        Some(Delivery {
            account: self.teller.account.clone(),
            event_id,
            kind: KIND.to_owned(),
            reading: Reading::Facts(vec![hint]),
            body: Bytes::new(),
        })
    }
}
