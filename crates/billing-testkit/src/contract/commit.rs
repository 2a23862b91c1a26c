//! `commit`: everything in one transaction, or nothing.

use billing_domain::customer::AtProvider;
use billing_domain::grant::GrantReason;
use billing_domain::invoice::{InvoiceState, Issuer, Purpose};
use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;
use billing_domain::provider::RefKind;
use billing_domain::subscription::State;
use billing_ports::Store;
use billing_ports::store::{
    CommitError, InboxMark, Locator, NewEffect, NewReply, PageAsk, Received, Revision, Taken,
};

use super::support::{
    CALLERS, claim_inbox, claim_outbox, create, newcomer, receive_and_claim, reload, second, taken,
    together,
};
use crate::fixtures::{Maker, commit_of, creation, next_commit};

/// The first page of any list, all of it.
const ALL: PageAsk = PageAsk {
    after: None,
    limit: super::support::PLENTY,
};

/// "The first commit makes revision 1", and each one after it another.
pub async fn a_new_customer_has_revision_one(store: &dyn Store) {
    let mut make = Maker::new(1);
    let account = make.subscriber();
    let revision = create(store, &account, make.now).await;
    assert_eq!(revision, Revision(1));
    let loaded = reload(store, &account).await;
    assert_eq!((&loaded.account, loaded.revision), (&account, revision));
    let next = store
        .commit(next_commit(&loaded, &account, second(1)))
        .await
        .expect("the present revision is accepted");
    assert!(next > revision, "{next:?} follows {revision:?}");
    assert_eq!(reload(store, &account).await.revision, next);
}

/// "`commit` MUST refuse a revision that is not the present one", and "MUST
/// write everything in one transaction, or nothing": neither values, journal,
/// effects, things set aside, marks nor replies.
pub async fn a_stale_revision_is_refused_and_nothing_is_written(store: &dyn Store) {
    let mut make = Maker::new(2);
    let first = newcomer(store, &mut make).await;
    let current = store
        .commit(next_commit(&first, &first.account, second(1)))
        .await
        .expect("the present revision is accepted");
    let delivery = make.delivery();
    let row = receive_and_claim(store, &mut make, delivery).await;

    let mut after = first.account.clone();
    after.customer.email = Some("bob@example.com".to_owned());
    let subscription = make.subscription(after.customer.id, State::Active);
    after.put_subscription(subscription.clone());
    after.put_grant(make.grant(GrantReason::Comp));
    let mut stale = next_commit(&first, &after, second(2));
    let reference = make.reference(RefKind::Subscription);
    stale.changes.refs.push(reference.clone());
    stale
        .journal
        .push(make.journal(after.customer.id, Event::GrantAdded));
    stale.effects.push(NewEffect {
        effect: make.effect(),
        leased_until: None,
    });
    let parked = make.parked_row(ParkReason::Conflict, row.id);
    stale.parked.push(parked.clone());
    stale.inbox.push(InboxMark {
        id: row.id,
        fence: row.fence,
        parked: true,
    });
    let reply = make.delivery();
    stale.replies.push(NewReply {
        id: make.id(),
        delivery: reply.clone(),
    });
    let customer = after.customer.id;
    assert_eq!(store.commit(stale).await, Err(CommitError::Conflict));

    let now = reload(store, &first.account).await;
    assert_eq!((&now.account, now.revision), (&first.account, current));
    for nobodys in [
        Locator::Provider(reference),
        Locator::Subscription(subscription.id),
    ] {
        assert_eq!(store.find(&nobodys).await, Ok(None), "{nobodys:?}");
    }
    let journal = store.list_journal(customer, ALL).await.expect("a page");
    assert_eq!(journal.rows, [], "no journal");
    assert_eq!(claim_outbox(store, second(9)).await, [], "no effect");
    assert_eq!(store.get_parked(parked.id).await, Ok(None), "not parked");
    let id = make.id();
    let received = store.receive(id, reply, second(9)).await;
    assert_eq!(received, Ok(Received::New(id)), "the reply was not kept");
    let waiting = claim_inbox(store, second(999)).await;
    assert!(
        waiting.iter().any(|item| item.id == row.id),
        "the row waits still, and is given again"
    );
}

/// "`None`: the customer is new": whoever else makes it second is refused, and
/// nobody changes a customer that is not there.
pub async fn a_customer_is_made_once(store: &dyn Store) {
    let mut make = Maker::new(3);
    let held = newcomer(store, &mut make).await;
    let again = store.commit(creation(&held.account, second(1))).await;
    assert_eq!(again, Err(CommitError::Conflict));
    let nobody = commit_of(make.id(), Some(Revision(1)), second(1));
    assert_eq!(store.commit(nobody).await, Err(CommitError::Conflict));
    assert_eq!(reload(store, &held.account).await, held);
}

/// "A unique name is taken: an external reference". It can be given up, and is
/// then free for another customer.
pub async fn an_external_reference_is_taken_once(store: &dyn Store) {
    let mut make = Maker::new(4);
    let held = newcomer(store, &mut make).await;
    let mut second_customer = make.account();
    second_customer.customer.external_ref = held.account.customer.external_ref.clone();
    let refused = store.commit(creation(&second_customer, second(1))).await;
    assert_eq!(refused, taken(Taken::ExternalRef));
    let id = second_customer.customer.id;
    assert_eq!(store.find(&Locator::Customer(id)).await, Ok(None));

    let mut freed = held.account.clone();
    freed.customer.external_ref = None;
    let freeing = next_commit(&held, &freed, second(2));
    assert!(store.commit(freeing).await.is_ok());
    create(store, &second_customer, second(3)).await;
    // Guests have no name, and any number of them may be there.
    for _ in 0..2 {
        let mut guest = make.account();
        guest.customer.external_ref = None;
        create(store, &guest, second(4)).await;
    }
}

/// "A provider's object belongs to another customer": refused, whole. Naming
/// one's own object again is no conflict.
pub async fn a_provider_object_belongs_to_one_customer(store: &dyn Store) {
    let mut make = Maker::new(5);
    let one = newcomer(store, &mut make).await;
    let other = newcomer(store, &mut make).await;
    let reference = make.reference(RefKind::Subscription);
    let mut claiming = next_commit(&one, &one.account, second(1));
    claiming.changes.refs.push(reference.clone());
    let revision = store.commit(claiming).await.expect("a free reference");

    let mut stealing = next_commit(&other, &other.account, second(2));
    stealing.changes.refs.push(reference.clone());
    stealing
        .journal
        .push(make.journal(other.account.customer.id, Event::GrantAdded));
    assert_eq!(store.commit(stealing).await, taken(Taken::ProviderRef));
    assert_eq!(reload(store, &other.account).await, other);
    let customer = one.account.customer.id;
    let owner = store.find(&Locator::Provider(reference.clone())).await;
    assert_eq!(owner, Ok(Some(customer)));

    let mut again = commit_of(customer, Some(revision), second(3));
    again.changes.refs.push(reference.clone());
    assert!(store.commit(again).await.is_ok());
    // The same id of another kind is another object.
    let mut kin = next_commit(&other, &other.account, second(4));
    kin.changes
        .refs
        .push(billing_domain::provider::ProviderRef {
            kind: RefKind::Invoice,
            ..reference
        });
    assert!(store.commit(kin).await.is_ok());
}

/// "One of the other kinds that a second customer names MUST lead to nobody from then
/// on, and MUST be told as shared": some providers have one customer per e-mail address.
pub async fn a_providers_customer_may_stand_for_several(store: &dyn Store) {
    let mut make = Maker::new(5);
    let one = newcomer(store, &mut make).await;
    let other = newcomer(store, &mut make).await;
    let reference = make.reference(RefKind::Customer);
    let known = AtProvider {
        account: reference.account.clone(),
        reference: reference.id.clone(),
        told_at: None,
    };
    for (held, at) in [(&one, 1), (&other, 2)] {
        let mut after = held.account.clone();
        after.customer.at_providers = vec![known.clone()];
        let mut naming = next_commit(held, &after, second(at));
        // What is exclusive is counted beside what is not.
        let own = make.reference(RefKind::Subscription);
        naming.changes.refs.push(own.clone());
        assert!(naming.changes.refs.contains(&reference));
        let named = store.commit(naming).await;
        assert!(named.is_ok(), "{named:?}");
        assert_eq!(reload(store, &held.account).await.account, after);
        let found = store.find(&Locator::Provider(own)).await;
        assert_eq!(found, Ok(Some(after.customer.id)));
        let found = store.find(&Locator::Provider(reference.clone())).await;
        let alone = (at == 1).then_some(one.account.customer.id);
        assert_eq!(found, Ok(alone), "the first's, while it is alone");
        assert_eq!(store.is_shared(&reference).await, Ok(alone.is_none()));
    }
    // Named once more by who has named it, it is no less shared, nor more of anybody's.
    let held = reload(store, &one.account).await;
    let mut again = next_commit(&held, &held.account, second(3));
    let alone = make.reference(RefKind::Customer);
    again
        .changes
        .refs
        .extend([reference.clone(), alone.clone(), alone.clone()]);
    assert!(store.commit(again).await.is_ok());
    let held = reload(store, &one.account).await;
    let mut again = next_commit(&held, &held.account, second(3));
    again.changes.refs.push(alone.clone());
    assert!(store.commit(again).await.is_ok());
    assert_eq!(store.is_shared(&reference).await, Ok(true));
    assert_eq!(store.is_shared(&alone).await, Ok(false));
    let found = store.find(&Locator::Provider(alone)).await;
    assert_eq!(found, Ok(Some(one.account.customer.id)));
    // Naming it at the same instant is no conflict either.
    let reference = make.reference(RefKind::Customer);
    let accounts: Vec<_> = (0..CALLERS).map(|_| make.account()).collect();
    let named = together(CALLERS, |caller| {
        let mut commit = creation(&accounts[caller], second(3));
        commit.changes.refs.push(reference.clone());
        async move { store.commit(commit).await }
    });
    assert!(named.iter().all(Result::is_ok), "{named:?}");
    assert_eq!(store.is_shared(&reference).await, Ok(true));
    let found = store.find(&Locator::Provider(reference)).await;
    assert_eq!(found, Ok(None), "of none of them alone");
}

/// "What makes a repetition of a call the same call … Unique": the second
/// commit with an effect's key is refused, whole.
pub async fn an_effect_key_is_unique(store: &dyn Store) {
    let mut make = Maker::new(6);
    let held = newcomer(store, &mut make).await;
    let effect = make.effect();
    let mut first = next_commit(&held, &held.account, second(1));
    first.effects.push(NewEffect {
        effect: effect.clone(),
        leased_until: None,
    });
    store.commit(first).await.expect("a fresh key");
    let loaded = reload(store, &held.account).await;
    let mut again = next_commit(&loaded, &loaded.account, second(2));
    again.effects.push(NewEffect {
        effect: billing_domain::effect::Effect {
            id: make.id(),
            ..effect.clone()
        },
        leased_until: None,
    });
    assert_eq!(store.commit(again).await, taken(Taken::EffectKey));
    assert_eq!(reload(store, &held.account).await, loaded);
    let waiting = claim_outbox(store, second(9)).await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting.first().map(|item| &item.effect), Some(&effect));
}

/// "The one open invoice of a subscription and purpose." Another purpose,
/// another subscription, and what belongs to no subscription are free, and so
/// is the place of one that was closed in the same commit.
pub async fn one_invoice_is_open_per_subscription_and_purpose(store: &dyn Store) {
    let mut make = Maker::new(7);
    let mut account = make.subscriber();
    let owner = account.subscriptions.first().map(|held| held.id);
    let open = make.invoice(Purpose::Renewal, owner);
    account.put_invoice(open.clone());
    account.put_invoice(make.invoice(Purpose::Purchase, owner));
    let stranger = Some(make.id());
    account.put_invoice(make.invoice(Purpose::Renewal, stranger));
    account.put_invoice(make.invoice(Purpose::OneTime, None));
    account.put_invoice(make.invoice(Purpose::OneTime, None));
    create(store, &account, make.now).await;

    let held = reload(store, &account).await;
    let mut doubled = account.clone();
    let mut next = make.invoice(Purpose::Renewal, owner);
    next.cycle = Some(2);
    doubled.put_invoice(next.clone());
    let refused = store.commit(next_commit(&held, &doubled, second(1))).await;
    assert_eq!(refused, taken(Taken::Invoice));
    assert_eq!(reload(store, &account).await, held);

    let mut replaced = account.clone();
    let mut void = open;
    void.state = InvoiceState::Void { at: second(2) };
    replaced.put_invoice(void);
    replaced.put_invoice(next.clone());
    let commit = next_commit(&held, &replaced, second(2));
    store.commit(commit).await.expect("the place is free");
    assert!(
        reload(store, &account)
            .await
            .account
            .invoice(next.id)
            .is_some()
    );
}

/// "Not a provider's own": who runs its own schedule may have any number of
/// invoices open at a time, of which we only keep the record.
pub async fn a_providers_own_invoices_are_open_side_by_side(store: &dyn Store) {
    let mut make = Maker::new(10);
    let mut account = make.subscriber();
    let owner = account.subscriptions.first().map(|held| held.id);
    account.put_invoice(make.invoice(Purpose::Renewal, owner));
    for _ in 0..2 {
        let mut theirs = make.invoice(Purpose::Renewal, owner);
        theirs.issuer = Issuer::Provider;
        theirs.cycle = None;
        theirs.reference = Some(make.text("in"));
        account.put_invoice(theirs);
    }
    create(store, &account, make.now).await;
    let loaded = reload(store, &account).await;
    assert_eq!(loaded.account.invoices, account.invoices);
}

/// "A cycle's credit": no two settled renewals of one subscription for one cycle.
pub async fn a_cycle_is_settled_once(store: &dyn Store) {
    let mut make = Maker::new(8);
    let mut account = make.subscriber();
    let owner = account.subscriptions.first().map(|held| held.id);
    let settled = InvoiceState::Settled { at: make.now };
    let mut paid = make.invoice(Purpose::Renewal, owner);
    paid.state = settled;
    account.put_invoice(paid.clone());
    create(store, &account, make.now).await;

    let held = reload(store, &account).await;
    let mut twice = account.clone();
    let mut other = make.invoice(Purpose::Renewal, owner);
    other.state = settled;
    twice.put_invoice(other.clone());
    let refused = store.commit(next_commit(&held, &twice, second(1))).await;
    assert_eq!(refused, taken(Taken::Invoice));

    // Voided for the same cycle, or settled for the next, it stands in nobody's way.
    let mut rightly = account.clone();
    let mut void = other.clone();
    void.state = InvoiceState::Void { at: second(1) };
    rightly.put_invoice(void);
    let mut following = make.invoice(Purpose::Renewal, owner);
    following.state = settled;
    following.cycle = Some(2);
    rightly.put_invoice(following);
    let mut commit = next_commit(&held, &rightly, second(1));
    // The settled one itself may be written again.
    commit.changes.invoices.push(paid);
    assert!(store.commit(commit).await.is_ok());
}

/// "Two workers on one customer: the second's commit is refused": of many on
/// one revision, one wins, and only its values are there.
pub async fn many_commits_on_one_revision_leave_one_winner(store: &dyn Store) {
    let mut make = Maker::new(9);
    let held = newcomer(store, &mut make).await;
    let tried = together(CALLERS, |caller| {
        let mut after = held.account.clone();
        after.customer.email = Some(format!("{caller}@example.com"));
        let commit = next_commit(&held, &after, second(1));
        async move { (after, store.commit(commit).await) }
    });
    let (won, lost): (Vec<_>, Vec<_>) = tried.into_iter().partition(|(_, tried)| tried.is_ok());
    assert_eq!(won.len(), 1, "one wins");
    for (_, outcome) in lost {
        assert_eq!(outcome, Err(CommitError::Conflict));
    }
    let winner = won.into_iter().next().map(|(account, _)| account);
    assert_eq!(Some(reload(store, &held.account).await.account), winner);
}
