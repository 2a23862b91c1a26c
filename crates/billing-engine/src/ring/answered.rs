//! What a provider answered, applied to the customer whose effect it was.

use billing_domain::Draft;
use billing_domain::catalog::CatalogRevision;
use billing_domain::decide::{
    CancelAnswer, Verdict, apply_fact, cancellation_answered, outrank, park_refused_refund,
    price_answered, uncancel_overtaken, uncanceled,
};
use billing_domain::effect::Order;
use billing_domain::fact::{Fact, Observed};
use billing_domain::provider::ProviderRef;
use billing_ports::store::OutboxItem;

/// Applies what was answered. What was asked for is believed over what was told
/// at its instant; what another call tells besides, and contradicts that, is
/// asked for.
pub(super) fn answered(
    draft: &mut Draft,
    item: &OutboxItem,
    facts: &[Observed],
    catalog: &CatalogRevision,
) {
    let Some(account) = item.effect.order.provider() else {
        return;
    };
    let reads = matches!(item.effect.order, Order::ReadSubscription { .. });
    if let Order::UndoCancellation { subscription, .. } = &item.effect.order {
        uncancel_overtaken(draft, *subscription);
    }
    let mut doubtful: Vec<ProviderRef> = Vec::new();
    for fact in facts {
        if reads {
            outrank(draft, account, fact);
        }
        match apply_fact(draft, account, fact, catalog) {
            Verdict::Decided => {}
            Verdict::Read(object) if doubtful.contains(&object) => {}
            Verdict::Read(object) => doubtful.push(object),
            Verdict::Unlinked => {
                tracing::error!(effect = %item.effect.id, "the answer is about nothing known");
            }
        }
    }
    let came_to_nothing =
        |fact: &Observed| matches!(fact.fact, Fact::Refused { .. } | Fact::GivenUp { .. });
    let acted = !facts.iter().any(came_to_nothing);
    concluded_at_provider(draft, &item.effect.order, acted, !doubtful.is_empty());
    if let Some(by_itself) = of_a_price(&item.effect.order) {
        price_answered(draft, item.effect.id, by_itself && !acted);
    }
    for object in doubtful {
        ask_for(draft, object);
    }
}

/// Nobody who could be told waits for the answer that was just applied: what a person has to
/// know of it is set aside.
pub(super) fn unheard(draft: &mut Draft, item: &OutboxItem) {
    if let Order::PromiseRefund(order) = &item.effect.order {
        park_refused_refund(draft, order.invoice, item.effect.id);
    }
}

/// What the answer to an order means besides the facts that it tells. `acted`: the provider
/// has done what it was asked; `doubtful`: something that it said is to be read anew.
fn concluded_at_provider(draft: &mut Draft, order: &Order, acted: bool, doubtful: bool) {
    if let Order::CancelSubscription { reference, .. } = order {
        let answer = match (acted, doubtful) {
            (false, _) => CancelAnswer::Nothing,
            // What is read next is believed.
            (true, true) => CancelAnswer::Doubtful,
            (true, false) => CancelAnswer::Done,
        };
        cancellation_answered(draft, reference, answer);
    }
    if let (true, Order::UndoCancellation { subscription, .. }) = (acted, order) {
        uncanceled(draft, *subscription);
    }
}

/// Whether an order about the price of a next period comes by itself, and not by a change of
/// somebody's, who is told. `None`: it is about something else.
pub(super) const fn of_a_price(order: &Order) -> Option<bool> {
    if let Order::ChangeSubscription(order) = order {
        return Some(order.change.is_none());
    }
    if let Order::UndoChange { change, .. } = order {
        return Some(change.is_none());
    }
    None
}

/// Orders a subscription to be read.
fn ask_for(draft: &mut Draft, object: ProviderRef) {
    let known = draft.account.subscriptions.iter().find(|held| {
        held.reference() == Some(object.id.as_str())
            && held.provider.as_ref() == Some(&object.account)
    });
    let Some(id) = known.map(|held| held.id) else {
        return;
    };
    let order = Order::ReadSubscription {
        provider: object.account,
        reference: object.id,
    };
    draft.ask("read", id, order);
}
