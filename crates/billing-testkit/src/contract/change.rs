//! Changes of plan: part of a customer, loaded while they are to come.

use billing_domain::change::{Change, ChangeState};
use billing_domain::checkout::CheckoutState;
use billing_domain::customer::Account;
use billing_domain::ids::{ChangeId, SubscriptionId};
use billing_domain::invoice::{Invoice, InvoiceState, Issuer, Purpose};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::Store;
use billing_ports::store::{Also, ChangeFilter, CommitError, LAST_CHANGES, Loaded, Taken};

use super::read::read_all;
use super::support::{CALLERS, create, newcomer, reload, second, taken, together};
use crate::fixtures::{Maker, next_commit};

/// "Changes that are to come, and those asked for": by id, by quote, or by the
/// invoice that pays for one, however that is asked for.
pub async fn closed_changes_are_loaded_only_when_asked_for(store: &dyn Store) {
    let mut make = Maker::new(1);
    let mut account = make.account();
    let customer = account.customer.id;
    account.changes = make.changes_of_every_state(customer);
    let (applied, superseded) = (account.changes[2].clone(), account.changes[3].clone());
    let (canceled, failed) = (account.changes[4].clone(), account.changes[5].clone());
    let at = make.now;
    let checkout = make.checkout(CheckoutState::Completed {
        at,
        reference: None,
    });
    let paying: Vec<Invoice> = [&applied, &superseded, &canceled]
        .into_iter()
        .map(|change| Invoice {
            cycle: None,
            change: Some(change.id),
            state: InvoiceState::Settled { at },
            reference: Some(make.text("in")),
            ..make.invoice(Purpose::Change, Some(change.quote.subscription))
        })
        .collect();
    let through = Invoice {
        id: checkout.invoice,
        ..paying[2].clone()
    };
    let paying = [paying[0].clone(), paying[1].clone(), through];
    account.put_checkout(checkout.clone());
    for invoice in &paying {
        account.put_invoice(invoice.clone());
    }
    create(store, &account, at).await;
    let by_ref = ProviderRef {
        account: paying[1].provider.clone().expect("it has one"),
        kind: RefKind::Invoice,
        id: paying[1].reference.clone().expect("it has one"),
    };
    let none = Also::default;
    let asked: [(Also, &[&Change]); 6] = [
        (none(), &[]),
        (
            Also {
                changes: vec![failed.id, account.changes[0].id],
                ..none()
            },
            &[&failed],
        ),
        (
            Also {
                quotes: vec![superseded.quote.id, canceled.quote.id],
                ..none()
            },
            &[&superseded, &canceled],
        ),
        (
            Also {
                invoices: vec![paying[0].id],
                changes: vec![applied.id],
                ..none()
            },
            &[&applied],
        ),
        (
            Also {
                invoice_refs: vec![by_ref],
                ..none()
            },
            &[&superseded],
        ),
        (
            Also {
                checkouts: vec![checkout.id],
                ..none()
            },
            &[&canceled],
        ),
    ];
    for (also, besides) in asked {
        let loaded = store.load(customer, &also).await;
        let loaded = loaded.expect("the store answers").expect("it is known");
        let mut expected = account.changes[..2].to_vec();
        expected.extend(besides.iter().copied().cloned());
        assert_eq!(loaded.account.changes, expected, "{also:?}");
    }
}

/// "The newest changes that were applied", so many and no more, of whichever
/// subscription; what was not applied takes nobody's place.
pub async fn the_last_applied_changes_are_loaded_when_asked_for(store: &dyn Store) {
    let mut make = Maker::new(9);
    let mut account = make.account();
    let customer = account.customer.id;
    let at = make.now;
    let sold = [make.id(), make.id()];
    let mut applied = Vec::new();
    for number in 0..LAST_CHANGES + 2 {
        let subscription: SubscriptionId = sold[number % sold.len()];
        let state = ChangeState::Applied { at };
        applied.push(make.change(customer, subscription, state));
        let state = ChangeState::Canceled { at };
        account.put_change(make.change(customer, subscription, state));
    }
    for change in &applied {
        account.put_change(change.clone());
    }
    create(store, &account, at).await;
    let mut other = make.account();
    let owner = other.customer.id;
    other.put_change(make.change(owner, sold[0], ChangeState::Applied { at }));
    create(store, &other, at).await;

    let last = Also {
        last_changes: true,
        ..Also::default()
    };
    let loaded = store.load(customer, &last).await;
    let loaded = loaded.expect("the store answers").expect("it is known");
    assert_eq!(loaded.account.changes, applied[2..]);
    let besides = Also {
        changes: vec![applied[0].id, applied[9].id],
        ..last
    };
    let loaded = store.load(customer, &besides).await;
    let loaded = loaded.expect("the store answers").expect("it is known");
    let mut expected = vec![applied[0].clone()];
    expected.extend_from_slice(&applied[2..]);
    assert_eq!(loaded.account.changes, expected, "each once");
}

/// "New and changed changes": written over, out of the load once it is over, and
/// still there to be read.
pub async fn a_change_comes_to_its_end(store: &dyn Store) {
    let mut make = Maker::new(2);
    let mut held = awaiting(store, &mut make).await;
    let awaiting = held.account.changes[0].clone();
    assert_eq!(
        store.get_change(awaiting.id).await,
        Ok(Some(awaiting.clone()))
    );
    let mut after = held.account.clone();
    let applied = Change {
        state: ChangeState::Applied { at: second(1) },
        ..awaiting
    };
    after.put_change(applied.clone());
    let commit = next_commit(&held, &after, second(1));
    store.commit(commit).await.expect("stored");
    held = reload(store, &held.account).await;
    assert_eq!(held.account.changes, []);
    assert_eq!(
        store.get_change(applied.id).await,
        Ok(Some(applied.clone()))
    );
    assert_eq!(store.get_change(make.id()).await, Ok(None));
    // What is over is not what its quote would become again.
    let again = accept(&mut make, &held, &applied);
    let refused = store.commit(again).await;
    assert_eq!(refused, Err(CommitError::Conflict));
    assert_eq!(reload(store, &held.account).await, held);
}

/// "One quote becomes one change: a second is refused", decided on the present
/// revision or twice in one commit, and nothing is written.
pub async fn a_quote_becomes_one_change(store: &dyn Store) {
    let mut make = Maker::new(3);
    let held = awaiting(store, &mut make).await;
    let commit = accept(&mut make, &held, &held.account.changes[0]);
    assert_eq!(store.commit(commit).await, Err(CommitError::Conflict));
    let (customer, subscription) = (held.account.customer.id, make.id());
    let fresh = make.change(customer, subscription, ChangeState::Scheduled);
    let mut commit = accept(&mut make, &held, &fresh);
    commit.changes.changes.push(fresh);
    assert_eq!(store.commit(commit).await, Err(CommitError::Conflict));
    assert_eq!(reload(store, &held.account).await, held);
}

/// "One quote becomes one change": of many that accept one at the same instant,
/// one does, and whoever loads again finds the change it became.
pub async fn of_many_acceptances_at_once_one_makes_the_change(store: &dyn Store) {
    let mut make = Maker::new(4);
    let held = newcomer(store, &mut make).await;
    let customer = held.account.customer.id;
    let subscription = make.id();
    let first = make.change(customer, subscription, ChangeState::Scheduled);
    let changes: Vec<Change> = (0..CALLERS)
        .map(|_| Change {
            id: make.id(),
            ..first.clone()
        })
        .collect();
    let tried = together(CALLERS, |caller| {
        let mut after = held.account.clone();
        after.put_change(changes[caller].clone());
        let commit = next_commit(&held, &after, second(1));
        async move { (caller, store.commit(commit).await) }
    });
    let mut won = Vec::new();
    for (caller, outcome) in tried {
        match outcome {
            Ok(_) => won.push(changes[caller].clone()),
            Err(error) => assert_eq!(error, CommitError::Conflict),
        }
    }
    assert_eq!(won.len(), 1, "one wins");
    let also = Also {
        quotes: vec![first.quote.id],
        ..Also::default()
    };
    let found = store.load(customer, &also).await;
    let found = found.expect("the store answers").expect("it is known");
    assert_eq!(found.account.changes, won);
}

/// "The one open invoice of a subscription and purpose (not a provider's own)":
/// a change's too, although it is of no cycle; one makes room for the next.
pub async fn one_invoice_of_a_change_is_open_per_subscription(store: &dyn Store) {
    let mut make = Maker::new(5);
    let held = newcomer(store, &mut make).await;
    let subscription = make.id();
    let mut after = held.account.clone();
    let first = invoice_of(&mut make, subscription);
    after.put_invoice(first.clone());
    for _ in 0..2 {
        let own = Invoice {
            issuer: Issuer::Provider,
            change: None,
            ..invoice_of(&mut make, subscription)
        };
        after.put_invoice(own);
    }
    let renewal = make.invoice(Purpose::Renewal, Some(subscription));
    after.put_invoice(renewal);
    let elsewhere = make.id();
    after.put_invoice(invoice_of(&mut make, elsewhere));
    let commit = next_commit(&held, &after, second(1));
    store.commit(commit).await.expect("stored");

    let held = reload(store, &held.account).await;
    let mut after = held.account.clone();
    let next = invoice_of(&mut make, subscription);
    after.put_invoice(next.clone());
    let refused = store.commit(next_commit(&held, &after, second(2))).await;
    assert_eq!(refused, taken(Taken::Invoice));
    assert_eq!(reload(store, &held.account).await, held);
    after.put_invoice(Invoice {
        state: InvoiceState::Void { at: second(2) },
        ..first
    });
    let commit = next_commit(&held, &after, second(2));
    assert!(store.commit(commit).await.is_ok(), "one makes room");
}

/// "A list MUST be complete and without repetition": changes, and what a filter
/// leaves of them.
pub async fn changes_are_listed_page_by_page(store: &dyn Store) {
    let mut make = Maker::new(7);
    let mut all = Vec::new();
    for _ in 0..2 {
        let mut account = make.account();
        account.changes = make.changes_of_every_state(account.customer.id);
        create(store, &account, make.now).await;
        all.extend(account.changes);
    }
    all.reverse();
    let (customer, subscription) = (Some(all[0].customer), Some(all[3].quote.subscription));
    for (customer, subscription, open) in [
        (None, None, None),
        (customer, None, None),
        (None, subscription, None),
        (None, None, Some(true)),
        (customer, None, Some(false)),
        (customer, subscription, Some(false)),
        (Some(make.id()), None, None),
    ] {
        let filter = ChangeFilter {
            customer,
            subscription,
            open,
        };
        let list = async |page| store.list_changes(filter, page).await;
        let mut expected = all.clone();
        expected.retain(|held| {
            customer.is_none_or(|id| held.customer == id)
                && subscription.is_none_or(|id| held.quote.subscription == id)
                && open.is_none_or(|open| held.state.is_open() == open)
        });
        let rows = read_all(list, |held| held.id.uuid()).await;
        assert_eq!(rows, expected, "{filter:?}");
    }
}

/// A stored customer with a change that awaits its payment.
async fn awaiting(store: &dyn Store, make: &mut Maker) -> Loaded {
    let mut account: Account = make.account();
    let subscription = make.id();
    let change = make.change(
        account.customer.id,
        subscription,
        ChangeState::AwaitingPayment,
    );
    account.put_change(change);
    let revision = create(store, &account, make.now).await;
    Loaded { account, revision }
}

/// The commit that makes another change of the same quote.
fn accept(make: &mut Maker, held: &Loaded, change: &Change) -> billing_ports::store::Commit {
    let id: ChangeId = make.id();
    let mut after = held.account.clone();
    after.put_change(Change {
        id,
        state: ChangeState::Scheduled,
        ..change.clone()
    });
    next_commit(held, &after, second(5))
}

fn invoice_of(make: &mut Maker, subscription: SubscriptionId) -> Invoice {
    Invoice {
        cycle: None,
        change: Some(make.id()),
        ..make.invoice(Purpose::Change, Some(subscription))
    }
}
