//! Discount codes: unique texts, and never more uses than are allowed.

use billing_domain::discount::DiscountCode;
use billing_domain::ids::{CheckoutId, DiscountCodeId};
use billing_domain::time::Timestamp;
use billing_ports::Store;
use billing_ports::store::{CodeUses, PageAsk, StoreError};

use super::read::read_all;
use super::support::{CALLERS, PLENTY, second, together};
use crate::fixtures::Maker;

/// When the reservations of these tests end, in seconds.
const UNTIL: i64 = 60;

/// How often each race is run: a pool opens its connections one by one, and
/// callers meet for certain only once all of them are open.
const ROUNDS: usize = 4;

/// "The text of a code MUST be unique among codes that are not retired", and
/// every field comes back.
pub async fn a_code_is_unique_until_it_is_retired(store: &dyn Store) {
    let mut make = Maker::new(1);
    let first = make.discount_code("SPRING", Some(3));
    assert_eq!(store.find_code("SPRING").await, Ok(None));
    assert_eq!(store.create_code(&first).await, Ok(true));
    let second_one = make.discount_code("SPRING", None);
    assert_eq!(store.create_code(&second_one).await, Ok(false));
    assert_eq!(store.find_code("SPRING").await, Ok(Some(first.clone())));
    assert_eq!(store.find_code("SPRIN").await, Ok(None));

    assert_eq!(store.retire_code(make.id(), second(1)).await, Ok(false));
    assert_eq!(store.retire_code(first.id, second(1)).await, Ok(true));
    assert_eq!(store.retire_code(first.id, second(2)).await, Ok(false));
    assert_eq!(store.find_code("SPRING").await, Ok(None));
    assert_eq!(store.create_code(&second_one).await, Ok(true));
    let found = store.find_code("SPRING").await;
    assert_eq!(found, Ok(Some(second_one.clone())));
    let retired = DiscountCode {
        retired_at: Some(second(1)),
        ..first
    };
    let listed = list(store, second(3)).await;
    let codes: Vec<_> = listed.into_iter().map(|held| held.code).collect();
    assert_eq!(codes, [second_one, retired]);
}

/// "The text of a code MUST be unique": of many that make one at the same
/// instant, one does.
pub async fn of_many_codes_at_once_one_gets_the_text(store: &dyn Store) {
    let mut make = Maker::new(2);
    let codes: Vec<_> = (0..CALLERS)
        .map(|_| make.discount_code("ONCE", None))
        .collect();
    let tried = together(CALLERS, |caller| {
        let code = &codes[caller];
        async move { (code.id, store.create_code(code).await) }
    });
    let won = winners(tried);
    assert_eq!(won.len(), 1);
    let found = store.find_code("ONCE").await.expect("the store answers");
    assert_eq!(found.map(|code| code.id), won.first().copied());
}

/// "`reserve` MUST never let more uses be counted and reserved together than the
/// code allows, whoever asks at the same time."
pub async fn of_many_checkouts_at_once_one_gets_the_last_use(store: &dyn Store) {
    let mut make = Maker::new(3);
    for allowed in [1, 5].repeat(ROUNDS) {
        let code = made(store, &mut make, Some(allowed)).await;
        let checkouts: Vec<CheckoutId> = (0..CALLERS + 4).map(|_| make.id()).collect();
        let tried = together(checkouts.len(), |caller| {
            let checkout = checkouts[caller];
            async move { (checkout, reserve(store, code, checkout, 0).await) }
        });
        let tried = tried.into_iter().map(|(id, won)| (id, Ok(won))).collect();
        let won = winners(tried);
        assert_eq!(won.len(), usize::try_from(allowed).expect("a few"));
        assert_eq!(uses(store, code, 0).await, (0, allowed));
    }
}

/// "A reservation whose time is over MUST count for nothing, by itself", and
/// "counts the use of a checkout for good (even when its reservation is over)".
pub async fn a_reservation_that_is_over_counts_for_nothing(store: &dyn Store) {
    let mut make = Maker::new(4);
    let code = made(store, &mut make, Some(1)).await;
    let (late, prompt): (CheckoutId, CheckoutId) = (make.id(), make.id());
    assert!(reserve(store, code, late, 0).await);
    assert!(!reserve(store, code, prompt, UNTIL - 1).await);
    assert_eq!(uses(store, code, UNTIL - 1).await, (0, 1));
    assert_eq!(uses(store, code, UNTIL).await, (0, 0), "over at its end");
    assert!(reserve(store, code, prompt, UNTIL).await);
    assert!(
        !reserve(store, code, late, UNTIL).await,
        "its time was over"
    );
    assert_eq!(uses(store, code, UNTIL).await, (0, 1));

    settle(store, code, late, true).await;
    assert_eq!(uses(store, code, UNTIL).await, (1, 1), "it was paid");
    settle(store, code, prompt, false).await;
    assert!(!reserve(store, code, prompt, UNTIL).await, "used up");
}

/// "Reserving again for the same checkout is the same reservation."
pub async fn a_checkout_reserves_one_use(store: &dyn Store) {
    let mut make = Maker::new(5);
    let code = made(store, &mut make, Some(2)).await;
    let checkout: CheckoutId = make.id();
    for now in [0, 1, UNTIL - 1] {
        assert!(reserve(store, code, checkout, now).await);
        assert_eq!(uses(store, code, now).await, (0, 1));
    }
    assert_eq!(uses(store, code, UNTIL).await, (0, 0), "no longer for that");
    assert!(reserve(store, code, checkout, UNTIL).await);
    assert_eq!(uses(store, code, UNTIL).await, (0, 1), "reserved anew");
    let nobodys: DiscountCodeId = make.id();
    assert!(!reserve(store, nobodys, checkout, 0).await, "no such code");
    let unlimited = made(store, &mut make, None).await;
    for _ in 0..5 {
        let checkout: CheckoutId = make.id();
        assert!(reserve(store, unlimited, checkout, 0).await);
    }
    assert_eq!(uses(store, unlimited, 0).await, (0, 5));
}

/// "Counts the use of a checkout for good, or gives it back. May be repeated; a
/// counted use stays counted."
pub async fn a_counted_use_stays_counted(store: &dyn Store) {
    let mut make = Maker::new(6);
    let code = made(store, &mut make, Some(2)).await;
    let (paid, given_back): (CheckoutId, CheckoutId) = (make.id(), make.id());
    for checkout in [paid, given_back] {
        assert!(reserve(store, code, checkout, 0).await);
    }
    for _ in 0..2 {
        settle(store, code, paid, true).await;
        assert_eq!(uses(store, code, 0).await, (1, 1));
    }
    settle(store, code, paid, false).await;
    assert_eq!(uses(store, code, 0).await, (1, 1));
    assert!(reserve(store, code, paid, 0).await, "it has its use");
    for _ in 0..2 {
        settle(store, code, given_back, false).await;
        assert_eq!(uses(store, code, 0).await, (1, 0));
    }
    let other: CheckoutId = make.id();
    assert!(reserve(store, code, other, 0).await, "a use is free again");
    assert_eq!(uses(store, code, UNTIL * 100).await, (1, 0), "for good");
}

/// "Codes, newest first, each with its uses at `now`."
pub async fn codes_are_listed_page_by_page(store: &dyn Store) {
    let mut make = Maker::new(7);
    let mut expected = Vec::new();
    for count in 0..7_u32 {
        let code = make.discount_code(&format!("CODE{count}"), None);
        assert_eq!(store.create_code(&code).await, Ok(true));
        for place in 0..count {
            let checkout: CheckoutId = make.id();
            assert!(reserve(store, code.id, checkout, 0).await);
            if place < 2 {
                settle(store, code.id, checkout, true).await;
            }
        }
        expected.push(CodeUses {
            code,
            used: count.min(2),
            reserved: count.saturating_sub(2),
        });
    }
    expected.reverse();
    let list = async |page| store.list_codes(page, second(0)).await;
    let rows = read_all(list, |held| held.code.id.uuid()).await;
    assert_eq!(rows, expected);
}

async fn made(store: &dyn Store, make: &mut Maker, max_uses: Option<u32>) -> DiscountCodeId {
    let text = make.text("CODE");
    let code = make.discount_code(&text, max_uses);
    assert_eq!(store.create_code(&code).await, Ok(true));
    code.id
}

/// Reserves until [`UNTIL`], or as long again when that is over.
async fn reserve(store: &dyn Store, code: DiscountCodeId, checkout: CheckoutId, now: i64) -> bool {
    let until = if now < UNTIL { UNTIL } else { UNTIL * 2 };
    let reserved = store.reserve_code(code, checkout, second(until), second(now));
    reserved.await.expect("the store answers")
}

async fn settle(store: &dyn Store, code: DiscountCodeId, checkout: CheckoutId, used: bool) {
    assert_eq!(store.settle_code(code, checkout, used).await, Ok(()));
}

/// Uses that count and that are reserved, in some second.
async fn uses(store: &dyn Store, code: DiscountCodeId, now: i64) -> (u32, u32) {
    let listed = list(store, second(now)).await;
    let held = listed.into_iter().find(|held| held.code.id == code);
    let held = held.expect("the code is known");
    (held.used, held.reserved)
}

async fn list(store: &dyn Store, now: Timestamp) -> Vec<CodeUses> {
    let page = PageAsk {
        after: None,
        limit: PLENTY,
    };
    let listed = store.list_codes(page, now).await;
    listed.expect("the store answers").rows
}

fn winners<Id>(tried: Vec<(Id, Result<bool, StoreError>)>) -> Vec<Id> {
    let won = tried
        .into_iter()
        .filter_map(|(id, won)| won.expect("the store answers").then_some(id));
    won.collect()
}
