//! An operator's change: at once, whatever the policy says, with or without
//! collecting the difference.

use crate::catalog::CatalogRevision;
use crate::change::ChangedBy;
use crate::decide::change::{AcceptRefusal, Accepted, accept};
use crate::decide::quote::{ChangeAsk, Force, QuoteRefusal, plan_change};
use crate::decision::Draft;
use crate::effect::Preview;
use crate::ids::QuoteId;
use crate::journal::Event;

/// Why an operator's change was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForceRefusal {
    /// It cannot be quoted.
    #[error(transparent)]
    Quote(#[from] QuoteRefusal),
    /// It cannot be accepted.
    #[error(transparent)]
    Accept(#[from] AcceptRefusal),
}

/// Changes a subscription for an operator, who says why. `preview` is what the
/// provider said, where it was to be asked.
///
/// # Errors
///
/// [`ForceRefusal`], and nothing changes.
pub fn force_change(
    draft: &mut Draft,
    ask: &ChangeAsk,
    force: Force,
    reason: &str,
    preview: Option<&Preview>,
    catalog: &CatalogRevision,
) -> Result<Accepted, ForceRefusal> {
    let now = draft.now();
    let planned = plan_change(&draft.account, ask, Some(force), catalog, now)?;
    let id: QuoteId = draft.id();
    let quote = planned.quote(&draft.account, preview, catalog, id, now)?;
    let by = ChangedBy::Operator {
        reason: reason.to_owned(),
    };
    let accepted = accept(draft, &quote, Some(force), by, catalog)?;
    draft.note(Event::ChangeForced, |entry| {
        entry.subscription = Some(quote.subscription);
        entry.change = Some(accepted.change);
        entry.money = Some(quote.owed_now);
        entry.note = Some(reason.to_owned());
    });
    Ok(accepted)
}
