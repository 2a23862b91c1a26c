//! What is another's, what there is not, and what proves nothing take the same work: as
//! many calls of the store, of each kind, so that no answer tells by its time which it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use billing_testkit::MemoryStore;
use billing_testkit::memory::Call;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::harbor::{Held, PAGES, bought, over, read, text};
use crate::rig::Site;

/// How often the store was called for one request; the first of a kind warms nothing up.
async fn calls(
    site: &Site,
    books: &MemoryStore,
    (who, path, body): (&str, &str, &Value),
    refused: StatusCode,
) -> BTreeMap<Call, u64> {
    let before = books.calls();
    let seen = site.post_as(who, path, body).await;
    assert_eq!(seen.status, refused, "{body}: {}", seen.text);
    let mut after = books.calls();
    for (call, times) in before {
        *after.get_mut(&call).unwrap() -= times;
    }
    after.retain(|_, times| *times > 0);
    after
}

async fn alike(
    site: &Site,
    books: &MemoryStore,
    path: &str,
    asked: &[(&str, Value)],
    refused: StatusCode,
) {
    // What is the same for whoever asks first is held from then on.
    let (who, body) = &asked[0];
    calls(site, books, (who, path, body), refused).await;
    let mut first = None;
    for (who, body) in asked {
        let made = calls(site, books, (who, path, body), refused).await;
        assert!(
            made.get(&Call::Load).is_some_and(|times| *times > 0),
            "{made:?}"
        );
        assert_eq!(
            first.get_or_insert_with(|| made.clone()),
            &made,
            "{path} {body}"
        );
    }
}

/// Another digit at this place of a name.
fn altered(name: &str, place: usize) -> String {
    let mut digits: Vec<char> = name.chars().collect();
    digits[place] = if digits[place] == '0' { '1' } else { '0' };
    digits.into_iter().collect()
}

async fn invoice_of(site: &Site, held: &Held) -> Value {
    let url = format!("/v1/invoices?customer={}", held.customer);
    read(site, &url).await["data"][0]["id"].clone()
}

/// The checkout that a secret is of.
fn checkout_of(held: &Held) -> String {
    let digits = &held.secret[3..][..32];
    format!("chk_{digits}")
}

/// K-23: recovering a key.
#[tokio::test]
async fn recovering_takes_the_same_work_whatever_is_wrong() {
    let books = Arc::new(MemoryStore::new());
    let site = over(Arc::clone(&books) as _, PAGES, None).await;
    let (ana, ben) = (
        bought(&site, "deck-monthly").await,
        bought(&site, "buoy-sats").await,
    );
    let (of_ana, of_ben) = (invoice_of(&site, &ana).await, invoice_of(&site, &ben).await);
    let asks = |invoice: Value, email: &str| ("", json!({ "invoice": invoice, "email": email }));
    let none = altered(&text(&of_ana), 10);
    let asked = [
        asks(of_ana.clone(), "nobody@buyers.test"),
        asks(of_ben, "ana@buyers.test"),
        asks(of_ana.clone(), "no address"),
        asks(json!(none), "ana@buyers.test"),
        asks(json!("inv_garbage"), "ana@buyers.test"),
        asks(json!(ana.id), "ana@buyers.test"),
    ];
    alike(&site, &books, "/v1/recover", &asked, StatusCode::NOT_FOUND).await;
}

/// H-05: exchanging, by a secret and by a session.
#[tokio::test]
async fn exchanging_takes_the_same_work_whatever_is_wrong() {
    let books = Arc::new(MemoryStore::new());
    let site = over(Arc::clone(&books) as _, PAGES, None).await;
    let (ana, ben) = (
        bought(&site, "deck-monthly").await,
        bought(&site, "buoy-sats").await,
    );
    let path = "/v1/licenses/exchange";
    let last = ana.secret.len() - 1;
    let other = checkout_of(&ben);
    let by_secret = |secret: &str| ("", json!({ "checkout_secret": secret }));
    let both = |checkout: &str| {
        (
            "",
            json!({ "checkout_secret": ana.secret, "checkout": checkout }),
        )
    };
    let asked = [
        by_secret(&altered(&ana.secret, last)),
        by_secret(&altered(&ana.secret, 10)),
        by_secret("garbage"),
        both(&other),
        both(&altered(&other, 10)),
        both("garbage"),
    ];
    alike(&site, &books, path, &asked, StatusCode::UNAUTHORIZED).await;
    let session = site.session(&ana.customer).await;
    let by_session = |checkout: &str| (session.as_str(), json!({ "checkout": checkout }));
    let asked = [
        by_session(&other),
        by_session(&altered(&other, 10)),
        by_session("garbage"),
    ];
    alike(&site, &books, path, &asked, StatusCode::NOT_FOUND).await;
}
