//! The hourly reading of Stripe's books: what is listed there, and what is held here and
//! was not listed.

use billing_domain::provider::ProviderAccount;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{Book, Bookmark};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::json;

use super::shop::{Shop, Sold, days, shop, sold};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// what is due is listed though looking for what was not is to go on, and what
    /// is not due is not.
    x_10_what_is_due_is_listed_whatever_is_looked_for;
    /// looking goes on behind those that cannot be read.
    x_10_looking_goes_on_behind_what_cannot_be_read;
}

fn stripe() -> ProviderAccount {
    "stripe/main".parse().unwrap()
}

async fn place(shop: &Shop) -> Option<Bookmark> {
    let account = stripe();
    let place = shop.store.get_bookmark(&account, Book::Held);
    place.await.unwrap()
}

/// Another process, which had read the book, was cut off before it had looked at the
/// first of ours.
async fn cut_off(shop: &Shop) {
    let begun = Bookmark {
        next: Some(String::new()),
        since: shop.now(),
        begun_at: shifted(shop.now(), SignedDuration::from_mins(-30)),
    };
    let account = stripe();
    let put = shop.store.put_bookmark(&account, Book::Held, &begun);
    put.await.unwrap();
}

/// The hour comes, and the books are read until all was looked at, or a part of it.
async fn reads_books(shop: &Shop, to_the_end: bool) {
    let is_over = |now: Timestamp| async move {
        let place = place(shop).await;
        place.is_some_and(|mark| mark.since == now && mark.next.is_none() == to_the_end)
    };
    shop.reads_books(is_over).await;
}

/// How often Stripe was asked for all, and for each of these.
fn asked(shop: &Shop, each: &[Sold]) -> (usize, Vec<usize>) {
    let times = |path: &str| shop.fake.requests().to("GET", path).len();
    let of = |held: &Sold| times(&format!("/v1/subscriptions/{}", held.subscription));
    (times("/v1/subscriptions"), each.iter().map(of).collect())
}

async fn x_10_what_is_due_is_listed_whatever_is_looked_for(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = [sold(&shop, "ana", "bosun-monthly").await];
    // What was never listed is due.
    shop.fake.requests().clear();
    reads_books(&shop, true).await;
    assert_eq!(asked(&shop, &held), (1, vec![0]), "it is on the list");
    // An hour later nothing is, but a place is left.
    cut_off(&shop).await;
    reads_books(&shop, true).await;
    assert_eq!(asked(&shop, &held), (1, vec![1]), "it is looked at alone");
    // A day later it is due, and a place is left.
    shop.pass(days(1)).await;
    cut_off(&shop).await;
    reads_books(&shop, true).await;
    assert_eq!(asked(&shop, &held), (2, vec![1]), "it is on the list");
    shop.ends_well().await;
}

async fn x_10_looking_goes_on_behind_what_cannot_be_read(kind: StoreKind) {
    let shop = shop(kind).await;
    let mut held = Vec::new();
    for who in ["ana", "ben", "cleo", "dan", "eve", "fay"] {
        held.push(sold(&shop, who, "bosun-monthly").await);
    }
    // Ours are looked through from the newest on.
    held.sort_by(|one, other| other.id.cmp(&one.id));
    reads_books(&shop, true).await;
    shop.fake.requests().clear();
    cut_off(&shop).await;
    let refusal = FaultKind::Fixed {
        status: 400,
        body: json!({ "error": { "type": "invalid_request_error", "code": "not_today" } }),
    };
    let five = Fault::next(refusal)
        .on("GET", "/v1/subscriptions/")
        .times(5);
    shop.fake.fault(five);
    reads_books(&shop, false).await;
    assert_eq!(asked(&shop, &held), (0, vec![1, 1, 1, 1, 1, 0]));
    let kept = place(&shop).await.unwrap().next;
    assert_eq!(kept.as_deref(), Some(held[4].id.as_str()));
    reads_books(&shop, true).await;
    assert_eq!(asked(&shop, &held), (0, vec![1; 6]), "none of them again");
    shop.ends_well().await;
}
