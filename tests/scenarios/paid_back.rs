//! What comes of a refund that an operator orders, whichever provider sends it: the stories
//! that are the same of each. What differs between them, [`Sends`] says.

use billing_domain::parked::{ParkReason, Parked};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Fake, Hosted, Seen};

/// A provider that sends money back when it is told to.
pub(super) trait Sends: Fake + Sized {
    /// Where its refunds are made, and looked for.
    const REFUNDS: &'static str;

    /// How one stands that it has just taken on.
    const AT_FIRST: &'static str;

    /// Somebody in the second period of what is paid every month; the customer's id.
    fn renewed(shop: &Hosted<Self>, who: &str) -> impl Future<Output = String> + Send;

    /// How many refunds it has taken on.
    fn taken_on(shop: &Hosted<Self>) -> usize;

    /// Lets it carry out one that it has taken on.
    fn carries_out(shop: &Hosted<Self>, refund: &str);
}

/// A part of what is paid for any of these plans.
const PART: i64 = 300;

pub(super) fn usd(cents: i64) -> Value {
    json!({ "amount": cents, "currency": "usd" })
}

fn part() -> Value {
    json!({ "amount": usd(PART), "reason": "Three weeks [were] lost" })
}

/// An operator orders a refund of an invoice.
pub(super) async fn refunds<F: Fake>(shop: &Hosted<F>, invoice: &Value, body: &Value) -> Seen {
    let id = invoice["id"].as_str().unwrap();
    shop.operate(&format!("/v1/invoices/{id}/refund"), body)
        .await
}

/// The newest invoice of a customer.
pub(super) async fn newest<F: Fake>(shop: &Hosted<F>, customer: &str) -> Value {
    let url = format!("/v1/invoices?customer={customer}");
    shop.rows(&url).await.into_iter().next().unwrap()
}

/// What went back of an invoice, by state and amount, in the order of its names.
pub(super) fn back(invoice: &Value) -> Vec<(String, i64)> {
    let returned = invoice["returned"].as_array().unwrap().iter();
    let told = returned.map(|back| {
        let state = back["state"].as_str().unwrap().to_owned();
        (state, back["amount"]["amount"].as_i64().unwrap())
    });
    told.collect()
}

/// The provider takes it on, and its answer is lost.
pub(super) async fn unheard<F: Sends>(shop: &Hosted<F>, invoice: &Value, body: &Value) {
    let lost = Fault::next(FaultKind::LostAnswer).on("POST", F::REFUNDS);
    shop.fake.fault(lost.after());
    no_answer(&refunds(shop, invoice, body).await);
}

fn no_answer(seen: &Seen) {
    seen.refused(StatusCode::BAD_GATEWAY, "provider_error");
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// The only thing that waits for a person.
async fn only_parked<F: Fake>(shop: &Hosted<F>, reason: ParkReason) -> Parked {
    let mut parked = shop.parked().await;
    assert_eq!(parked.len(), 1, "{parked:#?}");
    assert_eq!(parked[0].reason, reason, "{parked:#?}");
    parked.remove(0)
}

async fn tried_again<F: Fake>(shop: &Hosted<F>, parked: &Parked) -> Seen {
    let url = format!("/v1/parked/{}/replay", parked.id);
    shop.operate(&url, &json!({})).await
}

/// Asked for once more, it is the one that there is, and it is carried out.
async fn is_heard<F: Sends>(shop: &Hosted<F>, customer: &str) {
    let invoice = newest(shop, customer).await;
    let heard = refunds(shop, &invoice, &part()).await;
    let heard = heard.is(StatusCode::CREATED).json();
    assert_eq!(heard["state"], F::AT_FIRST);
    let invoice = newest(shop, customer).await;
    assert_eq!(back(&invoice), [(F::AT_FIRST.to_owned(), PART)]);
    assert_eq!(invoice["returned"][0]["id"], heard["id"]);
    F::carries_out(shop, heard["id"].as_str().unwrap());
    shop.settle().await;
}

/// A lost answer makes no second refund, whoever tells of the first.
pub(super) async fn a_lost_answer_makes_no_second_refund<F: Sends>(shop: &Hosted<F>) {
    for (made, (who, told)) in
        (1..).zip([("ana", "webhook"), ("ben", "worker"), ("cleo", "nobody")])
    {
        let customer = F::renewed(shop, who).await;
        let invoice = newest(shop, &customer).await;
        unheard(shop, &invoice, &part()).await;
        assert_eq!(F::taken_on(shop), made, "{who}");
        // Nobody knows yet: the same is under way, and another amount has to wait.
        no_answer(&refunds(shop, &invoice, &part()).await);
        let other = refunds(shop, &invoice, &json!({ "amount": usd(100) })).await;
        other.refused(StatusCode::CONFLICT, "refund_open");
        match told {
            "webhook" => shop.settle().await,
            "worker" => {
                drop(shop.fake.deliveries().take());
                shop.pass(days(1)).await;
            }
            // The provider is away: nobody hears of it for hours.
            _ => {
                drop(shop.fake.deliveries().take());
                shop.down(FaultKind::ServerError);
                shop.pass(SignedDuration::from_hours(3)).await;
                shop.fake.faults().clear();
                shop.pass(days(1)).await;
            }
        }
        is_heard(shop, &customer).await;
        shop.pass(days(1)).await;
        assert_eq!(F::taken_on(shop), made, "{who}: found, not made");
    }
    assert_eq!(shop.told("invoice.refunded"), 3);
    shop.ends_well().await;
}

/// Ordered while the provider is away for so long that it is given up; what a person is
/// shown.
async fn given_up<F: Sends>(shop: &Hosted<F>, customer: &str) -> Parked {
    let invoice = newest(shop, customer).await;
    shop.down(FaultKind::ServerError);
    no_answer(&refunds(shop, &invoice, &part()).await);
    shop.pass(days(2)).await;
    only_parked(shop, ParkReason::AttemptsExhausted).await
}

/// What was given up is sent once, whether it is tried again or ordered anew, or both.
pub(super) async fn what_was_given_up_is_sent_once<F: Sends>(shop: &Hosted<F>) {
    let ana = F::renewed(shop, "ana").await;
    let shown = given_up(shop, &ana).await;
    shop.fake.faults().clear();
    tried_again(shop, &shown).await.is(StatusCode::NO_CONTENT);
    shop.pass(days(1)).await;
    is_heard(shop, &ana).await;
    assert_eq!(F::taken_on(shop), 1, "tried again");

    // Ordered anew, the first is over: there is nothing left to try again.
    let ben = F::renewed(shop, "ben").await;
    let shown = given_up(shop, &ben).await;
    let invoice = newest(shop, &ben).await;
    no_answer(&refunds(shop, &invoice, &part()).await);
    assert_eq!(shop.parked().await, []);
    shop.fake.advance(SignedDuration::from_mins(5));
    shop.fake.faults().clear();
    let again = tried_again(shop, &shown).await;
    again.refused(StatusCode::NOT_FOUND, "not_found");
    shop.pass(days(1)).await;
    is_heard(shop, &ben).await;
    assert_eq!(F::taken_on(shop), 2, "ordered anew");

    // Tried again and ordered anew at the same time, one of the two is sent.
    let cleo = F::renewed(shop, "cleo").await;
    let shown = given_up(shop, &cleo).await;
    shop.fake.faults().clear();
    let invoice = newest(shop, &cleo).await;
    tried_again(shop, &shown).await.is(StatusCode::NO_CONTENT);
    let body = part();
    let (_worked, _ordered) = tokio::join!(shop.work(), refunds(shop, &invoice, &body));
    shop.pass(days(1)).await;
    assert_eq!(F::taken_on(shop), 3, "both");
    for told in shop.parked().await {
        assert_eq!(told.reason, ParkReason::Conflict, "{told:?}");
        let url = format!("/v1/parked/{}/discard", told.id);
        shop.operate(&url, &json!({}))
            .await
            .is(StatusCode::NO_CONTENT);
    }
    shop.ends_well().await;
}

/// The next request of this method is refused for good, in words of either provider.
fn refuses<F: Sends>(shop: &Hosted<F>, method: &str) {
    let body = json!({
        "error": {
            "type": "invalid_request_error", "code": "not_today",
            "message": "not today", "detail": "not today",
        },
        "meta": { "request_id": "req_1" },
    });
    let fault = Fault::next(FaultKind::Fixed { status: 400, body });
    shop.fake.fault(fault.on(method, F::REFUNDS));
}

/// What is refused after whoever ordered it has gone is shown to a person, once, until it is
/// ordered anew; and a look that is refused refuses nothing.
pub(super) async fn a_late_refusal_is_shown<F: Sends>(shop: &Hosted<F>) {
    let ana = F::renewed(shop, "ana").await;
    let invoice = newest(shop, &ana).await;
    refuses(shop, "POST");
    let refused = refunds(shop, &invoice, &part()).await;
    refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "provider_refused");
    assert_eq!(refused.json()["provider_code"], "not_today");
    assert_eq!(shop.parked().await, [], "whoever waits is told");

    let lost = Fault::next(FaultKind::LostAnswer).on("POST", F::REFUNDS);
    shop.fake.fault(lost);
    no_answer(&refunds(shop, &invoice, &part()).await);
    refuses(shop, "POST");
    shop.pass(days(1)).await;
    let shown = only_parked(shop, ParkReason::ProviderRefused).await;
    let id = invoice["id"].as_str().unwrap();
    for word in ["not_today", id, "order it anew"] {
        assert!(shown.evidence.contains(word), "{shown:?}");
    }
    shop.pass(days(1)).await;
    only_parked(shop, ParkReason::ProviderRefused).await;
    assert_eq!(F::taken_on(shop), 0);

    // Ordered anew, which settles it, though the provider refuses a look at what there is.
    refuses(shop, "GET");
    no_answer(&refunds(shop, &invoice, &part()).await);
    shop.pass(days(1)).await;
    is_heard(shop, &ana).await;
    assert_eq!(F::taken_on(shop), 1);
    shop.ends_well().await;
}
