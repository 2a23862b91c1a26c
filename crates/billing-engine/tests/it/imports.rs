//! Bringing over what was sold elsewhere: what is compared, what nobody pays twice, and how
//! far a provider's list is read.

use std::sync::Arc;

use billing_domain::decide::MachineAct;
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::{CheckoutId, LicenseId};
use billing_domain::import::{ImportOutcome, ImportRefusal};
use billing_domain::provider::RefKind;
use billing_domain::subscription::Status;
use billing_domain::time::{Interval, Period, Timestamp};
use billing_engine::{
    Adopted, Adopting, Adoption, CustomerRow, ImportError, ImportMode, ImportRow, LicenseRow,
    Limits, ManualProvider, SubscriptionRow,
};
use billing_testkit::{ManualClock, fixtures};
use jiff::SignedDuration;

use crate::mirrored::{reference, snapshot};
use crate::rig::Rig;

/// More pages than a go of adopting reads.
const PAGES: usize = 10_001;

/// Rows of a page of the rig's provider.
const PAGE: usize = 2;

fn begun() -> Timestamp {
    fixtures::start() - SignedDuration::from_hours(240)
}

fn customer(name: &str, there: Option<&str>) -> ImportRow {
    ImportRow::Customer(CustomerRow {
        external_ref: name.to_owned(),
        at_provider: there.map(|there| {
            let (account, reference) = there.split_once(':').unwrap();
            (fixtures::provider(account), reference.to_owned())
        }),
        ..CustomerRow::default()
    })
}

/// A month of the plan `pro` that lasts.
fn held(name: &str, of: &str) -> SubscriptionRow {
    SubscriptionRow {
        external: name.to_owned(),
        customer: of.into(),
        plan: "pro".parse().unwrap(),
        price: None,
        billing: None,
        unit: None,
        quantity: 1,
        started_at: begun(),
        paid_through: Some(Period::at(begun(), Interval::MONTH, 0).unwrap().end),
        ends: None,
        provider: None,
    }
}

async fn brings(rig: &Rig, row: &ImportRow) -> Result<ImportOutcome, ImportError> {
    let dry = rig.billing.import(row, ImportMode::Dry, None).await;
    let done = rig.billing.import(row, ImportMode::Apply, None).await;
    assert_eq!(dry, done, "a dry run says what comes of it: {row:?}");
    done
}

const fn differs(fields: Vec<&'static str>) -> ImportOutcome {
    ImportOutcome::Differs { fields }
}

const CHARGED: ImportOutcome = ImportOutcome::Created {
    promised: None,
    charged: true,
};

#[tokio::test]
async fn what_a_row_says_is_compared_and_nothing_else() {
    let clock = Arc::new(ManualClock::new(fixtures::start()));
    let by_hand = Arc::new(ManualProvider::new(clock).unwrap());
    let rig = Rig::with(false, Limits::default(), |all| all.provider(by_hand)).await;
    rig.customer("ana").await;
    let manual = Some(fixtures::provider("manual/main"));
    let row = SubscriptionRow {
        provider: manual.clone(),
        ..held("s-1", "ana")
    };
    let brought = brings(&rig, &ImportRow::Subscription(row.clone())).await;
    assert_eq!(brought, Ok(CHARGED));
    // Where it says nothing of an account, the one that would be taken by now is none of it.
    let unsaid = ImportRow::Subscription(held("s-1", "ana"));
    assert_eq!(brings(&rig, &unsaid).await, Ok(ImportOutcome::There));
    for (other, field) in [
        (
            SubscriptionRow {
                started_at: begun() - SignedDuration::from_hours(24),
                ..row.clone()
            },
            "started_at",
        ),
        (
            SubscriptionRow {
                ends: Some(true),
                ..row.clone()
            },
            "ends",
        ),
        (
            SubscriptionRow {
                provider: Some(fixtures::provider("btcpay/main")),
                ..row.clone()
            },
            "provider",
        ),
    ] {
        let told = brings(&rig, &ImportRow::Subscription(other)).await;
        assert_eq!(told, Ok(differs(vec![field])));
    }
    let renews = SubscriptionRow {
        ends: Some(false),
        ..row
    };
    let told = brings(&rig, &ImportRow::Subscription(renews)).await;
    assert_eq!(told, Ok(ImportOutcome::There));
}

#[tokio::test]
async fn nobody_is_charged_for_two_because_of_an_import() {
    let rig = Rig::new().await;
    let bought = rig.subscribe("ana").await;
    let refused = Err(ImportRefusal::AlreadySubscribed.into());
    let beside = ImportRow::Subscription(held("s-1", "ana"));
    assert_eq!(brings(&rig, &beside).await, refused);
    // What stands still goes on one day, and is charged for again.
    let ana = rig.customer("ana").await;
    rig.billing.pause(&ana.into(), bought, None).await.unwrap();
    assert_eq!(brings(&rig, &beside).await, refused);
    // What ends with what is paid is charged for by nobody, and is no second one.
    let ends = SubscriptionRow {
        ends: Some(true),
        ..held("s-2", "ana")
    };
    let ends = brings(&rig, &ImportRow::Subscription(ends)).await;
    assert_eq!(ends, Ok(ImportOutcome::CREATED));
    rig.customer("ben").await;
    let first = ImportRow::Subscription(held("s-3", "ben"));
    assert_eq!(brings(&rig, &first).await, Ok(CHARGED));
    assert_eq!(brings(&rig, &first).await, Ok(ImportOutcome::There));
    let second = ImportRow::Subscription(held("s-4", "ben"));
    assert_eq!(brings(&rig, &second).await, refused);
}

#[tokio::test]
async fn who_is_somebody_elses_at_a_provider_is_refused_before_it_is_tried() {
    let rig = Rig::new().await;
    let ana = customer("ana", Some("sandbox/main:cus_1"));
    assert_eq!(brings(&rig, &ana).await, Ok(ImportOutcome::CREATED));
    assert_eq!(brings(&rig, &ana).await, Ok(ImportOutcome::There));
    let ben = customer("ben", Some("sandbox/main:cus_1"));
    let refused = Err(ImportRefusal::OtherReference.into());
    assert_eq!(brings(&rig, &ben).await, refused);
    let nowhere = customer("ben", Some("stripe/eu:cus_1"));
    let refused = Err(ImportRefusal::NoSuchProvider.into());
    assert_eq!(brings(&rig, &nowhere).await, refused);
    let plain = customer("ben", None);
    assert_eq!(brings(&rig, &plain).await, Ok(ImportOutcome::CREATED));
}

#[tokio::test]
async fn machines_are_brought_once_whatever_their_holder_does_with_them() {
    let rig = Rig::new().await;
    let shop = crate::licenses::shop();
    rig.billing.apply_catalog(&shop).await.unwrap();
    let ana = rig.customer("ana").await;
    let subscription = ImportRow::Subscription(held("s-1", "ana"));
    assert_eq!(brings(&rig, &subscription).await, Ok(CHARGED));
    let license = |machines: &[&str]| {
        ImportRow::License(LicenseRow {
            external: "l-1".to_owned(),
            customer: "ana".into(),
            plan: "pro".parse().unwrap(),
            subscription: Some("s-1".to_owned()),
            started_at: None,
            machines: machines.iter().map(|name| (*name).to_owned()).collect(),
        })
    };
    // None are said of yet.
    assert_eq!(brings(&rig, &license(&[])).await, Ok(ImportOutcome::There));
    let den = license(&["den"]);
    assert_eq!(brings(&rig, &den).await, Ok(ImportOutcome::CREATED));
    assert_eq!(brings(&rig, &den).await, Ok(ImportOutcome::There));
    let id: LicenseId = rig.account(ana).licenses[0].id;
    let off = MachineAct::Deactivate;
    let acted = rig.billing.act_on_machine(id, off, "den", None).await;
    acted.unwrap();
    let differs = differs(vec!["machines"]);
    assert_eq!(brings(&rig, &den).await, Ok(differs));
    assert!(rig.account(ana).licenses[0].machines.is_empty());
}

/// A subscription that nobody here has sold.
fn theirs(name: &str, payer: &str, status: Status) -> Observed {
    let made: CheckoutId = fixtures::Maker::new(9).id();
    let mut seen = snapshot(made, status, fixtures::start());
    if let Fact::SubscriptionSeen(snapshot) = &mut seen.fact {
        name.clone_into(&mut snapshot.reference);
        snapshot.customer_ref = Some(payer.to_owned());
    }
    seen.link = Link {
        refs: vec![
            reference(RefKind::Subscription, name),
            reference(RefKind::Customer, payer),
        ],
        ..Link::default()
    };
    seen
}

async fn adopt(rig: &Rig, mode: ImportMode) -> (bool, Vec<Adopted>) {
    let account = fixtures::provider("sandbox/main");
    let adopting = Adopting {
        account: &account,
        mode,
        reference_key: "user_id",
        actor: None,
    };
    let mut told = Vec::new();
    let each = |one: &Adopted| told.push(one.clone());
    let finished = rig.billing.adopt(&adopting, each).await;
    (finished.unwrap(), told)
}

#[tokio::test]
async fn what_its_provider_charges_twice_is_adopted_and_told() {
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    for (name, payer) in [("sub_1", "cus_1"), ("sub_2", "cus_1"), ("sub_3", "cus_2")] {
        rig.provider.has(theirs(name, payer, Status::Active));
    }
    for mode in [ImportMode::Dry, ImportMode::Apply] {
        let (finished, told) = adopt(&rig, mode).await;
        assert!(finished);
        let brought = Adoption::Brought(ImportOutcome::CREATED);
        assert!(told.iter().all(|one| one.outcome == brought), "{told:?}");
        let beside: Vec<bool> = told.iter().map(|one| one.beside).collect();
        assert_eq!(beside, [false, true, false], "{mode:?}");
    }
    assert_eq!(rig.parked(), ["duplicate"]);
    let (_, again) = adopt(&rig, ImportMode::Apply).await;
    assert!(again.iter().all(|one| !one.beside), "{again:?}");
    assert_eq!(rig.parked(), ["duplicate"]);
}

#[tokio::test]
async fn a_list_that_is_longer_than_one_go_is_not_said_to_be_read() {
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    for number in 0..PAGES * PAGE {
        let name = format!("sub_{number}");
        rig.provider.has(theirs(&name, "cus_1", Status::Canceled));
    }
    let (finished, told) = adopt(&rig, ImportMode::Dry).await;
    assert!(!finished);
    assert_eq!(told.len(), (PAGES - 1) * PAGE);
    let (finished, _) = adopt(&rig, ImportMode::Apply).await;
    assert!(!finished);
    // The next one goes on from there.
    let (finished, told) = adopt(&rig, ImportMode::Apply).await;
    assert!(finished);
    assert_eq!(told.len(), PAGE);
}
