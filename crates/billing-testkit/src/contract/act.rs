//! Acts of operators: kept with the first thing that they wrote, once.

use std::sync::Arc;

use billing_domain::fact::Link;
use billing_domain::ids::CustomerId;
use billing_domain::parked::ParkReason;
use billing_ports::Store;
use billing_ports::store::{
    Act, ActFilter, KeptAct, OperatorKey, OperatorSession, PageAsk, Resolution, Scope, Session,
};

use super::read::read_all;
use super::support::{PLENTY, create, newcomer, receive_and_claim, reload, second};
use crate::catalogs;
use crate::fixtures::{Maker, next_commit, secret};

/// "A recording store MUST keep its act in the transaction of the first … that it writes":
/// of every kind of write that the law names.
pub async fn an_act_is_kept_with_whatever_it_wrote(store: &dyn Store) {
    let mut make = Maker::new(1);
    let mut expected = Vec::new();
    let mut acts = |make: &mut Maker, customer: Option<CustomerId>| {
        let act = act(make, "key_1");
        expected.insert(
            0,
            KeptAct {
                act: act.clone(),
                customer,
            },
        );
        store.recording(act)
    };
    let account = make.account();
    let owner = account.customer.id;
    let of = Some(owner);
    create(acts(&mut make, of).as_ref(), &account, make.now).await;

    let (old, new) = (key(&mut make), key(&mut make));
    let added = acts(&mut make, None).add_key(old.clone(), secret(1)).await;
    assert_eq!(added, Ok(()));
    let acting = acts(&mut make, None);
    let rotated = acting.rotate_key(old.id, second(9), new.clone(), secret(2));
    assert_eq!(rotated.await, Ok(true));
    let revoked = acts(&mut make, None).revoke_key(new.id, second(9)).await;
    assert_eq!(revoked, Ok(true));
    let session = Session {
        id: make.id(),
        customer: owner,
        expires_at: second(100),
    };
    let added = acts(&mut make, of)
        .add_session(session.clone(), secret(1))
        .await;
    assert_eq!(added, Ok(()));
    let linked = Session {
        id: make.id(),
        ..session
    };
    let added = acts(&mut make, of)
        .add_link(linked, secret(2), second(9))
        .await;
    assert_eq!(added, Ok(()));
    let sitting = OperatorSession {
        id: make.id(),
        key: old.id,
        expires_at: second(100),
    };
    let acting = acts(&mut make, None);
    let added = acting.add_operator_session(sitting, secret(3)).await;
    assert_eq!(added, Ok(()));
    let code = make.discount_code("SPRING", None);
    assert_eq!(acts(&mut make, None).create_code(&code).await, Ok(true));
    let retired = acts(&mut make, None).retire_code(code.id, second(9)).await;
    assert_eq!(retired, Ok(true));
    let acting = acts(&mut make, None);
    let applied = acting
        .apply_catalog(&catalogs::storage(), 0, second(9))
        .await;
    assert!(applied.is_ok_and(|revision| revision.is_some()));
    let row = make.migration(second(9));
    assert_eq!(acts(&mut make, None).put_migration(&row).await, Ok(()));
    for (resolution, customer) in [
        (Resolution::Link(owner), of),
        (Resolution::Replay, None),
        (Resolution::Discard, None),
    ] {
        let delivery = make.linked_delivery(Link::default());
        let row = receive_and_claim(store, &mut make, delivery).await;
        let parked = make.parked_row(ParkReason::Unreadable, row.id);
        let aside = store.park_inbox(row.id, row.fence, parked.clone()).await;
        assert_eq!(aside, Ok(true));
        let acting = acts(&mut make, customer);
        let resolved = acting.resolve_parked(parked.id, resolution, second(9));
        assert_eq!(resolved.await, Ok(true), "{resolution:?}");
        // Whatever goes back to the queue is out of the way of the next.
        drop(super::support::claim_inbox(store, second(9)).await);
    }
    assert_eq!(listed(store, &ActFilter::default()).await, expected);
}

/// "An act MUST be kept once, however much is written under it, and not at all where
/// nothing is."
pub async fn an_act_is_kept_once_and_only_where_it_wrote(store: &dyn Store) {
    let mut make = Maker::new(2);
    let held = newcomer(store, &mut make).await;
    let everybody = ActFilter::default();
    let refused = recording(store, &mut make);
    let unknown = make.id();
    assert_eq!(refused.revoke_key(unknown, second(1)).await, Ok(false));
    let code = make.id();
    assert_eq!(refused.retire_code(code, second(1)).await, Ok(false));
    let rotated = refused.rotate_key(unknown, second(1), key(&mut make), secret(3));
    assert_eq!(rotated.await, Ok(false));
    let mut stale = next_commit(&held, &held.account, second(1));
    stale.expected = stale
        .expected
        .map(|held| billing_ports::store::Revision(held.0 + 7));
    assert!(refused.commit(stale).await.is_err());
    let parked = make.id();
    let resolved = refused.resolve_parked(parked, Resolution::Discard, second(1));
    assert_eq!(resolved.await, Ok(false));
    let storage = catalogs::storage();
    assert_eq!(
        refused.apply_catalog(&storage, 7, second(1)).await,
        Ok(None)
    );
    assert_eq!(listed(store, &everybody).await, []);

    let act = act(&mut make, "key_1");
    let acting = store.recording(act.clone());
    for at in 1..4 {
        let now = reload(store, &held.account).await;
        let commit = next_commit(&now, &now.account, second(at));
        assert!(acting.commit(commit).await.is_ok());
    }
    assert_eq!(acting.add_key(key(&mut make), secret(1)).await, Ok(()));
    let kept = KeptAct {
        act,
        customer: Some(held.account.customer.id),
    };
    assert_eq!(listed(store, &everybody).await, [kept]);
}

/// "Acts, newest first": complete and without repetition, of one customer or one actor.
pub async fn acts_are_listed_page_by_page(store: &dyn Store) {
    let mut make = Maker::new(3);
    let mut expected = Vec::new();
    for number in 0..7 {
        let account = make.account();
        let mut act = act(&mut make, if number % 2 == 0 { "key_1" } else { "ana" });
        if number == 3 {
            act.reason = None;
        }
        create(store.recording(act.clone()).as_ref(), &account, make.now).await;
        let customer = Some(account.customer.id);
        expected.insert(0, KeptAct { act, customer });
    }
    let one = expected[2].customer;
    for (customer, actor) in [
        (None, None),
        (one, None),
        (None, Some("ana")),
        (one, Some("ben")),
    ] {
        let filter = ActFilter {
            customer,
            actor: actor.map(str::to_owned),
        };
        let mut wanted = expected.clone();
        wanted.retain(|held| customer.is_none() || held.customer == customer);
        wanted.retain(|held| actor.is_none_or(|actor| held.act.actor == actor));
        assert_eq!(listed(store, &filter).await, wanted, "{filter:?}");
    }
    let all = PageAsk {
        after: None,
        limit: PLENTY,
    };
    let page = store.list_acts(&ActFilter::default(), all).await;
    assert_eq!(page.expect("a page").rows.len(), 7);
}

async fn listed(store: &dyn Store, filter: &ActFilter) -> Vec<KeptAct> {
    let list = async |page| store.list_acts(filter, page).await;
    read_all(list, |held| held.act.id.uuid()).await
}

fn recording(store: &dyn Store, make: &mut Maker) -> Arc<dyn Store> {
    store.recording(act(make, "key_1"))
}

fn act(make: &mut Maker, actor: &str) -> Act {
    Act {
        id: make.id(),
        at: make.now,
        actor: actor.to_owned(),
        name: "deploy".to_owned(),
        request: "POST /v1/customers".to_owned(),
        reason: Some("asked for by phone".to_owned()),
    }
}

fn key(make: &mut Maker) -> OperatorKey {
    OperatorKey {
        id: make.id(),
        name: "deploy".to_owned(),
        scope: Scope::Admin,
        created_at: make.now,
        revoked_at: None,
        expires_at: None,
    }
}
