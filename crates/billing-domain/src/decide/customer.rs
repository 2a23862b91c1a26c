//! A new customer, with the grant that early ones are promised.

use crate::catalog::Catalog;
use crate::customer::{Account, Customer};
use crate::decide::grant::add_grant;
use crate::decision::Draft;
use crate::grant::GrantReason;
use crate::ids::{CustomerId, IdSeq};
use crate::journal::Event;
use crate::time::Timestamp;

/// What is known of a customer who is new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewCustomer {
    /// The host's name for it. `None`: a guest.
    pub external_ref: Option<String>,
    /// Where mail goes.
    pub email: Option<String>,
    /// Under whose plan it acts.
    pub member_of: Option<CustomerId>,
    /// When it joined the host. `None`: now.
    pub joined_at: Option<Timestamp>,
    /// Whether a checkout makes it that names nobody.
    pub guest: bool,
}

/// Decides who a new customer is. A plankowner, by the day of joining or by
/// name, is granted the plankowner plan.
#[must_use]
pub fn create_customer(
    new: NewCustomer,
    catalog: &Catalog,
    mut ids: IdSeq,
    now: Timestamp,
    actor: Option<String>,
) -> Draft {
    let id = ids.draw();
    let customer = Customer {
        id,
        external_ref: new.external_ref,
        email: new.email,
        member_of: new.member_of,
        joined_at: new.joined_at.unwrap_or(now),
        at_providers: Vec::new(),
        balances: Vec::new(),
        negotiated: Vec::new(),
        guest: new.guest,
        claim: None,
        claims: Vec::new(),
    };
    let owns_a_plank = is_plankowner(&customer, catalog);
    let mut draft = Draft::new(Account::new(customer), ids, now, actor);
    draft.note(Event::CustomerCreated, |_| ());
    if let (true, Some(plan)) = (owns_a_plank, catalog.plankowner_plan()) {
        add_grant(&mut draft, plan.key.clone(), GrantReason::Plankowner, None);
    }
    draft
}

fn is_plankowner(customer: &Customer, catalog: &Catalog) -> bool {
    let defaults = catalog.defaults();
    let early = defaults
        .plankowner_before
        .is_some_and(|day| customer.joined_at < day);
    let named = customer
        .external_ref
        .as_ref()
        .is_some_and(|reference| defaults.plankowners.contains(reference));
    early || named
}
