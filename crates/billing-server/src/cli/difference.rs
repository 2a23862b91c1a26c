//! How a difference between these books and a provider's is told.

use billing_domain::audit::{Drift, Side};
use billing_domain::ids::CustomerId;
use serde_json::{Value, json};

/// A difference for a program. `customer` `None`: nobody's that is known.
pub(super) fn view(customer: Option<CustomerId>, drift: &Drift) -> Value {
    json!({
        "code": drift.code.as_str(),
        "customer": customer.map(|customer| customer.to_string()),
        "row": drift.row,
        "provider": drift.object.account.to_string(),
        "kind": drift.object.kind.as_str(),
        "object": drift.object.id,
        "ours": drift.ours,
        "theirs": drift.theirs,
        "right": drift.right.as_str(),
        "remedy": drift.remedy.as_str(),
    })
}

/// A difference for people, in a line.
pub(super) fn line(customer: Option<CustomerId>, drift: &Drift) -> String {
    let (code, account, kind) = (
        drift.code.as_str(),
        &drift.object.account,
        drift.object.kind.as_str(),
    );
    let customer = customer.map_or_else(|| "-".to_owned(), |customer| customer.to_string());
    let row = drift.row.as_deref().unwrap_or("-");
    let right = match drift.right {
        Side::Ours => "ours is right",
        Side::Provider => "the provider is right",
        Side::Unclear => "which is right is not clear",
    };
    format!(
        "{code}  {customer}  {row}  {account} {kind} {}: ours {}, the provider's {}; {right}: {}",
        drift.object.id,
        drift.ours,
        drift.theirs,
        drift.remedy.words()
    )
}
