//! Quoting and accepting changes: the ring in the foreground. What a change
//! costs is the rules' business, and tested there.

use billing_domain::change::ChangeState;
use billing_domain::fact::Fact;
use billing_domain::ids::{CustomerId, SubscriptionId};
use billing_domain::quote::Quote;
use billing_engine::{ChangeAsk, ChangeError, Force, QuoteError, QuoteRefusal};
use jiff::SignedDuration;

use billing_testkit::memory::{Call, Fault};

use crate::rig::{Act, Rig, eur, seen, shop_with};

fn to(subscription: SubscriptionId, plan: &str) -> ChangeAsk {
    ChangeAsk {
        subscription,
        plan: Some(plan.parse().unwrap()),
        price: None,
        quantity: None,
    }
}

/// Somebody with `pro` at 9.00 a month, ten days into the month.
async fn subscribed(rig: &Rig) -> (CustomerId, SubscriptionId) {
    let held = rig.subscribe("ana").await;
    let customer = rig.customer("ana").await;
    rig.pass(SignedDuration::from_hours(240));
    (customer, held)
}

async fn quoted(rig: &Rig, held: SubscriptionId) -> Quote {
    let quote = rig.billing.quote(&"ana".into(), &to(held, "team")).await;
    quote.unwrap()
}

#[tokio::test]
async fn a_quote_writes_nothing_but_itself() {
    let rig = Rig::new().await;
    let (customer, held) = subscribed(&rig).await;
    let before = rig.store.snapshot();
    let revision = rig.revision(customer);
    let quote = quoted(&rig, held).await;
    let after = rig.store.snapshot();
    assert_eq!(rig.revision(customer), revision);
    assert_eq!(before.journal.len(), after.journal.len());
    assert_eq!(before.outbox.len(), after.outbox.len());
    assert_eq!(before.account(customer), after.account(customer));
    let stored = rig.billing.get_quote(&"ana".into(), quote.id).await;
    assert_eq!(stored, Ok(Some(quote)));
}

#[tokio::test]
async fn accepting_gives_the_page_to_pay_and_paying_applies() {
    let rig = Rig::new().await;
    let (customer, held) = subscribed(&rig).await;
    let quote = quoted(&rig, held).await;
    let accepted = rig
        .billing
        .accept_quote(&"ana".into(), quote.id, None)
        .await;
    let accepted = accepted.unwrap();
    assert_eq!(accepted.change.state, ChangeState::AwaitingPayment);
    let invoice = accepted.change.invoice.unwrap();
    assert_eq!(
        accepted.pay_url,
        Some(format!("https://pay.example.com/{invoice}"))
    );
    let calls = rig.provider.calls();
    assert_eq!(
        calls.last().unwrap().key,
        format!("change:{}", accepted.change.id)
    );
    // Nothing has changed before it is paid.
    let account = rig.account(customer);
    assert_eq!(
        account.subscription(held).unwrap().terms.plan.as_str(),
        "pro"
    );
    let paid = Fact::InvoicePaid {
        invoice,
        payment: "pay_1".to_owned(),
        amount: quote.owed_now,
        conversion: None,
        parts: Vec::new(),
    };
    rig.tell(vec![seen(paid, rig.clock_now())]).await;
    rig.work().await;
    let account = rig.account(customer);
    let changed = account.subscription(held).unwrap();
    assert_eq!(changed.terms, quote.terms);
    let mut paid = quote.paid.clone();
    // Its invoice's money is in it now, besides.
    paid[0].invoices.push(invoice);
    assert_eq!(changed.paid, paid);
    assert_eq!(rig.happened("plan.changed"), 1);
}

#[tokio::test]
async fn one_quote_accepted_twenty_times_at_once_is_one_change() {
    let rig = Rig::new().await;
    let (_, held) = subscribed(&rig).await;
    let quote = quoted(&rig, held).await;
    let accepting = (0..20).map(|seed| {
        let billing = if seed % 2 == 0 {
            rig.billing.clone()
        } else {
            rig.sibling(seed)
        };
        async move { billing.accept_quote(&"ana".into(), quote.id, None).await }
    });
    let mut changes = Vec::new();
    for accepted in futures_util::future::join_all(accepting).await {
        match accepted {
            Ok(accepted) => changes.push(accepted.change.id),
            Err(error) => assert!(
                matches!(error, ChangeError::Provider | ChangeError::Engine(_)),
                "{error}"
            ),
        }
    }
    changes.sort();
    changes.dedup();
    assert_eq!(changes.len(), 1);
    assert_eq!(rig.account(rig.customer("ana").await).changes.len(), 1);
    assert_eq!(rig.happened("invoice.opened"), 1);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_asked_again_and_the_buyer_too() {
    let rig = Rig::new().await;
    let (_, held) = subscribed(&rig).await;
    let quote = quoted(&rig, held).await;
    rig.provider.next([Act::NotSent]);
    let of = "ana".into();
    let unanswered = rig.billing.accept_quote(&of, quote.id, None).await;
    assert_eq!(unanswered, Err(ChangeError::Provider));
    rig.pass(SignedDuration::from_mins(6));
    rig.work().await;
    let accepted = rig.billing.accept_quote(&of, quote.id, None).await.unwrap();
    assert!(accepted.pay_url.is_some());
    assert_eq!(rig.happened("invoice.opened"), 1);
}

#[tokio::test]
async fn a_refused_invoice_fails_the_change_and_a_new_quote_may_follow() {
    let rig = Rig::new().await;
    let (customer, held) = subscribed(&rig).await;
    let quote = quoted(&rig, held).await;
    rig.provider.next([Act::Refuse]);
    let refused = rig
        .billing
        .accept_quote(&"ana".into(), quote.id, None)
        .await;
    assert_eq!(
        refused,
        Err(ChangeError::ProviderRefused("card_declined".to_owned()))
    );
    assert_eq!(rig.happened("change.failed"), 1);
    assert!(rig.account(customer).awaiting_change(held).is_none());
    let quote = quoted(&rig, held).await;
    let accepted = rig
        .billing
        .accept_quote(&"ana".into(), quote.id, None)
        .await;
    assert!(accepted.unwrap().pay_url.is_some());
}

#[tokio::test]
async fn stale_expired_and_foreign_quotes_are_refused() {
    let rig = Rig::new().await;
    let (_, held) = subscribed(&rig).await;
    rig.customer("bob").await;
    let quote = quoted(&rig, held).await;
    let accept = async |who: &str| {
        let accepted = rig.billing.accept_quote(&who.into(), quote.id, None).await;
        accepted.unwrap_err()
    };
    assert_eq!(accept("bob").await, ChangeError::NotFound);
    assert_eq!(accept("nobody").await, ChangeError::NotFound);
    let asked = rig.billing.quote(&"bob".into(), &to(held, "team")).await;
    let unseen = QuoteError::Refused(QuoteRefusal::NoSubscription);
    assert_eq!(asked, Err(unseen));
    rig.pass(SignedDuration::from_mins(15));
    assert_eq!(accept("ana").await, ChangeError::Expired);
}

#[tokio::test]
async fn an_edit_of_the_catalog_makes_only_what_it_prices_stale() {
    let rig = Rig::new().await;
    let (_, held) = subscribed(&rig).await;
    let quote = quoted(&rig, held).await;
    let other = quoted(&rig, held).await;
    // A price that nobody changes to, and that nobody is at.
    let dearer_team = shop_with(|draft| {
        draft.plans[5].prices[0].amount = eur(150);
    });
    rig.billing.apply_catalog(&dearer_team).await.unwrap();
    let accepted = rig
        .billing
        .accept_quote(&"ana".into(), quote.id, None)
        .await;
    assert!(accepted.is_ok(), "{accepted:?}");
    let dearer = shop_with(|draft| {
        draft.plans[3].prices[0].amount = eur(3000);
    });
    rig.billing.apply_catalog(&dearer).await.unwrap();
    let stale = rig
        .billing
        .accept_quote(&"ana".into(), other.id, None)
        .await;
    assert_eq!(stale, Err(ChangeError::Stale));
}

#[tokio::test]
async fn a_change_is_taken_back_and_may_be_so_again() {
    let rig = Rig::new().await;
    let (customer, held) = subscribed(&rig).await;
    let quote = quoted(&rig, held).await;
    let of = "ana".into();
    let accepted = rig.billing.accept_quote(&of, quote.id, None).await.unwrap();
    let id = accepted.change.id;
    assert_eq!(
        rig.billing.take_back(&"bob".into(), id, None).await,
        Err(ChangeError::NotFound)
    );
    for _ in 0..2 {
        rig.billing.take_back(&of, id, None).await.unwrap();
    }
    assert_eq!(rig.happened("change.canceled"), 1);
    assert!(rig.account(customer).awaiting_change(held).is_none());
    // The quote was accepted, and is not accepted anew.
    let again = rig.billing.accept_quote(&of, quote.id, None).await.unwrap();
    assert_eq!(again.change.id, id);
    assert_eq!(again.change.state.as_str(), "canceled");
}

#[tokio::test]
async fn an_operator_changes_with_and_without_collecting() {
    let rig = Rig::new().await;
    let (customer, held) = subscribed(&rig).await;
    let force = async |plan: &str, force| {
        let ask = to(held, plan);
        rig.billing
            .force_change(&ask, force, "a gift", Some("key_1"))
            .await
    };
    let free = force("team", Force::Free).await.unwrap();
    assert_eq!(
        (free.change.state.as_str(), free.pay_url),
        ("applied", None)
    );
    assert!(free.change.quote.lines.is_empty());
    let plan = |rig: &Rig| {
        let account = rig.account(customer);
        account.subscription(held).unwrap().terms.plan.to_string()
    };
    assert_eq!(plan(&rig), "team");
    let nothing = force("pro", Force::Collected).await;
    let refusal = ChangeError::Refused(QuoteRefusal::NothingToCollect);
    assert_eq!(nothing.unwrap_err(), refusal);
    force("pro", Force::Free).await.unwrap();
    let collected = force("team", Force::Collected).await.unwrap();
    assert!(collected.pay_url.is_some());
    assert_eq!(plan(&rig), "pro", "not before it is paid");
}

#[tokio::test]
async fn every_allowed_change_is_listed_with_its_time_and_cost() {
    let rig = Rig::new().await;
    let (_, held) = subscribed(&rig).await;
    let allowed = rig
        .billing
        .allowed_changes(&"ana".into(), held)
        .await
        .unwrap();
    let told: Vec<(&str, u32, bool)> = allowed
        .iter()
        .map(|change| {
            (
                change.plan.as_str(),
                change.quantity,
                change.owed_now.is_some(),
            )
        })
        .collect();
    // Without a rank a plan is bought, not changed to.
    assert_eq!(told, [("team", 2, true)]);
    let quote = quoted(&rig, held).await;
    assert_eq!(allowed[0].owed_now, Some(quote.owed_now));
    assert_eq!(allowed[0].effective_at, quote.effective_at);
    let unknown = rig.billing.allowed_changes(&"bob".into(), held).await;
    assert!(matches!(
        unknown,
        Err(QuoteError::Refused(QuoteRefusal::NoSubscription))
    ));
}

#[tokio::test]
async fn what_another_process_decided_is_part_of_the_next_quote() {
    let rig = Rig::new().await;
    let (customer, held) = subscribed(&rig).await;
    let other = rig.sibling(9);
    let asked = async || other.quote(&customer.into(), &to(held, "team")).await;
    assert!(asked().await.is_ok());
    let paused = rig.billing.pause(&customer.into(), held, None).await;
    paused.unwrap();
    let refused = asked().await;
    assert!(
        matches!(
            refused,
            Err(QuoteError::Refused(QuoteRefusal::NotActive(_)))
        ),
        "a quote for what it was is not stored: {refused:?}"
    );
    rig.billing
        .resume(&customer.into(), held, None)
        .await
        .unwrap();
    assert!(
        asked().await.is_ok(),
        "nor is a refusal of what it was told"
    );
}

#[tokio::test]
async fn a_second_quote_asks_the_store_for_nothing_but_to_keep_it() {
    let rig = Rig::new().await;
    let (customer, held) = subscribed(&rig).await;
    let asked = async || {
        let asked = rig.billing.quote(&customer.into(), &to(held, "team")).await;
        asked.map(|quote| quote.owed_now)
    };
    let first = asked().await;
    rig.store.fail_next(Call::Load, Fault::Before);
    let second = asked().await;
    assert_eq!(second, first);
    assert_eq!(rig.store.faults_given(), 0, "nothing was loaded");
}

#[tokio::test]
async fn a_refusal_is_found_anew_only_where_it_was_found_in_what_was_held() {
    let rig = Rig::new().await;
    let (_, held) = subscribed(&rig).await;
    for loads in [1, 1] {
        // First from the store; then from what is held, and so in the store once more.
        let before = rig.store.loads();
        let refused = rig.billing.quote(&"ana".into(), &to(held, "pro")).await;
        assert!(
            matches!(refused, Err(QuoteError::Refused(_))),
            "{refused:?}"
        );
        assert_eq!(rig.store.loads() - before, loads);
    }
}
