//! Customers whose subscriptions are due, put straight into a store.

use billing_domain::catalog::{Billing, OnPastDue, OnPause};
use billing_domain::customer::{Account, Customer};
use billing_domain::ids::IdSeq;
use billing_domain::money::{Currency, Money};
use billing_domain::subscription::{Schedule, State, Subscription, Times};
use billing_domain::terms::Terms;
use billing_domain::time::{Interval, Timestamp};
use billing_ports::store::{Changes, Commit, Store};
use jiff::SignedDuration;

use crate::rig::account;

/// When they all fall due.
pub(super) const DUE_AT: &str = "2026-02-10T00:00:00Z";

pub(super) async fn fill(store: &dyn Store, count: usize) {
    let plans = "product: P\ncurrency: usd\nplans:\n  team:\n    name: Team\n    rank: 1\n    \
                 prices: { team-monthly: { amount: 5.00, interval: month } }\n";
    let catalog = billing_catalog::read_plan_file("plans", plans.as_bytes()).unwrap();
    let due_at: Timestamp = DUE_AT.parse().unwrap();
    store
        .apply_catalog(&catalog, 0, due_at)
        .await
        .unwrap()
        .unwrap();
    for number in 0..count {
        let account = due(u64::try_from(number).unwrap(), due_at);
        let commit = Commit {
            customer: account.customer.id,
            expected: None,
            claim: None,
            changes: Changes::between(None, &account),
            wake_at: account.wake_at(),
            journal: Vec::new(),
            effects: Vec::new(),
            parked: Vec::new(),
            inbox: Vec::new(),
            outbox: Vec::new(),
            replies: Vec::new(),
            at: due_at,
        };
        store.commit(commit).await.unwrap();
    }
}

fn due(number: u64, due_at: Timestamp) -> Account {
    let start: Timestamp = "2026-01-10T00:00:00Z".parse().unwrap();
    let mut ids = IdSeq::new(start, number);
    let mut account = Account::new(Customer {
        id: ids.draw(),
        external_ref: Some(format!("customer-{number}")),
        email: None,
        member_of: None,
        joined_at: start,
        at_providers: Vec::new(),
        balances: Vec::new(),
        negotiated: Vec::new(),
    });
    account.put_subscription(Subscription {
        id: ids.draw(),
        customer: account.customer.id,
        checkout: None,
        terms: Terms {
            plan: "team".parse().unwrap(),
            price: Some("team-monthly".parse().unwrap()),
            price_ref: Some("team-monthly".to_owned()),
            unit: Money::new(500, Currency::USD),
            quantity: 1,
            billing: Billing::Recurring(Interval::MONTH),
            renews: true,
            trial: None,
            grace: SignedDuration::from_hours(7 * 24),
            on_past_due: OnPastDue::Grace,
            on_pause: OnPause::Now,
            lead: SignedDuration::ZERO,
            stall_limit: SignedDuration::from_hours(30 * 24),
            rejoin: SignedDuration::from_hours(30 * 24),
            catalog_revision: 1,
            bounds: None,
            discount: None,
            license: None,
            sold: Default::default(),
        },
        provider: Some(self::account()),
        schedule: Schedule::Engine {
            anchor: start,
            next_period: 1,
            cycle: 0,
            failures: 0,
            elapsed_months: 0,
            taken_back: 0,
        },
        state: State::Active,
        times: Times {
            paid_through: Some(due_at),
            due_at: None,
            next_attempt_at: Some(due_at),
            grace_ends_at: None,
        },
        cancellation: None,
        created_at: start,
        paid: Vec::new(),
        promise: Default::default(),
        replaced: None,
        scheduled: None,
    });
    account
}
