//! The state that every order has to end in: the customer's values. What says how
//! they came to be known is none: ids that are drawn on the way, when a provider was
//! last heard, and when a change that it made was first heard of. What is told twice, at different instants, is dated by the first that
//! came; what was never told, by when it was read.

use billing_domain::change::ChangeState;
use billing_domain::customer::Account;
use billing_domain::ids::IdSeq;
use billing_domain::invoice::Invoice;
use billing_domain::parked::ParkReason;
use billing_domain::subscription::Schedule;
use billing_domain::time::Timestamp;
use billing_ports::store::{ChangeFilter, InvoiceFilter, PageAsk, Store};

/// Rows of one list: no set makes as many.
const ROWS: u16 = 100;

/// A customer's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// With all of its invoices and changes, closed ones too.
    pub(crate) account: Account,
    /// What waits for a person.
    pub(crate) parked: Vec<ParkReason>,
    /// When the first subscription is charged next, and what.
    pub(crate) foretold: Vec<(Timestamp, i64)>,
}

impl State {
    /// Refuses another end of the first subscription's discount, and other charges to come.
    pub(crate) fn is_discounted_until(&self, ends_at: &str, amounts: [i64; 2]) {
        let held = self.account.subscriptions.first().unwrap();
        let discount = held.terms.discount.as_ref().unwrap();
        assert_eq!(
            discount.ends_at,
            Some(ends_at.parse().unwrap()),
            "{self:#?}"
        );
        let foretold: Vec<i64> = self.foretold.iter().map(|(_, amount)| *amount).collect();
        assert_eq!(foretold, amounts, "{self:#?}");
    }

    /// Refuses other terms of the first subscription, and other charges to come: what was
    /// charged before is known no more.
    pub(crate) fn is_charged_as(&self, expected: &Self) {
        let terms = |of: &Self| of.account.subscriptions.first().unwrap().terms.clone();
        assert_eq!(terms(self), terms(expected));
        assert_eq!(self.foretold, expected.foretold);
    }

    /// Refuses another state, and tells only in what it differs.
    pub(crate) fn must_be(&self, expected: &Self, what: impl FnOnce() -> String) {
        if self == expected {
            return;
        }
        let (is, should) = (format!("{self:#?}"), format!("{expected:#?}"));
        let only = |these: &str, those: &str| {
            let lines = these
                .lines()
                .filter(|line| !those.lines().any(|other| other == *line));
            lines.collect::<Vec<_>>().join("\n")
        };
        panic!(
            "{}\nonly here:\n{}\nonly expected:\n{}",
            what(),
            only(&is, &should),
            only(&should, &is)
        );
    }
}

pub(crate) async fn state(
    store: &dyn Store,
    mut account: Account,
    foretold: Vec<(Timestamp, i64)>,
) -> State {
    let customer = Some(account.customer.id);
    let page = PageAsk {
        after: None,
        limit: ROWS,
    };
    let invoices = InvoiceFilter {
        customer,
        ..InvoiceFilter::default()
    };
    let invoices = store.list_invoices(invoices, page).await.unwrap().rows;
    account.invoices = unnamed(invoices.into_iter().map(|(_, invoice)| invoice).collect());
    let changes = ChangeFilter {
        customer,
        ..ChangeFilter::default()
    };
    account.changes = store.list_changes(changes, page).await.unwrap().rows;
    for change in &mut account.changes {
        if let ChangeState::Applied { at } = &mut change.state {
            *at = change.accepted_at;
        }
    }
    for known in &mut account.customer.at_providers {
        // When it was told is no part of what is held.
        known.told_at = None;
    }
    for held in &mut account.subscriptions {
        // By our clock, as it was heard.
        held.went_on_at = None;
        // A price that was overtaken before it was heard of was never held.
        held.held_before.clear();
        if let Schedule::Provider {
            seen_at,
            seen_digest,
            ..
        } = &mut held.schedule
        {
            *seen_at = Timestamp::UNIX_EPOCH;
            *seen_digest = 0;
        }
    }
    name_alike(&mut account);
    let parked = store.list_parked(None, page).await.unwrap().rows;
    let mut parked: Vec<_> = parked.into_iter().map(|one| one.reason).collect();
    parked.sort_by_key(|reason| reason.as_str());
    State {
        account,
        parked,
        foretold,
    }
}

/// What no checkout of ours sold draws an id when it is first heard of, and is as
/// old as the earliest word of it that came: neither is a value.
fn name_alike(account: &mut Account) {
    let mut ids = IdSeq::new(Timestamp::UNIX_EPOCH, 1);
    let unsold = account.subscriptions.iter_mut();
    for held in unsold.filter(|held| held.checkout.is_none()) {
        let drawn = std::mem::replace(&mut held.id, ids.draw());
        held.created_at = Timestamp::UNIX_EPOCH;
        let theirs = account.invoices.iter_mut();
        for invoice in theirs.filter(|invoice| invoice.subscription == Some(drawn)) {
            invoice.subscription = Some(held.id);
        }
    }
}

fn unnamed(mut invoices: Vec<Invoice>) -> Vec<Invoice> {
    let mut ids = IdSeq::new(Timestamp::UNIX_EPOCH, 0);
    invoices.sort_by_key(|invoice| invoice.reference.clone());
    for invoice in &mut invoices {
        invoice.id = ids.draw();
    }
    invoices
}
