//! Licenses: verified in an application, against the bare check of the signature; and
//! validated over HTTP, against a route that does nothing else than that check.

use std::hint::black_box;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use billing::Billing;
use billing::system::{SystemClock, SystemIds};
use billing_domain::customer::Account;
use billing_domain::ids::IdSeq;
use billing_domain::license::{License, LicenseState};
use billing_domain::time::{Timestamp, days, shifted, to_micros};
use billing_license::{Claims, Expected, KeySet, SigningKey, sign, verify};
use billing_ports::store::Store;
use billing_ports::{Clock, IdSource, LicenseSigner};
use billing_server::{ApiOptions, AppState, RateOptions, TokenSigner, api_routes};
use billing_testkit::fixtures::{creation, due_subscriber};
use bytes::Bytes;
use ed25519_dalek::{Signature, VerifyingKey};
use poem::http::StatusCode;
use poem::test::TestClient;
use poem::{Request, Response, Result, Route, post};
use serde::Deserialize;
use serde_json::json;

use crate::Size;
use crate::fill::catalog;
use crate::floor::watched;
use crate::load::{CONNECTIONS, request, side_by_side};
use crate::provider::PaidAtOnce;
use crate::serve::Server;
use crate::stores::{Folder, NO_SERVER, postgres, server, sqlite};
use crate::table::{Row, Verdict, hundredths, in_hundredths, median, now};

/// Hundredths of the bare check's time that verifying a license may take.
const WANTED_TIME: u64 = 130;

/// Hundredths of the rate of the route that does the bare check alone.
const WANTED_RATE: u64 = 70;

/// Rounds of verifying; the median is taken.
const ROUNDS: usize = 9;

/// Licenses that are asked about in turn.
const LICENSES: u64 = 500;

/// Where licenses are validated.
const PATH: &str = "/v1/validate";

/// What everything is signed with, and by whom.
const SEED: [u8; 32] = [7; 32];
const ISSUER: &str = "https://billing.example";

/// A license, verified in an application, in nanoseconds.
pub(crate) fn verified(size: Size) -> Vec<Row> {
    let key = SigningKey::from_seed(&SEED);
    let at = SystemClock.now().as_second();
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: "harbor".to_owned(),
        sub: "cus_01kdxj7e6s7c9v0m3n4p5q6r8t".to_owned(),
        jti: "lic_01kdxj7e6s7c9v0m3n4p5q6r8t".to_owned(),
        iat: at,
        exp: Some(at + 30 * 86_400),
        serial: 3,
        plan: "bosun".to_owned(),
        seats: Some(5),
        entitlements: [
            ("sso".to_owned(), true.into()),
            ("boats".to_owned(), 12.into()),
        ]
        .into(),
        refresh_url: Some(format!("{ISSUER}/v1/licenses/refresh")),
    };
    let token = sign(&claims, &key).unwrap();
    let keys = KeySet::from_iter([key.verifying_key().clone()]);
    let expected = Expected {
        issuer: ISSUER,
        audience: Some("harbor"),
        customer: None,
    };
    let bare = Bare::new(&key);
    let (signed, signature) = Bare::taken_apart(&token).unwrap();
    let calls: u32 = size.pick(5_000, 500);
    let (mut ours, mut floor, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let verifying = each(calls, || {
            black_box(verify(black_box(&token), &keys, &expected, at)).unwrap();
        });
        let checking = each(calls, || {
            assert!(black_box(bare.accepts(black_box(signed), &signature)));
        });
        ours.push(verifying);
        floor.push(checking);
        ratios.push(in_hundredths(verifying, checking));
    }
    let ratio = median(ratios.into_iter());
    vec![Row {
        what: "a license verified, in an application".to_owned(),
        measured: format!("{} ns", median(ours.into_iter())),
        floor: format!("{} ns", median(floor.into_iter())),
        ratio: hundredths(ratio),
        wanted: format!("≤ {}", hundredths(WANTED_TIME)),
        verdict: Verdict::of(ratio <= WANTED_TIME),
    }]
}

/// Nanoseconds of one call.
fn each(calls: u32, mut call: impl FnMut()) -> u64 {
    let began = now();
    for _ in 0..calls {
        call();
    }
    let each = began.elapsed().as_nanos() / u128::from(calls);
    u64::try_from(each).unwrap()
}

/// Licenses validated over HTTP, on PostgreSQL and on SQLite.
pub(crate) async fn validated(size: Size) -> Vec<Row> {
    let what =
        |store| format!("licenses validated by their token, {store}, {CONNECTIONS} connections");
    let mut rows = match server() {
        None => Row::skipped(&what("PostgreSQL"), NO_SERVER),
        Some(server) => {
            let (_, store) = postgres(&server).await;
            vec![compare(what("PostgreSQL"), Arc::new(store), size).await]
        }
    };
    let folder = Folder::fresh();
    let store = Arc::new(sqlite(&folder, "ours.db").await);
    rows.push(compare(what("SQLite"), store, size).await);
    rows
}

async fn compare(what: String, store: Arc<dyn Store>, size: Size) -> Row {
    let signer = Arc::new(TokenSigner::new(&SEED, &[4; 32], ISSUER, ISSUER));
    let accounts = licensed(store.as_ref()).await;
    let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
    let billing = Billing::builder(store, Arc::new(SystemClock), Arc::clone(&ids))
        .provider(Arc::new(PaidAtOnce::new(SystemClock.now())))
        .build()
        .unwrap();
    let mut bodies = Vec::with_capacity(accounts.len());
    for account in &accounts {
        let license = account.licenses.first().unwrap().id;
        let held = billing.license(license).await.unwrap().unwrap();
        let billing::LicenseStanding::Good(claims) = held.standing else {
            panic!("a license that is not good");
        };
        let token = signer.sign(&claims).unwrap();
        bodies.push(json!({ "token": token }).to_string());
    }
    let options = ApiOptions {
        public_url: ISSUER.to_owned(),
        // All come from one address.
        rates: RateOptions {
            public_posts_per_minute: 0,
            ..RateOptions::default()
        },
        ..ApiOptions::default()
    };
    let state = AppState::new(billing, ids, options).with_license_signer(signer);
    says_yes(&state, bodies.first().unwrap()).await;
    let ours = Server::start(api_routes(state)).await;
    let floor = Server::start(watched(bare_route())).await;
    let asks: Vec<Bytes> = bodies.iter().map(|body| ask(body)).collect();
    let requests = |count| asks.iter().cycle().take(count).cloned().collect();
    let addresses = [ours.address, floor.address];
    let count = size.pick(20_000, 2_000);
    let rounds = side_by_side(addresses, size, count, requests, requests).await;
    Row::rates(what, &rounds, WANTED_RATE)
}

/// Subscribers in the middle of a paid month, each with a license.
async fn licensed(store: &dyn Store) -> Vec<Account> {
    let at: Timestamp = to_micros(SystemClock.now());
    store
        .apply_catalog(&catalog(), 0, at)
        .await
        .unwrap()
        .unwrap();
    let mut ids = IdSeq::new(at, SystemIds.seed());
    let mut accounts = Vec::new();
    for number in 0..LICENSES {
        let mut account = due_subscriber(number, shifted(at, days(15)));
        let subscription = account.subscriptions.first().unwrap().id;
        account.put_license(License {
            id: ids.draw(),
            subscription,
            serial: 0,
            state: LicenseState::Good,
            issued_at: at,
            machines: Vec::new(),
        });
        store.commit(creation(&account, at)).await.unwrap();
        accounts.push(account);
    }
    accounts
}

/// An answer that is no `200` ends the measurement; one that says no would not.
async fn says_yes(state: &AppState, body: &str) {
    let client = TestClient::new(api_routes(state.clone()));
    let asked = client.post(PATH).content_type("application/json");
    let answer = asked.body(body.to_owned()).send().await;
    answer.assert_status_is_ok();
    let said: serde_json::Value =
        serde_json::from_str(&answer.0.into_body().into_string().await.unwrap()).unwrap();
    assert_eq!(said["ok"], true, "{said}");
}

fn ask(body: &str) -> Bytes {
    let headers = [("content-type", "application/json")];
    request(&format!("POST {PATH}"), &headers, body.as_bytes())
}

/// The signature's check, and nothing else.
struct Bare(VerifyingKey);

impl Bare {
    fn new(key: &SigningKey) -> Self {
        let bytes = key.verifying_key().to_bytes();
        Self(VerifyingKey::from_bytes(&bytes.try_into().unwrap()).unwrap())
    }

    /// What is signed, and its signature.
    fn taken_apart(token: &str) -> Option<(&str, Signature)> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some((signed, Signature::from_slice(&signature).ok()?))
    }

    fn accepts(&self, signed: &str, signature: &Signature) -> bool {
        self.0.verify_strict(signed.as_bytes(), signature).is_ok()
    }
}

/// A route that checks the signature of the token that it is shown.
fn bare_route() -> Route {
    #[derive(Deserialize)]
    struct Shown {
        token: String,
    }

    let bare = Arc::new(Bare::new(&SigningKey::from_seed(&SEED)));
    let route = poem::endpoint::make(move |mut request: Request| {
        let bare = Arc::clone(&bare);
        async move {
            let body = request.take_body().into_bytes().await?;
            let Ok(Shown { token }) = serde_json::from_slice(&body) else {
                return Ok(StatusCode::BAD_REQUEST.into());
            };
            let genuine = Bare::taken_apart(&token)
                .is_some_and(|(signed, signature)| bare.accepts(signed, &signature));
            Result::<Response>::Ok(if genuine {
                Response::builder()
                    .content_type("application/json; charset=utf-8")
                    .body(r#"{"ok":true}"#)
            } else {
                StatusCode::UNAUTHORIZED.into()
            })
        }
    });
    Route::new().at(PATH, post(route))
}
