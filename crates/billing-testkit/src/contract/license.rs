//! Licenses: part of a customer, and one for each subscription at most.

use billing_domain::license::{License, LicenseState};
use billing_ports::Store;
use billing_ports::store::CommitError;

use super::read::read_all;
use super::support::{create, newcomer, reload, second};
use crate::fixtures::{Maker, next_commit};

/// "All licenses, oldest first", revoked ones included, and one for each
/// subscription at most.
pub async fn a_subscription_is_shown_by_one_license(store: &dyn Store) {
    let mut make = Maker::new(6);
    let held = newcomer(store, &mut make).await;
    let mut after = held.account.clone();
    for _ in 0..2 {
        let subscription = make.id();
        after.put_license(make.license(subscription));
    }
    let commit = next_commit(&held, &after, second(1));
    store.commit(commit).await.expect("stored");
    let held = reload(store, &held.account).await;
    assert_eq!(held.account.licenses, after.licenses);

    let revoked = License {
        serial: 2,
        state: LicenseState::Suspended {
            since: second(2),
            reason: "asked".to_owned(),
        },
        ..after.licenses[0].clone()
    };
    after.put_license(revoked.clone());
    let commit = next_commit(&held, &after, second(2));
    store.commit(commit).await.expect("stored");
    let held = reload(store, &held.account).await;
    assert_eq!(held.account.licenses, after.licenses);

    after.put_license(make.license(revoked.subscription));
    let refused = store.commit(next_commit(&held, &after, second(3))).await;
    assert_eq!(refused, Err(CommitError::Conflict));
    assert_eq!(reload(store, &held.account).await, held);
}

/// "Licenses, newest first; of one customer, or of all", with their owners.
pub async fn licenses_are_listed_page_by_page(store: &dyn Store) {
    let mut make = Maker::new(8);
    let mut all = Vec::new();
    for _ in 0..2 {
        let mut account = make.account();
        for _ in 0..4 {
            let subscription = make.id();
            account.put_license(make.license(subscription));
        }
        create(store, &account, make.now).await;
        let owner = account.customer.id;
        all.extend(account.licenses.into_iter().map(|held| (owner, held)));
    }
    all.reverse();
    for customer in [None, Some(all[0].0), Some(make.id())] {
        let list = async |page| store.list_licenses(customer, page).await;
        let mut expected = all.clone();
        expected.retain(|(owner, _)| customer.is_none_or(|id| *owner == id));
        assert_eq!(read_all(list, |(_, held)| held.id.uuid()).await, expected);
    }
}
