//! A commit that is refused for a name that is taken writes nothing, whatever
//! else it says and however late the name is found out.

use billing_domain::change::ChangeState;
use billing_domain::customer::{Account, Customer};
use billing_domain::effect::Effect;
use billing_domain::grant::GrantReason;
use billing_domain::invoice::{Invoice, Purpose};
use billing_domain::journal::Event;
use billing_domain::parked::{ParkReason, Parked};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::Store;
use billing_ports::delivery::Delivery;
use billing_ports::store::{
    Commit, CommitError, InboxMark, Loaded, Locator, NewEffect, NewReply, PageAsk, Received, Taken,
};

use super::support::{
    CALLERS, PLENTY, claim_inbox, claim_outbox, newcomer, receive_and_claim, reload, second, taken,
    together,
};
use crate::fixtures::{Maker, creation, next_commit};

/// "`commit` MUST write everything in one transaction, or nothing": for every
/// name that can be taken.
pub async fn a_taken_name_leaves_nothing_written(store: &dyn Store) {
    let mut make = Maker::new(1);
    let names = Names::take(store, &mut make).await;
    let held = newcomer(store, &mut make).await;
    let delivery = make.delivery();
    let row = receive_and_claim(store, &mut make, delivery).await;
    for what in [
        Taken::ExternalRef,
        Taken::ProviderRef,
        Taken::EffectKey,
        Taken::Invoice,
        Taken::Delivery,
    ] {
        let (mut commit, parked, reply) = rich_commit(&mut make, &held);
        commit.inbox.push(InboxMark {
            id: row.id,
            fence: row.fence,
            parked: true,
        });
        names.want(what, &mut make, &mut commit, &held.account.customer);
        assert_eq!(store.commit(commit).await, taken(what));

        assert_eq!(reload(store, &held.account).await, held, "{what:?}");
        let customer = held.account.customer.id;
        let page = PageAsk {
            after: None,
            limit: PLENTY,
        };
        let journal = store.list_journal(customer, page).await.expect("a page");
        assert_eq!(journal.rows, [], "{what:?}");
        assert_eq!(claim_outbox(store, second(9)).await, [], "{what:?}");
        assert_eq!(store.get_parked(parked.id).await, Ok(None), "{what:?}");
        let due = store.next_work().await.map(|work| work.due);
        assert_eq!(due, Ok(None), "{what:?}: nothing falls due");
        let id = make.id();
        let received = store.receive(id, reply, second(9)).await;
        assert_eq!(received, Ok(Received::New(id)), "{what:?}: no reply");
        let mark = InboxMark {
            id,
            fence: claim_inbox(store, second(9)).await[0].fence,
            parked: false,
        };
        assert_eq!(store.settle_inbox(mark, second(9)).await, Ok(true));
    }
    let mark = InboxMark {
        id: row.id,
        fence: row.fence,
        parked: false,
    };
    let settled = store.settle_inbox(mark, second(10)).await;
    assert_eq!(settled, Ok(true), "the claim outlived every refusal");
}

/// "An effect's key", "the event has been received before": twice within one
/// commit is once too often.
pub async fn a_name_twice_in_one_commit_is_refused(store: &dyn Store) {
    let mut make = Maker::new(2);
    let held = newcomer(store, &mut make).await;
    let mut effects = next_commit(&held, &held.account, second(1));
    let effect = make.effect();
    for id in [make.id(), make.id()] {
        effects.effects.push(unleased(Effect {
            id,
            ..effect.clone()
        }));
    }
    assert_eq!(store.commit(effects).await, taken(Taken::EffectKey));
    let mut replies = next_commit(&held, &held.account, second(1));
    let delivery = make.delivery();
    for id in [make.id(), make.id()] {
        replies.replies.push(NewReply {
            id,
            delivery: delivery.clone(),
        });
    }
    assert_eq!(store.commit(replies).await, taken(Taken::Delivery));
    let mut invoices = next_commit(&held, &held.account, second(1));
    let subscription = Some(make.id());
    for _ in 0..2 {
        let invoice = make.invoice(Purpose::Renewal, subscription);
        invoices.changes.invoices.push(invoice);
    }
    assert_eq!(store.commit(invoices).await, taken(Taken::Invoice));
    assert_eq!(reload(store, &held.account).await, held);
    assert_eq!(claim_outbox(store, second(9)).await, []);
}

/// "A unique name is taken": of many new customers at the same instant, one
/// gets the name, and the others are told which name it was.
pub async fn of_many_customers_at_once_one_gets_the_external_reference(store: &dyn Store) {
    let mut make = Maker::new(3);
    let accounts: Vec<Account> = (0..CALLERS)
        .map(|_| {
            let mut account = make.account();
            account.customer.external_ref = Some("user_1".to_owned());
            account
        })
        .collect();
    let tried = together(CALLERS, |caller| {
        let account = &accounts[caller];
        let commit = creation(account, second(0));
        async move { (account.customer.id, store.commit(commit).await) }
    });
    let won = winner(tried, Taken::ExternalRef);
    let found = store.find(&Locator::ExternalRef("user_1".to_owned())).await;
    assert_eq!(found, Ok(Some(won)));
}

/// "A provider's object belongs to another customer": of many that claim it at
/// the same instant, one gets it.
pub async fn of_many_customers_at_once_one_gets_the_provider_object(store: &dyn Store) {
    let mut make = Maker::new(4);
    let accounts: Vec<Account> = (0..CALLERS).map(|_| make.account()).collect();
    let reference = make.reference(RefKind::Subscription);
    let tried = together(CALLERS, |caller| {
        let account = &accounts[caller];
        let mut commit = creation(account, second(0));
        commit.changes.refs.push(reference.clone());
        async move { (account.customer.id, store.commit(commit).await) }
    });
    let won = winner(tried, Taken::ProviderRef);
    let found = store.find(&Locator::Provider(reference.clone())).await;
    assert_eq!(found, Ok(Some(won)));
}

fn winner<Id: Copy, Won>(tried: Vec<(Id, Result<Won, CommitError>)>, what: Taken) -> Id {
    let mut winners = Vec::new();
    for (id, outcome) in tried {
        match outcome {
            Ok(_) => winners.push(id),
            Err(error) => assert_eq!(error, CommitError::Taken { what }),
        }
    }
    assert_eq!(winners.len(), 1, "one wins");
    winners[0]
}

/// One name of every kind, taken by somebody else.
struct Names {
    external_ref: Option<String>,
    reference: ProviderRef,
    effect: Effect,
    invoice: Invoice,
    reply: Delivery,
}

impl Names {
    async fn take(store: &dyn Store, make: &mut Maker) -> Self {
        let mut account = make.account();
        let owner = Some(make.id());
        let invoice = make.invoice(Purpose::Renewal, owner);
        account.put_invoice(invoice.clone());
        let names = Self {
            external_ref: account.customer.external_ref.clone(),
            reference: make.reference(RefKind::Checkout),
            effect: make.effect(),
            invoice,
            reply: make.delivery(),
        };
        let mut commit = creation(&account, make.now);
        commit.changes.refs.push(names.reference.clone());
        commit.effects.push(unleased(names.effect.clone()));
        commit.replies.push(NewReply {
            id: make.id(),
            delivery: names.reply.clone(),
        });
        store.commit(commit).await.expect("all names are free");
        let claimed = claim_outbox(store, second(0)).await;
        assert_eq!(claimed.len(), 1, "its effect is out of the way");
        names
    }

    /// Lets a commit want one of these names, last of what it says.
    fn want(&self, what: Taken, make: &mut Maker, commit: &mut Commit, customer: &Customer) {
        match what {
            Taken::ExternalRef => {
                commit.changes.customer = Some(Customer {
                    external_ref: self.external_ref.clone(),
                    ..customer.clone()
                });
            }
            Taken::ProviderRef => commit.changes.refs.push(self.reference.clone()),
            Taken::EffectKey => commit.effects.push(unleased(Effect {
                id: make.id(),
                ..self.effect.clone()
            })),
            Taken::Invoice => commit.changes.invoices.push(Invoice {
                id: make.id(),
                ..self.invoice.clone()
            }),
            Taken::Delivery => commit.replies.push(NewReply {
                id: make.id(),
                delivery: self.reply.clone(),
            }),
        }
    }
}

/// A commit that says something of every kind, and falls due.
fn rich_commit(make: &mut Maker, held: &Loaded) -> (Commit, Parked, Delivery) {
    let mut after = held.account.clone();
    after.customer.email = Some("bob@example.com".to_owned());
    after.put_grant(make.grant(GrantReason::Comp));
    after.put_invoice(make.invoice(Purpose::OneTime, None));
    let subscription = make.id();
    after.put_change(make.change(after.customer.id, subscription, ChangeState::Scheduled));
    after.put_license(make.license(subscription));
    let mut commit = next_commit(held, &after, second(1));
    commit.wake_at = Some(second(2));
    commit.changes.refs.push(make.reference(RefKind::Invoice));
    let entry = make.journal(after.customer.id, Event::GrantAdded);
    commit.journal.push(entry);
    commit.effects.push(unleased(make.effect()));
    let parked = make.parked(ParkReason::Conflict);
    commit.parked.push(parked.clone());
    let reply = make.delivery();
    commit.replies.push(NewReply {
        id: make.id(),
        delivery: reply.clone(),
    });
    (commit, parked, reply)
}

const fn unleased(effect: Effect) -> NewEffect {
    NewEffect {
        effect,
        leased_until: None,
    }
}
