//! Whether an order is still wanted by the time it is carried out. What was taken
//! back while its call waited to be tried again is not done after all.

use std::convert::Infallible;
use std::time::Duration;

use billing_domain::customer::Account;
use billing_domain::decide::{cancellation_forgone, forgo_refund, price_answered, take_up_refund};
use billing_domain::effect::{
    ChangeSubscription, ChangeWhen, CreateInvoice, Effect, Order, PromiseRefund,
};
use billing_domain::ids::InvoiceId;
use billing_domain::subscription::Subscription;
use billing_domain::time::shifted;
use billing_ports::store::{Also, OutboxItem};
use jiff::SignedDuration;

use crate::billing::Parts;
use crate::error::EngineError;
use crate::ring::answered::of_a_price;
use crate::ring::perform::{Performed, performed, settling};
use crate::ring::{DecideError, Deciding};

/// An order of this age, or one that has been tried before, is looked at again: by
/// then a person may have changed their mind. Younger ones are performed at once,
/// since the look costs as much as the commit that ordered them.
const LOOKED_AT_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// How long such a look holds: no longer than a call itself takes, within which a mind
/// may be changed as well.
pub(super) const LOOK_HOLDS: Duration = Duration::from_secs(1);

impl Parts {
    /// Whether what is ordered is still to be done.
    pub(super) async fn is_wanted(&self, item: &OutboxItem) -> Result<bool, EngineError> {
        if let Order::PromiseRefund(order) = &item.effect.order {
            return self.takes_up(item, order.invoice).await;
        }
        let young = self.now() < shifted(item.effect.due_at, LOOKED_AT_AFTER);
        if young && item.attempts == 0 {
            return Ok(true);
        }
        let also = match &item.effect.order {
            Order::CreateInvoice(CreateInvoice { invoice, .. }) => of_invoice(*invoice),
            Order::ChangeSubscription(order) => Also {
                changes: order.change.into_iter().collect(),
                ..Also::default()
            },
            Order::PauseSubscription { change, .. } | Order::ResumeSubscription { change, .. } => {
                Also {
                    changes: change.iter().copied().collect(),
                    ..Also::default()
                }
            }
            Order::UndoChange { .. }
            | Order::UndoCancellation { .. }
            | Order::CancelSubscription { .. } => Also::default(),
            Order::OpenCheckout(_)
            | Order::ExpireCheckout { .. }
            | Order::VoidInvoice { .. }
            | Order::PromiseRefund(_)
            | Order::SettleCode { .. }
            | Order::ReadSubscription { .. }
            | Order::MailClaim
            | Order::AttachClaim { .. }
            | Order::Notify { .. } => return Ok(true),
        };
        let loaded = self.store.load(item.customer, &also).await?;
        Ok(loaded.is_none_or(|loaded| wants(&loaded.account, &item.effect)))
    }

    /// Whether money is to be paid back by this order: decided each time, however young it is,
    /// under the customer's revision. So of an order that is tried again and another that is
    /// made meanwhile, one alone comes first, in whatever process they are.
    async fn takes_up(&self, item: &OutboxItem, invoice: InvoiceId) -> Result<bool, EngineError> {
        let deciding = Deciding::about(item.customer).with(of_invoice(invoice));
        let decided = self
            .try_decide(&deciding, |draft, _| {
                Ok::<_, Infallible>(take_up_refund(draft, invoice, item.effect.id))
            })
            .await;
        match decided {
            Ok(decided) => Ok(decided.said),
            Err(DecideError::Overtaken | DecideError::NoCustomer) => Ok(false),
            Err(DecideError::Refused(never)) => match never {},
            Err(DecideError::Engine(error)) => Err(error),
        }
    }

    /// Settles what is wanted no longer, without a call.
    pub(super) async fn forgo(&self, item: &OutboxItem) -> Result<Performed, EngineError> {
        tracing::info!(effect = %item.effect.id, key = %item.effect.key, "no longer wanted");
        let order = &item.effect.order;
        let of_cancellation = if let Order::CancelSubscription { reference, .. } = order {
            Some(reference)
        } else {
            None
        };
        let refunded = if let Order::PromiseRefund(PromiseRefund { invoice, .. }) = order {
            Some(*invoice)
        } else {
            None
        };
        if of_cancellation.is_none() && refunded.is_none() && of_a_price(order).is_none() {
            return self.settle_untold(item).await;
        }
        let also = refunded.map(of_invoice).unwrap_or_default();
        let decided = self
            .try_decide(&settling(item).with(also), |draft, _| {
                if let Some(invoice) = refunded {
                    forgo_refund(draft, invoice, item.effect.id);
                }
                if let Some(reference) = of_cancellation {
                    cancellation_forgone(draft, reference);
                }
                price_answered(draft, item.effect.id, false);
                Ok::<_, Infallible>(())
            })
            .await;
        performed(decided.map(|_decided| ()))
    }
}

/// What has to be loaded besides: the invoice, which may be long over.
fn of_invoice(invoice: InvoiceId) -> Also {
    Also {
        invoices: vec![invoice],
        ..Also::default()
    }
}

fn wants(account: &Account, effect: &Effect) -> bool {
    match &effect.order {
        Order::CreateInvoice(order) => account
            .invoice(order.invoice)
            .is_none_or(billing_domain::invoice::Invoice::is_open),
        Order::ChangeSubscription(order) => wants_change(account, order),
        // What was quoted, and has run out of time or was superseded, is not to come late.
        Order::PauseSubscription { change, .. } | Order::ResumeSubscription { change, .. } => {
            let change = change.and_then(|change| account.change(change));
            change.is_none_or(|change| change.state.is_open())
        }
        // Another change to come has taken the place of the one that is undone.
        Order::UndoChange { reference, .. } => {
            held(account, reference).is_none_or(|held| held.scheduled.is_none())
        }
        // Whoever canceled it wants to go on by now, or has gone on since: what was told of
        // the cancellation meanwhile is no reason to cancel it once more.
        Order::CancelSubscription { reference, .. } => {
            held(account, reference).is_none_or(|held| {
                let to_come = held.cancellation;
                let taken_back = to_come.is_some_and(|it| it.taken_back.is_some());
                let overtaken = held.went_on_at.is_some_and(|since| effect.due_at < since);
                !taken_back && !overtaken
            })
        }
        // Canceled anew, it stays so. Where nothing is known of an end, whoever is asked
        // says so as well.
        Order::UndoCancellation { reference, .. } => held(account, reference)
            .and_then(|held| held.cancellation)
            .is_none_or(|to_come| to_come.taken_back.is_some()),
        Order::OpenCheckout(_)
        | Order::ExpireCheckout { .. }
        | Order::VoidInvoice { .. }
        | Order::PromiseRefund(_)
        | Order::SettleCode { .. }
        | Order::ReadSubscription { .. }
        | Order::MailClaim
        | Order::AttachClaim { .. }
        | Order::Notify { .. } => true,
    }
}

fn wants_change(account: &Account, order: &ChangeSubscription) -> bool {
    if let Some(change) = order.change {
        return account.change(change).is_none_or(|change| {
            // Once applied it is told only while nothing newer holds.
            change.state.is_open() || (change.applied_at().is_some() && is_held(account, order))
        });
    }
    if !matches!(order.when, ChangeWhen::NextPeriod { .. }) {
        return true;
    }
    held(account, &order.reference).is_none_or(|held| {
        held.scheduled
            .as_ref()
            .is_some_and(|to_come| to_come.terms.price_ref.as_ref() == Some(&order.price_ref))
    })
}

/// Whether the subscription is held at what the order asks for.
fn is_held(account: &Account, order: &ChangeSubscription) -> bool {
    held(account, &order.reference).is_none_or(|held| {
        held.terms.price_ref.as_ref() == Some(&order.price_ref)
            && held.terms.quantity == order.quantity
    })
}

fn held<'a>(account: &'a Account, reference: &str) -> Option<&'a Subscription> {
    account
        .subscriptions
        .iter()
        .find(|held| held.reference() == Some(reference))
}
