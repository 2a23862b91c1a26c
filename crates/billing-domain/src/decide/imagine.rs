//! What others would do, for a forecast: buyers pay their invoices in time, and
//! providers renew what they run. The same decisions, without a fact.

use crate::catalog::CatalogRevision;
use crate::decide::promise::{count_cycle, keep_promise};
use crate::decide::settle::{Received, pay};
use crate::decision::Draft;
use crate::ids::{InvoiceId, SubscriptionId};
use crate::invoice::Invoice;
use crate::subscription::State;
use crate::time::{Period, shifted};

/// The open invoices of further cycles can be paid, since just now where no link
/// was made before.
pub(crate) fn links_opened(draft: &mut Draft) {
    let now = draft.now();
    let account = &mut draft.account;
    for held in &mut account.subscriptions {
        let open = account.invoices.iter().any(|invoice| {
            invoice.subscription == Some(held.id) && invoice.is_open() && invoice.is_renewal()
        });
        if open && held.times.due_at.is_none() {
            let due_at = held.times.paid_through.map_or(now, |end| end.max(now));
            held.times.due_at = Some(due_at);
            held.times.grace_ends_at = Some(shifted(due_at, held.terms.grace));
        }
    }
}

/// The invoice is paid in full, now. `false`: that settled nothing.
pub(crate) fn paid_on_time(draft: &mut Draft, id: InvoiceId, catalog: &CatalogRevision) -> bool {
    let Some(amount) = draft.account.invoice(id).map(Invoice::collected) else {
        return false;
    };
    let received = Received {
        parts: Vec::new(),
        page: None,
        payment: String::new(),
        amount,
        conversion: None,
        at: draft.now(),
    };
    pay(draft, id, &received, catalog);
    let settled = draft.account.invoice(id);
    settled.is_some_and(|invoice| !invoice.is_open())
}

/// The provider has charged `period`.
pub(crate) fn renewed_by_provider(
    draft: &mut Draft,
    id: SubscriptionId,
    period: Period,
    catalog: &CatalogRevision,
) {
    let Some(mut held) = draft.account.subscription(id).cloned() else {
        return;
    };
    held.state = State::Active;
    held.times.paid_through = Some(period.end);
    held.times.next_attempt_at = None;
    held.begin_discount(period.start);
    count_cycle(&mut held, period.start, catalog);
    draft.account.put_subscription(held);
    keep_promise(draft, id, catalog);
}
