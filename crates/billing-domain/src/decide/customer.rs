//! A new customer, with the grant that early ones are promised and what newcomers may try.

use crate::catalog::{Catalog, PlanKey};
use crate::customer::{Account, Customer};
use crate::decide::grant::add_grant;
use crate::decision::Draft;
use crate::grant::GrantReason;
use crate::ids::{CustomerId, IdSeq};
use crate::journal::Event;
use crate::time::{Timestamp, shifted};
use crate::usage::CustomerUsage;

/// What is known of a customer who is new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewCustomer {
    /// The host's name for it. `None`: a guest.
    pub external_ref: Option<String>,
    /// Where mail goes.
    pub email: Option<String>,
    /// The language that it is written to in.
    pub lang: Option<String>,
    /// Its name at GitHub.
    pub github: Option<String>,
    /// Under whose plan it acts.
    pub member_of: Option<CustomerId>,
    /// When it joined the host. `None`: now.
    pub joined_at: Option<Timestamp>,
    /// Whether a checkout makes it that names nobody.
    pub guest: bool,
}

/// What is to be known of a customer from now on. Of each `None`: it stays as it is;
/// `Some(None)`: it is no longer known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerDetails {
    /// The language that it is written to in.
    pub lang: Option<Option<String>>,
    /// Its name at GitHub.
    pub github: Option<Option<String>>,
}

/// Has a customer's details be these. `false`: they are so already, and nothing changes.
pub fn describe_customer(draft: &mut Draft, details: &CustomerDetails) -> bool {
    let before = &draft.account.customer;
    let mut customer = before.clone();
    customer.lang = details.lang.clone().unwrap_or(customer.lang);
    customer.github = details.github.clone().unwrap_or(customer.github);
    if customer == *before {
        return false;
    }
    let another = [
        ("lang", customer.lang != before.lang),
        ("github", customer.github != before.github),
    ];
    let another: Vec<&str> = another
        .iter()
        .filter_map(|(name, is_another)| is_another.then_some(*name))
        .collect();
    draft.account.customer = customer;
    draft.note(Event::CustomerUpdated, |entry| {
        entry.note = Some(another.join(", "));
    });
    true
}

/// Decides who a new customer is. A plankowner, by the day of joining or by
/// name, is granted the plankowner plan; whoever signs up, what newcomers may try.
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
        lang: new.lang,
        github: new.github,
        member_of: new.member_of,
        joined_at: new.joined_at.unwrap_or(now),
        at_providers: Vec::new(),
        balances: Vec::new(),
        negotiated: Vec::new(),
        guest: new.guest,
        claim: None,
        claims: Vec::new(),
        usage: CustomerUsage::default(),
    };
    let owns_a_plank = is_plankowner(&customer, catalog);
    let mut draft = Draft::new(Account::new(customer), ids, now, actor);
    draft.note(Event::CustomerCreated, |_| ());
    if let (true, Some(plan)) = (owns_a_plank, catalog.plankowner_plan()) {
        add_grant(&mut draft, plan.key.clone(), GrantReason::Plankowner, None);
    }
    if let Some((plan, ends_at)) = trial(&draft.account.customer, catalog, now) {
        add_grant(&mut draft, plan, GrantReason::Trial, Some(ends_at));
    }
    draft
}

/// What a newcomer may try, and until when. Counted from the day of joining, so that who is
/// brought over from elsewhere does not begin anew. `None`: nothing, as for a guest, who has
/// not signed up, and for a member, who acts under another's plan.
fn trial(customer: &Customer, catalog: &Catalog, now: Timestamp) -> Option<(PlanKey, Timestamp)> {
    let trial = catalog.defaults().trial.as_ref()?;
    let ends_at = shifted(customer.joined_at, trial.lasts);
    let signed_up = !customer.guest && customer.member_of.is_none();
    (signed_up && now < ends_at).then(|| (trial.plan.clone(), ends_at))
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
