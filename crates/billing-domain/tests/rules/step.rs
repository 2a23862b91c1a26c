//! Quoting a cancellation, a pause and a resumption, and accepting that: what is
//! done is what was quoted.

use billing_domain::catalog::OnPause;
use billing_domain::change::{ChangeState, ChangedBy};
use billing_domain::decide::{self, AcceptRefusal, CancelWhen, QuoteRefusal, StepAsk};
use billing_domain::effect::{Order, Preview, Resumption};
use billing_domain::ids::ChangeId;
use billing_domain::line::{Line, LineKind};
use billing_domain::quote::{Loss, Quote, Source, Step, Timing};
use billing_domain::subscription::Status;
use billing_domain::time::days;

use crate::change_provider::{APRIL, run, see, see_as};
use crate::common::{World, at, terms, usd};

fn world(on_pause: OnPause) -> World {
    let mut agreed = terms("pro-monthly");
    agreed.on_pause = on_pause;
    agreed.lead = days(3);
    let mut world = World::bought(agreed);
    world.go("2026-01-11");
    world.forget();
    world
}

fn told(world: &mut World, step: Step, said: Option<&Resumption>) -> Result<Quote, QuoteRefusal> {
    told_of(world, step, CancelWhen::PeriodEnd, said)
}

fn told_of(
    world: &mut World,
    step: Step,
    ends: CancelWhen,
    said: Option<&Resumption>,
) -> Result<Quote, QuoteRefusal> {
    let before = world.account.clone();
    let ask = StepAsk {
        subscription: world.sub().id,
        step,
    };
    let planned = decide::plan_step(&world.account, &ask, ends, &world.catalog, world.now)?;
    let id = world.drawn();
    let quote = planned.quote(said, &world.catalog, id)?;
    assert_eq!(world.account, before, "a quote changes nothing");
    Ok(quote)
}

fn quote(world: &mut World, step: Step) -> Result<Quote, QuoteRefusal> {
    told(world, step, None)
}

fn accept(world: &mut World, quote: &Quote) -> Result<ChangeId, AcceptRefusal> {
    let catalog = world.catalog.clone();
    let accepted =
        world.decide(|draft| decide::accept(draft, quote, None, ChangedBy::Buyer, &catalog))?;
    Ok(accepted.change)
}

fn state(world: &World, change: ChangeId) -> ChangeState {
    world.account.change(change).unwrap().state
}

/// The time that is lost, in days.
fn days_lost(quote: &Quote) -> Option<i64> {
    quote.loses.iter().find_map(|loss| {
        if let Loss::PaidTime { left } = loss {
            Some(left.as_hours() / 24)
        } else {
            None
        }
    })
}

fn loses_features(quote: &Quote) -> bool {
    let features = |loss: &Loss| matches!(loss, Loss::Entitlement { .. });
    quote.loses.iter().any(features)
}

#[test]
fn a_cancellation_is_quoted_as_it_comes() {
    let mut world = world(OnPause::Now);
    let quoted = quote(&mut world, Step::Cancel).unwrap();
    assert_eq!(
        (quoted.timing, quoted.effective_at),
        (Timing::PeriodEnd, at("2026-02-01"))
    );
    assert_eq!((quoted.owed_now, quoted.next_charge), (usd(0), None));
    assert!(loses_features(&quoted), "{:?}", quoted.loses);
    let change = accept(&mut world, &quoted).unwrap();
    assert_eq!(
        state(&world, change),
        ChangeState::Applied { at: world.now }
    );
    let ends = world.sub().cancellation.unwrap().ends_at;
    assert_eq!(ends, quoted.effective_at);
    // The same quote once more is the same change.
    let before = world.account.clone();
    assert_eq!(accept(&mut world, &quoted), Ok(change));
    assert_eq!(world.account, before);
    assert_eq!(
        quote(&mut world, Step::Cancel),
        Err(QuoteRefusal::NothingChanges)
    );
}

#[test]
fn a_pause_is_quoted_as_it_comes() {
    let table = [
        (OnPause::Now, Timing::AtOnce, "2026-01-11"),
        (OnPause::PeriodEnd, Timing::PeriodEnd, "2026-02-01"),
    ];
    for (on_pause, timing, from) in table {
        let mut world = world(on_pause);
        let quoted = quote(&mut world, Step::Pause).unwrap();
        assert_eq!((quoted.timing, quoted.effective_at), (timing, at(from)));
        assert_eq!((quoted.owed_now, quoted.next_charge), (usd(0), None));
        assert!(quoted.pinned && quoted.source == Source::Engine);
        assert_eq!(days_lost(&quoted), None, "what is left comes back");
        assert!(loses_features(&quoted));
        accept(&mut world, &quoted).unwrap();
        assert_eq!(world.status(), Status::Paused);
        assert_eq!(
            quote(&mut world, Step::Pause),
            Err(QuoteRefusal::NothingChanges)
        );
        assert!(!world.gives_access(from), "{on_pause:?}");
        if on_pause == OnPause::PeriodEnd {
            assert!(world.gives_access("2026-01-31T23:59:59Z"));
        }
    }
}

#[test]
fn a_resumption_brings_the_rest_back_as_of_its_quote() {
    let mut world = world(OnPause::Now);
    world.pause().unwrap();
    world.tick("2026-06-01");
    let quoted = quote(&mut world, Step::Resume).unwrap();
    assert_eq!((quoted.owed_now, quoted.lines.len()), (usd(0), 0));
    let next = quoted.next_charge.unwrap();
    // 21 days were left.
    assert_eq!(next.at, at("2026-06-22"));
    assert_eq!(quoted.loses, []);
    world.go("2026-06-01T00:05:00Z");
    accept(&mut world, &quoted).unwrap();
    assert_eq!(
        (world.status(), world.paid_through()),
        (Status::Active, next.at)
    );
    assert_eq!(
        quote(&mut world, Step::Resume),
        Err(QuoteRefusal::NothingChanges)
    );
    world.tick("2026-06-19");
    world.link();
    assert_eq!(world.open_invoice().unwrap().amount, next.amount);
    assert_eq!(world.open_invoice().unwrap().period.unwrap().start, next.at);
}

#[test]
fn a_resumption_after_the_paid_time_is_invoiced_as_quoted() {
    let mut world = world(OnPause::PeriodEnd);
    world.pause().unwrap();
    world.tick("2026-03-10");
    let quoted = quote(&mut world, Step::Resume).unwrap();
    assert!(!quoted.owed_now.is_zero() && quoted.pinned);
    let next = quoted.next_charge.unwrap();
    assert_eq!((next.at, next.amount), (at("2026-04-10"), quoted.owed_now));
    world.go("2026-03-10T00:05:00Z");
    let change = accept(&mut world, &quoted).unwrap();
    assert_eq!(
        state(&world, change),
        ChangeState::Applied { at: world.now }
    );
    let invoice = world.open_invoice().unwrap().clone();
    assert_eq!(
        world.account.change(change).unwrap().invoice,
        Some(invoice.id)
    );
    assert_eq!(
        (invoice.amount, &invoice.lines),
        (quoted.owed_now, &quoted.lines)
    );
    assert!(
        !world.sub().gives_access(world.now),
        "not before it is paid"
    );
    world.link();
    world.pay();
    assert_eq!(world.paid_through(), next.at);
    assert!(world.sub().gives_access(world.now));
    world.tick("2026-04-07");
    assert_eq!(world.open_invoice().unwrap().amount, next.amount);
}

#[test]
fn a_quote_is_stale_once_it_rests_on_something_else() {
    type Meanwhile = (&'static str, Step, fn(&mut World));
    let acts: [Meanwhile; 3] = [
        ("canceled meanwhile", Step::Pause, |world| {
            world.cancel(CancelWhen::PeriodEnd);
        }),
        ("paused and resumed", Step::Cancel, |world| {
            world.pause().unwrap();
            world.go("2026-01-11T00:05:00Z");
            world.resume().unwrap();
        }),
        ("canceled already", Step::Cancel, |world| {
            world.cancel(CancelWhen::PeriodEnd);
        }),
    ];
    for (what, step, act) in acts {
        let mut world = world(OnPause::Now);
        let quoted = quote(&mut world, step).unwrap();
        act(&mut world);
        let before = world.account.clone();
        let refused = accept(&mut world, &quoted);
        assert_eq!(refused, Err(AcceptRefusal::Stale), "{what}");
        assert_eq!(world.account, before, "{what}");
    }
    let mut world = world(OnPause::Now);
    let quoted = quote(&mut world, Step::Pause).unwrap();
    world.now = quoted.expires_at;
    assert_eq!(accept(&mut world, &quoted), Err(AcceptRefusal::Expired));
}

#[test]
fn canceling_what_is_paused_forgoes_the_rest() {
    let mut world = world(OnPause::Now);
    world.pause().unwrap();
    world.go("2026-05-01");
    let quoted = quote(&mut world, Step::Cancel).unwrap();
    assert_eq!(
        (quoted.timing, quoted.effective_at),
        (Timing::AtOnce, world.now)
    );
    assert_eq!(days_lost(&quoted), Some(21));
    accept(&mut world, &quoted).unwrap();
    assert_eq!(world.status(), Status::Canceled);
}

/// Which steps can be taken from where; the code of the refusal.
#[test]
fn every_standing_has_its_outcome() {
    type Row<'a> = (&'a str, &'a dyn Fn() -> World, [&'a str; 3]);
    let in_trial = || {
        let mut agreed = terms("pro-monthly");
        agreed.trial = Some(days(14));
        let mut world = World::new();
        world.buy(agreed);
        world
    };
    let past_due = || {
        let mut world = world(OnPause::Now);
        world.tick("2026-02-02");
        world
    };
    let paused = || {
        let mut world = world(OnPause::Now);
        world.pause().unwrap();
        world
    };
    let canceled = || {
        let mut world = world(OnPause::Now);
        world.cancel(CancelWhen::AtOnce);
        world
    };
    let to_end = || {
        let mut world = world(OnPause::Now);
        world.cancel(CancelWhen::PeriodEnd);
        world
    };
    let once = || World::bought(terms("lifer-once"));
    let active = || world(OnPause::Now);
    let table: [Row<'_>; 7] = [
        ("active", &active, ["", "", "nothing_changes"]),
        (
            "trialing",
            &in_trial,
            ["", "illegal_transition", "nothing_changes"],
        ),
        (
            "past due",
            &past_due,
            ["", "illegal_transition", "nothing_changes"],
        ),
        ("paused", &paused, ["", "nothing_changes", ""]),
        (
            "to end",
            &to_end,
            ["nothing_changes", "", "nothing_changes"],
        ),
        ("canceled", &canceled, ["illegal_transition"; 3]),
        (
            "once",
            &once,
            ["nothing_recurs", "nothing_recurs", "nothing_changes"],
        ),
    ];
    for (standing, make, outcomes) in table {
        for (step, code) in [Step::Cancel, Step::Pause, Step::Resume]
            .into_iter()
            .zip(outcomes)
        {
            let mut world = make();
            let quoted = quote(&mut world, step);
            let said = quoted.as_ref().err().map_or("", |refusal| refusal.code());
            assert_eq!(said, code, "{step:?} of {standing}");
            if let Ok(quoted) = quoted {
                accept(&mut world, &quoted).unwrap();
                let ended =
                    world.status() == Status::Canceled || world.sub().cancellation.is_some();
                assert!(step != Step::Cancel || ended, "{standing}");
            }
        }
    }
}

#[test]
fn a_provider_is_asked_and_its_word_applies_it() {
    let (mut world, begun) = run("basic-monthly");
    let quoted = quote(&mut world, Step::Pause).unwrap();
    assert_eq!(days_lost(&quoted), Some(15), "there it runs on");
    let change = accept(&mut world, &quoted).unwrap();
    assert_eq!(state(&world, change), ChangeState::AwaitingPayment);
    assert!(matches!(
        world.orders[..],
        [Order::PauseSubscription { change: Some(told), .. }] if told == change
    ));
    // What it told before it was asked says nothing of it.
    see(&mut world, &begun, "basic-monthly", 1, APRIL);
    assert_eq!(state(&world, change), ChangeState::AwaitingPayment);
    world.go("2026-04-16T00:01:00Z");
    see_as(
        &mut world,
        &begun,
        Status::Paused,
        "basic-monthly",
        1,
        APRIL,
    );
    assert_eq!(
        state(&world, change),
        ChangeState::Applied { at: world.now }
    );
    assert_eq!(world.status(), Status::Paused);

    world.go("2026-05-20");
    world.forget();
    let own = quote(&mut world, Step::Resume).unwrap();
    assert!(!own.pinned && own.source == Source::Engine);
    assert_eq!(own.owed_now, usd(1_000), "by our own rules");
    let said = Resumption {
        charge: Preview {
            lines: vec![Line::whole(LineKind::Plan, None, 1, usd(1_190))],
            owed: usd(1_190),
            pinned: false,
        },
        ends_at: Some(at("2026-06-20")),
    };
    let quoted = told(&mut world, Step::Resume, Some(&said)).unwrap();
    assert_eq!(
        (quoted.owed_now, quoted.source),
        (usd(1_190), Source::Provider)
    );
    assert_eq!(quoted.next_charge.unwrap().at, at("2026-06-20"));
    let change = accept(&mut world, &quoted).unwrap();
    assert!(matches!(
        world.orders[..],
        [Order::ResumeSubscription { change: Some(told), quoted: Some(owed), .. }]
            if told == change && owed == usd(1_190)
    ));
    let period = billing_domain::time::Period {
        start: at("2026-05-20"),
        end: at("2026-06-20"),
    };
    world.go("2026-05-20T00:01:00Z");
    see(&mut world, &begun, "basic-monthly", 1, period);
    assert_eq!(
        state(&world, change),
        ChangeState::Applied { at: world.now }
    );
    assert_eq!(world.status(), Status::Active);
}

#[test]
fn what_is_paused_at_a_provider_ends_as_that_ends_it() {
    let (now, may) = ("2026-04-16T00:02:00Z", "2026-05-01");
    let (goes_on, stops) = (OnPause::PeriodEnd, OnPause::Now);
    let (period_end, at_once) = (CancelWhen::PeriodEnd, CancelWhen::AtOnce);
    for (on_pause, ends, day, lost) in [
        (goes_on, period_end, may, None),
        (goes_on, at_once, now, Some(14)),
        // Where a pause has ended access, nothing is left to wait for.
        (stops, period_end, now, None),
        (stops, at_once, now, None),
    ] {
        let (mut world, begun) = run("basic-monthly");
        let mut held = world.sub().clone();
        held.terms.on_pause = on_pause;
        world.account.put_subscription(held);
        world.go("2026-04-16T00:01:00Z");
        see_as(
            &mut world,
            &begun,
            Status::Paused,
            "basic-monthly",
            1,
            APRIL,
        );
        world.go(now);
        world.forget();
        let quoted = told_of(&mut world, Step::Cancel, ends, None).unwrap();
        assert_eq!(quoted.effective_at, at(day), "{on_pause:?} {ends:?}");
        assert_eq!(days_lost(&quoted), lost, "{on_pause:?} {ends:?}");
        accept(&mut world, &quoted).unwrap();
        let ends_at = world.sub().cancellation.map(|to_come| to_come.ends_at);
        assert_eq!(ends_at, Some(at(day)));
        let ordered = matches!(
            world.orders[..],
            [Order::CancelSubscription { at_once, .. }] if at_once == (day == now)
        );
        assert!(ordered, "{:?}", world.orders);
        assert_eq!(world.gives_access("2026-04-30"), day == may);
    }
}
