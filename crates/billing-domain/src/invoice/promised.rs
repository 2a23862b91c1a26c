//! What was promised back of an invoice: by a link, where a provider sends nothing by
//! itself, or by an order to send it. A promise takes nothing: what is sent does, and is
//! told like every refund.

use serde::{Deserialize, Serialize};

use crate::fact::{DisputeState, RefundState};
use crate::ids::{EffectId, ParkedId};
use crate::invoice::{Invoice, Payment, ReturnKind};
use crate::money::Money;
use crate::time::Timestamp;

/// A promise to pay back, ordered at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundPromise {
    /// Counts the promises of one invoice, from 1.
    pub number: u32,
    /// The effect that makes it.
    pub effect: EffectId,
    /// How much, in the currency that was collected.
    pub amount: Money,
    /// What was gone again, or on its way back, before: the rest of what goes back
    /// from then on is claimed of this.
    pub before: Money,
    /// When it was ordered.
    pub at: Timestamp,
    /// The provider's name of the payment, or of the page that it came to. `None`: of
    /// what settled the invoice, as versions kept it that promised nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Why there is none, or none any more: the provider's code. `None`: it is made, or
    /// will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// What came of it, where its provider sends the money by itself. `None`: it is a
    /// link, and its buyer claims what was promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Sent>,
    /// What whoever ordered it called the order, a hash. `None`: it has no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What a person was shown of it, while nobody knows whether it was made, or was told
    /// that it was not. `None`: nothing, or it is solved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<ParkedId>,
}

impl RefundPromise {
    /// Whether its provider has told of the refund that it ordered.
    pub(crate) fn is_known(&self) -> bool {
        let sent = self.sent.as_ref();
        sent.is_some_and(|sent| sent.refund.is_some())
    }
}

/// What came of a refund that its provider was told to send.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The provider's id of the refund. `None`: nobody has told of it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<String>,
    /// Whether whoever ordered it has heard what came of it: asked for once more before
    /// that, it is the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heard: bool,
}

/// Money that came in, and can be promised back by one link: a provider makes a link of
/// what came to one page.
#[derive(Debug)]
pub(crate) struct Refundable<'a> {
    /// The provider's name of the payment, or of the page that it came to.
    pub(crate) reference: &'a str,
    /// How much came.
    pub(crate) paid: Money,
    /// What of that is gone again, or on its way back, in the same currency.
    pub(crate) going: i64,
    /// What of that was refunded, or is being refunded: a bank's word aside.
    pub(crate) refunded: i64,
}

impl Refundable<'_> {
    /// What can still be promised.
    pub(crate) const fn left(&self) -> Money {
        Money::new(
            self.paid.amount.saturating_sub(self.going),
            self.paid.currency,
        )
    }
}

impl Invoice {
    /// What can be promised back: of the payment with this name where one is named, else
    /// of what settled it, and where nothing of that is left, of what was set aside.
    /// `None`: nothing has come, or nothing by this name.
    pub(crate) fn refundable(&self, payment: Option<&str>) -> Option<Refundable<'_>> {
        let mut all = self.all_refundable();
        let Some(name) = payment else {
            let left = all.iter().position(|one| one.left().amount > 0);
            return (!all.is_empty()).then(|| all.swap_remove(left.unwrap_or_default()));
        };
        let named = self.payments.iter().find(|payment| payment.has(name))?;
        let reference = self.promised_by(named)?;
        if !named.credited && settles_by(self, reference) {
            return None;
        }
        all.into_iter().find(|one| one.reference == reference)
    }

    /// What settled it, then what was set aside, oldest first.
    fn all_refundable(&self) -> Vec<Refundable<'_>> {
        let going = self.apportioned(is_going);
        let refunded = self.apportioned(is_refunded);
        let fits = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX);
        let settling = self.payments.iter().find(|payment| payment.credited);
        let settling = settling.map(|payment| Refundable {
            reference: payment.reference.as_str(),
            paid: payment.amount,
            going: fits(going.settling()),
            refunded: fits(refunded.settling()),
        });
        let mut all: Vec<_> = settling.into_iter().collect();
        let besides = going.besides.iter().zip(&refunded.besides);
        for ((payment, gone), (_, refunded)) in besides {
            let Some(reference) = self.promised_by(payment) else {
                continue;
            };
            let mut same = all.iter_mut();
            let same = same.find(|one| one.reference == reference);
            match same {
                // What settled it went by this page: what came besides is none of it.
                Some(_) if settles_by(self, reference) => {}
                Some(one) if one.paid.currency == payment.amount.currency => {
                    let paid = one.paid.amount.saturating_add(payment.amount.amount);
                    one.paid = Money::new(paid, one.paid.currency);
                    one.going = one.going.saturating_add(fits(*gone));
                    one.refunded = one.refunded.saturating_add(fits(*refunded));
                }
                Some(_) => {}
                None => all.push(Refundable {
                    reference,
                    paid: payment.amount,
                    going: fits(*gone),
                    refunded: fits(*refunded),
                }),
            }
        }
        all
    }

    /// By what name a provider promises a payment back. `None`: it is not known, or the
    /// payment is the customer's already, on the balance.
    fn promised_by<'a>(&'a self, payment: &'a Payment) -> Option<&'a str> {
        if payment.credited {
            return Some(&payment.reference);
        }
        let page = payment.page.as_deref().or(self.reference.as_deref());
        page.filter(|_| payment.to_balance.is_none())
    }

    /// What of the money of one promise is gone again, or on its way back.
    fn going_of(&self, promise: &RefundPromise) -> Option<i64> {
        let all = self.all_refundable();
        let of = match &promise.reference {
            Some(reference) => all.iter().find(|one| one.reference == reference),
            None => all.first(),
        };
        of.map(|one| one.going)
    }

    /// What can still be promised of the money that goes by one name. `None`: none does.
    pub(crate) fn left_of(&self, reference: &str) -> Option<Money> {
        let mut all = self.all_refundable().into_iter();
        let of = all.find(|one| one.reference == reference);
        of.map(|one| one.left())
    }

    /// The newest promise of which something is still to be claimed, or to be told.
    pub(crate) fn open_promise(&self) -> Option<&RefundPromise> {
        self.claimable().map(|(promise, _)| promise)
    }

    /// The same, with how much that is.
    fn claimable(&self) -> Option<(&RefundPromise, i64)> {
        let last = self.promised.iter().rfind(|held| held.failed.is_none())?;
        if let Some(sent) = &last.sent {
            // Once it was told, it is a refund like any other.
            return sent.refund.is_none().then_some((last, last.amount.amount));
        }
        let going = self.going_of(last).unwrap_or(last.before.amount);
        let claimed = going.saturating_sub(last.before.amount);
        let left = last.amount.amount.saturating_sub(claimed);
        (left > 0).then_some((last, left))
    }

    /// What a payment is worth here: all of it but what had been set aside before, is a
    /// part of it, and went back or can be claimed. By that, nothing is paid.
    pub(crate) fn kept_of(&self, paid: &Payment) -> Money {
        let currency = paid.amount.currency;
        let is_part = |held: &Payment| {
            !held.credited && held.amount.currency == currency && paid.has(&held.reference)
        };
        let going = self.apportioned(is_going).besides;
        let gone = going.iter().filter(|(held, _)| is_part(held));
        let gone = gone.fold(0_i128, |all, (_, gone)| all.saturating_add(*gone));
        let claimable = self.claimable().filter(|(promise, _)| {
            let mut parts = self.payments.iter().filter(|held| is_part(held));
            let reference = promise.reference.as_deref();
            reference.is_some() && parts.any(|held| self.promised_by(held) == reference)
        });
        let claimable = claimable.map_or(0, |(_, left)| left);
        let given = i64::try_from(gone).unwrap_or(i64::MAX);
        let given = given.saturating_add(claimable);
        Money::new(paid.amount.amount.saturating_sub(given), currency)
    }
}

/// Whether what settled an invoice goes by this name.
fn settles_by(invoice: &Invoice, reference: &str) -> bool {
    let mut payments = invoice.payments.iter();
    payments.any(|payment| payment.credited && payment.reference == reference)
}

/// Whether money is gone again, or on its way back.
const fn is_going(kind: ReturnKind) -> bool {
    is_refunded(kind) || matches!(kind, ReturnKind::Dispute(DisputeState::Lost))
}

/// Whether money is refunded, or about to be: what a bank takes by itself is no refund.
const fn is_refunded(kind: ReturnKind) -> bool {
    matches!(
        kind,
        ReturnKind::Refund(RefundState::Pending | RefundState::Done)
    )
}
