//! Letters to the owners of mailboxes whom a guest's purchase may belong to.
//!
//! Knows what such a letter says and what it costs to send one; whose purchase it
//! is, the engine decides when the link is opened.

use std::sync::Arc;

use async_trait::async_trait;
use billing_domain::claim::Claim;
use billing_domain::ids::CustomerId;
use billing_ports::store::Also;
use billing_ports::{ClaimPost, Mail, NotifyError};
use url::Url;

use crate::desk::Desk;
use crate::http::RateLimiters;
use crate::letters::{Lasts, Linked};
use crate::links::{self, Keep, with_link};
use crate::state::{ApiOptions, AppState};

/// Where a link leads when nobody says.
pub(crate) const OUR_PAGE: &str = "/session";

/// Mails claims as they are made. Holds no engine, which holds this.
pub(crate) struct ClaimLetters {
    desk: Desk,
    limiters: Arc<RateLimiters>,
}

impl ClaimLetters {
    /// As `state` mails. `None`: billing is switched off.
    pub(crate) fn of(state: &AppState) -> Option<Self> {
        Some(Self {
            desk: Desk::of(state)?,
            limiters: Arc::clone(&state.limiters),
        })
    }

    /// The letter to a claim's mailbox, with a link that `leads_to` an
    /// application. `None`: its mailbox has had enough of them for now.
    ///
    /// # Errors
    ///
    /// What failed, fit for a log.
    pub(crate) async fn letter(
        &self,
        guest: CustomerId,
        claim: &Claim,
        leads_to: Option<Url>,
    ) -> Result<Option<Mail>, String> {
        if !self.limiters.mailbox(&claim.email) {
            tracing::warn!("claim not mailed: its mailbox has had enough for now");
            return Ok(None);
        }
        let leads_to = match leads_to {
            Some(url) => url,
            None => our_page(&self.desk.options).map_err(|error| error.to_string())?,
        };
        let catalog = self.desk.store.current_catalog().await;
        let catalog = catalog.map_err(|error| error.to_string())?;
        let product = catalog.as_ref().map(|revision| revision.catalog.product());
        let keep = Keep {
            store: self.desk.store.as_ref(),
            ids: self.desk.ids.as_ref(),
            options: &self.desk.options,
            now: self.desk.clock.now(),
        };
        let link = links::make_for_claim(&keep, guest).await;
        let link = link.map_err(|error| error.to_string())?;
        let read = self.desk.store.load(guest, &Also::default()).await;
        let read = read.map_err(|error| error.to_string())?;
        let reader = read.as_ref().map(|read| &read.account.customer);
        let written = self.desk.links.write(Linked {
            id: link.id.to_string(),
            to: claim.email.clone(),
            lang: reader.and_then(|reader| reader.lang.as_deref()),
            product,
            link: with_link(leads_to, &link),
            lasts: Lasts::Days(links::CLAIM_LINK_LIFETIME.as_hours() / 24),
        });
        let written = written.ok_or_else(|| "there is no such letter".to_owned())?;
        Ok(Some(written))
    }
}

#[async_trait]
impl ClaimPost for ClaimLetters {
    async fn post(&self, guest: CustomerId, claim: &Claim) -> Result<(), NotifyError> {
        if self.desk.post.mailer().is_none() {
            return Ok(());
        }
        let letter = self.letter(guest, claim, None).await;
        let letter = letter.map_err(NotifyError::Failed)?;
        let Some(mail) = letter else {
            return Ok(());
        };
        let post = self.desk.post.clone();
        let sending = async move { post.deliver(&mail).await };
        if self.desk.post.later(sending) {
            Ok(())
        } else {
            Err(NotifyError::NoRoom("too much mail is at hand".to_owned()))
        }
    }
}

/// The page of ours that opens links.
pub(crate) fn our_page(options: &ApiOptions) -> Result<Url, url::ParseError> {
    Url::parse(&format!("{}{OUR_PAGE}", options.public_url))
}
