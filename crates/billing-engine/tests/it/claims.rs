//! What a guest bought belongs to whoever reads the mailbox: confirmed by it,
//! attached to the account that it has, and nobody's before.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use billing_domain::access::{Gate, Need};
use billing_domain::claim::{Claim, ClaimState};
use billing_domain::fact::Fact;
use billing_domain::ids::{CustomerId, SubscriptionId};
use billing_engine::{
    Billing, CancelError, CancelWhen, ChangeAsk, CheckoutOpened, CheckoutRequest, CustomerRef,
    QuoteError, QuoteRefusal,
};
use billing_ports::{ClaimPost, NotifyError};
use billing_testkit::memory::{Call, Fault};
use jiff::SignedDuration;

use crate::rig::{Rig, ask, paid};

/// Takes mail over, and remembers whose; fails as often as it is told.
#[derive(Default)]
struct Post {
    taken: Mutex<Vec<(CustomerId, String)>>,
    failures: Mutex<u32>,
}

#[async_trait]
impl ClaimPost for Post {
    async fn post(&self, guest: CustomerId, claim: &Claim) -> Result<(), NotifyError> {
        let mut failures = self.failures.lock().unwrap();
        if let Some(left) = failures.checked_sub(1) {
            *failures = left;
            let message = "no room".to_owned();
            return Err(NotifyError::Failed(message));
        }
        let mut taken = self.taken.lock().unwrap();
        taken.push((guest, claim.email.clone()));
        Ok(())
    }
}

impl Post {
    fn taken(&self) -> Vec<(CustomerId, String)> {
        self.taken.lock().unwrap().clone()
    }
}

/// A guest buys, and the provider collects this address.
async fn guest(rig: &Rig, email: &str) -> (CheckoutOpened, SubscriptionId) {
    let request = CheckoutRequest {
        customer: None,
        ..ask("", "pro-monthly")
    };
    let opened = rig.billing.checkout(request).await.unwrap();
    let mut done = paid(&opened, 900, rig.clock_now());
    if let Fact::CheckoutCompleted { email: told, .. } = &mut done.fact {
        *told = Some(email.to_owned());
    }
    rig.tell(vec![done]).await;
    rig.work().await;
    let held = rig.account(opened.customer).subscriptions;
    let id = held.first().unwrap().id;
    (opened, id)
}

/// The host's customer `who`, with an address on file.
async fn named(rig: &Rig, who: &str, email: &str) -> CustomerId {
    let made = rig.billing.ensure_customer(who, Some(email)).await.unwrap();
    made.customer.id
}

async fn confirm(billing: &Billing, guest: CustomerId) -> Option<CustomerId> {
    billing.confirm_claim(guest, Some("link")).await.unwrap()
}

async fn may_sync(rig: &Rig, of: impl Into<CustomerRef>) -> bool {
    let gate = rig.billing.gate(&of.into(), "sync", Need::Some).await;
    matches!(gate, Ok(Gate::Allowed { .. }))
}

fn state(rig: &Rig, guest: CustomerId) -> Option<ClaimState> {
    rig.account(guest).customer.claim.map(|claim| claim.state)
}

fn quote_of(subscription: SubscriptionId) -> ChangeAsk {
    ChangeAsk {
        subscription,
        plan: None,
        price: Some("team-monthly".parse().unwrap()),
        quantity: Some(2),
    }
}

#[tokio::test]
async fn a_claim_is_mailed_once_and_again_when_the_mail_is_not_taken() {
    let rig = Rig::new().await;
    let post = Arc::new(Post::default());
    assert!(rig.billing.mail_claims_with(Arc::clone(&post) as _));
    assert!(!rig.billing.mail_claims_with(Arc::clone(&post) as _));
    *post.failures.lock().unwrap() = 2;
    let (opened, _) = guest(&rig, "ana@x.test").await;
    assert_eq!(post.taken(), []);
    for _ in 0..4 {
        rig.pass(SignedDuration::from_hours(24));
        rig.work().await;
    }
    assert_eq!(post.taken(), [(opened.customer, "ana@x.test".to_owned())]);
    assert_eq!(rig.happened("claim.made"), 1);
}

#[tokio::test]
async fn what_nobody_mails_waits_for_its_owner_to_ask() {
    let rig = Rig::new().await;
    let (opened, _) = guest(&rig, "ana@x.test").await;
    let found = rig.billing.of_mailbox("ANA@x.test").await.unwrap();
    assert_eq!(found.account, None);
    let waiting: Vec<_> = found.waiting.iter().map(|held| held.id).collect();
    assert_eq!(waiting, [opened.customer]);
    assert_eq!(rig.parked(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_typed_address_gives_nobody_anything() {
    let rig = Rig::new().await;
    let ana = named(&rig, "ana", "ana@x.test").await;
    let (opened, subscription) = guest(&rig, "ana@x.test").await;
    assert!(!may_sync(&rig, ana).await);
    assert!(may_sync(&rig, opened.customer).await);
    let ana = CustomerRef::Id(ana);
    let canceled = rig
        .billing
        .cancel(&ana, subscription, CancelWhen::PeriodEnd, None);
    assert_eq!(canceled.await, Err(CancelError::NotFound));
    let none = Err(QuoteError::Refused(QuoteRefusal::NoSubscription));
    assert_eq!(rig.billing.quote(&ana, &quote_of(subscription)).await, none);
    // Nor has the guest what the address's owner holds.
    let (ben, bens) = (rig.customer("ben").await, rig.subscribe("ben").await);
    let guest = CustomerRef::Id(opened.customer);
    let canceled = rig
        .billing
        .cancel(&guest, bens, CancelWhen::PeriodEnd, None);
    assert_eq!(canceled.await, Err(CancelError::NotFound));
    // Who has no claim cannot be confirmed.
    assert_eq!(confirm(&rig.billing, ben).await, None);
}

#[tokio::test]
async fn without_an_account_the_guest_becomes_it() {
    let rig = Rig::new().await;
    let (first, _) = guest(&rig, "Ana@x.test").await;
    for _ in 0..2 {
        assert_eq!(
            confirm(&rig.billing, first.customer).await,
            Some(first.customer)
        );
    }
    let confirmed = rig.account(first.customer).customer;
    assert_eq!(confirmed.email.as_deref(), Some("Ana@x.test"));
    let found = rig.billing.of_mailbox("ana@x.test").await.unwrap();
    assert_eq!(found.account, Some(confirmed));
    assert_eq!(found.waiting, []);
    assert_eq!(rig.happened("claim.confirmed"), 1);
    // What is bought later as a guest comes to it.
    let (second, _) = guest(&rig, "ana@X.test").await;
    assert_eq!(
        confirm(&rig.billing, second.customer).await,
        Some(first.customer)
    );
    assert_eq!(
        rig.account(first.customer).customer.claims,
        [second.customer]
    );
}

#[tokio::test]
async fn an_account_is_attached_and_acts_for_the_guest() {
    let rig = Rig::new().await;
    let ana = named(&rig, "ana", "Ana@x.test").await;
    let member = billing_engine::NewCustomer {
        external_ref: Some("ben".to_owned()),
        member_of: Some(ana),
        ..billing_engine::NewCustomer::default()
    };
    rig.billing.create_customer(member, None).await.unwrap();
    let (opened, subscription) = guest(&rig, "ana@x.test").await;
    assert!(!may_sync(&rig, "ana").await && !may_sync(&rig, "ben").await);
    for _ in 0..2 {
        assert_eq!(confirm(&rig.billing, opened.customer).await, Some(ana));
    }
    rig.work().await;
    assert!(may_sync(&rig, "ana").await && may_sync(&rig, "ben").await);
    assert_eq!(rig.account(ana).customer.claims, [opened.customer]);
    assert_eq!(rig.account(ana).subscriptions, [], "nothing moves");
    for event in ["claim.made", "claim.attached", "claim.taken"] {
        assert_eq!(rig.happened(event), 1, "{event}");
    }

    let of = CustomerRef::Id(ana);
    let quote = rig
        .billing
        .quote(&of, &quote_of(subscription))
        .await
        .unwrap();
    assert_eq!(quote.customer, opened.customer);
    let allowed = rig
        .billing
        .allowed_changes(&of, subscription)
        .await
        .unwrap();
    assert!(!allowed.is_empty());
    let accepted = rig.billing.accept_quote(&of, quote.id, None).await.unwrap();
    assert_eq!(accepted.change.quote.id, quote.id);
    rig.billing
        .take_back(&of, accepted.change.id, None)
        .await
        .unwrap();
    let horizon = billing_domain::forecast::Horizon::cycles(2);
    let forecast = rig
        .billing
        .forecast(&of, subscription, horizon)
        .await
        .unwrap();
    assert!(forecast.is_some());
    let canceled = rig
        .billing
        .cancel(&of, subscription, CancelWhen::PeriodEnd, None);
    let ends_at = canceled.await.unwrap().ends_at.unwrap();
    // A commit of the guest's is seen by the account, and by its member, at once.
    rig.clock.set(ends_at);
    assert!(!may_sync(&rig, "ana").await && !may_sync(&rig, "ben").await);
    rig.work().await;
    let attached = rig.billing.attached_to(&of).await.unwrap();
    assert_eq!(attached[0].customer.id, opened.customer);
}

#[tokio::test]
async fn what_the_provider_tells_goes_on_to_the_guest() {
    let rig = Rig::new().await;
    let ana = named(&rig, "ana", "ana@x.test").await;
    let (opened, _) = guest(&rig, "ana@x.test").await;
    confirm(&rig.billing, opened.customer).await;
    let due = rig.account(opened.customer).subscriptions[0]
        .times
        .paid_through
        .unwrap();
    rig.clock.set(due);
    rig.work().await;
    let invoices = rig.account(opened.customer).invoices;
    let invoice = invoices
        .into_iter()
        .find(billing_domain::invoice::Invoice::is_open);
    let invoice = invoice.unwrap();
    let paid = crate::rig::seen(
        Fact::InvoicePaid {
            invoice: invoice.id,
            payment: "pay_2".to_owned(),
            amount: invoice.amount,
            conversion: None,
            parts: Vec::new(),
        },
        due,
    );
    rig.tell(vec![paid]).await;
    rig.work().await;
    assert!(may_sync(&rig, ana).await);
    let held = &rig.account(opened.customer).subscriptions[0];
    assert!(held.times.paid_through.unwrap() > due);
}

#[tokio::test]
async fn what_was_broken_off_in_between_is_finished_by_the_worker_or_a_second_opening() {
    for by_worker in [true, false] {
        let rig = Rig::new().await;
        let ana = named(&rig, "ana", "ana@x.test").await;
        let (opened, _) = guest(&rig, "ana@x.test").await;
        // The guest is reserved; the account's own commit does not come about.
        rig.store.fail_next(Call::Commit, Fault::After);
        let confirming = rig.billing.confirm_claim(opened.customer, None).await;
        assert!(confirming.is_err());
        let reserved = state(&rig, opened.customer);
        assert!(matches!(reserved, Some(ClaimState::Attached { to, .. }) if to == ana));
        assert_eq!(rig.account(ana).customer.claims, []);
        assert!(!may_sync(&rig, ana).await);
        if by_worker {
            rig.work().await;
        } else {
            assert_eq!(confirm(&rig.billing, opened.customer).await, Some(ana));
        }
        assert_eq!(rig.account(ana).customer.claims, [opened.customer]);
        assert!(may_sync(&rig, ana).await);
        rig.work().await;
        assert_eq!(rig.happened("claim.taken"), 1);
    }
}

#[tokio::test]
async fn two_guests_of_one_mailbox_become_one_account() {
    let rig = Rig::new().await;
    let (first, _) = guest(&rig, "ana@x.test").await;
    let (second, _) = guest(&rig, "ana@x.test").await;
    let other = rig.sibling(7);
    let (one, two) = tokio::join!(
        confirm(&rig.billing, first.customer),
        confirm(&other, second.customer)
    );
    let found = rig.billing.of_mailbox("ana@x.test").await.unwrap();
    let account = found.account.unwrap().id;
    assert!(one.is_some() && two.is_some());
    // Who was let in to the younger one a moment before is led on.
    for guest in [first.customer, second.customer] {
        assert_eq!(confirm(&rig.billing, guest).await, Some(account));
    }
    rig.work().await;
    assert_eq!(rig.account(account).customer.claims.len(), 1);
    // The host's own account comes later, and takes both.
    let ana = named(&rig, "ana", "ana@x.test").await;
    let (third, _) = guest(&rig, "ana@x.test").await;
    assert_eq!(confirm(&rig.billing, third.customer).await, Some(ana));
    rig.work().await;
    let mut held = rig.account(ana).customer.claims;
    held.sort();
    assert_eq!(held, [first.customer, second.customer, third.customer]);
    for guest in [first.customer, second.customer, third.customer] {
        assert_eq!(confirm(&rig.billing, guest).await, Some(ana));
    }
}

#[tokio::test]
async fn a_customer_whom_nobody_named_is_no_account_by_its_address() {
    let rig = Rig::new().await;
    let nameless = billing_engine::NewCustomer {
        email: Some("ana@x.test".to_owned()),
        ..billing_engine::NewCustomer::default()
    };
    rig.billing.create_customer(nameless, None).await.unwrap();
    // Nor is a guest who typed it, and has bought nothing.
    let typed = CheckoutRequest {
        customer: None,
        email: Some("ana@x.test".to_owned()),
        ..ask("", "pro-monthly")
    };
    rig.billing.checkout(typed).await.unwrap();
    let (opened, _) = guest(&rig, "ana@x.test").await;
    assert_eq!(
        confirm(&rig.billing, opened.customer).await,
        Some(opened.customer)
    );
}
