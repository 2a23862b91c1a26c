//! What the doctor finds, and what it says to do about it.

use billing_btcpay::{BtcPay, BtcPayOptions, HANDLED_EVENTS, PAYOUT_EVENTS};
use billing_domain::catalog::Catalog;
use billing_http::{HttpClient, HttpOptions};
use billing_ports::{FindingLevel, PaymentProvider};
use billing_testkit::fakes::btcpay::PERMISSIONS;

use super::rig::Rig;

const HOOK: &str = "https://billing.example.com/v1/webhooks/btcpay";

fn catalog() -> Catalog {
    billing_testkit::catalogs::single()
}

/// Every event that is made use of.
fn every() -> Vec<&'static str> {
    HANDLED_EVENTS.into_iter().chain(PAYOUT_EVENTS).collect()
}

/// What is not as it should be, by word.
async fn found(rig: &Rig, change: impl FnOnce(&mut BtcPayOptions)) -> Vec<(FindingLevel, String)> {
    let mut options = BtcPayOptions {
        webhook_url: Some(HOOK.parse().unwrap()),
        ..rig.options.clone()
    };
    change(&mut options);
    let http = HttpClient::new(HttpOptions::default()).unwrap();
    let btcpay = BtcPay::new(&options, http, rig.rates.clone(), rig.clock()).unwrap();
    let findings = btcpay.doctor(&catalog()).await.into_iter();
    let bad = findings.filter(|finding| finding.level != FindingLevel::Good);
    bad.map(|finding| (finding.level, finding.text)).collect()
}

#[track_caller]
fn says(found: &[(FindingLevel, String)], level: FindingLevel, words: &str) {
    let says = |(held, text): &(FindingLevel, String)| *held == level && text.contains(words);
    assert!(found.iter().any(says), "{words}: {found:?}");
}

#[tokio::test]
async fn a_store_that_is_set_up_is_good() {
    let rig = Rig::start().await;
    rig.hook(HOOK, &every(), true).await;
    let found = found(&rig, |_| {}).await;
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test]
async fn what_is_missing_is_named_with_what_to_do() {
    use FindingLevel::{Bad, Warning};
    let rig = Rig::start().await;
    says(
        &found(&rig, |_| {}).await,
        Bad,
        "no webhook of the store sends to",
    );
    rig.hook(HOOK, &HANDLED_EVENTS[1..], false).await;
    let told = found(&rig, |_| {}).await;
    says(&told, Bad, "is not enabled");
    says(&told, Bad, "is not sent InvoiceReceivedPayment; add these");
    says(
        &found(&rig, |it| it.webhook_url = None).await,
        Warning,
        "webhooks are not checked",
    );
    says(
        &found(&rig, |it| it.api_key = "wrong".into()).await,
        Bad,
        "the key is not accepted",
    );
    says(
        &found(&rig, |it| it.store_id = "another".to_owned()).await,
        Bad,
        "cannot be read",
    );
    rig.rates.0.lock().unwrap().0 = None;
    says(
        &found(&rig, |_| {}).await,
        Bad,
        "pin (gone): nobody is charged a price in",
    );
    rig.fake
        .permit(vec!["btcpay.store.canviewinvoices".to_owned()]);
    let told = found(&rig, |_| {}).await;
    says(&told, Bad, "lacks btcpay.store.cancreateinvoice");
    says(&told, Bad, "lacks btcpay.store.canmodifyinvoices");
    says(
        &told,
        Warning,
        "refunds that are made at BTCPay are not noticed",
    );
    says(&told, Warning, "webhooks cannot be checked");
}

#[tokio::test]
async fn a_key_that_may_not_ask_the_store_s_rates_is_named_where_they_are_asked() {
    let rig = Rig::start().await;
    rig.hook(HOOK, &every(), true).await;
    let found_of = |asked: bool| found(&rig, move |it| it.tells_rates = asked);
    assert!(found_of(true).await.is_empty());
    let held = PERMISSIONS
        .iter()
        .filter(|held| **held != "btcpay.store.canviewstoresettings");
    rig.fake
        .permit(held.map(|held| (*held).to_owned()).collect());
    let told = found_of(true).await;
    let lacks = "the key lacks btcpay.store.canviewstoresettings for the store";
    says(&told, FindingLevel::Warning, lacks);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(found_of(false).await.is_empty());
}

#[tokio::test]
async fn a_key_that_may_not_make_refund_links_is_warned_of() {
    let rig = Rig::start().await;
    rig.hook(HOOK, &every(), true).await;
    let links = "btcpay.store.cancreatenonapprovedpullpayments";
    let without: Vec<String> = PERMISSIONS
        .iter()
        .filter(|held| **held != links)
        .map(|held| (*held).to_owned())
        .collect();
    rig.fake.permit(without.clone());
    let told = found(&rig, |_| {}).await;
    let lacks = "the key lacks btcpay.store.cancreatenonapprovedpullpayments";
    says(&told, FindingLevel::Warning, lacks);
    assert_eq!(
        told.len(),
        1,
        "refunds by links are nobody's need: {told:?}"
    );
    // What includes it is enough.
    for wider in [
        "btcpay.store.cancreatepullpayments",
        "btcpay.store.canmanagepullpayments",
    ] {
        let mut held = without.clone();
        held.push(wider.to_owned());
        rig.fake.permit(held);
        let told = found(&rig, |_| {}).await;
        assert!(told.is_empty(), "{wider}: {told:?}");
    }
}

#[tokio::test]
async fn a_webhook_that_is_not_sent_payouts_is_warned_of() {
    let rig = Rig::start().await;
    rig.hook(HOOK, &HANDLED_EVENTS, true).await;
    let told = found(&rig, |_| {}).await;
    let lacks = "is not sent PayoutApproved, PayoutUpdated; what is paid back is noticed late";
    says(&told, FindingLevel::Warning, lacks);
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn a_server_that_has_not_caught_up_with_the_chain_is_warned_of() {
    let rig = Rig::start().await;
    rig.hook(HOOK, &every(), true).await;
    rig.fake.rules(|rules| rules.is_synchronized = false);
    let told = found(&rig, |_| {}).await;
    says(
        &told,
        FindingLevel::Warning,
        "BTCPay has not caught up with the chain yet: payments are seen later",
    );
    assert_eq!(told.len(), 1, "{told:?}");
    rig.fake.rules(|rules| rules.is_synchronized = true);
    assert!(found(&rig, |_| {}).await.is_empty());
}
