//! A license is handed out by the exchange, in two ways, to whoever bought it, and
//! kept new by showing it; its key speaks as long as nobody has taken it away.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use billing_domain::ids::LicenseId;
use billing_license::{Claims, Expected, KeySet, VerifyError, verify};
use billing_ports::{Clock, LicenseSigner as _};
use billing_server::TokenSigner;
use poem::http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use super::books::{Books, differing};
use super::harbor::{
    PAGES, bought, ends_well, exchanged, harbor, in_bitcoin, over, pay, pays, read, text, told,
    until,
};
use super::on_both_stores;
use crate::rig::{KEY, KEYED_WITH, PUBLIC, SEED, Seen, Site, StoreKind};

on_both_stores! {
    /// H-05: a checkout's secret, or a session, is exchanged for the license: 202 before the
    /// webhook, 200 after it.
    h_05_a_purchase_is_exchanged_for_its_license;
    /// H-06: nothing but the exchange shows a key, a token or a session.
    h_06_licenses_leave_by_one_door;
    /// H-07: the browser is led back with the session, or with the license itself.
    h_07_a_link_leads_back_in_one_of_two_ways;
    /// H-07: nowhere but where the catalog allows, whenever that is changed.
    h_07_no_link_leads_elsewhere;
    /// H-08: a token says it all, and is refused for what is wrong with it.
    h_08_a_token_says_it_all_and_verifies_alone;
    /// H-09: a token, ended or not, is exchanged for the newest.
    h_09_a_license_is_refreshed_by_itself;
    /// K-02: a key that does not work is refused alike, whatever is asked for.
    k_02_keys_that_do_not_work_are_one;
}

const EXCHANGE: &str = "/v1/licenses/exchange";
const REFRESH: &str = "/v1/licenses/refresh";

/// A checkout of a guest: its id, its secret, its page.
async fn opened(site: &Site, price: &str) -> (String, String, String) {
    let wanted = json!({ "price": price });
    let opened = site.post_as("", "/v1/checkouts", &wanted).await;
    let opened = opened.is(StatusCode::CREATED).json();
    let told = |field: &str| text(&opened[field]);
    (told("id"), told("checkout_secret"), told("url"))
}

async fn h_05_a_purchase_is_exchanged_for_its_license(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let (checkout, secret, page) = opened(&site, "deck-monthly").await;
    let by_secret = json!({ "checkout_secret": secret });
    let waits = async |body: &Value| {
        let seen = site
            .post_as("", EXCHANGE, body)
            .await
            .is(StatusCode::ACCEPTED);
        assert_eq!(seen.json(), json!({ "status": "pending" }));
        assert_eq!(seen.header("cache-control"), "no-store");
    };
    waits(&by_secret).await;
    // The browser is back before the webhook.
    pay(&site, &page).await;
    waits(&by_secret).await;
    let back = format!("/checkout/success?checkout={checkout}");
    let seen = site.get(&back).await.is(StatusCode::OK);
    assert!(
        seen.text.contains("Waiting for your payment"),
        "{}",
        seen.text
    );
    site.rig.settle().await;
    let license = exchanged(&site, &secret).await;
    assert_eq!(license["plan"], "deck");
    assert_eq!(
        exchanged(&site, &secret).await,
        license,
        "as often as asked"
    );
    assert_eq!(
        site.says(&text(&license["token"])).await.jti,
        text(&license["id"])
    );

    // The checkout's id is in addresses, and is nobody's credential.
    let by_id = json!({ "checkout": checkout });
    let refused = site.post_as("", EXCHANGE, &by_id).await;
    refused.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    let as_secret = json!({ "checkout_secret": checkout });
    let refused = site.post_as("", EXCHANGE, &as_secret).await;
    refused.refused(StatusCode::UNAUTHORIZED, "unauthorized");

    let row = read(&site, &format!("/v1/licenses/{}", text(&license["id"]))).await;
    let session = site.session(&text(&row["customer"])).await;
    for body in [json!({}), by_id.clone()] {
        let seen = site.post_as(&session, EXCHANGE, &body).await;
        assert_eq!(seen.is(StatusCode::OK).json()["license"], license);
    }
    let other = bought(&site, "bridge-monthly").await;
    let session = site.session(&other.customer).await;
    let refused = site.post_as(&session, EXCHANGE, &by_id).await;
    refused.refused(StatusCode::NOT_FOUND, "not_found");
    ends_well(&site).await;
}

async fn h_06_licenses_leave_by_one_door(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let customer = json!({ "external_ref": "ana", "email": "ana@buyers.test" });
    let customer = site.operate("/v1/customers", &customer).await;
    let ana = text(&customer.is(StatusCode::CREATED).json()["id"]);
    let session = site.session(&ana).await;
    let wanted = json!({ "price": "deck-monthly" });
    let checkout = site.post_as(&session, "/v1/checkouts", &wanted).await;
    let checkout = checkout.is(StatusCode::CREATED);
    let opened = checkout.json();
    pays(&site, &text(&opened["url"])).await;
    let given = site.post_as(&session, EXCHANGE, &json!({})).await;
    let license = given.is(StatusCode::OK).json()["license"].take();
    let (key, token) = (text(&license["key"]), text(&license["token"]));
    let id = text(&license["id"]);

    let mut told = vec![("checkout", checkout)];
    let me = site.get_as(&session, "/v1/me").await.is(StatusCode::OK);
    let held = text(&me.json()["subscriptions"][0]["id"]);
    told.push(("me", me));
    let mine = format!("/v1/me/subscriptions/{held}");
    let quotes = format!("{mine}/quotes");
    let quote = site
        .post_as(&session, &quotes, &json!({ "plan": "bridge" }))
        .await;
    let quote = quote.is(StatusCode::CREATED);
    let accept = format!("/v1/me/quotes/{}/accept", text(&quote.json()["id"]));
    told.push(("quote", quote));
    told.push(("accept", site.post_as(&session, &accept, &json!({})).await));
    for path in ["/v1/upgrade-quote", "/v1/upgrade"] {
        let body = json!({ "license_key": key, "plan": "bridge" });
        told.push((path, site.post_as("", path, &body).await));
    }
    for path in ["forecast", "changes"] {
        let seen = site.get_as(&session, &format!("{mine}/{path}")).await;
        told.push((path, seen));
    }
    for (what, path) in [
        ("licenses", "/v1/licenses".to_owned()),
        ("license", format!("/v1/licenses/{id}")),
        ("subscription", format!("/v1/subscriptions/{held}")),
        ("journal", format!("/v1/customers/{ana}/journal?limit=100")),
        ("customer", format!("/v1/customers/{ana}")),
        ("changes", "/v1/changes".to_owned()),
        ("invoices", "/v1/invoices".to_owned()),
        ("checkout", format!("/v1/checkouts/{}", text(&opened["id"]))),
        (
            "thanks",
            format!("/checkout/success?checkout={}", text(&opened["id"])),
        ),
    ] {
        told.push((what, site.get_as(KEY, &path).await.is(StatusCode::OK)));
    }
    for act in ["suspend", "reinstate"] {
        told.push((act, acts(&site, &id, act).await.is(StatusCode::OK)));
    }
    let asked = json!({ "customer": "ana" });
    site.post_as("", "/v1/billing-sessions", &asked).await;
    let mail = site.mail().await.remove(0);
    let link = mail
        .text
        .split_once("?link=")
        .unwrap()
        .1
        .lines()
        .next()
        .unwrap()
        .to_owned();
    // The browser has the session in its cookie, and nothing of it in a page.
    let led = site.submit("/session", &[("link", &link)]).await;
    assert_eq!(led.is(StatusCode::SEE_OTHER).text, "");
    let home = site.get_in(&session, "/portal").await;
    told.push(("portal", home.is(StatusCode::OK)));

    let (signed, _) = token.rsplit_once('.').unwrap();
    let (_, claims) = signed.split_once('.').unwrap();
    for (what, seen) in told {
        assert!(seen.status.is_success(), "{what}: {seen:?}");
        let said = format!("{:?} {}", seen.headers, seen.text);
        for secret in [
            key.as_str(),
            claims,
            session.as_str(),
            "LK-",
            "\"eyJ",
            "bs_",
        ] {
            // A quote has a token of its own, which is a license to nothing.
            let own = what == "quote" || what == "/v1/upgrade-quote";
            assert!(
                !said.contains(secret) || (own && secret == "\"eyJ"),
                "{what}: {said}"
            );
        }
    }
    assert!(!mail.text.contains("LK-"), "{}", mail.text);
}

/// The link that an operator has made for `who`, which leads to a page of ours.
async fn link_for(site: &Site, who: &str, to: &str, delivery: &str) -> String {
    let body = json!({ "customer": who, "return_url": to, "delivery": delivery });
    let made = site.operate("/v1/billing-sessions", &body).await;
    text(&made.is(StatusCode::CREATED).json()["url"])
}

/// Opens a link by the button of our page; gives where the browser is led.
async fn pressed(site: &Site, link: &str) -> Seen {
    let page = site.get(link).await.is(StatusCode::OK);
    let fields = ["link", "return_url", "delivery"].map(|name| (name, field(&page, name)));
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    site.submit("/session", &fields).await
}

/// A field of a form, as a browser reads it.
fn field(page: &Seen, name: &str) -> String {
    page.field(name).replace("&amp;", "&")
}

/// The one parameter that was added to an address.
fn led(seen: &Seen, to: &str) -> (String, String) {
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
    assert_eq!(seen.header("cache-control"), "no-store");
    assert_eq!(seen.header("referrer-policy"), "no-referrer");
    let at = Url::parse(seen.header("location")).unwrap();
    assert!(at.as_str().starts_with(to), "{at}");
    let last = at.query_pairs().last().unwrap();
    (last.0.into_owned(), last.1.into_owned())
}

async fn h_07_a_link_leads_back_in_one_of_two_ways(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let to = format!("{PUBLIC}/hub?a=1&b=2");
    site.paid_by("ana", "deck-monthly").await;
    site.rig.settle().await;
    let link = link_for(&site, "ana", &to, "session").await;
    assert!(
        link.starts_with(&format!("{PUBLIC}/session?return_url=")),
        "{link}"
    );
    let (name, session) = led(&pressed(&site, &link).await, &to);
    assert_eq!(name, "session");
    let given = site.post_as(&session, EXCHANGE, &json!({})).await;
    let license = given.is(StatusCode::OK).json()["license"].take();
    // Once.
    let again = pressed(&site, &link).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);

    let link = link_for(&site, "ana", &to, "token").await;
    let (name, token) = led(&pressed(&site, &link).await, &to);
    assert_eq!(name, "token");
    assert_eq!(site.says(&token).await.jti, text(&license["id"]));

    // By mail, as anybody asks for it.
    let reads = json!({ "external_ref": "dee", "email": "dee@buyers.test" });
    let dee = site.operate("/v1/customers", &reads).await;
    let dee = dee.is(StatusCode::CREATED).json();
    let asked = json!({ "customer": "dee", "return_url": to, "delivery": "session" });
    let seen = site.post_as("", "/v1/billing-sessions", &asked).await;
    seen.is(StatusCode::NO_CONTENT);
    let mail = site.mail().await.remove(0);
    let mailed = mail.text.lines().find(|text| text.contains("/session?"));
    let (_, session) = led(&pressed(&site, mailed.unwrap()).await, &to);
    let me = site.get_as(&session, "/v1/me").await.is(StatusCode::OK);
    assert_eq!(me.json()["customer"]["id"], dee["id"]);

    // Where there is no license to give, the reason leads back.
    let none = json!({ "external_ref": "ben" });
    site.operate("/v1/customers", &none)
        .await
        .is(StatusCode::CREATED);
    let link = link_for(&site, "ben", &to, "token").await;
    let reason = led(&pressed(&site, &link).await, &to);
    assert_eq!(reason, ("license".to_owned(), "none".to_owned()));
    site.paid_by("cid", "bridge-monthly").await;
    let link = link_for(&site, "cid", &to, "token").await;
    let reason = led(&pressed(&site, &link).await, &to);
    assert_eq!(reason, ("license".to_owned(), "pending".to_owned()));
    ends_well(&site).await;
}

async fn h_07_no_link_leads_elsewhere(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    site.paid_by("ana", "deck-monthly").await;
    site.rig.settle().await;
    for to in [
        "https://evil.test/hub",
        "//evil.test",
        "javascript:x",
        "https://billing.test@evil.test/",
    ] {
        for delivery in ["session", "token"] {
            let body = json!({ "customer": "ana", "return_url": to, "delivery": delivery });
            for who in [KEY, ""] {
                let refused = site.post_as(who, "/v1/billing-sessions", &body).await;
                refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
            }
        }
    }
    for body in [
        json!({ "customer": "ana", "delivery": "token" }),
        json!({ "customer": "ana", "return_url": PUBLIC, "delivery": "cookie" }),
        json!({ "customer": "ana", "return_url": format!("{PUBLIC}/{}", "x".repeat(300)), "delivery": "token" }),
    ] {
        let refused = site.operate("/v1/billing-sessions", &body).await;
        refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
    }
    // Changed in the address of our page, or in its form: refused, and not spent.
    let to = format!("{PUBLIC}/hub");
    let url = link_for(&site, "ana", &to, "token").await;
    let link = Url::parse(&url)
        .unwrap()
        .query_pairs()
        .last()
        .unwrap()
        .1
        .into_owned();
    for (to, delivery) in [
        ("https://evil.test/", "token"),
        ("https://evil.test/", "session"),
        ("", "token"),
        (to.as_str(), "cookie"),
        (to.as_str(), ""),
    ] {
        let fields = [
            ("link", link.as_str()),
            ("return_url", to),
            ("delivery", delivery),
        ];
        let seen = site
            .submit("/session", &fields)
            .await
            .is(StatusCode::BAD_REQUEST);
        assert_eq!(seen.header("location"), "");
    }
    assert_eq!(led(&pressed(&site, &url).await, &to).0, "token");
    ends_well(&site).await;
}

/// `header.payload` of anything, with any end.
fn forged(header: &Value, payload: &str, end: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(end))
}

async fn h_08_a_token_says_it_all_and_verifies_alone(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let held = bought(&site, "deck-monthly").await;
    let token = text(&held.shown(&site).await["token"]);
    let claims = site.says(&token).await;
    let stands = held.stands(&site).await;
    let paid: billing_domain::time::Timestamp = text(&stands["paid_through"]).parse().unwrap();
    let wanted = Claims {
        iss: PUBLIC.to_owned(),
        aud: PUBLIC.to_owned(),
        sub: held.customer.clone(),
        jti: held.id.clone(),
        iat: site.rig.clock.now().as_second(),
        // Seven days of grace.
        exp: Some(paid.as_second() + 7 * 86_400),
        serial: 1,
        plan: "deck".to_owned(),
        seats: None,
        entitlements: [("editor".to_owned(), json!("read"))].into(),
        refresh_url: Some(format!("{PUBLIC}{REFRESH}")),
    };
    assert_eq!(claims, wanted);

    // The application has the keys, and nobody to ask.
    let jwks = site
        .get("/.well-known/jwks.json")
        .await
        .is(StatusCode::OK)
        .json();
    assert!(jwks["keys"][0].get("d").is_none(), "{jwks}");
    let keys = KeySet::from_jwks(&jwks.to_string()).unwrap();
    let now = site.rig.clock.now().as_second();
    let here = Expected {
        issuer: PUBLIC,
        audience: Some(PUBLIC),
        customer: Some(&held.customer),
    };
    assert_eq!(verify(&token, &keys, &here, now), Ok(claims.clone()));
    let end = claims.exp.unwrap();
    let ended = Err(VerifyError::Expired { at: end });
    assert_eq!(verify(&token, &keys, &here, end), ended);
    let other_customer = Expected {
        customer: Some("cus_other"),
        ..here
    };
    let refused = verify(&token, &keys, &other_customer, now);
    assert_eq!(refused, Err(VerifyError::WrongCustomer));
    let other_product = Expected {
        audience: Some("other"),
        ..here
    };
    let refused = verify(&token, &keys, &other_product, now);
    assert_eq!(refused, Err(VerifyError::WrongAudience));

    let mut parts = token.split('.');
    let (_, payload, signature) = (parts.next(), parts.next().unwrap(), parts.next().unwrap());
    let name = &jwks["keys"][0]["kid"];
    let with = |alg: &str| json!({ "alg": alg, "typ": "JWT", "kid": name });
    let public = URL_SAFE_NO_PAD.decode(text(&jwks["keys"][0]["x"])).unwrap();
    let keyed = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public);
    let begins = URL_SAFE_NO_PAD.encode(with("HS256").to_string());
    let tag = ring::hmac::sign(&keyed, format!("{begins}.{payload}").as_bytes());
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let altered = token.replacen(
        &format!(".{signature}"),
        &format!(".{first}{}", &signature[1..]),
        1,
    );
    let stranger = TokenSigner::new(&[9; 32], &[9; 32], PUBLIC, PUBLIC);
    let unknown = json!({ "alg": "EdDSA", "typ": "JWT", "kid": stranger.kid() });
    for (wrong, why) in [
        (forged(&with("none"), payload, b""), VerifyError::Algorithm),
        (
            forged(&with("HS256"), payload, tag.as_ref()),
            VerifyError::Algorithm,
        ),
        (
            forged(&with("ES512"), payload, &[0; 132]),
            VerifyError::Algorithm,
        ),
        (forged(&unknown, payload, &[0; 64]), VerifyError::UnknownKey),
        (altered, VerifyError::BadSignature),
        (token[..token.len() - 1].to_owned(), VerifyError::Malformed),
        (
            format!("{token}{}", "A".repeat(9_000)),
            VerifyError::Malformed,
        ),
    ] {
        assert_eq!(verify(&wrong, &keys, &here, now), Err(why), "{wrong}");
        // The server that issued it believes it as little.
        let refused = site.post_as("", REFRESH, &json!({ "token": wrong })).await;
        refused.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    ends_well(&site).await;
}

/// What the hub gets for its token.
async fn refreshed(site: &Site, token: &str) -> Seen {
    site.post_as("", REFRESH, &json!({ "token": token })).await
}

async fn newest(site: &Site, token: &str) -> Claims {
    let given = refreshed(site, token).await.is(StatusCode::OK);
    assert_eq!(given.header("cache-control"), "no-store");
    let license = given.json()["license"].take();
    assert!(license.get("key").is_none(), "a token may be seen by many");
    site.says(&text(&license["token"])).await
}

#[track_caller]
fn ended(seen: &Seen, reason: &str) {
    seen.refused(StatusCode::PAYMENT_REQUIRED, "payment_required");
    assert_eq!(seen.json()["reason"], reason);
    assert!(!seen.text.contains("eyJ"), "{}", seen.text);
}

async fn h_09_a_license_is_refreshed_by_itself(kind: StoreKind) {
    let site = in_bitcoin(kind).await;
    let held = bought(&site, "deck-monthly").await;
    let first = text(&held.shown(&site).await["token"]);
    let claims = site.says(&first).await;
    // A month on, paid, and upgraded: the first token, which has ended, brings the newest.
    until(&site, "2026-04-02T00:00:00Z").await;
    let renewal = &held.invoices(&site).await[1];
    pays(&site, &text(&renewal["pay_url"])).await;
    let change = held.upgrade(&site, json!({ "plan": "bridge" })).await;
    let change = change.is(StatusCode::OK).json();
    pays(&site, &text(&change["checkout_url"])).await;
    until(&site, "2026-04-20T00:00:00Z").await;
    assert!(claims.exp.unwrap() < site.rig.clock.now().as_second());
    let now = newest(&site, &first).await;
    assert_eq!((now.plan.as_str(), &now.jti), ("bridge", &claims.jti));
    assert!(now.serial > claims.serial && now.exp > claims.exp);
    assert_eq!(now, newest(&site, &first).await, "as often as asked");

    // Taken away, given back, and taken away for good: the token says whose it was.
    acts(&site, &held.id, "suspend").await.is(StatusCode::OK);
    ended(&refreshed(&site, &first).await, "suspended");
    acts(&site, &held.id, "reinstate").await.is(StatusCode::OK);
    assert!(newest(&site, &first).await.serial > now.serial);
    // Unpaid beyond its grace.
    until(&site, "2026-06-01T00:00:00Z").await;
    ended(&refreshed(&site, &first).await, "unpaid");
    acts(&site, &held.id, "revoke").await.is(StatusCode::OK);
    ended(&refreshed(&site, &first).await, "revoked");
    let canceled = bought(&site, "bridge-monthly").await;
    let token = text(&canceled.shown(&site).await["token"]);
    let cancel = format!("/v1/subscriptions/{}/cancel", canceled.subscription);
    let now = json!({ "when": "now" });
    site.operate(&cancel, &now).await.is(StatusCode::OK);
    ended(&refreshed(&site, &token).await, "canceled");

    // Foreign, unknown, altered: alike, and counted.
    let claims = billing_ports::LicenseClaims {
        license: nobody_s_license().uuid(),
        customer: canceled.customer.parse().unwrap(),
        serial: 1,
        plan: "bridge".parse().unwrap(),
        seats: None,
        entitlements: [].into_iter().collect(),
        issued_at: site.rig.clock.now(),
        expires_at: None,
    };
    let signed = |seed: u8, issuer: &str| {
        let signer = TokenSigner::new(&[seed; 32], &KEYED_WITH, issuer, PUBLIC);
        signer.sign(&claims).unwrap()
    };
    let ours = TokenSigner::new(&SEED, &KEYED_WITH, PUBLIC, PUBLIC);
    let mut bodies = Vec::new();
    for wrong in [
        signed(9, PUBLIC),
        signed(SEED[0], "https://other.test"),
        // Genuine, and of a license that there is not.
        ours.sign(&claims).unwrap(),
        first.replacen('.', ".A", 1),
        held.key.clone(),
        String::new(),
    ] {
        let refused = refreshed(&site, &wrong).await;
        refused.refused(StatusCode::UNAUTHORIZED, "unauthorized");
        let mut body = refused.json();
        body["instance"].take();
        bodies.push(body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "all alike: {bodies:?}");
    site.rig.settle().await;
    site.rig.assert_sound().await;
}

/// An id that no license has.
fn nobody_s_license() -> LicenseId {
    format!("lic_{:032}", 7).parse().unwrap()
}

/// An operator does something to a license.
async fn acts(site: &Site, license: &str, act: &str) -> Seen {
    let path = format!("/v1/licenses/{license}/{act}");
    site.operate(&path, &json!({ "reason": "a stolen card" }))
        .await
}

async fn k_02_keys_that_do_not_work_are_one(kind: StoreKind) {
    let books = Books::fresh(kind).await;
    let site = over(std::sync::Arc::clone(&books.store), PAGES, None).await;
    let (held, other) = (
        bought(&site, "deck-monthly").await,
        bought(&site, "deck-monthly").await,
    );
    acts(&site, &held.id, "suspend").await.is(StatusCode::OK);
    acts(&site, &other.id, "revoke").await.is(StatusCode::OK);
    // Again, and nothing is done twice.
    acts(&site, &other.id, "revoke").await.is(StatusCode::OK);
    for late in ["suspend", "reinstate"] {
        let refused = acts(&site, &other.id, late).await;
        refused.refused(StatusCode::CONFLICT, "illegal_transition");
    }
    let nobody_s = nobody_s_license().to_string();
    let refused = acts(&site, &nobody_s, "revoke").await;
    refused.refused(StatusCode::NOT_FOUND, "not_found");
    site.rig.settle().await;
    for (of, event) in [(&held, "suspended"), (&other, "revoked")] {
        let event = format!("license.{event}");
        let happened = of.happened(&site, &event).await;
        assert_eq!((happened.len(), told(&site, &event)), (1, 1), "{event}");
        assert_eq!(happened[0]["note"], "a stolen card");
        assert!(
            happened[0]["actor"]
                .as_str()
                .is_some_and(|by| by.starts_with("key_"))
        );
    }
    let row = read(&site, &format!("/v1/licenses/{}", held.id)).await;
    assert_eq!(
        (&row["status"], &row["reason"]),
        (&json!("suspended"), &json!("a stolen card"))
    );

    let unknown =
        TokenSigner::new(&SEED, &KEYED_WITH, PUBLIC, PUBLIC).key_of(nobody_s_license().uuid());
    let before = books.dump().await;
    let mut bodies = Vec::new();
    for key in ["", "LK-garbage", &held.id, &unknown, &held.key, &other.key] {
        for wish in [
            json!({ "plan": "bridge" }),
            json!({ "plan": "nosuch" }),
            json!({ "price": "bridge-old" }),
        ] {
            for path in ["/v1/upgrade-quote", "/v1/upgrade"] {
                let mut body = wish.clone();
                body["license_key"] = key.into();
                let refused = site.post_as("", path, &body).await;
                refused.refused(StatusCode::UNAUTHORIZED, "unauthorized");
                let mut body = refused.json();
                body["instance"].take();
                bodies.push((body, refused.header("www-authenticate").to_owned()));
            }
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(differing(&before, &books.dump().await), []);
    // Whoever bought it is told why nothing comes.
    let body = json!({ "checkout_secret": held.secret });
    ended(&site.post_as("", EXCHANGE, &body).await, "suspended");

    acts(&site, &held.id, "reinstate").await.is(StatusCode::OK);
    held.quote(&site, json!({ "plan": "bridge" })).await;
    let wish = json!({ "plan": "nosuch" });
    let missing = held.asks(&site, "/v1/upgrade-quote", &wish).await;
    missing.refused(StatusCode::NOT_FOUND, "not_found");
    ends_well(&site).await;
}
