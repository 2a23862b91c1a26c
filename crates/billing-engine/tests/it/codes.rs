//! Discount codes: a use is reserved before its checkout, counted when it is
//! paid, and free again when it is not.

use billing_domain::discount::{CodeRefusal, Gives, Reduction};
use billing_domain::ids::DiscountCodeId;
use billing_engine::{CheckoutError, CheckoutRequest, CodeError, NewCode};
use billing_ports::store::PageAsk;
use jiff::SignedDuration;

use crate::rig::{Act, Rig, ask, eur, paid};

fn half(uses: Option<u32>) -> NewCode {
    NewCode {
        code: "Half".to_owned(),
        gives: Gives::Reduction(Reduction::Percent {
            basis_points: 5_000,
        }),
        plans: Vec::new(),
        cycles: Some(1),
        max_uses: uses,
        expires_at: None,
    }
}

fn with_code(who: &str, price: &str, code: &str) -> CheckoutRequest {
    CheckoutRequest {
        code: Some(code.to_owned()),
        ..ask(who, price)
    }
}

async fn uses(rig: &Rig, id: DiscountCodeId) -> (u32, u32) {
    let page = PageAsk {
        after: None,
        limit: 10,
    };
    let codes = rig.billing.list_codes(page).await.unwrap().rows;
    let row = codes.into_iter().find(|row| row.code.id == id).unwrap();
    (row.used, row.reserved)
}

#[tokio::test]
async fn a_code_takes_off_what_it_says_and_its_use_is_counted_when_paid() {
    let rig = Rig::new().await;
    let customer = rig.customer("ana").await;
    let code = rig.billing.create_code(half(Some(1))).await.unwrap();
    let opened = rig
        .billing
        .checkout(with_code("ana", "pro-monthly", " half "))
        .await
        .unwrap();
    assert_eq!(uses(&rig, code.id).await, (0, 1));
    rig.tell(vec![paid(&opened, 450, rig.clock_now())]).await;
    rig.work().await;
    assert_eq!(uses(&rig, code.id).await, (1, 0));
    let account = rig.account(customer);
    let held = account.subscriptions.first().unwrap();
    assert_eq!(held.paid.first().unwrap().charged, eur(450));
    // The second cycle is charged in full.
    assert_eq!(held.terms.priced(1).unwrap().rate, eur(900));
}

#[tokio::test]
async fn two_racing_for_the_last_use_one_wins() {
    let rig = Rig::new().await;
    let code = rig.billing.create_code(half(Some(1))).await.unwrap();
    rig.customer("ana").await;
    rig.customer("bob").await;
    let (ana, bob) = tokio::join!(
        rig.billing
            .checkout(with_code("ana", "pro-monthly", "HALF")),
        rig.billing
            .checkout(with_code("bob", "pro-monthly", "HALF")),
    );
    let won = [&ana, &bob].iter().filter(|opened| opened.is_ok()).count();
    assert_eq!(won, 1);
    let lost = [ana, bob].into_iter().find_map(Result::err).unwrap();
    assert_eq!(lost, CheckoutError::Code(CodeRefusal::UsedUp));
    assert_eq!(uses(&rig, code.id).await, (0, 1));
}

#[tokio::test]
async fn a_checkout_that_expires_or_is_never_begun_gives_its_use_back() {
    let rig = Rig::new().await;
    let code = rig.billing.create_code(half(Some(1))).await.unwrap();
    let nobody = rig
        .billing
        .checkout(with_code("nobody", "pro-monthly", "HALF"))
        .await;
    assert_eq!(nobody.unwrap_err(), CheckoutError::NoSuchCustomer);
    assert_eq!(uses(&rig, code.id).await, (0, 0));
    rig.customer("ana").await;
    rig.provider.next([Act::Refuse]);
    let refused = rig
        .billing
        .checkout(with_code("ana", "pro-monthly", "HALF"))
        .await;
    assert_eq!(refused.unwrap_err(), CheckoutError::Provider);
    rig.work().await;
    assert_eq!(uses(&rig, code.id).await, (0, 0));
    rig.billing
        .checkout(with_code("ana", "pro-monthly", "HALF"))
        .await
        .unwrap();
    assert_eq!(uses(&rig, code.id).await, (0, 1));
    rig.pass(SignedDuration::from_hours(25));
    rig.work().await;
    assert_eq!(uses(&rig, code.id).await, (0, 0));
}

#[tokio::test]
async fn a_use_that_was_paid_stays_taken_however_late_it_is_told() {
    let rig = Rig::new().await;
    let code = rig.billing.create_code(half(Some(1))).await.unwrap();
    rig.customer("ana").await;
    rig.customer("bob").await;
    let asked = with_code("ana", "pro-monthly", "HALF");
    let opened = rig.billing.checkout(asked).await.unwrap();
    let told = paid(&opened, 450, rig.clock_now());
    // No worker runs for days, and nobody has decided what the page came to.
    rig.pass(SignedDuration::from_hours(5 * 24));
    let asked = with_code("bob", "pro-monthly", "HALF");
    let refused = rig.billing.checkout(asked).await.unwrap_err();
    assert_eq!(refused, CheckoutError::Code(CodeRefusal::UsedUp));
    rig.tell(vec![told]).await;
    rig.work().await;
    assert_eq!(uses(&rig, code.id).await, (1, 0));
}

#[tokio::test]
async fn a_page_that_cannot_be_closed_because_it_was_paid_is_honored() {
    let rig = Rig::new().await;
    let code = rig.billing.create_code(half(Some(1))).await.unwrap();
    let customer = rig.customer("ana").await;
    let asked = with_code("ana", "pro-monthly", "HALF");
    let opened = rig.billing.checkout(asked).await.unwrap();
    // Its webhook is lost for ever.
    rig.provider.has(paid(&opened, 450, rig.clock_now()));
    rig.provider.next([Act::Refuse]);
    rig.pass(SignedDuration::from_hours(25));
    rig.work().await;
    assert_eq!(rig.account(customer).subscriptions.len(), 1);
    assert_eq!(uses(&rig, code.id).await, (1, 0));
}

#[tokio::test]
async fn a_full_discount_asks_no_provider() {
    let rig = Rig::new().await;
    let customer = rig.customer("ana").await;
    let gift = NewCode {
        code: "GIFT".to_owned(),
        gives: Gives::FreeLicense,
        cycles: None,
        ..half(None)
    };
    rig.billing.create_code(gift).await.unwrap();
    let opened = rig
        .billing
        .checkout(with_code("ana", "pro-monthly", "gift"))
        .await
        .unwrap();
    assert!(opened.completed && opened.url.is_none());
    assert!(rig.provider.calls().is_empty());
    let account = rig.account(customer);
    assert!(
        account
            .subscriptions
            .first()
            .unwrap()
            .gives_access(rig.clock_now())
    );
}

#[tokio::test]
async fn codes_are_refused_with_their_reason() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    let only_team = NewCode {
        plans: vec!["team".parse().unwrap()],
        expires_at: Some(rig.clock_now() + SignedDuration::from_hours(1)),
        ..half(None)
    };
    let code = rig.billing.create_code(only_team.clone()).await.unwrap();
    assert_eq!(
        rig.billing.create_code(only_team).await,
        Err(CodeError::Exists)
    );
    let refused = async |typed: &str, price: &str| {
        let asked = with_code("ana", price, typed);
        let error = rig.billing.checkout(asked).await.unwrap_err();
        let CheckoutError::Code(refusal) = error else {
            panic!("{error}");
        };
        refusal
    };
    assert_eq!(refused("nope", "pro-monthly").await, CodeRefusal::Unknown);
    assert_eq!(
        refused("HALF", "pro-monthly").await,
        CodeRefusal::NotForThis
    );
    rig.pass(SignedDuration::from_hours(1));
    assert_eq!(refused("HALF", "team-monthly").await, CodeRefusal::Unknown);
    rig.billing.retire_code(code.id).await.unwrap();
    assert_eq!(
        rig.billing.retire_code(code.id).await,
        Err(CodeError::NotFound)
    );
}

#[tokio::test]
async fn a_code_that_makes_no_sense_is_not_made() {
    let rig = Rig::new().await;
    let percent = |basis_points| Gives::Reduction(Reduction::Percent { basis_points });
    let fixed = |cents| Gives::Reduction(Reduction::Fixed { amount: eur(cents) });
    let long = "X".repeat(65);
    for (new, error) in [
        (
            NewCode {
                code: "  ".to_owned(),
                ..half(None)
            },
            CodeError::BadText,
        ),
        (
            NewCode {
                code: "A B".to_owned(),
                ..half(None)
            },
            CodeError::BadText,
        ),
        (
            NewCode {
                code: long,
                ..half(None)
            },
            CodeError::BadText,
        ),
        (
            NewCode {
                gives: percent(0),
                ..half(None)
            },
            CodeError::BadAmount,
        ),
        (
            NewCode {
                gives: percent(10_001),
                ..half(None)
            },
            CodeError::BadAmount,
        ),
        (
            NewCode {
                gives: fixed(0),
                ..half(None)
            },
            CodeError::BadAmount,
        ),
        (
            NewCode {
                gives: fixed(-1),
                ..half(None)
            },
            CodeError::BadAmount,
        ),
        (
            NewCode {
                cycles: Some(0),
                ..half(None)
            },
            CodeError::BadAmount,
        ),
        (half(Some(0)), CodeError::BadAmount),
        (
            NewCode {
                plans: vec!["nope".parse().unwrap()],
                ..half(None)
            },
            CodeError::NoSuchPlan("nope".parse().unwrap()),
        ),
    ] {
        assert_eq!(
            rig.billing.create_code(new.clone()).await,
            Err(error),
            "{new:?}"
        );
    }
}
