//! Catalog revisions: applied once, refused where they break a promise.

use billing_domain::money::Currency;
use billing_engine::{ApplyOutcome, CatalogError};
use billing_testkit::memory::{Call, Fault};
use jiff::SignedDuration;

use crate::rig::{Rig, shop, shop_at};

#[tokio::test]
async fn what_is_in_force_already_is_no_new_revision() {
    let rig = Rig::new().await;
    let again = rig.billing.apply_catalog(&shop()).await;
    assert_eq!(again, Ok(ApplyOutcome::Unchanged(1)));
    let changed = rig.billing.apply_catalog(&shop_at(1000)).await;
    assert_eq!(changed, Ok(ApplyOutcome::Applied(2)));
    assert_eq!(rig.billing.catalog().await.unwrap().number, 2);
}

#[tokio::test]
async fn what_somebody_holds_is_not_changed_and_the_edit_is_named() {
    let rig = Rig::new().await;
    rig.subscribe("ana").await;
    let (diff, refusals) = rig.billing.diff_catalog(&shop_at(1000)).await.unwrap();
    assert!(format!("{diff:?}").contains("pro-monthly"));
    assert_eq!(refusals.len(), 1);
    assert!(
        refusals[0].contains("plans.pro.prices.pro-monthly"),
        "{refusals:?}"
    );
    let refused = rig.billing.apply_catalog(&shop_at(1000)).await;
    assert_eq!(refused, Err(CatalogError::Refused(refusals)));
    let empty = billing_domain::catalog::Catalog::builder("Acme Notes", Currency::EUR);
    let Err(CatalogError::Refused(refusals)) =
        rig.billing.apply_catalog(&empty.build().unwrap()).await
    else {
        panic!("a held plan must not disappear");
    };
    assert!(
        refusals[0].contains("plans.pro: disappears"),
        "{refusals:?}"
    );
    assert_eq!(rig.billing.catalog().await.unwrap().number, 1);
}

#[tokio::test]
async fn another_process_sees_it_within_five_seconds() {
    let rig = Rig::new().await;
    let other = rig.sibling(9);
    assert_eq!(other.catalog().await.unwrap().number, 1);
    rig.billing.apply_catalog(&shop_at(1000)).await.unwrap();
    rig.pass(SignedDuration::from_secs(5) - SignedDuration::from_micros(1));
    assert_eq!(other.catalog().await.unwrap().number, 1);
    rig.pass(SignedDuration::from_micros(1));
    assert_eq!(other.catalog().await.unwrap().number, 2);
}

#[tokio::test]
async fn a_store_that_fails_is_told() {
    let rig = Rig::new().await;
    rig.store.fail_next(Call::Catalog, Fault::Before);
    let failed = rig.billing.apply_catalog(&shop_at(1000)).await;
    assert!(matches!(failed, Err(CatalogError::Engine(_))), "{failed:?}");
    assert_eq!(rig.billing.catalog().await.unwrap().number, 1);
}
