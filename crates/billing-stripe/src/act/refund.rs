//! Sending money back. A refund carries the key of its order in its metadata, and is looked
//! for before it is made: so a lost answer makes no second one, also when Stripe has
//! forgotten the keys.

use billing_domain::effect::{EffectKey, PromiseRefund};
use billing_domain::fact::{About, Fact, Link, Observed};
use billing_domain::ids::EffectId;
use billing_domain::money::Money;
use billing_domain::provider::RefKind;
use billing_ports::PerformError;

use super::{Acted, readable};
use crate::amount;
use crate::client::Reply;
use crate::facts::Paid;
use crate::failure::Failure;
use crate::forms::{read as reads, refund as forms};
use crate::provider::Stripe;
use crate::wire::{InvoicePayment, List, PaymentIntent, Refund};

/// What is refused that Stripe cannot be told.
const BAD_AMOUNT: &str = "amount_not_sayable";

/// What is refused of an invoice that no payment at Stripe has paid.
const NO_PAYMENT: &str = "no_payment";

/// What is refused of an invoice that several payments have paid: a person says of which.
const SEVERAL_PAYMENTS: &str = "several_payments";

/// What is refused where more has gone back than was known when it was ordered.
const REFUNDED_MEANWHILE: &str = "refunded_meanwhile";

/// How the ids of payments begin.
const INTENT: &str = "pi_";

/// How the ids of invoices begin.
const INVOICE: &str = "in_";

/// A payment, by the name that these books have for it.
struct Named<'a> {
    /// Stripe's id of the payment.
    intent: PaymentIntent,
    /// Stripe's id of the invoice that it paid, where that is its name here.
    invoice: Option<&'a str>,
}

impl Stripe {
    /// Sends money back. One that was sent before is told as it stands.
    pub(super) async fn pay_back(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &PromiseRefund,
    ) -> Acted {
        let amount = amount::write(order.amount)
            .ok_or_else(|| Failure::refused(BAD_AMOUNT, "the amount cannot be said"))?;
        let named = self.named(&order.reference).await?;
        let listed = self.refunds_of(&named).await?;
        let made = |refund: &Refund| refund.ordered().as_ref() == Some(key);
        let mut facts = self.told_of(&named, &listed)?;
        if listed.body.data.iter().any(made) {
            return Ok(facts);
        }
        if order.is_more_gone(standing(&listed.body.data)) {
            let about = About::Invoice(order.invoice);
            let code = REFUNDED_MEANWHILE.to_owned();
            facts.push(Observed {
                fact: Fact::Refused {
                    effect,
                    about,
                    code,
                },
                at: listed.at,
                link: Link::default(),
            });
            return Ok(facts);
        }
        let call = forms::refund(order, &named.intent.id, amount, &self.operator, key);
        let made: Reply<Refund> = self.client.send(call).await?;
        if made.replayed {
            // What was answered then is not how it stands now.
            return self.told_of(&named, &self.refunds_of(&named).await?);
        }
        let made = Reply {
            body: List {
                data: vec![made.body],
                has_more: None,
            },
            at: made.at,
            replayed: false,
        };
        facts.extend(self.told_of(&named, &made)?);
        Ok(facts)
    }

    /// The payment that goes by a name of these books: an invoice's goes by the invoice.
    async fn named<'a>(&self, reference: &'a str) -> Result<Named<'a>, Failure> {
        let of = |intent: String, invoice| Named {
            intent: PaymentIntent {
                id: intent,
                ..PaymentIntent::default()
            },
            invoice,
        };
        if reference.starts_with(INTENT) {
            return Ok(of(reference.to_owned(), None));
        }
        let none = || Failure::refused(NO_PAYMENT, "no payment at Stripe is known for it");
        if !reference.starts_with(INVOICE) {
            return Err(none());
        }
        let call = reads::payments_of(reference);
        let found: Result<Reply<List<InvoicePayment>>, Failure> = self.client.send(call).await;
        let found = found.map_err(of_looking)?;
        let mut paid = found.body.data.iter().filter(|one| one.is_paid());
        let (first, second) = (paid.next(), paid.next());
        if second.is_some() {
            let why = "several payments paid the invoice: refund it in the dashboard";
            return Err(Failure::refused(SEVERAL_PAYMENTS, why));
        }
        let intent = first.and_then(InvoicePayment::intent).ok_or_else(none)?;
        Ok(of(intent.to_owned(), Some(reference)))
    }

    /// All refunds of a payment: what is not among them was never made.
    async fn refunds_of(&self, named: &Named<'_>) -> Result<Reply<List<Refund>>, Failure> {
        let call = reads::refunds(&named.intent.id);
        let listed: Result<Reply<List<Refund>>, Failure> = self.client.send(call).await;
        let listed = listed.map_err(of_looking)?;
        if listed.body.has_more == Some(true) {
            let why = "a payment has more refunds than are read".to_owned();
            return Err(Failure::Failed(PerformError::Unknown(why)));
        }
        Ok(listed)
    }

    /// What was told of refunds, tied as these books have the payment.
    fn told_of(&self, named: &Named<'_>, refunds: &Reply<List<Refund>>) -> Acted {
        let object = match named.invoice {
            Some(invoice) => self.teller.reference(RefKind::Invoice, invoice),
            None => self.teller.reference(RefKind::Payment, &named.intent.id),
        };
        let link = Link {
            refs: vec![object],
            ..Link::default()
        };
        let paid = Paid {
            intent: &named.intent,
            invoice: named.invoice,
            session: None,
            invoice_link: Some(&link),
        };
        let told = self.teller.refunds(&paid, &refunds.body.data, refunds.at);
        readable(told)
    }
}

/// The failure of looking for what was sent before. What is refused there is the look, and
/// not the refund; but there being no such payment.
fn of_looking(failure: Failure) -> Failure {
    if let Failure::Refused(refusal) = failure {
        let why = format!("a look was refused: {} ({})", refusal.code, refusal.message);
        return Failure::Failed(PerformError::Unknown(why));
    }
    failure
}

/// What goes back, or has gone: the refunds that stand.
fn standing(refunds: &[Refund]) -> impl Iterator<Item = Money> {
    let stand = refunds.iter().filter(|refund| !refund.has_failed());
    stand.filter_map(|refund| amount::read(refund.amount?, &refund.currency))
}
