//! Metered use, where others write meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use billing_domain::catalog::{Billing as Paid, Catalog};
use billing_domain::money::Currency;
use billing_domain::time::Interval;
use billing_domain::usage::{Meter, Overage};
use billing_engine::{CustomerRef, UsageReport};
use futures_util::FutureExt;

use crate::rig::{Meddler, Rig, eur, paid};

/// Calls beyond 1000 cost 0.50 a hundred.
fn metered() -> Catalog {
    let monthly = Paid::Recurring(Interval::MONTH);
    Catalog::builder("Acme Notes", Currency::EUR)
        .count("calls", "Calls")
        .metered("calls", Meter::Sum)
        .plan("api", "Api", |plan| {
            plan.rank(1)
                .limit("calls", 1_000)
                .price("api-monthly", eur(900), monthly, |price| {
                    let overage = Overage {
                        amount: eur(50),
                        per: 100,
                    };
                    price.overage.insert("calls".parse().unwrap(), overage);
                })
        })
        .build()
        .unwrap()
}

fn calls(id: &str, value: u64) -> UsageReport {
    UsageReport {
        id: id.to_owned(),
        feature: "calls".to_owned(),
        value,
        name: None,
        at: None,
    }
}

#[tokio::test]
async fn a_limit_is_held_against_what_was_reported_while_it_was_set() {
    let rig = Rig::new().await;
    rig.billing.apply_catalog(&metered()).await.unwrap();
    let ana = rig.customer("ana").await;
    let opened = rig.open("ana", "api-monthly").await;
    rig.tell(vec![paid(&opened, 900, rig.clock_now())]).await;
    rig.work().await;
    let of = CustomerRef::from(ana);
    let taken = rig.billing.record_usage(&of, &[calls("e1", 1_100)]).await;
    assert_eq!(taken.unwrap().counted, 1);

    // Another process takes in a report, and decides, while the limit is decided.
    let (other, customer, done) = (rig.sibling(8), of.clone(), AtomicBool::new(false));
    let busy = rig.sibling_with(Meddler::new(7, move || {
        if !done.swap(true, Ordering::Relaxed) {
            let report = [calls("e2", 300)];
            let taken = other.record_usage(&customer, &report).now_or_never();
            assert_eq!(taken.unwrap().unwrap().counted, 1);
            let half = other.set_spending_limit(&customer, Currency::EUR, Some(5_000), None);
            assert_eq!(half.now_or_never(), Some(Ok(())));
        }
    }));
    let set = busy.set_spending_limit(&of, Currency::EUR, Some(0), None);
    assert_eq!(set.await, Ok(()));
    let standing = rig.billing.usage(&of).await.unwrap();
    assert_eq!(standing.spending_limits, [eur(0)]);
    // 400 beyond: what was used before the limit is charged.
    assert_eq!(standing.cost, Some(eur(200)));
    let more = rig.billing.record_usage(&of, &[calls("e3", 700)]).await;
    assert_eq!(more.unwrap().counted, 1);
    let standing = rig.billing.usage(&of).await.unwrap();
    assert_eq!(standing.cost, Some(eur(200)), "what comes after it is not");
}
