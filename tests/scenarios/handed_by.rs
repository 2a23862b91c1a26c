//! Licenses that were paid for at a provider of the world's: handed out by the exchange,
//! led back, read and refreshed, before its webhook and after it.
//!
//! Knows no provider: whoever sells, and pays there, is given.

use billing_license::{Claims, Expected, KeySet, verify};
use futures_util::future::BoxFuture;
use poem::http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use super::harbor::text;
use crate::rig::{Fake, Hosted, PUBLIC, Seen};

const EXCHANGE: &str = "/v1/licenses/exchange";
const REFRESH: &str = "/v1/licenses/refresh";

/// A shop, what it sells with a license, and how that is paid.
pub(super) struct Till<F> {
    pub(super) shop: Hosted<F>,
    pub(super) price: &'static str,
    pub(super) plan: &'static str,
    /// Pays for an opened checkout; no webhook is delivered yet.
    pub(super) pays: fn(&Hosted<F>, &Value),
    /// A period goes by, and the next one is paid.
    pub(super) renews: Act<F>,
    /// Time goes by, and nobody pays any more, until it is over.
    pub(super) ends: Act<F>,
    /// What a refused refresh says of that.
    pub(super) over: &'static str,
}

/// What becomes of somebody who has bought by this checkout.
pub(super) type Act<F> = for<'a> fn(&'a Hosted<F>, &'a Buyer) -> BoxFuture<'a, ()>;

/// Somebody who has opened a checkout.
pub(super) struct Buyer {
    pub(super) customer: String,
    session: String,
    pub(super) opened: Value,
}

impl<F: Fake> Till<F> {
    async fn opens(&self, who: &str) -> Buyer {
        let known = json!({ "external_ref": who, "email": format!("{who}@buyers.test") });
        let customer = self.shop.operate("/v1/customers", &known).await;
        let customer = text(&customer.is(StatusCode::CREATED).json()["id"]);
        let session = self.shop.session(&customer).await;
        let wanted = json!({ "price": self.price });
        let opened = self.shop.post_as(&session, "/v1/checkouts", &wanted).await;
        let opened = opened.is(StatusCode::CREATED).json();
        Buyer {
            customer,
            session,
            opened,
        }
    }

    async fn bought(&self, who: &str) -> (Buyer, Value) {
        let buyer = self.opens(who).await;
        (self.pays)(&self.shop, &buyer.opened);
        self.shop.settle().await;
        let license = self.exchanged(&buyer).await;
        (buyer, license)
    }

    async fn asks(&self, who: &str, body: &Value) -> Seen {
        let seen = self.shop.post_as(who, EXCHANGE, body).await;
        if seen.status.is_success() {
            assert_eq!(seen.header("cache-control"), "no-store");
        }
        seen
    }

    async fn exchanged(&self, buyer: &Buyer) -> Value {
        let given = self.asks(&buyer.session, &json!({})).await;
        given.is(StatusCode::OK).json()["license"].take()
    }

    /// What a token says, read as an application reads it.
    async fn says(&self, token: &str) -> Claims {
        let jwks = self.shop.get("/.well-known/jwks.json").await;
        let keys = KeySet::from_jwks(&jwks.is(StatusCode::OK).text).unwrap();
        let expected = Expected {
            issuer: PUBLIC,
            audience: Some(PUBLIC),
            customer: None,
        };
        verify(token, &keys, &expected, self.shop.now().as_second()).unwrap()
    }

    async fn refreshed(&self, token: &Value) -> Seen {
        let body = json!({ "token": token });
        self.shop.post_as("", REFRESH, &body).await
    }

    /// Opens a link that an operator has made, by the button of our page; the parameter
    /// with which the browser is led back.
    async fn led_back(&self, customer: &str, delivery: &str) -> (String, String) {
        let to = format!("{PUBLIC}/hub?a=1");
        let body = json!({ "customer": customer, "return_url": to, "delivery": delivery });
        let made = self.shop.operate("/v1/billing-sessions", &body).await;
        let link = text(&made.is(StatusCode::CREATED).json()["url"]);
        let page = self.shop.get(&link).await.is(StatusCode::OK);
        let fields = ["link", "return_url", "delivery"];
        let fields = fields.map(|name| (name, page.field(name).replace("&amp;", "&")));
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let seen = self.shop.submit("/session", &fields).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
        let at = Url::parse(seen.header("location")).unwrap();
        assert!(at.as_str().starts_with(&to), "{at}");
        let last = at.query_pairs().last().unwrap();
        (last.0.into_owned(), last.1.into_owned())
    }
}

/// H-05: 202 before the webhook, 200 after it, by the checkout's secret and by a session.
pub(super) async fn h_05<F: Fake>(till: &Till<F>) {
    let buyer = till.opens("ana").await;
    let by_secret = json!({ "checkout_secret": buyer.opened["checkout_secret"] });
    for paid in [false, true] {
        if paid {
            (till.pays)(&till.shop, &buyer.opened);
        }
        let waits = till.asks("", &by_secret).await.is(StatusCode::ACCEPTED);
        assert_eq!(waits.json(), json!({ "status": "pending" }));
    }
    till.shop.settle().await;
    let license = till.asks("", &by_secret).await.is(StatusCode::OK).json()["license"].take();
    assert_eq!(license["plan"], till.plan);
    assert_eq!(till.exchanged(&buyer).await["id"], license["id"]);
    let as_secret = json!({ "checkout_secret": buyer.opened["id"] });
    let refused = till.asks("", &as_secret).await;
    refused.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    till.shop.ends_well().await;
}

/// H-06: nothing but the exchange shows a key or a token, before the webhook and after it.
pub(super) async fn h_06<F: Fake>(till: &Till<F>) {
    let buyer = till.opens("ana").await;
    let mut told = vec![buyer.opened.to_string()];
    let looks = async || {
        let mut told = Vec::new();
        for url in ["subscriptions", "invoices", "licenses"] {
            let url = format!("/v1/{url}?customer={}", buyer.customer);
            told.push(till.shop.read(&url).await.to_string());
        }
        let journal = format!("/v1/customers/{}/journal?limit=100", buyer.customer);
        told.push(till.shop.read(&journal).await.to_string());
        told.push(till.shop.me(&buyer.customer).await.to_string());
        let back = format!("/checkout/success?checkout={}", text(&buyer.opened["id"]));
        told.push(till.shop.get(&back).await.text);
        told
    };
    told.extend(looks().await);
    (till.pays)(&till.shop, &buyer.opened);
    told.extend(looks().await);
    till.shop.settle().await;
    told.extend(looks().await);
    told.extend(till.shop.mail().await.into_iter().map(|mail| mail.text));
    let license = till.exchanged(&buyer).await;
    for secret in ["key", "token"].map(|name| text(&license[name])) {
        for said in &told {
            assert!(!said.contains(&secret), "{said}");
        }
    }
    for said in told {
        assert!(!said.contains("LK-") && !said.contains("\"eyJ"), "{said}");
    }
    till.shop.ends_well().await;
}

/// H-07: the browser is led back with the session, or with the license, or with the reason.
pub(super) async fn h_07<F: Fake>(till: &Till<F>) {
    let buyer = till.opens("ana").await;
    (till.pays)(&till.shop, &buyer.opened);
    let waits = ("license".to_owned(), "pending".to_owned());
    assert_eq!(till.led_back("ana", "token").await, waits);
    let (name, session) = till.led_back("ana", "session").await;
    assert_eq!(name, "session");
    till.asks(&session, &json!({}))
        .await
        .is(StatusCode::ACCEPTED);
    till.shop.settle().await;
    let given = till.asks(&session, &json!({})).await.is(StatusCode::OK);
    let (name, token) = till.led_back("ana", "token").await;
    assert_eq!(name, "token");
    assert_eq!(
        till.says(&token).await.jti,
        text(&given.json()["license"]["id"])
    );
    till.shop.ends_well().await;
}

/// H-08: the token says who issued it to whom for what, and a renewal says so anew.
pub(super) async fn h_08<F: Fake>(till: &Till<F>) {
    let (buyer, license) = till.bought("ana").await;
    let claims = till.says(&text(&license["token"])).await;
    assert_eq!((&*claims.iss, &*claims.aud), (PUBLIC, PUBLIC));
    assert_eq!(claims.sub, buyer.customer);
    assert_eq!(claims.jti, text(&license["id"]));
    assert_eq!((&*claims.plan, claims.serial), (till.plan, 1));
    assert_eq!(claims.iat, till.shop.now().as_second());
    assert_eq!(claims.refresh_url, Some(format!("{PUBLIC}{REFRESH}")));
    let asked = json!({ "token": license["token"] });
    let told = till.shop.post_as("", "/v1/validate", &asked).await;
    let told = told.is(StatusCode::OK).json();
    assert_eq!(
        (&told["ok"], &told["license"]),
        (&json!(true), &license["id"])
    );
    let ends = told["expires_at"].as_str().map(|at| {
        let at: billing_domain::time::Timestamp = at.parse().unwrap();
        at.as_second()
    });
    assert_eq!(claims.exp, ends);
    till.shop.ends_well().await;
}

/// H-09: a token brings the newest, which a renewal has made longer; while it is taken
/// away, and once nobody pays, it is a 402 with the reason.
pub(super) async fn h_09<F: Fake>(till: &Till<F>) {
    let (buyer, license) = till.bought("ana").await;
    let first = &license["token"];
    let claims = till.says(&text(first)).await;
    let again = till.refreshed(first).await.is(StatusCode::OK).json();
    let newest = till.says(&text(&again["license"]["token"])).await;
    assert_eq!((&newest.jti, newest.serial), (&claims.jti, claims.serial));
    assert!(again["license"].get("key").is_none(), "{again}");

    (till.renews)(&till.shop, &buyer).await;
    let renewed = till.refreshed(first).await.is(StatusCode::OK).json();
    let newest = till.says(&text(&renewed["license"]["token"])).await;
    assert_eq!(newest.jti, claims.jti, "the same license for life");
    assert!(newest.serial > claims.serial && newest.exp > claims.exp);

    for (act, reason) in [("suspend", "suspended"), ("reinstate", "")] {
        let path = format!("/v1/licenses/{}/{act}", text(&license["id"]));
        let why = json!({ "reason": "a stolen card" });
        till.shop.operate(&path, &why).await.is(StatusCode::OK);
        let seen = till.refreshed(first).await;
        if reason.is_empty() {
            let given = seen.is(StatusCode::OK).json();
            let given = till.says(&text(&given["license"]["token"])).await;
            assert!(given.serial > newest.serial);
        } else {
            seen.refused(StatusCode::PAYMENT_REQUIRED, "payment_required");
            assert_eq!(seen.json()["reason"], reason);
        }
    }
    (till.ends)(&till.shop, &buyer).await;
    for token in [first, &renewed["license"]["token"]] {
        let seen = till.refreshed(token).await;
        seen.refused(StatusCode::PAYMENT_REQUIRED, "payment_required");
        assert_eq!(seen.json()["reason"], till.over);
        assert!(!seen.text.contains("eyJ"), "{}", seen.text);
    }
    let session = till.shop.session(&buyer.customer).await;
    let refused = till.asks(&session, &json!({})).await;
    refused.refused(StatusCode::PAYMENT_REQUIRED, "payment_required");
    let altered = json!(text(first).replacen('.', ".A", 1));
    let refused = till.refreshed(&altered).await;
    refused.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    till.shop.ends_well().await;
}
