//! Pausing and resuming by the library: quoted, done as quoted, and told where it
//! cannot be. What each comes to is the rules' business, and tested there.

use std::sync::atomic::Ordering;

use billing_domain::change::ChangeState;
use billing_domain::ids::SubscriptionId;
use billing_domain::quote::{Quote, Step};
use billing_domain::subscription::Status;
use billing_engine::{ChangeAsk, PauseError, PauseOutcome, QuoteError, QuoteRefusal, StepAsk};
use jiff::SignedDuration;

use crate::mirrored::{mirrored, status};
use crate::rig::{Rig, eur};

fn step(subscription: SubscriptionId, step: Step) -> StepAsk {
    StepAsk { subscription, step }
}

async fn quoted(rig: &Rig, held: SubscriptionId, what: Step) -> Quote {
    let (who, ask) = ("ana".into(), step(held, what));
    rig.billing.quote_step(&who, &ask).await.unwrap()
}

async fn accepted(rig: &Rig, quote: &Quote) -> ChangeState {
    let who = "ana".into();
    let accepted = rig.billing.accept_quote(&who, quote.id, None).await;
    accepted.unwrap().change.state
}

#[tokio::test]
async fn h_11_by_the_library_a_pause_and_a_resumption_come_as_quoted() {
    let rig = Rig::new().await;
    let held = rig.subscribe("ana").await;
    let customer = rig.customer("ana").await;
    rig.pass(SignedDuration::from_hours(240));
    let before = rig.store.snapshot();
    let pause = quoted(&rig, held, Step::Pause).await;
    let after = rig.store.snapshot();
    assert_eq!(before.account(customer), after.account(customer));
    assert_eq!(before.journal.len(), after.journal.len());
    assert_eq!((pause.owed_now, pause.next_charge.as_ref()), (eur(0), None));

    assert!(matches!(
        accepted(&rig, &pause).await,
        ChangeState::Applied { .. }
    ));
    assert_eq!(status(&rig, customer), Status::Paused);
    let again = accepted(&rig, &pause).await;
    assert!(matches!(again, ChangeState::Applied { .. }), "{again:?}");
    let again = rig.billing.pause(&"ana".into(), held, None).await;
    assert_eq!(again, Ok(PauseOutcome::Already));

    rig.pass(SignedDuration::from_hours(24 * 60));
    rig.work().await;
    let resume = quoted(&rig, held, Step::Resume).await;
    assert_eq!(resume.owed_now, eur(0), "what is left comes back");
    let next = resume.next_charge.unwrap();
    assert_eq!(next.amount, eur(900));
    assert!(matches!(
        accepted(&rig, &resume).await,
        ChangeState::Applied { .. }
    ));
    let account = rig.account(customer);
    let back = account.subscription(held).unwrap();
    assert_eq!(back.status(), Status::Active);
    assert_eq!(back.times.paid_through, Some(next.at));
    rig.work().await;
    assert_eq!(rig.parked(), <[&str; 0]>::default());
}

#[tokio::test]
async fn h_11_what_its_provider_cannot_pause_is_not_paused() {
    let (rig, customer, _) = mirrored().await;
    let held = rig.account(customer).subscriptions[0].id;
    rig.provider.pauses.store(false, Ordering::Relaxed);
    let (before, calls) = (rig.account(customer), rig.provider.calls().len());
    let (who, ask) = ("ana".into(), step(held, Step::Pause));
    let refusal = rig.billing.quote_step(&who, &ask).await.unwrap_err();
    let QuoteError::Refused(refusal) = refusal else {
        panic!("{refusal:?}");
    };
    assert_eq!(refusal, QuoteRefusal::PauseUnsupported);
    assert_eq!(refusal.code(), "pause_unsupported");
    let act = rig.billing.pause(&"ana".into(), held, None).await;
    assert_eq!(act, Err(PauseError::Unsupported));
    rig.work().await;
    assert_eq!(rig.account(customer), before);
    assert_eq!(rig.provider.calls().len(), calls, "nobody is asked");
    // What it cannot do is said of a pause alone.
    quoted(&rig, held, Step::Cancel).await;
    rig.provider.pauses.store(true, Ordering::Relaxed);
    quoted(&rig, held, Step::Pause).await;
}

#[tokio::test]
async fn h_11_a_change_that_is_scheduled_outlives_a_pause() {
    let rig = Rig::new().await;
    let customer = rig.customer("ana").await;
    let opened = rig.open("ana", "team-monthly").await;
    let paid = crate::rig::paid(&opened, 4000, rig.clock_now());
    rig.tell(vec![paid]).await;
    rig.work().await;
    let held = rig.account(customer).subscriptions[0].id;
    rig.pass(SignedDuration::from_hours(240));
    let down = ChangeAsk {
        subscription: held,
        plan: Some("pro".parse().unwrap()),
        price: None,
        quantity: None,
    };
    let down = rig.billing.quote(&"ana".into(), &down).await.unwrap();
    let scheduled = accepted(&rig, &down).await;
    assert_eq!(scheduled, ChangeState::Scheduled);

    let pause = quoted(&rig, held, Step::Pause).await;
    accepted(&rig, &pause).await;
    let plan = |rig: &Rig| {
        let account = rig.account(customer);
        let held = account.subscription(held).unwrap();
        held.terms_at(rig.clock_now()).plan.to_string()
    };
    assert_eq!(status(&rig, customer), Status::Paused);
    assert_eq!(plan(&rig), "team");
    rig.pass(SignedDuration::from_hours(24 * 60));
    rig.work().await;
    let resume = quoted(&rig, held, Step::Resume).await;
    let next = resume.next_charge.unwrap();
    accepted(&rig, &resume).await;
    rig.clock.set(next.at);
    rig.work().await;
    let account = rig.account(customer);
    let open = account.open_invoice(held).unwrap();
    assert_eq!((plan(&rig).as_str(), open.amount), ("pro", eur(900)));
    assert_eq!(next.amount, eur(900));
}
