//! Licenses: what each says at an instant, and how whoever bought one gets it.

use billing_domain::access::LostReason;
use billing_domain::catalog::{Catalog, LicenseRule, PriceKey};
use billing_domain::decide::{CancelWhen, ChangeAsk};
use billing_domain::entitlement::{Entitlement, Limit};
use billing_domain::fact::Fact;
use billing_domain::ids::{CheckoutId, CustomerId, LicenseId, SubscriptionId};
use billing_domain::money::Currency;
use billing_domain::time::{Timestamp, days, shifted};
use billing_engine::{
    Billing, CheckoutOpened, CustomerRef, EngineError, Exchange, Exchanged, LicenseAct,
    LicenseActError, LicenseHeld, LicenseStanding, Limits, Unpaid,
};
use billing_ports::store::Ring;
use billing_ports::{Clock, LicenseClaims};
use billing_testkit::fixtures;
use jiff::SignedDuration;

use crate::rig::{Act, Rig, ask, eur, paid, seen};

/// Every plan but the cup gives a license.
pub(crate) fn shop() -> Catalog {
    let license = Some(LicenseRule { max_machines: 3 });
    Catalog::builder("Acme Notes", Currency::EUR)
        .flag("sync", "Sync")
        .count("seats", "Seats")
        .levels("editor", "Editor", ["none", "read", "write"])
        .plan("pro", "Pro", |plan| {
            plan.rank(1)
                .level("editor", "read")
                .monthly("pro-monthly", eur(900))
                .edit(|plan| plan.license = license)
        })
        .plan("team", "Team", |plan| {
            plan.rank(2)
                .grant("sync")
                .level("editor", "write")
                .per("seats", 2, 10)
                .monthly("team-monthly", eur(2000))
                .edit(|plan| plan.license = license)
        })
        .plan("keep", "Keep", |plan| {
            plan.once("keep-once", eur(5000))
                .edit(|plan| plan.license = license)
        })
        .plan("gift", "Gift", |plan| {
            plan.monthly("gift-monthly", eur(0))
                .edit(|plan| plan.license = license)
        })
        .plan("cup", "Cup", |plan| plan.once("cup-once", eur(700)))
        .build()
        .unwrap()
}

async fn rig() -> Rig {
    let rig = Rig::new().await;
    rig.billing.apply_catalog(&shop()).await.unwrap();
    rig
}

async fn pay(rig: &Rig, opened: &CheckoutOpened, cents: i64) {
    rig.tell(vec![paid(opened, cents, rig.clock.now())]).await;
    rig.work().await;
}

fn by_secret(opened: &CheckoutOpened) -> Exchange {
    Exchange::Secret {
        secret: opened.secret.clone(),
        checkout: None,
    }
}

const fn by(customer: CustomerId) -> Exchange {
    Exchange::Customer {
        customer,
        checkout: None,
    }
}

async fn only(billing: &Billing, of: CustomerId) -> LicenseHeld {
    let mut held = billing.licenses(&of.into()).await.unwrap();
    assert_eq!(held.len(), 1);
    held.pop().unwrap()
}

#[track_caller]
fn says(held: &LicenseHeld) -> &LicenseClaims {
    let LicenseStanding::Good(claims) = &held.standing else {
        panic!("{:?}", held.standing);
    };
    claims
}

#[track_caller]
fn given(exchanged: Exchanged) -> LicenseHeld {
    let Exchanged::License(held) = exchanged else {
        panic!("{exchanged:?}");
    };
    *held
}

#[tokio::test]
async fn a_secret_waits_for_the_provider_s_word_and_gives_the_license_again_and_again() {
    let rig = rig().await;
    let ana = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    for who in [by_secret(&opened), by(ana)] {
        assert_eq!(rig.billing.exchange(&who).await, Ok(Exchanged::Pending));
    }
    pay(&rig, &opened, 900).await;
    let held = only(&rig.billing, ana).await;
    let before = rig.store.snapshot();
    let named = |checkout| Exchange::Secret {
        secret: opened.secret.clone(),
        checkout: Some(checkout),
    };
    let customer_s = Exchange::Customer {
        customer: ana,
        checkout: Some(opened.id),
    };
    for who in [by_secret(&opened), named(opened.id), by(ana), customer_s] {
        let exchanged = rig.billing.exchange(&who).await.unwrap();
        assert_eq!(given(exchanged), held, "{who:?}");
    }
    assert_eq!(
        rig.billing.license(held.license.id).await,
        Ok(Some(held.clone()))
    );
    let other: CheckoutId = fixtures::Maker::new(8).id();
    assert_eq!(
        rig.billing.exchange(&named(other)).await,
        Ok(Exchanged::Unknown)
    );
    assert_eq!(rig.store.snapshot(), before, "nothing is written");
    assert_eq!(rig.happened("license.issued"), 1);
}

#[tokio::test]
async fn what_is_not_the_caller_s_is_unknown() {
    let rig = rig().await;
    rig.customer("ana").await;
    let ben = rig.customer("ben").await;
    let opened = rig.open("ana", "pro-monthly").await;
    pay(&rig, &opened, 900).await;
    let cut = opened.secret.len() - 1;
    let none: LicenseId = fixtures::Maker::new(8).id();
    for secret in [
        String::new(),
        "cs_".to_owned(),
        opened.id.to_string(),
        opened.secret[..cut].to_owned(),
        format!("{}0", opened.secret),
        opened.secret.to_uppercase(),
        "cs_\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}".to_owned(),
    ] {
        for checkout in [None, Some(opened.id)] {
            let who = Exchange::Secret {
                secret: secret.clone(),
                checkout,
            };
            let got = rig.billing.exchange(&who).await;
            assert_eq!(got, Ok(Exchanged::Unknown), "{secret}");
        }
    }
    let theft = Exchange::Customer {
        customer: ben,
        checkout: Some(opened.id),
    };
    assert_eq!(rig.billing.exchange(&theft).await, Ok(Exchanged::Unknown));
    assert_eq!(rig.billing.exchange(&by(ben)).await, Ok(Exchanged::Nothing));
    assert_eq!(rig.billing.license(none).await, Ok(None));
    assert_eq!(rig.billing.licenses(&"nobody".into()).await, Ok(Vec::new()));
    let shown = format!("{:?}", by_secret(&opened));
    assert!(!shown.contains("cs_"), "{shown}");
}

#[tokio::test]
async fn a_secret_names_its_checkout_and_tells_nothing_by_that() {
    let rig = rig().await;
    rig.customer("ana").await;
    let (one, two) = (
        rig.open("ana", "pro-monthly").await,
        rig.open("ana", "pro-monthly").await,
    );
    pay(&rig, &two, 900).await;
    // The one's id with the other's random part.
    let split = "cs_".len() + 32;
    let mixed = format!("{}{}", &two.secret[..split], &one.secret[split..]);
    let who = Exchange::Secret {
        secret: mixed,
        checkout: None,
    };
    assert_eq!(rig.billing.exchange(&who).await, Ok(Exchanged::Unknown));
    assert_eq!(
        rig.billing.exchange(&by_secret(&one)).await,
        Ok(Exchanged::Pending)
    );
}

#[tokio::test]
async fn what_gives_no_license_is_not_waited_for() {
    let rig = rig().await;
    let ana = rig.customer("ana").await;
    let cup = rig.open("ana", "cup-once").await;
    for _ in 0..2 {
        for who in [by_secret(&cup), by(ana)] {
            assert_eq!(rig.billing.exchange(&who).await, Ok(Exchanged::Nothing));
        }
        pay(&rig, &cup, 700).await;
    }
    let lost = rig.open("ana", "pro-monthly").await;
    rig.pass(days(2));
    rig.work().await;
    assert_eq!(
        rig.billing.exchange(&by_secret(&lost)).await,
        Ok(Exchanged::Unpaid(Unpaid::Expired))
    );
    let given_up = rig.open("ana", "pro-monthly").await;
    let ended = Fact::CheckoutEnded {
        checkout: given_up.id,
        reference: format!("cs_{}", given_up.id),
        canceled: true,
    };
    rig.tell(vec![seen(ended, rig.clock.now())]).await;
    rig.work().await;
    assert_eq!(
        rig.billing.exchange(&by_secret(&given_up)).await,
        Ok(Exchanged::Unpaid(Unpaid::Canceled))
    );
}

#[tokio::test]
async fn it_says_what_its_subscription_gives_and_no_more() {
    let rig = rig().await;
    let ana = rig.customer("ana").await;
    let mut team = ask("ana", "team-monthly");
    team.quantity = Some(4);
    let team = rig.billing.checkout(team).await.unwrap();
    pay(&rig, &team, 8000).await;
    let pro = rig.open("ana", "pro-monthly").await;
    pay(&rig, &pro, 900).await;
    // The highest plan, of what the customer holds.
    let held = given(rig.billing.exchange(&by(ana)).await.unwrap());
    let claims = says(&held);
    assert_eq!(claims.license, held.license.id.uuid());
    assert_eq!(
        (claims.customer, claims.plan.as_str(), claims.seats),
        (ana, "team", Some(4))
    );
    assert_eq!(claims.issued_at, rig.clock.now());
    assert_eq!(claims.serial, 1);
    let said: Vec<(&str, Entitlement)> = claims
        .entitlements
        .iter()
        .map(|(feature, said)| (feature.as_str(), said.clone()))
        .collect();
    assert_eq!(
        said,
        [
            ("editor", Entitlement::Text("write".to_owned())),
            ("seats", Entitlement::Limit(Limit::AtMost(4))),
            ("sync", Entitlement::Flag(true)),
        ]
    );
    // The other's says its own.
    let other = given(rig.billing.exchange(&by_secret(&pro)).await.unwrap());
    let claims = says(&other);
    assert_eq!((claims.plan.as_str(), claims.seats), ("pro", None));
    assert_eq!(
        claims.entitlements.get("editor"),
        Some(&Entitlement::Text("read".to_owned()))
    );
    assert_eq!(claims.entitlements.get("sync"), None);
}

#[tokio::test]
async fn it_ends_with_the_grace_at_every_instant_of_a_cycle() {
    let rig = rig().await;
    let ana = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    pay(&rig, &opened, 900).await;
    let held = rig.account(ana).subscriptions.remove(0);
    let paid_through = held.times.paid_through.unwrap();
    let grace_ends = shifted(paid_through, held.terms.grace);
    assert!(held.terms.grace > SignedDuration::ZERO);
    let said = |held: &LicenseHeld| says(held).expires_at;
    assert_eq!(said(&only(&rig.billing, ana).await), Some(grace_ends));
    // Invoiced, due, and past due.
    rig.clock.set(paid_through);
    rig.work().await;
    let held = rig.account(ana).subscriptions.remove(0);
    assert_eq!(held.times.grace_ends_at, Some(grace_ends));
    assert_eq!(said(&only(&rig.billing, ana).await), Some(grace_ends));
    rig.clock
        .set(shifted(grace_ends, -SignedDuration::from_micros(1)));
    assert_eq!(said(&only(&rig.billing, ana).await), Some(grace_ends));
    // At that instant, with nobody having worked.
    rig.clock.set(grace_ends);
    let over = only(&rig.billing, ana).await;
    assert_eq!(over.standing, LicenseStanding::Ended(LostReason::Unpaid));
    assert_eq!(over.standing.as_str(), "unpaid");
    assert!(over.standing.speaks());
}

#[tokio::test]
async fn an_outage_at_the_provider_ends_no_license() {
    let rig = rig().await;
    let ana = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    pay(&rig, &opened, 900).await;
    let held = rig.account(ana).subscriptions.remove(0);
    let paid_through = held.times.paid_through.unwrap();
    let grace_ends = shifted(paid_through, held.terms.grace);
    let stalled = shifted(paid_through, held.terms.stall_limit);
    assert!(grace_ends < stalled);
    // No pay link was ever made: with one that comes now its grace would begin now.
    let said = async || says(&only(&rig.billing, ana).await).expires_at;
    rig.clock.set(grace_ends);
    assert_eq!(said().await, Some(shifted(grace_ends, held.terms.grace)));
    rig.clock
        .set(shifted(stalled, -SignedDuration::from_hours(1)));
    assert_eq!(said().await, Some(stalled));
    rig.clock.set(stalled);
    let over = only(&rig.billing, ana).await;
    assert_eq!(over.standing, LicenseStanding::Ended(LostReason::Unpaid));
}

#[tokio::test]
async fn it_is_never_signed_for_longer_than_what_is_sure() {
    let rig = rig().await;
    let ana = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    pay(&rig, &opened, 900).await;
    let held = rig.account(ana).subscriptions.remove(0);
    let paid_through = held.times.paid_through.unwrap();
    assert_eq!(held.terms.grace, days(7));
    let after = |hours: i64| shifted(paid_through, SignedDuration::from_hours(hours));
    let owed = || rig.account(ana).open_invoice(held.id).unwrap().clone();
    let access = || rig.account(ana).subscriptions[0].times.grace_ends_at;
    let day = 24;
    // In hours after what is paid: until when a license is good that is signed then.
    let mut signed = Vec::new();
    for hour in -day..31 * day {
        rig.clock.set(after(hour));
        let told = |fact| vec![seen(fact, rig.clock.now())];
        // Its page closes after three days, and for two no other can be made.
        if hour == 3 * day {
            rig.provider.next(std::iter::repeat_n(Act::Unknown, 3));
            let (invoice, reference) = (owed().id, owed().reference.unwrap());
            rig.tell(told(Fact::InvoiceClosed {
                invoice,
                reference,
                read_at: None,
            }))
            .await;
        }
        // Money is seen in time, and spent elsewhere when the grace was long over.
        if hour == 6 * day {
            let (invoice, until, seen) = (owed().id, after(20 * day), None);
            let pending = Fact::PaymentPending {
                invoice,
                until,
                seen,
            };
            rig.tell(told(pending)).await;
        }
        if hour == 19 * day + 12 {
            let held = owed();
            let (invoice, reference) = (held.id, held.reference.unwrap());
            let (pay_url, conversion) = (held.pay_url, None);
            rig.tell(told(Fact::InvoiceOpened {
                invoice,
                reference,
                pay_url,
                conversion,
            }))
            .await;
        }
        rig.work().await;
        if (3 * day..3 * day + 2).contains(&hour) {
            assert_eq!(owed().reference, None, "no other page yet");
            assert_eq!(access(), Some(after(30 * day)), "access goes on");
        }
        if (6 * day..19 * day).contains(&hour) {
            assert_eq!(access(), Some(after(20 * day)), "it waits for the money");
        }
        let standing = only(&rig.billing, ana).await;
        let validated = rig.billing.validate_license(standing.license.id).await;
        assert_eq!(validated.unwrap().as_ref(), Some(&standing), "hour {hour}");
        if let LicenseStanding::Good(claims) = &standing.standing {
            let ends = claims.expires_at.unwrap();
            signed.push((hour, ends.duration_since(paid_through).as_hours()));
            let grace_until = Some(ends).filter(|_| hour >= 0);
            assert_eq!(standing.grace_until, grace_until);
        }
    }
    let back = rig
        .provider
        .calls()
        .iter()
        .filter(|call| call.kind == "create_invoice")
        .map(|call| call.at.duration_since(paid_through).as_hours())
        .next_back();
    let back = back.unwrap();
    assert!((3 * day + 2..4 * day).contains(&back), "{back}");
    let away = back - 3 * day;
    for (hour, good) in signed.iter().copied() {
        let sure = match hour {
            // As it would be if the page were made now; for two hours nothing is made up.
            _ if hour <= 3 * day + 2 => 7 * day,
            _ if hour < back => 7 * day + hour - 3 * day,
            _ => 7 * day + away,
        };
        let expected = if hour < sure { sure } else { hour + day };
        assert_eq!(good, expected.min(20 * day).max(hour), "signed at {hour}");
    }
    assert_eq!(signed.last().unwrap().0, 19 * day + 11, "gone, it is over");
}

#[tokio::test]
async fn what_is_held_for_ever_never_ends() {
    let rig = rig().await;
    let ana = rig.customer("ana").await;
    let opened = rig.open("ana", "keep-once").await;
    pay(&rig, &opened, 5000).await;
    assert_eq!(says(&only(&rig.billing, ana).await).expires_at, None);
    rig.pass(days(4000));
    assert_eq!(says(&only(&rig.billing, ana).await).expires_at, None);
}

#[tokio::test]
async fn a_price_of_nothing_gives_one_at_once() {
    let rig = rig().await;
    rig.customer("ana").await;
    let opened = rig.open("ana", "gift-monthly").await;
    assert!(opened.completed);
    let calls = rig.provider.calls();
    let held = given(rig.billing.exchange(&by_secret(&opened)).await.unwrap());
    assert_eq!(held.plan.as_str(), "gift");
    says(&held);
    assert_eq!(calls, [], "nobody is asked");
}

#[tokio::test]
async fn a_cancellation_to_come_ends_it_without_grace() {
    let rig = rig().await;
    let ana = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    pay(&rig, &opened, 900).await;
    let held = rig.account(ana).subscriptions.remove(0);
    let end = held.times.paid_through.unwrap();
    let of: CustomerRef = ana.into();
    let cancel = |when| rig.billing.cancel(&of, held.id, when, None);
    cancel(CancelWhen::PeriodEnd).await.unwrap();
    assert_eq!(says(&only(&rig.billing, ana).await).expires_at, Some(end));
    cancel(CancelWhen::AtOnce).await.unwrap();
    let over = only(&rig.billing, ana).await;
    assert_eq!(over.standing, LicenseStanding::Ended(LostReason::Canceled));
    // It is still the license that was bought.
    let exchanged = rig.billing.exchange(&by(ana)).await.unwrap();
    assert_eq!(given(exchanged), over);
}

#[tokio::test]
async fn one_that_is_paused_or_revoked_does_not_speak() {
    let rig = rig().await;
    let ana = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    pay(&rig, &opened, 900).await;
    let held = rig.account(ana).subscriptions.remove(0);
    rig.billing.pause(&ana.into(), held.id, None).await.unwrap();
    let paused = only(&rig.billing, ana).await;
    assert_eq!(paused.standing, LicenseStanding::Suspended);
    assert!(!paused.standing.speaks());
    assert_eq!(paused.standing.as_str(), "suspended");
    rig.billing
        .resume(&ana.into(), held.id, None)
        .await
        .unwrap();
    let again = only(&rig.billing, ana).await;
    assert!(again.standing.speaks());
    let id = again.license.id;
    let act = async |act| {
        rig.billing
            .act_on_license(id, act, "theft", Some("key_1"))
            .await
    };
    let suspended = act(LicenseAct::Suspend).await.unwrap();
    assert_eq!(suspended.standing, LicenseStanding::Suspended);
    assert_eq!(suspended.license.reason(), Some("theft"));
    // Again, and nothing changes.
    let before = rig.store.snapshot();
    assert_eq!(act(LicenseAct::Suspend).await, Ok(suspended));
    assert_eq!(rig.store.snapshot(), before);
    let reinstated = act(LicenseAct::Reinstate).await.unwrap();
    assert_eq!(says(&reinstated).serial, 3);
    let refused = act(LicenseAct::Reinstate).await;
    assert_eq!(refused, Err(LicenseActError::NotSuspended.into()));
    act(LicenseAct::Suspend).await.unwrap();
    act(LicenseAct::Revoke).await.unwrap();
    for late in [LicenseAct::Suspend, LicenseAct::Reinstate] {
        assert_eq!(act(late).await, Err(LicenseActError::Revoked.into()));
    }
    let none: LicenseId = fixtures::Maker::new(8).id();
    let nobody_s = rig
        .billing
        .act_on_license(none, LicenseAct::Revoke, "theft", None);
    assert_eq!(nobody_s.await, Err(LicenseActError::NoSuchLicense.into()));
    for (event, times) in [("suspended", 2), ("reinstated", 1), ("revoked", 1)] {
        assert_eq!(rig.happened(&format!("license.{event}")), times, "{event}");
    }
    let revoked = only(&rig.billing, ana).await;
    assert_eq!(revoked.standing, LicenseStanding::Revoked);
    assert!(!revoked.standing.speaks());
    assert_eq!(revoked.standing.as_str(), "revoked");
}

/// The buyer wants `pro` to become `team`; gives what is owed.
async fn upgrading(rig: &Rig, of: CustomerId, held: SubscriptionId) -> (Fact, Timestamp) {
    let ask = ChangeAsk {
        subscription: held,
        plan: None,
        price: Some(PriceKey::new("team-monthly").unwrap()),
        quantity: Some(2),
    };
    let quote = rig.billing.quote(&of.into(), &ask).await.unwrap();
    let accepted = rig
        .billing
        .accept_quote(&of.into(), quote.id, None)
        .await
        .unwrap();
    assert!(accepted.pay_url.is_some());
    let settled = Fact::InvoicePaid {
        invoice: accepted.change.invoice.unwrap(),
        payment: "pay_upgrade".to_owned(),
        amount: quote.owed_now,
        conversion: None,
        parts: Vec::new(),
    };
    (settled, rig.clock.now())
}

#[tokio::test]
async fn an_upgrade_changes_the_same_license_once_it_is_settled() {
    let rig = rig().await;
    let ana = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    pay(&rig, &opened, 900).await;
    let before = only(&rig.billing, ana).await;
    let (settled, at) = upgrading(&rig, ana, before.license.subscription).await;
    rig.work().await;
    assert_eq!(
        only(&rig.billing, ana).await,
        before,
        "nothing before it is paid"
    );
    // Twenty deliveries at once, of as many events.
    let told = (0..20).map(|_| rig.tell(vec![seen(settled.clone(), at)]));
    futures_util::future::join_all(told).await;
    rig.work().await;
    let after = only(&rig.billing, ana).await;
    assert_eq!(after.license.id, before.license.id);
    let claims = says(&after);
    assert_eq!(
        (claims.plan.as_str(), claims.seats, claims.serial),
        ("team", Some(2), 2)
    );
    assert_eq!(rig.happened("license.tier_changed"), 1);
    assert_eq!(rig.happened("plan.changed"), 1);
    assert_eq!(rig.happened("license.issued"), 1);
}

#[tokio::test]
async fn a_renewal_extends_the_same_license() {
    let rig = rig().await;
    let ana = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    pay(&rig, &opened, 900).await;
    let before = only(&rig.billing, ana).await;
    let held = rig.account(ana).subscriptions.remove(0);
    rig.clock.set(held.times.paid_through.unwrap());
    rig.work().await;
    let invoices = rig.account(ana).invoices;
    let invoice = invoices.iter().find(|invoice| invoice.is_open()).unwrap();
    let settled = Fact::InvoicePaid {
        invoice: invoice.id,
        payment: "pay_renewal".to_owned(),
        amount: eur(900),
        conversion: None,
        parts: Vec::new(),
    };
    rig.tell(vec![seen(settled, rig.clock.now())]).await;
    rig.work().await;
    let after = only(&rig.billing, ana).await;
    assert_eq!(after.license.id, before.license.id);
    assert_eq!(after.license.serial, before.license.serial + 1);
    assert!(says(&after).expires_at > says(&before).expires_at);
    assert_eq!(rig.happened("license.reissued"), 1);
}

#[tokio::test]
async fn a_renewal_of_a_suspended_license_is_not_told_as_one_that_is_good_for_longer() {
    let rig = rig().await;
    let ana = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    pay(&rig, &opened, 900).await;
    let before = only(&rig.billing, ana).await;
    let act = async |act| {
        let acting = rig
            .billing
            .act_on_license(before.license.id, act, "asked", None);
        acting.await.unwrap();
    };
    act(LicenseAct::Suspend).await;
    let held = rig.account(ana).subscriptions.remove(0);
    rig.clock.set(held.times.paid_through.unwrap());
    rig.work().await;
    let invoices = rig.account(ana).invoices;
    let invoice = invoices.iter().find(|invoice| invoice.is_open()).unwrap();
    let settled = Fact::InvoicePaid {
        invoice: invoice.id,
        payment: "pay_renewal".to_owned(),
        amount: eur(900),
        conversion: None,
        parts: Vec::new(),
    };
    rig.tell(vec![seen(settled, rig.clock.now())]).await;
    rig.work().await;
    // The cycle is paid, and nobody is told that a license was given.
    assert_eq!(rig.happened("subscription.renewed"), 1);
    assert_eq!(rig.happened("license.reissued"), 0);
    let suspended = only(&rig.billing, ana).await;
    assert_eq!(suspended.standing, LicenseStanding::Suspended);
    // Reinstated, it says what it would have said, as something newer.
    act(LicenseAct::Reinstate).await;
    assert_eq!(rig.happened("license.reinstated"), 1);
    assert_eq!(rig.happened("license.reissued"), 0);
    let after = only(&rig.billing, ana).await;
    assert_eq!(after.license.id, before.license.id);
    assert!(says(&after).serial > says(&before).serial);
    assert!(says(&after).expires_at > says(&before).expires_at);
}

#[tokio::test]
async fn what_the_provider_runs_is_good_as_long_as_the_provider_lets_it() {
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    rig.billing.apply_catalog(&shop()).await.unwrap();
    let mut make = fixtures::Maker::new(5);
    let mut account = make.account();
    let mut mirrored = make.mirrored(account.customer.id);
    mirrored.terms.plan = "pro".parse().unwrap();
    account.subscriptions.push(mirrored);
    let license = make.license(account.subscriptions[0].id);
    account.licenses.push(license);
    let creation = fixtures::creation(&account, make.now);
    rig.store.commit(creation).await.unwrap();
    let held = &account.subscriptions[0];
    let paid_through = held.times.paid_through.unwrap();
    let grace_ends = shifted(paid_through, held.terms.grace);
    let said = async || says(&only(&rig.billing, account.customer.id).await).expires_at;
    assert_eq!(said().await, Some(grace_ends));
    // The provider has not ended it, nor said that it goes on.
    rig.clock.set(grace_ends);
    assert_eq!(said().await, Some(shifted(grace_ends, days(1))));
}

#[tokio::test]
async fn switched_off_there_is_none() {
    let none: LicenseId = fixtures::Maker::new(8).id();
    let off = Billing::disabled();
    assert_eq!(off.license(none).await, Err(EngineError::Disabled));
}

#[tokio::test]
async fn what_is_validated_again_knows_every_commit_here_and_soon_every_other() {
    let rig = rig().await;
    rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    pay(&rig, &opened, 900).await;
    let id = rig.billing.licenses(&"ana".into()).await.unwrap()[0]
        .license
        .id;
    let validated = async |billing: &Billing| {
        let held = billing.validate_license(id).await.unwrap().unwrap();
        assert_eq!(held.license.id, id);
        held.standing.as_str()
    };
    let act = async |billing: &Billing, act| {
        billing
            .act_on_license(id, act, "theft", None)
            .await
            .unwrap()
    };
    let other = rig.sibling(9);
    assert_eq!(validated(&rig.billing).await, "good");
    act(&rig.billing, LicenseAct::Suspend).await;
    assert_eq!(validated(&rig.billing).await, "suspended");
    act(&rig.billing, LicenseAct::Reinstate).await;
    assert_eq!(validated(&rig.billing).await, "good");
    // What another process decides is seen when what was read is five seconds old.
    act(&other, LicenseAct::Revoke).await;
    assert_eq!(validated(&rig.billing).await, "good");
    rig.pass(Limits::default().gate_cache);
    assert_eq!(validated(&rig.billing).await, "revoked");
    assert_eq!(validated(&other).await, "revoked");
    let none = fixtures::Maker::new(5).id();
    assert_eq!(rig.billing.validate_license(none).await, Ok(None));
}

#[tokio::test]
async fn what_is_validated_again_ends_by_the_clock() {
    let rig = rig().await;
    let customer = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    pay(&rig, &opened, 900).await;
    rig.clock.set(rig.account(customer).wake_at().unwrap());
    rig.work().await;
    let of_ana = async || rig.billing.licenses(&"ana".into()).await.unwrap().remove(0);
    let held = of_ana().await;
    let id = held.license.id;
    let LicenseStanding::Good(claims) = held.standing else {
        panic!("a license that is not good");
    };
    let ends = claims.expires_at.unwrap();
    // Within what a license is held for, and nobody works.
    for (at, standing) in [(-1, "good"), (0, "unpaid")] {
        rig.clock.set(shifted(ends, SignedDuration::from_secs(at)));
        let validated = rig.billing.validate_license(id).await.unwrap().unwrap();
        assert_eq!(validated, of_ana().await);
        assert_eq!(validated.standing.as_str(), standing);
    }
}
