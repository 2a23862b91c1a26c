//! The public half: anybody asks, everybody is told the same, and only the
//! owner of the mailbox gets in.
//!
//! Whoever asks is answered before anything about the customer is looked up,
//! so that neither the answer nor its time tells whether there is one. What
//! comes after that is told to the log alone, without names.

use billing_domain::claim::mailbox_of;
use billing_domain::ids::CustomerId;
use billing_engine::CustomerRef;
use billing_ports::Mail;
use poem::Request;
use url::Url;

use super::SessionBody;
use crate::api::Done;
use crate::claims::{self, ClaimLetters};
use crate::http::client_address;
use crate::letters::{Lasts, Linked};
use crate::links::{self, Claim, MAX_LINK, with_link};
use crate::mail::MAX_LINE;
use crate::problem::Problem;
use crate::state::AppState;

/// Longest `return_url` in bytes once it is read, with the page of ours that leads
/// to it where something is delivered: with the longest link and `?link=` it fits
/// a line of mail.
pub(super) const MAX_RETURN: usize = 240;
const _: () = assert!(MAX_RETURN + "?link=".len() + MAX_LINK <= MAX_LINE);

/// Claims of one mailbox that are mailed at once: whoever has bought oftener than
/// that without an account confirms the rest afterward.
const MAX_CLAIMS: usize = 3;

/// Who asks for what.
struct Wish {
    of: Of,
    leads_to: Url,
}

/// Whose billing is asked for.
enum Of {
    /// That of the customer with this name, mailed here if there is none.
    Named(String, Option<String>),
    /// That of whoever owns this mailbox.
    Mailbox(String),
}

/// Takes a wish for a link, whoever it is from.
pub(super) async fn ask(
    state: &AppState,
    request: &Request,
    body: SessionBody,
) -> Result<Done, Problem> {
    state.limiters.asker(client_address(state, request))?;
    let leads_to = match &body.return_url {
        Some(url) => super::leads_to(state, url, body.delivered).await?,
        None => our_page(state)?,
    };
    if leads_to.as_str().len() > MAX_RETURN {
        return Err(too_long());
    }
    let of = match (body.customer, body.email) {
        (Some(customer), email) => Of::Named(customer, email),
        (None, Some(email)) => Of::Mailbox(email),
        (None, None) => return Err(Problem::field("customer", "is required")),
    };
    match &of {
        Of::Named(customer, _) => state.limiters.asked_for(customer)?,
        Of::Mailbox(email) => state.limiters.asked_for(&mailbox_of(email))?,
    }
    let store = state.store()?;
    // What cannot be looked up now is not promised.
    store.ping().await?;
    let wish = Wish { of, leads_to };
    let own = state.clone();
    if !state.post.later(async move { fulfill(&own, wish).await }) {
        tracing::error!("link not sent: too much mail is at hand");
    }
    Ok(Done)
}

/// The refusal of an address that no mail has room for.
pub(super) fn too_long() -> Problem {
    let message = format!("must have at most {MAX_RETURN} bytes, as it stands in the link");
    Problem::field("return_url", message)
}

pub(super) fn our_page(state: &AppState) -> Result<Url, Problem> {
    claims::our_page(&state.options).map_err(|error| {
        tracing::error!(%error, "the public address is none");
        Problem::internal()
    })
}

/// Mails a link, if there is anybody to mail it to.
async fn fulfill(state: &AppState, wish: Wish) {
    if state.post.mailer().is_none() {
        return tracing::warn!("link not sent: no mail is sent; see BILLING_MAIL_FOLDER");
    }
    let leads_to = wish.leads_to;
    let letters = match wish.of {
        Of::Named(customer, email) => match reader(state, customer, email).await {
            Ok(Some((reader, to))) => letter(state, reader, to, leads_to).await,
            Ok(None) => Ok(None),
            Err(problem) => Err(problem),
        }
        .map(Vec::from_iter),
        Of::Mailbox(email) => letters(state, &email, leads_to).await,
    };
    match letters {
        Ok(letters) if letters.is_empty() => {
            tracing::info!("link not sent: there is nobody to send it to");
        }
        Ok(letters) => {
            for mail in letters {
                state.post.deliver(&mail).await;
            }
        }
        // Why was logged where it failed.
        Err(_problem) => tracing::error!("link not sent: it could not be made"),
    }
}

/// The mails to the owner of a mailbox: one to the account, and one for each
/// claim that waits.
async fn letters(state: &AppState, email: &str, leads_to: Url) -> Result<Vec<Mail>, Problem> {
    let found = state.billing.of_mailbox(email).await?;
    let mut letters = Vec::new();
    if let Some(account) = found.account {
        let to = Mailbox {
            at: account.email.unwrap_or_else(|| email.to_owned()),
            lang: account.lang,
        };
        let reader = Reader::Customer(account.id);
        letters.extend(letter(state, reader, to, leads_to.clone()).await?);
    }
    let claims = ClaimLetters::of(state).ok_or_else(Problem::billing_disabled)?;
    for guest in found.waiting.iter().take(MAX_CLAIMS) {
        let Some(claim) = &guest.claim else { continue };
        let mail = claims.letter(guest.id, claim, Some(leads_to.clone())).await;
        letters.extend(mail.map_err(|failure| {
            tracing::error!(failure, "claim not mailed");
            Problem::internal()
        })?);
    }
    Ok(letters)
}

/// Whom a link is for.
enum Reader {
    Customer(CustomerId),
    New(Claim),
}

/// Where a link goes.
struct Mailbox {
    /// The address.
    at: String,
    /// The tag of its owner's language. `None`: none is known.
    lang: Option<String>,
}

/// The mail with a link for `reader`. `None`: the mailbox has had enough.
async fn letter(
    state: &AppState,
    reader: Reader,
    to: Mailbox,
    leads_to: Url,
) -> Result<Option<Mail>, Problem> {
    if !state.limiters.mailbox(&to.at) {
        tracing::warn!("link not sent: its mailbox has had enough of them for now");
        return Ok(None);
    }
    let link = match reader {
        Reader::Customer(customer) => links::make(state, customer).await?,
        Reader::New(claim) => links::make_for_new(state, &claim).await?,
    };
    let revision = state.billing.catalog().await?;
    let written = state.link_letters.write(Linked {
        id: link.id.to_string(),
        to: to.at,
        lang: to.lang.as_deref(),
        product: Some(revision.catalog.product()),
        link: with_link(leads_to, &link),
        lasts: Lasts::Minutes(state.options.link_lifetime.as_mins().into()),
    });
    let written = written.ok_or_else(|| {
        tracing::error!("there is no letter with a link");
        Problem::internal()
    })?;
    Ok(Some(written))
}

/// Whom a wish is about, and where mail goes: for a customer always to the
/// address on file. `None`: there is nobody, or nowhere.
async fn reader(
    state: &AppState,
    customer: String,
    email: Option<String>,
) -> Result<Option<(Reader, Mailbox)>, Problem> {
    // An id is for operators; nobody's reference looks like one.
    if customer.parse::<CustomerId>().is_ok() {
        return Ok(None);
    }
    let named = CustomerRef::External(customer.clone());
    Ok(match state.billing.account(&named).await? {
        Some(account) => {
            let (id, lang) = (account.customer.id, account.customer.lang);
            let on_file = account.customer.email;
            on_file.map(|at| (Reader::Customer(id), Mailbox { at, lang }))
        }
        None => email.map(|email| {
            let claim = Claim {
                external_ref: customer,
                email: email.clone(),
            };
            let to = Mailbox {
                at: email,
                lang: None,
            };
            (Reader::New(claim), to)
        }),
    })
}
