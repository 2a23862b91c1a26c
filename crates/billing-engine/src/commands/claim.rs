//! Claims: the owner of a mailbox confirms what a guest bought, and what a
//! confirmed guest holds counts for the account that it is attached to.
//!
//! Nobody is found by an address here but by the mailbox's own owner. One
//! transaction is about one customer: a guest is reserved for an account first,
//! and then the account takes it, now or by the worker.

use std::cmp::Reverse;
use std::convert::Infallible;
use std::sync::Arc;

use billing_domain::claim::{Claim, ClaimState, mailbox_of, unconfirmed_at};
use billing_domain::customer::{Account, Customer};
use billing_domain::decide::{Reserved, attach_claim, confirm_claim, take_claim};
use billing_domain::effect::Order;
use billing_domain::ids::{CustomerId, SubscriptionId};
use billing_ports::store::{Also, Locator};
use billing_ports::{ClaimPost, NotifyError};

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::error::EngineError;
use crate::ring::{DecideError, Deciding};

/// Accounts one after the other that an attached one leads to. It is one but for
/// a race of two confirmations, which makes it two.
const MAX_LED: usize = 4;

/// Who is to be let in by mail to one address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfMailbox {
    /// The account of its owner. `None`: there is none.
    pub account: Option<Customer>,
    /// Guests whose claim waits for its owner, oldest first.
    pub waiting: Vec<Customer>,
}

impl Billing {
    /// Mails claims with `post` from now on. Without it nobody is mailed, and a
    /// claim waits until somebody asks for its link. The first one given stays;
    /// `false`: there is one. Every process that works needs it.
    pub fn mail_claims_with(&self, post: Arc<dyn ClaimPost>) -> bool {
        self.parts()
            .is_ok_and(|parts| parts.claim_post.set(post).is_ok())
    }

    /// Whom a mail to `email` may let in.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn of_mailbox(&self, email: &str) -> Result<OfMailbox, EngineError> {
        let parts = self.parts()?;
        let found = parts.store.of_mailbox(&mailbox_of(email)).await?;
        Ok(OfMailbox {
            account: account_among(&found).cloned(),
            waiting: parts.store.of_mailbox(&unconfirmed_at(email)).await?,
        })
    }

    /// The owner of the mailbox that `guest`'s claim names confirms it: call this
    /// only for who has shown to read that mailbox. Gives whose it is from now on:
    /// the guest itself, or the account that the owner has. May be repeated, and
    /// finishes what was begun. `None`: there is no such claim.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails; to be repeated.
    pub async fn confirm_claim(
        &self,
        guest: CustomerId,
        actor: Option<&str>,
    ) -> Result<Option<CustomerId>, EngineError> {
        let parts = self.parts()?;
        let Some(claim) = parts.claim_of(guest).await? else {
            return Ok(None);
        };
        if let Some(to) = claim.attached_to() {
            parts.take(to, guest, actor).await?;
            return Ok(Some(parts.led_to(to).await?));
        }
        let mailbox = mailbox_of(&claim.email);
        let accounts = parts.store.of_mailbox(&mailbox).await?;
        if account_among(&accounts).is_none() {
            let deciding = Deciding::about(guest).by(actor);
            let confirming = parts.decide(&deciding, |draft, _| {
                Ok::<_, EngineError>(confirm_claim(draft))
            });
            confirming.await?;
        }
        // Looked up again: of two guests who are confirmed at the same time, the
        // later one sees both, and one of them becomes the account.
        let accounts = parts.store.of_mailbox(&mailbox).await?;
        let Some(account) = account_among(&accounts).map(|account| account.id) else {
            // Attached by somebody else meanwhile.
            return Ok(Some(parts.led_to(guest).await?));
        };
        let confirmed = accounts.iter().filter(|held| held.guest);
        let confirmed = confirmed.map(|held| held.id).filter(|id| *id != guest);
        for other in std::iter::once(guest).chain(confirmed) {
            parts.attach(other, account, actor).await?;
        }
        Ok(Some(parts.led_to(guest).await?))
    }

    /// The guests attached to a customer, with what they hold, in the order of
    /// their coming. None where there is no such customer.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn attached_to(&self, of: &CustomerRef) -> Result<Vec<Account>, EngineError> {
        let parts = self.parts()?;
        match parts.load(of).await? {
            Some(account) => parts.guests_of(&account).await,
            None => Ok(Vec::new()),
        }
    }
}

/// The account of a mailbox's owner: one that the host has named before a guest
/// who was confirmed, and the older one of two.
fn account_among(found: &[Customer]) -> Option<&Customer> {
    let accounts = found.iter().filter(|held| held.is_of_mailbox());
    accounts.max_by_key(|held| (!held.guest, Reverse(held.id)))
}

impl Parts {
    async fn claim_of(&self, guest: CustomerId) -> Result<Option<Claim>, EngineError> {
        let loaded = self.store.load(guest, &Also::default()).await?;
        Ok(loaded.and_then(|loaded| loaded.account.customer.claim))
    }

    /// Reserves `guest` for `to`, and has `to` take it.
    async fn attach(
        &self,
        guest: CustomerId,
        to: CustomerId,
        actor: Option<&str>,
    ) -> Result<(), EngineError> {
        if guest == to {
            return Ok(());
        }
        let deciding = Deciding::about(guest).by(actor);
        let decided = self
            .decide(&deciding, |draft, _| {
                Ok::<_, EngineError>(attach_claim(draft, to))
            })
            .await?;
        if let Reserved::Before(before) = decided.said {
            return self.take(before, guest, actor).await;
        }
        for effect in decided.effects {
            // The worker finds it done.
            if let Order::AttachClaim { guest, to } = effect.order {
                self.take(to, guest, actor).await?;
            }
        }
        Ok(())
    }

    /// Has `to` hold what `guest` holds. May be repeated.
    pub(crate) async fn take(
        &self,
        to: CustomerId,
        guest: CustomerId,
        actor: Option<&str>,
    ) -> Result<(), EngineError> {
        let deciding = Deciding::about(to).by(actor);
        let decided = self
            .try_decide(&deciding, |draft, _| {
                take_claim(draft, guest);
                Ok::<_, Infallible>(())
            })
            .await;
        match decided {
            Ok(_) | Err(DecideError::NoCustomer) => Ok(()),
            Err(DecideError::Overtaken) => Err(EngineError::Contended),
            Err(DecideError::Refused(never)) => match never {},
            Err(DecideError::Engine(error)) => Err(error),
        }
    }

    /// The account at the end of whom a customer is attached to.
    async fn led_to(&self, customer: CustomerId) -> Result<CustomerId, EngineError> {
        let mut at = customer;
        for _ in 0..MAX_LED {
            match self
                .claim_of(at)
                .await?
                .as_ref()
                .and_then(Claim::attached_to)
            {
                Some(further) => at = further,
                None => break,
            }
        }
        Ok(at)
    }

    /// The guests attached to `account`, with what they hold.
    pub(crate) async fn guests_of(&self, account: &Account) -> Result<Vec<Account>, EngineError> {
        let mut guests = Vec::with_capacity(account.customer.claims.len());
        for guest in &account.customer.claims {
            let loaded = self.store.load(*guest, &Also::default()).await?;
            guests.extend(loaded.map(|loaded| loaded.account));
        }
        Ok(guests)
    }

    /// The guest attached to `of` to whom `what` leads. `None`: it leads to
    /// nobody, or elsewhere.
    pub(crate) async fn guest_of(
        &self,
        of: &CustomerRef,
        what: &Locator,
    ) -> Result<Option<CustomerId>, EngineError> {
        let Some(holder) = self.store.find(what).await? else {
            return Ok(None);
        };
        let account = self.load(of).await?;
        let attached = account.is_some_and(|account| account.customer.claims.contains(&holder));
        Ok(attached.then_some(holder))
    }

    /// Whom a customer's command about `what` is about: itself, or a guest that is
    /// attached to it. `None`: there is no such customer.
    pub(crate) async fn acting(
        &self,
        of: &CustomerRef,
        what: &Locator,
    ) -> Result<Option<CustomerId>, EngineError> {
        let Some(own) = self.store.find(&of.locator()).await? else {
            return Ok(None);
        };
        let guest = self.guest_of(of, what).await?;
        Ok(Some(guest.unwrap_or(own)))
    }

    /// The account that has this subscription: the customer's own, or that of a
    /// guest attached to it. The customer's own where neither has it.
    pub(crate) async fn with_subscription(
        &self,
        of: &CustomerRef,
        subscription: SubscriptionId,
    ) -> Result<Option<Account>, EngineError> {
        let Some(own) = self.load(of).await? else {
            return Ok(None);
        };
        if own.subscription(subscription).is_some() || own.customer.claims.is_empty() {
            return Ok(Some(own));
        }
        let found = self
            .store
            .find(&Locator::Subscription(subscription))
            .await?;
        let Some(guest) = found.filter(|holder| own.customer.claims.contains(holder)) else {
            return Ok(Some(own));
        };
        self.load(&guest.into()).await
    }

    /// Mails the claim that waits, if there is one and anybody to mail it.
    /// Gives why it has to be asked for again.
    pub(crate) async fn mail_claim(
        &self,
        guest: CustomerId,
    ) -> Result<Option<NotifyError>, EngineError> {
        let claim = self.claim_of(guest).await?;
        let Some(claim) = claim.filter(|claim| claim.state == ClaimState::Open) else {
            return Ok(None);
        };
        let Some(post) = self.claim_post.get() else {
            tracing::info!(customer = %guest, "claim not mailed: nobody mails claims here");
            return Ok(None);
        };
        let posting = post.post(guest, &claim);
        Ok(
            match tokio::time::timeout(self.limits.call_timeout, posting).await {
                Ok(posted) => posted.err(),
                Err(_elapsed) => {
                    let late = "the mail was not taken over in time";
                    Some(NotifyError::Failed(late.to_owned()))
                }
            },
        )
    }
}
