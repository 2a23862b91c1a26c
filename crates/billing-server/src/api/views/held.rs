//! Customers and what they have.

use billing_domain::catalog::QuantityRule;
use billing_domain::claim::{Claim, ClaimState};
use billing_domain::customer::Customer;
use billing_domain::grant::{Grant, GrantReason};
use billing_domain::journal::{JournalEntry, RenewalOwed};
use billing_domain::negotiated::Negotiated;
use billing_domain::parked::Parked;
use billing_domain::time::Timestamp;
use poem_openapi::Object;

use crate::api::views::MoneyView;

/// A customer.
#[derive(Debug, Object)]
#[oai(rename = "Customer")]
pub(crate) struct CustomerView {
    /// Its id.
    id: String,
    /// The host application's name for it. Absent for a guest.
    external_ref: Option<String>,
    /// Where mail goes.
    email: Option<String>,
    /// The language that it is written to in. Absent: nobody said.
    #[oai(skip_serializing_if_is_none)]
    lang: Option<String>,
    /// Its name at GitHub. Absent: nobody said.
    #[oai(skip_serializing_if_is_none)]
    github: Option<String>,
    /// The customer under whose plan this one acts.
    member_of: Option<String>,
    /// When it joined the host application.
    joined_at: String,
    /// What it has to its credit, one amount a currency; below zero a debt that
    /// the next invoice charges.
    balances: Vec<MoneyView>,
    /// Terms negotiated with it, oldest first.
    negotiated_terms: Vec<NegotiatedView>,
    /// What a guest bought, held for the owner of a mailbox. Absent: nothing is.
    claim: Option<ClaimView>,
    /// The guests attached to it, whose holdings are its own too.
    attached: Vec<String>,
}

/// A guest's purchase, held for the owner of a mailbox.
#[derive(Debug, Object)]
#[oai(rename = "Claim")]
pub(crate) struct ClaimView {
    /// The address that the provider collected.
    email: String,
    /// `open` until the mailed link is opened; then `confirmed`, or `attached` to
    /// the account that the mailbox's owner has.
    state: String,
    /// That account.
    attached_to: Option<String>,
    /// When it was made.
    made_at: String,
}

impl From<Claim> for ClaimView {
    fn from(claim: Claim) -> Self {
        let state = match claim.state {
            ClaimState::Open => "open",
            ClaimState::Confirmed { .. } => "confirmed",
            ClaimState::Attached { .. } => "attached",
        };
        Self {
            state: state.to_owned(),
            attached_to: claim.attached_to().map(|to| to.to_string()),
            email: claim.email,
            made_at: claim.made_at.to_string(),
        }
    }
}

impl From<Customer> for CustomerView {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.id.to_string(),
            external_ref: customer.external_ref,
            email: customer.email,
            lang: customer.lang,
            github: customer.github,
            member_of: customer.member_of.map(|owner| owner.to_string()),
            joined_at: customer.joined_at.to_string(),
            balances: customer.balances.into_iter().map(MoneyView::from).collect(),
            negotiated_terms: customer
                .negotiated
                .into_iter()
                .map(NegotiatedView::from)
                .collect(),
            claim: customer.claim.map(ClaimView::from),
            attached: customer.claims.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Terms negotiated with one customer, beside the public catalog.
#[derive(Debug, Object)]
#[oai(rename = "NegotiatedTerms")]
pub(crate) struct NegotiatedView {
    /// Their id, which a checkout names.
    id: String,
    /// The plan that is held under them.
    plan: String,
    /// What one piece costs.
    unit: MoneyView,
    /// `month`, `3 months`, `once`.
    interval: String,
    /// What one piece costs in the first cycle. Absent: the same.
    first_cycle: Option<MoneyView>,
    /// The quantities that may be held. Absent: as the plan says.
    quantity: Option<BoundsView>,
    /// Where it is paid. Absent: at the preferred provider.
    provider: Option<String>,
    /// When they can no longer be taken up. Absent: they stay open.
    expires_at: Option<String>,
    /// When they were agreed.
    created_at: String,
}

/// Quantities that may be held.
#[derive(Debug, Object)]
#[oai(rename = "QuantityBounds")]
pub(crate) struct BoundsView {
    /// The smallest.
    min: u32,
    /// The largest.
    max: u32,
    /// The smallest and whole steps above it.
    step: u32,
}

impl From<QuantityRule> for BoundsView {
    fn from(rule: QuantityRule) -> Self {
        Self {
            min: rule.min,
            max: rule.max,
            step: rule.step,
        }
    }
}

impl From<Negotiated> for NegotiatedView {
    fn from(agreed: Negotiated) -> Self {
        Self {
            id: agreed.id.to_string(),
            plan: agreed.plan.to_string(),
            unit: agreed.unit.into(),
            interval: agreed.billing.to_string(),
            first_cycle: agreed.first_cycle.map(MoneyView::from),
            quantity: agreed.quantity.map(BoundsView::from),
            provider: agreed.provider.map(|key| key.to_string()),
            expires_at: agreed.expires_at.map(|at| at.to_string()),
            created_at: agreed.created_at.to_string(),
        }
    }
}

/// A plan held without paying.
#[derive(Debug, Object)]
#[oai(rename = "Grant")]
pub(crate) struct GrantView {
    /// Its id.
    id: String,
    /// The plan.
    plan: String,
    /// `plankowner`, `comp`, `trial` or `free_plan`.
    reason: String,
    /// Since when it gives access.
    starts_at: String,
    /// When it ends. Absent: it does not.
    ends_at: Option<String>,
    /// Whether it gives its plan now.
    gives_access: bool,
}

impl GrantView {
    pub(crate) fn of(grant: &Grant, now: Timestamp) -> Self {
        let reason = match grant.reason {
            GrantReason::Plankowner => "plankowner",
            GrantReason::Comp => "comp",
            GrantReason::Trial => "trial",
            GrantReason::FreePlan => "free_plan",
        };
        Self {
            id: grant.id.to_string(),
            plan: grant.plan.to_string(),
            reason: reason.to_owned(),
            starts_at: grant.starts_at.to_string(),
            ends_at: grant.ends_at.map(|end| end.to_string()),
            gives_access: grant.is_live(now),
        }
    }
}

/// One thing that happened to a customer.
#[derive(Debug, Object)]
#[oai(rename = "JournalEntry")]
pub(crate) struct JournalView {
    /// Its id; ascends with time.
    id: String,
    /// What happened, as in `subscription.renewed`.
    event: String,
    /// When.
    at: String,
    /// Whom it happened to.
    customer: String,
    /// Who did it. Absent: the engine, by itself.
    actor: Option<String>,
    /// Why, in the operator's words. Absent: nobody said.
    reason: Option<String>,
    /// The subscription concerned.
    subscription: Option<String>,
    /// The invoice concerned.
    invoice: Option<String>,
    /// The checkout concerned.
    checkout: Option<String>,
    /// The grant concerned.
    grant: Option<String>,
    /// The change concerned.
    change: Option<String>,
    /// The license concerned.
    license: Option<String>,
    /// The money concerned.
    money: Option<MoneyView>,
    /// With `subscription.renewal_pending`, and with its reminders
    /// `subscription.renewal_due` and `subscription.grace_ending`: what it takes to pay.
    #[oai(skip_serializing_if_is_none)]
    renewal: Option<RenewalView>,
    /// What else a reader needs.
    note: Option<String>,
}

/// What it takes to pay a cycle.
#[derive(Debug, Object)]
#[oai(rename = "RenewalOwed")]
pub(crate) struct RenewalView {
    /// The number of the subscription's cycle.
    cycle: u32,
    /// What is collected: in satoshi where bitcoin is, else what is listed.
    collected: MoneyView,
    /// When it is to be paid.
    due_at: String,
    /// Until when it can be paid.
    grace_ends_at: String,
    /// Where it is paid: a page of this server's that goes on working until then. Without
    /// pages: the provider's, which closes sooner.
    pay_url: Option<String>,
}

impl From<RenewalOwed> for RenewalView {
    fn from(owed: RenewalOwed) -> Self {
        Self {
            cycle: owed.cycle,
            collected: owed.collected.into(),
            due_at: owed.due_at.to_string(),
            grace_ends_at: owed.grace_ends_at.to_string(),
            pay_url: None,
        }
    }
}

impl JournalView {
    /// With where its renewal is paid. `None`: nowhere.
    pub(crate) fn payable_at(mut self, pay_url: Option<String>) -> Self {
        if let Some(renewal) = &mut self.renewal {
            renewal.pay_url = pay_url;
        }
        self
    }
}

impl From<JournalEntry> for JournalView {
    fn from(entry: JournalEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            event: entry.event.as_str().to_owned(),
            at: entry.at.to_string(),
            customer: entry.customer.to_string(),
            actor: entry.actor,
            reason: entry.reason,
            subscription: entry.subscription.map(|id| id.to_string()),
            invoice: entry.invoice.map(|id| id.to_string()),
            checkout: entry.checkout.map(|id| id.to_string()),
            grant: entry.grant.map(|id| id.to_string()),
            change: entry.change.map(|id| id.to_string()),
            license: entry.license.map(|id| id.to_string()),
            money: entry.money.map(MoneyView::from),
            renewal: entry.renewal.map(RenewalView::from),
            note: entry.note,
        }
    }
}

/// Something set aside for a person.
#[derive(Debug, Object)]
#[oai(rename = "Parked")]
pub(crate) struct ParkedView {
    /// Its id.
    id: String,
    /// Why, as in `unlinked`.
    reason: String,
    /// Whom it concerns. Absent: nobody known.
    customer: Option<String>,
    /// What a person needs to decide, in plain words.
    evidence: String,
    /// Whether it can be tried again.
    can_replay: bool,
    /// When it was set aside.
    at: String,
}

impl From<Parked> for ParkedView {
    fn from(parked: Parked) -> Self {
        Self {
            id: parked.id.to_string(),
            reason: parked.reason.as_str().to_owned(),
            customer: parked.customer.map(|id| id.to_string()),
            can_replay: parked.inbox.is_some() || parked.effect.is_some(),
            evidence: parked.evidence,
            at: parked.at.to_string(),
        }
    }
}
