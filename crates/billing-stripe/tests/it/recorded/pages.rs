//! Pages where somebody buys, as `record.py` says them: made, made anew, and closed.

use billing_domain::discount::Reduction;
use billing_domain::effect::{OpenCheckout, Order, OrderedDiscount};
use billing_domain::money::{Currency, Money};
use billing_domain::time::Interval;
use billing_stripe::{MissingMethod, StripeOptions, TrialStyle};
use serde_json::{Value, json};

use super::Recording;
use crate::support::{Far, account, at, no, ok};

const SESSIONS: &str = "/v1/checkout/sessions";

/// How a deployment is set up, other than by default.
type Changed = fn(StripeOptions) -> StripeOptions;

fn checkout() -> OpenCheckout {
    OpenCheckout {
        provider: account(),
        checkout: "chk_00000000000000000000000000000001".parse().unwrap(),
        customer: "cus_00000000000000000000000000000002".parse().unwrap(),
        external_ref: Some("user-7".to_owned()),
        customer_ref: Some("cus_9".to_owned()),
        email: Some("ana@example.com".to_owned()),
        description: "Acme, Team".to_owned(),
        amount: Money::new(2_000, Currency::USD),
        quantity: 2,
        price_ref: Some("price_team".to_owned()),
        discount: None,
        recurring: Some(Interval::MONTH),
        trial_end: None,
        success_url: "https://app.example.com/done?s={CHECKOUT_SESSION_ID}".to_owned(),
        cancel_url: "https://app.example.com/plans".to_owned(),
        expires_at: at("2026-11-21T12:00:00Z"),
    }
}

fn session(status: &str) -> Value {
    json!({ "id": "cs_1", "status": status, "payment_status": "unpaid", "mode": "subscription",
        "url": "https://checkout.stripe.com/c/pay/cs_1", "customer": "cus_9",
        "client_reference_id": "chk_00000000000000000000000000000001", "expires_at": 1_795_262_400,
        "metadata": { "billing_checkout": "chk_00000000000000000000000000000001" } })
}

fn less(reduction: Reduction, cycles: Option<u32>) -> OrderedDiscount {
    OrderedDiscount {
        reduction,
        off: Money::new(500, Currency::USD),
        cycles,
    }
}

/// A Stripe that makes whatever a page needs, and the page.
async fn seller(options: Changed) -> Far {
    let far = Far::with(options).await;
    far.answers("POST", "/v1/customers", ok(&json!({ "id": "cus_9" })))
        .await;
    far.answers("POST", "/v1/coupons", ok(&json!({ "id": "key_1" })))
        .await;
    far.answers("POST", SESSIONS, ok(&session("open"))).await;
    far
}

pub(super) async fn pages(recording: &mut Recording) {
    let unknown = OpenCheckout {
        customer_ref: None,
        ..checkout()
    };
    let guest = OpenCheckout {
        external_ref: None,
        customer_ref: None,
        email: None,
        ..checkout()
    };
    let part = Reduction::Percent {
        basis_points: 1_225,
    };
    let for_less = OpenCheckout {
        discount: Some(less(part, Some(3))),
        ..checkout()
    };
    let amount = Reduction::Fixed {
        amount: Money::new(500, Currency::USD),
    };
    let once = OpenCheckout {
        recurring: None,
        external_ref: None,
        customer_ref: None,
        email: None,
        quantity: 1,
        discount: Some(less(amount, None)),
        ..checkout()
    };
    let for_good = OpenCheckout {
        discount: Some(less(part, None)),
        ..checkout()
    };
    for (order, names) in [
        (
            unknown,
            [
                "look for a customer",
                "make a customer",
                "sell a subscription",
            ]
            .as_slice(),
        ),
        (guest, &["sell a subscription to a guest"]),
        (
            for_less,
            &["make a coupon of a part", "sell a subscription for less"],
        ),
        (
            for_good,
            &["make a coupon for good", "sell a subscription for less"],
        ),
        (
            once,
            &[
                "make a coupon of an amount",
                "sell something once, for less",
            ],
        ),
    ] {
        let far = seller(|options| options).await;
        far.done(&Order::OpenCheckout(order)).await;
        recording.has(&far, names).await;
    }
}

/// Every way in which a trial may end without a payment method, and one that asks for a
/// method first.
pub(super) async fn trials(recording: &mut Recording) {
    let styles: [(Changed, &str, &str); 4] = [
        (
            |options| options,
            "2026-12-05T10:00:00Z",
            "sell a subscription after a trial: cancel",
        ),
        (
            |options| StripeOptions {
                trial: TrialStyle::MethodLater(MissingMethod::CreateInvoice),
                ..options
            },
            "2026-12-05T10:00:00Z",
            "sell a subscription after a trial: create_invoice",
        ),
        (
            |options| StripeOptions {
                trial: TrialStyle::MethodLater(MissingMethod::Pause),
                ..options
            },
            "2026-12-05T10:00:00Z",
            "sell a subscription after a trial: pause",
        ),
        (
            |options| StripeOptions {
                trial: TrialStyle::MethodFirst,
                ..options
            },
            "2026-11-22T11:00:00Z",
            "sell a subscription after days of trial",
        ),
    ];
    for (options, ends, name) in styles {
        let order = OpenCheckout {
            trial_end: Some(at(ends)),
            ..checkout()
        };
        let far = seller(options).await;
        far.done(&Order::OpenCheckout(order)).await;
        recording.has(&far, &[name]).await;
    }
}

/// A customer who was deleted at Stripe is made anew, and the page for the new one.
pub(super) async fn instead(recording: &mut Recording) {
    let far = Far::start().await;
    let gone = json!({ "error": { "type": "invalid_request_error", "param": "customer",
        "code": "resource_missing", "message": "No such customer: 'cus_9'" } });
    far.answers_once("POST", SESSIONS, no(400, &gone)).await;
    far.answers("POST", "/v1/customers", ok(&json!({ "id": "cus_10" })))
        .await;
    far.answers("POST", SESSIONS, ok(&session("open"))).await;
    far.done(&Order::OpenCheckout(checkout())).await;
    let names = [
        "sell a subscription",
        "make a customer instead of one who is gone",
        "sell a subscription instead",
    ];
    recording.has(&far, &names).await;
}

/// What is looked for that an answer may have been lost of, and a page that is closed.
pub(super) async fn lost_answers(recording: &mut Recording) {
    let far = Far::start().await;
    let unavailable = no(500, &json!({ "error": { "type": "api_error" } }));
    far.answers("POST", "/v1/customers", unavailable).await;
    let nobody = json!({ "data": [] });
    far.answers_once("GET", "/v1/customers/search", ok(&nobody))
        .await;
    let found = json!({ "data": [{ "id": "cus_9" }] });
    far.answers("GET", "/v1/customers/search", ok(&found)).await;
    let taken = no(400, &json!({ "error": { "type": "idempotency_error" } }));
    far.answers("POST", SESSIONS, taken).await;
    let first = json!({ "data": [{ "id": "cs_0" }], "has_more": true });
    far.answers_once("GET", SESSIONS, ok(&first)).await;
    let second = json!({ "data": [session("open")], "has_more": false });
    far.answers("GET", SESSIONS, ok(&second)).await;
    let unknown = OpenCheckout {
        customer_ref: None,
        ..checkout()
    };
    far.done(&Order::OpenCheckout(unknown)).await;
    let names = [
        "look for a customer",
        "make a customer",
        "look for a customer",
        "sell a subscription",
        "list the pages of a customer",
        "list the pages of a customer, further",
    ];
    recording.has(&far, &names).await;

    let far = Far::start().await;
    let closed = no(
        400,
        &json!({ "error": { "type": "invalid_request_error" } }),
    );
    far.answers("POST", "/v1/checkout/sessions/cs_1/expire", closed)
        .await;
    let expired = ok(&session("expired"));
    far.answers("GET", "/v1/checkout/sessions/cs_1", expired)
        .await;
    let order = Order::ExpireCheckout {
        provider: account(),
        checkout: checkout().checkout,
        reference: "cs_1".to_owned(),
    };
    far.done(&order).await;
    recording.has(&far, &["close a page", "read a page"]).await;
}
