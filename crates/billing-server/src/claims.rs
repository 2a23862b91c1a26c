//! Letters to the owners of mailboxes whom a guest's purchase may belong to.
//!
//! Knows what such a letter says and what it costs to send one; whose purchase it
//! is, the engine decides when the link is opened.

use std::sync::Arc;

use async_trait::async_trait;
use billing_domain::claim::Claim;
use billing_domain::ids::CustomerId;
use billing_ports::{ClaimPost, Mail, NotifyError};
use url::Url;

use crate::desk::Desk;
use crate::http::RateLimiters;
use crate::links::{self, Keep, with_link};
use crate::mail::deliver;
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
        let product = product.unwrap_or("our shop");
        let days = links::CLAIM_LINK_LIFETIME.as_hours() / 24;
        Ok(Some(Mail {
            id: link.id.to_string(),
            to: claim.email.clone(),
            subject: format!("What you bought at {product}"),
            text: format!(
                "Somebody, probably you, bought something at {product} and gave this address.\n\
                 \n\
                 This link makes it yours, once, within {days} days; if you have an account\n\
                 with this address already, it is added there:\n\
                 \n\
                 {}\n\
                 \n\
                 If it was not you, there is nothing to do: without this mail nobody gets in,\n\
                 and nothing of yours was touched.\n",
                with_link(leads_to, &link)
            ),
            html: None,
        }))
    }
}

#[async_trait]
impl ClaimPost for ClaimLetters {
    async fn post(&self, guest: CustomerId, claim: &Claim) -> Result<(), NotifyError> {
        let Some(mailer) = self.desk.post.mailer().cloned() else {
            return Ok(());
        };
        let letter = self.letter(guest, claim, None).await;
        let letter = letter.map_err(NotifyError::Failed)?;
        let Some(mail) = letter else {
            return Ok(());
        };
        let sending = async move { deliver(mailer.as_ref(), &mail).await };
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
