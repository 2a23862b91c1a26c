//! A checkout session, as it stands.

use billing_domain::fact::{CheckoutPayment, Fact, Observed, Sold};
use billing_domain::ids::CheckoutId;
use billing_domain::provider::RefKind;
use billing_domain::time::Timestamp;

use super::{Teller, Told, Unreadable, instant};
use crate::amount;
use crate::wire::{Session, id_of};

/// The mode of a session that sells nothing that recurs.
const PAYMENT: &str = "payment";

impl Teller {
    /// A session. Nothing is told of one that is not a checkout of ours, but that
    /// what it sold has to be read.
    pub(crate) fn session(&self, session: &Session, at: Timestamp) -> Told {
        if session.id.is_empty() {
            return Err(Unreadable("a checkout session without an id"));
        }
        let customer = id_of(session.customer.as_ref());
        let subscription = id_of(session.subscription.as_ref());
        let refs = [
            (RefKind::Subscription, subscription),
            (RefKind::Checkout, Some(session.id.as_str())),
            (RefKind::Payment, id_of(session.payment_intent.as_ref())),
            (RefKind::Customer, customer),
        ];
        let Some(mut link) = self.link(session.metadata.as_ref(), &refs, Vec::new()) else {
            return Ok(Vec::new());
        };
        let Some(checkout) = link.checkout.or_else(|| claimed(session)) else {
            let fact = match subscription {
                Some(id) => Fact::Hinted {
                    object: self.reference(RefKind::Subscription, id),
                },
                None if link.garbled => Fact::Irrelevant,
                None => return Ok(Vec::new()),
            };
            return Ok(vec![Observed { fact, at, link }]);
        };
        let by_payer = link.checkout.is_none();
        link.checkout = Some(checkout);
        let fact = stands(session, checkout, by_payer)?;
        Ok(vec![Observed { fact, at, link }])
    }

    /// A session whose payment was refused after the buyer had left: it sells
    /// nothing any more, and says so nowhere itself.
    pub(crate) fn session_failed(&self, session: &Session, at: Timestamp) -> Told {
        let mut told = self.session(session, at)?;
        for observed in &mut told {
            if let Fact::CheckoutCompleted {
                checkout,
                reference,
                payment: CheckoutPayment::Unpaid,
                ..
            } = &observed.fact
            {
                observed.fact = Fact::CheckoutEnded {
                    checkout: *checkout,
                    reference: reference.clone(),
                    canceled: true,
                };
            }
        }
        Ok(told)
    }
}

/// The checkout of ours that a payment is said to be for by its address alone, which
/// whoever pays has typed: a payment link takes any name from it. It is told where there
/// is money that a person may have to look for.
fn claimed(session: &Session) -> Option<CheckoutId> {
    let paid = session.mode == PAYMENT
        && session.status.as_deref() == Some("complete")
        && session.payment_status == "paid";
    let named = session.client_reference_id.as_deref();
    named.filter(|_| paid)?.parse().ok()
}

/// What a session sold that nothing follows: its items are as we made it, and nobody who
/// pays can put others there. `None`: a subscription, which tells of itself.
fn sold(session: &Session, by_payer: bool) -> Option<Sold> {
    let code = session.currency.as_deref().unwrap_or_default();
    let listed = session
        .amount_subtotal
        .and_then(|it| amount::read(it, code));
    let once = session.mode == PAYMENT && (by_payer || listed.is_some());
    once.then(|| Sold {
        items: Vec::new(),
        listed,
        once,
        by_payer,
    })
}

fn stands(session: &Session, checkout: CheckoutId, by_payer: bool) -> Result<Fact, Unreadable> {
    let reference = session.id.clone();
    let customer_ref = id_of(session.customer.as_ref()).map(str::to_owned);
    Ok(match session.status.as_deref() {
        Some("open") => Fact::CheckoutOpened {
            checkout,
            reference,
            url: session
                .url
                .clone()
                .ok_or(Unreadable("an open checkout session without a page"))?,
            expires_at: session
                .expires_at
                .and_then(instant)
                .ok_or(Unreadable("an open checkout session without an end"))?,
            conversion: None,
            customer_ref,
        },
        Some("complete") => Fact::CheckoutCompleted {
            checkout,
            reference,
            payment: payment(session)?,
            customer_ref,
            email: session
                .customer_details
                .as_ref()
                .and_then(|told| told.email.clone()),
            sold: sold(session, by_payer),
        },
        Some("expired") => Fact::CheckoutEnded {
            checkout,
            reference,
            canceled: false,
        },
        _ => return Err(Unreadable("a checkout session of an unknown status")),
    })
}

/// What a finished session says of the money. A subscription's first payment is its
/// invoice's, whose name stands in for the payment's.
fn payment(session: &Session) -> Result<CheckoutPayment, Unreadable> {
    Ok(match session.payment_status.as_str() {
        "unpaid" => CheckoutPayment::Unpaid,
        "no_payment_required" => CheckoutPayment::NotRequired,
        "paid" => {
            let code = session.currency.as_deref().unwrap_or_default();
            let amount = session.amount_total.and_then(|it| amount::read(it, code));
            let amount = amount.ok_or(Unreadable("a paid checkout session without an amount"))?;
            if amount.is_zero() {
                return Ok(CheckoutPayment::NotRequired);
            }
            let payment = id_of(session.payment_intent.as_ref())
                .or_else(|| id_of(session.invoice.as_ref()))
                .unwrap_or(&session.id);
            CheckoutPayment::Paid {
                payment: payment.to_owned(),
                amount,
                conversion: None,
                parts: Vec::new(),
            }
        }
        _ => {
            return Err(Unreadable(
                "a checkout session of an unknown payment status",
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(status: &str, payment_status: &str) -> Session {
        Session {
            id: "cs_1".to_owned(),
            url: Some("https://checkout.stripe.com/c/pay/cs_1".to_owned()),
            status: Some(status.to_owned()),
            payment_status: payment_status.to_owned(),
            expires_at: Some(1_800_000_000),
            amount_total: Some(2_000),
            currency: Some("usd".to_owned()),
            ..Session::default()
        }
    }

    #[test]
    fn every_status_of_a_session() {
        let id: CheckoutId = "chk_00000000000000000000000000000001".parse().unwrap();
        let kind = |status: &str, paid: &str| match stands(&session(status, paid), id, false) {
            Ok(Fact::CheckoutOpened { .. }) => "opened",
            Ok(Fact::CheckoutCompleted { payment, .. }) => match payment {
                CheckoutPayment::Paid { .. } => "paid",
                CheckoutPayment::NotRequired => "not required",
                CheckoutPayment::Unpaid => "unpaid",
            },
            Ok(Fact::CheckoutEnded {
                canceled: false, ..
            }) => "ended",
            Ok(_) => "something else",
            Err(Unreadable(_)) => "unreadable",
        };
        for (status, paid, told) in [
            ("open", "unpaid", "opened"),
            ("complete", "unpaid", "unpaid"),
            ("complete", "paid", "paid"),
            ("complete", "no_payment_required", "not required"),
            ("complete", "pawned", "unreadable"),
            ("expired", "unpaid", "ended"),
            ("frozen", "unpaid", "unreadable"),
        ] {
            assert_eq!(kind(status, paid), told, "{status} {paid}");
        }
    }
}
