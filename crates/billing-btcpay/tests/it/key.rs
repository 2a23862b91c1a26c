//! Whether the key is taken, as BTCPay's answers say.

use billing_domain::provider::RefKind;
use billing_ports::{PaymentProvider, PerformError};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use serde_json::{Value, json};

use super::rig::Rig;

/// So many calls as no test makes.
const EACH: u32 = 100;

/// Whatever of the store's is read is answered so.
fn answers(rig: &Rig, status: u16, body: Value) {
    rig.fake.faults().clear();
    let fault = FaultKind::Fixed { status, body };
    let of_store = Fault::next(fault).on("GET", "/api/v1/stores/");
    rig.fake.fault(of_store.times(EACH));
}

fn named(code: &str) -> Value {
    json!({ "code": code, "message": "no", "missingPermission": "btcpay.store.canviewinvoices" })
}

#[tokio::test]
async fn it_is_refused_from_the_answer_that_says_so_until_one_that_takes_it() {
    let rig = Rig::start().await;
    assert!(!rig.btcpay.refuses_key(), "nobody was asked");
    let (_, id) = rig.invoices().await;
    for (status, body, refused) in [
        // It is taken, and may not do this; or somebody in front says so.
        (403, named("missing-permission"), false),
        (401, json!({}), false),
        (401, named("unauthenticated"), true),
        // Nothing of this says that it is taken.
        (403, named("missing-permission"), true),
        (404, named("invoice-not-found"), true),
    ] {
        answers(&rig, status, body.clone());
        let _either = rig.look(RefKind::Invoice, &id).await;
        assert_eq!(rig.btcpay.refuses_key(), refused, "{status} {body}");
    }
    rig.fake.faults().clear();
    rig.told(&id).await;
    assert!(!rig.btcpay.refuses_key(), "it was taken");
}

#[tokio::test]
async fn what_anybody_may_read_says_nothing_of_it() {
    let rig = Rig::start().await;
    let (_, id) = rig.invoices().await;
    rig.fake.pay_in_full(&id).unwrap();
    rig.fake.confirm(&id).unwrap();
    let pull = rig.refund(&id).await;
    answers(&rig, 401, named("unauthenticated"));
    let _refused = rig.look(RefKind::Invoice, &id).await;
    assert!(rig.btcpay.refuses_key());
    // The promise is told, and its invoice is not.
    answers(&rig, 403, named("missing-permission"));
    let read = rig.look(RefKind::Payment, &pull).await;
    assert!(
        matches!(read, Err(PerformError::Misconfigured(_))),
        "{read:?}"
    );
    assert!(rig.btcpay.refuses_key());
}
