//! Read models: complete, without repetition, newest first.

use billing_domain::catalog::{PlanKey, PriceKey};
use billing_domain::grant::GrantReason;
use billing_domain::invoice::{InvoiceState, Purpose};
use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;
use billing_domain::subscription::{State, Status};
use billing_domain::time::{days, shifted};
use billing_ports::Store;
use billing_ports::store::{
    EventFilter, Holding, InvoiceFilter, Page, PageAsk, StoreError, SubscriptionFilter,
};
use uuid::Uuid;

use super::support::{PLENTY, create, newcomer, reload, second};
use crate::fixtures::{Maker, creation, next_commit};

/// So many on a page …
const PAGE: u16 = 3;

/// … and so many rows: three pages, the last not full.
const ROWS: usize = 7;

/// "A list MUST be complete and without repetition when its pages are read one
/// after the other", newest first; so too for an exact number of pages and for none.
pub async fn customers_are_listed_page_by_page(store: &dyn Store) {
    let mut make = Maker::new(1);
    for already in 0..=ROWS {
        if [0, 3, 6, ROWS].contains(&already) {
            let list = async |page| store.list_customers(page).await;
            let rows = read_all(list, |held| held.id.uuid()).await;
            assert_eq!(rows.len(), already);
        }
        newcomer(store, &mut make).await;
    }
}

/// "A list MUST be complete and without repetition": subscriptions, and what a
/// filter leaves of them.
pub async fn subscriptions_are_listed_page_by_page(store: &dyn Store) {
    let mut make = Maker::new(2);
    let none = read_all(
        async |page| {
            store
                .list_subscriptions(SubscriptionFilter::default(), page)
                .await
        },
        |held| held.id.uuid(),
    );
    assert_eq!(none.await, []);
    let rich = make.rich_account();
    let mut other = make.account();
    for _ in 0..ROWS {
        let held = make.subscription(other.customer.id, State::Active);
        other.put_subscription(held);
    }
    for account in [&rich, &other] {
        create(store, account, make.now).await;
    }
    let mut all = rich.subscriptions.clone();
    all.extend(other.subscriptions);
    let lifetime = PlanKey::new("lifetime").expect("a key");
    let monthly = Some(PriceKey::new("team-monthly").expect("a key"));
    let yearly = Some(PriceKey::new("team-yearly").expect("a key"));
    for (customer, status, plan, price) in [
        (None, None, None, None),
        (Some(other.customer.id), None, None, None),
        (Some(rich.customer.id), Some(Status::Active), None, None),
        (None, Some(Status::Paused), None, None),
        (None, Some(Status::Expired), None, None),
        (None, None, Some(lifetime.clone()), None),
        (Some(other.customer.id), None, Some(lifetime), None),
        (Some(make.id()), None, None, None),
        (None, None, None, monthly.clone()),
        (Some(rich.customer.id), Some(Status::Expired), None, monthly),
        (None, None, None, yearly),
    ] {
        let filter = SubscriptionFilter {
            customer,
            status,
            plan,
            price,
        };
        let list = async |page| store.list_subscriptions(filter.clone(), page).await;
        let rows = read_all(list, |held| held.id.uuid()).await;
        let mut expected: Vec<_> = all
            .iter()
            .filter(|held| {
                filter
                    .customer
                    .is_none_or(|customer| customer == held.customer)
                    && filter.status.is_none_or(|status| status == held.status())
                    && filter
                        .plan
                        .as_ref()
                        .is_none_or(|plan| *plan == held.terms.plan)
                    && (filter.price.is_none() || filter.price == held.terms.price)
            })
            .cloned()
            .collect();
        expected.sort_by_key(|held| std::cmp::Reverse(held.id));
        assert_eq!(rows, expected, "{filter:?}");
    }
}

/// "A list MUST be complete and without repetition": invoices with their
/// owners, and what a filter leaves of them; and each by its id.
pub async fn invoices_are_listed_page_by_page(store: &dyn Store) {
    let mut make = Maker::new(3);
    let rich = make.rich_account();
    let mut other = make.account();
    for _ in 0..ROWS {
        let mut invoice = make.invoice(Purpose::OneTime, None);
        invoice.state = InvoiceState::Settled { at: make.now };
        other.put_invoice(invoice);
    }
    let mut all = Vec::new();
    for account in [&rich, &other] {
        create(store, account, make.now).await;
        let owner = account.customer.id;
        all.extend(account.invoices.iter().map(|held| (owner, held.clone())));
    }
    all.sort_by_key(|(_, held)| std::cmp::Reverse(held.id));
    let renewals = all.iter().filter(|(_, held)| held.is_renewal()).count();
    assert!(renewals > 0 && renewals < all.len(), "there are both");
    for (customer, subscription, open, renewal) in [
        (None, None, None, None),
        (Some(other.customer.id), None, None, None),
        (None, None, Some(true), None),
        (None, None, Some(false), None),
        (None, Some(rich.subscriptions[0].id), None, None),
        (Some(other.customer.id), None, Some(true), None),
        (None, None, None, Some(true)),
        (None, None, None, Some(false)),
        (None, None, Some(true), Some(true)),
        (None, None, Some(true), Some(false)),
    ] {
        let filter = InvoiceFilter {
            customer,
            subscription,
            open,
            renewal,
        };
        let list = async |page| store.list_invoices(filter, page).await;
        let rows = read_all(list, |(_, held)| held.id.uuid()).await;
        let mut expected = all.clone();
        expected.retain(|(owner, held)| {
            customer.is_none_or(|customer| customer == *owner)
                && open.is_none_or(|open| open == held.is_open())
                && renewal.is_none_or(|renewal| renewal == held.is_renewal())
                && subscription.is_none_or(|id| held.subscription == Some(id))
        });
        assert_eq!(rows, expected, "{filter:?}");
    }
    for (owner, invoice) in all {
        let found = store.get_invoice(invoice.id).await;
        assert_eq!(found, Ok(Some((owner, invoice))));
    }
    assert_eq!(store.get_invoice(make.id()).await, Ok(None));
}

/// "What waits for a person, newest first", of one reason or of all.
pub async fn parked_things_are_listed_page_by_page(store: &dyn Store) {
    let mut make = Maker::new(4);
    let held = newcomer(store, &mut make).await;
    let mut commit = next_commit(&held, &held.account, second(1));
    let reasons = [ParkReason::LatePayment, ParkReason::UnknownPrice];
    for place in 0..ROWS * 2 {
        commit.parked.push(make.parked(reasons[place % 2]));
    }
    let mut expected = commit.parked.clone();
    store.commit(commit).await.expect("stored");
    expected.reverse();
    let wanted = [
        None,
        Some(reasons[0]),
        Some(reasons[1]),
        Some(ParkReason::Conflict),
    ];
    for reason in wanted {
        let list = async |page| store.list_parked(reason, page).await;
        let rows = read_all(list, |held| held.id.uuid()).await;
        let mut expected = expected.clone();
        expected.retain(|held| reason.is_none_or(|reason| held.reason == reason));
        assert_eq!(rows, expected, "{reason:?}");
    }
}

/// "What happened to a customer, newest first": every entry as it was written,
/// of every kind, and nobody else's.
pub async fn a_journal_is_listed_page_by_page(store: &dyn Store) {
    let mut make = Maker::new(5);
    let (mine, theirs) = (
        newcomer(store, &mut make).await,
        newcomer(store, &mut make).await,
    );
    let mut written = Vec::new();
    let mut commit = next_commit(&mine, &mine.account, second(1));
    let id = mine.account.customer.id;
    for event in Event::ALL {
        let mut entry = make.journal(id, *event);
        if written.is_empty() {
            entry = billing_domain::journal::JournalEntry {
                actor: None,
                reason: None,
                subscription: None,
                invoice: None,
                checkout: None,
                grant: None,
                money: None,
                renewal: None,
                note: None,
                ..entry
            };
        }
        written.push(entry);
    }
    commit.journal.clone_from(&written);
    store.commit(commit).await.expect("stored");
    let mut commit = next_commit(&theirs, &theirs.account, second(1));
    let other = theirs.account.customer.id;
    commit.journal.push(make.journal(other, Event::PlanChanged));
    store.commit(commit).await.expect("stored");

    written.reverse();
    let list = async |page| store.list_journal(id, page).await;
    assert_eq!(read_all(list, |entry| entry.id.uuid()).await, written);
    let nobody = make.id();
    let list = async |page| store.list_journal(nobody, page).await;
    assert_eq!(read_all(list, |entry| entry.id.uuid()).await, []);
}

/// "What happened to anybody, newest first": of one customer, of one kind, or both.
pub async fn events_are_listed_over_everybody(store: &dyn Store) {
    let mut make = Maker::new(7);
    let mut written = Vec::new();
    let mut customers = Vec::new();
    for _ in 0..2 {
        let held = newcomer(store, &mut make).await;
        let id = held.account.customer.id;
        let mut commit = next_commit(&held, &held.account, second(1));
        for event in [Event::PlanChanged, Event::InvoiceOpened, Event::PlanChanged] {
            commit.journal.push(make.journal(id, event));
        }
        written.extend(commit.journal.clone());
        customers.push(id);
        store.commit(commit).await.expect("stored");
    }
    written.reverse();
    let (one, changed) = (Some(customers[0]), Some(Event::PlanChanged));
    for (customer, event) in [
        (None, None),
        (one, None),
        (None, changed),
        (one, changed),
        (one, Some(Event::GrantAdded)),
    ] {
        let filter = EventFilter { customer, event };
        let mut wanted = written.clone();
        wanted.retain(|held| customer.is_none_or(|id| held.customer == id));
        wanted.retain(|held| event.is_none_or(|event| held.event == event));
        let list = async |page| store.list_events(filter, page).await;
        assert_eq!(read_all(list, |entry| entry.id.uuid()).await, wanted);
    }
}

/// "By id. What there is not is left out": subscriptions, and the newest renewal of each that
/// is open.
pub async fn subscriptions_and_their_renewals_are_read_by_id(store: &dyn Store) {
    let mut make = Maker::new(8);
    let unknown = [make.id()];
    assert_eq!(store.subscriptions_of(&unknown).await, Ok(Vec::new()));
    assert_eq!(store.renewals_of(&unknown).await, Ok(Vec::new()));
    let (mut held, mut owed) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let mut account = make.account();
        let id = account.customer.id;
        let (owing, paid) = (
            State::PastDue {
                since: make.now,
                no_grace: false,
            },
            State::Active,
        );
        let (owing, paid) = (make.subscription(id, owing), make.subscription(id, paid));
        let settled = InvoiceState::Settled { at: make.now };
        for (purpose, state) in [
            (Purpose::Renewal, InvoiceState::Open),
            (Purpose::Renewal, InvoiceState::Open),
            (Purpose::Renewal, settled),
            (Purpose::Change, InvoiceState::Open),
        ] {
            let mut invoice = make.invoice(purpose, Some(owing.id));
            // As a provider makes them, which may be owed two at once.
            invoice.cycle = None;
            invoice.state = state;
            account.put_invoice(invoice);
        }
        account.put_subscription(owing.clone());
        account.put_subscription(paid.clone());
        create(store, &account, make.now).await;
        owed.push((owing.id, account.invoices[1].clone()));
        held.extend([owing, paid]);
    }
    let ids: Vec<_> = held.iter().map(|held| held.id).collect();
    let mut asked = ids.clone();
    asked.reverse();
    asked.extend([make.id(), ids[0]]);
    assert_eq!(store.subscriptions_of(&asked).await, Ok(held.clone()));
    assert_eq!(store.renewals_of(&asked).await, Ok(owed.clone()));
    let some = store.subscriptions_of(&ids[1..3]).await;
    assert_eq!(some, Ok(held[1..3].to_vec()));
    let some = store.renewals_of(&ids[1..3]).await;
    assert_eq!(some, Ok(owed[1..].to_vec()));
    assert_eq!(store.subscriptions_of(&[]).await, Ok(Vec::new()));
    assert_eq!(store.renewals_of(&[]).await, Ok(Vec::new()));
}

/// "Subscriptions that can still give access, or live grants", by plan and price.
pub async fn holdings_count_who_holds_what(store: &dyn Store) {
    let mut make = Maker::new(6);
    assert_eq!(store.holdings().await, Ok(Vec::new()));
    for _ in 0..2 {
        let mut account = make.account();
        let id = account.customer.id;
        for state in [
            State::Active,
            State::PastDue {
                since: make.now,
                no_grace: false,
            },
            State::Expired { at: make.now },
        ] {
            account.put_subscription(make.subscription(id, state));
        }
        let mut unpriced = make.subscription(id, State::Active);
        unpriced.terms.price = None;
        account.put_subscription(unpriced);
        account.put_grant(make.grant(GrantReason::Comp));
        create(store, &account, make.now).await;
    }
    let mut holdings = store.holdings().await.expect("the store answers");
    holdings.sort_by(|a, b| (&a.plan, &a.price).cmp(&(&b.plan, &b.price)));
    let holding = |plan, price: Option<&str>, holders| Holding {
        plan: PlanKey::new(plan).expect("a key"),
        price: price.map(|key| PriceKey::new(key).expect("a key")),
        holders,
    };
    let expected = [
        holding("personal", None, 2),
        holding("team", None, 2),
        holding("team", Some("team-monthly"), 4),
    ];
    assert_eq!(holdings, expected);
}

/// "Live grants": one that ended before the newest thing that happened is not
/// counted, one without an end is.
pub async fn an_ended_grant_is_held_by_nobody(store: &dyn Store) {
    let mut make = Maker::new(7);
    let mut account = make.account();
    account.put_grant(make.grant(GrantReason::Trial));
    create(store, &account, make.now).await;
    let holders = async || {
        let holdings = store.holdings().await.expect("the store answers");
        holdings.iter().map(|holding| holding.holders).sum::<u64>()
    };
    assert_eq!(holders().await, 1, "the trial runs");
    let mut later = make.account();
    make.now = shifted(make.now, days(100));
    let mut commit = creation(&later, make.now);
    let entry = make.journal(later.customer.id, Event::CustomerCreated);
    commit.journal.push(entry);
    store.commit(commit).await.expect("stored");
    assert_eq!(holders().await, 0, "the trial is over");
    let held = reload(store, &later).await;
    later.put_grant(make.grant(GrantReason::Comp));
    let commit = next_commit(&held, &later, make.now);
    store.commit(commit).await.expect("stored");
    assert_eq!(holders().await, 1, "a gift has no end");
}

/// Reads every page, and checks what holds for every list.
pub(super) async fn read_all<T>(
    list: impl AsyncFn(PageAsk) -> Result<Page<T>, StoreError>,
    id: impl Fn(&T) -> Uuid,
) -> Vec<T> {
    let mut rows: Vec<T> = Vec::new();
    loop {
        let ask = PageAsk {
            after: rows.last().map(&id),
            limit: PAGE,
        };
        let page = list(ask).await.expect("the store answers");
        let count = page.rows.len();
        assert!(count <= usize::from(PAGE), "the limit holds");
        rows.extend(page.rows);
        assert!(rows.len() <= usize::from(PLENTY), "the list ends");
        if !page.more {
            break;
        }
        assert_eq!(count, usize::from(PAGE), "a page with more is full");
    }
    let ids: Vec<_> = rows.iter().map(&id).collect();
    assert!(
        ids.windows(2).all(|pair| pair[0] > pair[1]),
        "newest first: {ids:?}"
    );
    if let Some(last) = ids.last() {
        let ask = PageAsk {
            after: Some(*last),
            limit: PAGE,
        };
        let beyond = list(ask).await.expect("the store answers");
        assert!(
            beyond.rows.is_empty() && !beyond.more,
            "nothing follows the last"
        );
    }
    rows
}
