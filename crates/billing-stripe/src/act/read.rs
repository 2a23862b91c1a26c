//! Reading an object as it stands now.

use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::PerformError;

use super::{Acted, readable};
use crate::client::Reply;
use crate::facts::{Paid, Told, Unreadable};
use crate::failure::Failure;
use crate::forms::read as reads;
use crate::provider::Stripe;
use crate::wire::{
    Dispute, Invoice, InvoicePayment, List, PaymentIntent, PaymentPart, Refund, Session, id_of,
};

/// How many pages of a customer's subscriptions are read: 500 of them are no
/// customer that was meant to be.
const SUBSCRIPTION_PAGES: usize = 5;

impl Stripe {
    /// Reads an object. Empty: there is none, or it is another deployment's.
    pub(crate) async fn read_object(
        &self,
        object: &ProviderRef,
    ) -> Result<Vec<Observed>, PerformError> {
        if object.account != self.teller.account {
            return Err(PerformError::Misconfigured(format!(
                "an object of {} was asked for at {}",
                object.account, self.teller.account
            )));
        }
        let id = object.id.as_str();
        let read = match object.kind {
            RefKind::Subscription => self.read_subscription(id).await,
            RefKind::Invoice => self.read_invoice(id).await,
            RefKind::Checkout => self.read_session(id).await,
            RefKind::Payment => self.read_payment(id).await,
            RefKind::Customer => self.read_customer(id).await,
        };
        match read {
            Ok(facts) => Ok(facts),
            Err(Failure::Missing(_)) => Ok(Vec::new()),
            Err(failure) => Err(failure.of_reading()),
        }
    }

    async fn read_subscription(&self, id: &str) -> Acted {
        let mut reply = self.subscription(id).await?;
        self.look_ahead(&mut reply.body).await?;
        let object = self.teller.reference(RefKind::Subscription, id);
        let told = self.teller.subscription(&reply.body, reply.at);
        Ok(known(told, &object, &reply))
    }

    async fn read_invoice(&self, id: &str) -> Acted {
        let reply: Reply<Invoice> = self.client.send(reads::invoice(id)).await?;
        let object = self.teller.reference(RefKind::Invoice, id);
        let told = self.teller.invoice(&reply.body, reply.at);
        Ok(known(told, &object, &reply))
    }

    /// A session, and the subscription that it sold.
    async fn read_session(&self, id: &str) -> Acted {
        let reply: Reply<Session> = self.client.send(reads::session(id)).await?;
        let object = self.teller.reference(RefKind::Checkout, id);
        let told = self.teller.session(&reply.body, reply.at);
        let mut facts = known(told, &object, &reply);
        let sold = id_of(reply.body.subscription.as_ref()).filter(|_| !facts.is_empty());
        if let Some(sold) = sold {
            match self.read_subscription(sold).await {
                Ok(more) => facts.extend(more),
                Err(Failure::Missing(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(facts)
    }

    /// A payment: the invoice that it paid, and what goes back of it.
    async fn read_payment(&self, id: &str) -> Acted {
        let intent = if id.starts_with("pi_") {
            id.to_owned()
        } else {
            let charge: Reply<PaymentPart> = self.client.send(reads::charge(id)).await?;
            match id_of(charge.body.payment_intent.as_ref()) {
                Some(intent) => intent.to_owned(),
                // Made without an intent, and so not by us.
                None => return Ok(Vec::new()),
            }
        };
        let reply: Reply<PaymentIntent> = self.client.send(reads::payment_intent(&intent)).await?;
        let payments: Reply<List<InvoicePayment>> =
            self.client.send(reads::invoice_payments(&intent)).await?;
        let invoice = payments
            .body
            .data
            .iter()
            .find_map(|payment| id_of(payment.invoice.as_ref()));
        let (mut facts, session) = match invoice {
            Some(invoice) => (self.read_invoice(invoice).await?, None),
            None => (Vec::new(), self.session_of(&intent).await?),
        };
        let invoice_link: Option<Link> = facts.first().map(|fact| fact.link.clone());
        if invoice.is_some() && invoice_link.is_none() {
            // Nothing is told of what it paid: it is another deployment's, and so is
            // what goes back of it.
            return Ok(Vec::new());
        }
        let paid = Paid {
            intent: &reply.body,
            invoice,
            session: session.as_deref(),
            invoice_link: invoice_link.as_ref(),
        };
        let refunds: Reply<List<Refund>> = self.client.send(reads::refunds(&intent)).await?;
        facts.extend(readable(self.teller.refunds(
            &paid,
            &refunds.body.data,
            refunds.at,
        ))?);
        let disputes: Reply<List<Dispute>> = self.client.send(reads::disputes(&intent)).await?;
        facts.extend(readable(self.teller.disputes(
            &paid,
            &disputes.body.data,
            disputes.at,
        ))?);
        Ok(facts)
    }

    async fn session_of(&self, intent: &str) -> Result<Option<String>, Failure> {
        let call = reads::session_of_payment(intent);
        let found: Reply<List<Session>> = self.client.send(call).await?;
        Ok(found.body.data.into_iter().next().map(|found| found.id))
    }

    /// A customer's subscriptions.
    async fn read_customer(&self, id: &str) -> Acted {
        let mut facts = Vec::new();
        let mut after = None;
        for _page in 0..SUBSCRIPTION_PAGES {
            let page = self.subscriptions_page(Some(id), after).await?;
            let rows = page.rows.into_iter();
            facts.extend(rows.filter(|row| !matches!(row.fact, Fact::Hinted { .. })));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(facts)
    }
}

/// What was told of an object. What cannot be told, such as a status that has no
/// translation, leaves everything as it is, and is told as such: for a person.
fn known<T>(told: Told, object: &ProviderRef, reply: &Reply<T>) -> Vec<Observed> {
    match told {
        Ok(facts) => facts,
        Err(Unreadable(why)) => {
            tracing::error!(account = %object.account, id = object.id, why, "read in vain");
            vec![Observed {
                fact: Fact::Unreadable {
                    object: object.clone(),
                    why: why.to_owned(),
                },
                at: reply.at,
                link: Link {
                    refs: vec![object.clone()],
                    ..Link::default()
                },
            }]
        }
    }
}
