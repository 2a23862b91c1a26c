//! Links that open a billing session once: what they are made of, and opening
//! one. Knows neither how a link is handed over nor who may ask for one.
//!
//! A link for somebody who is no customer yet carries who it is to be; one for
//! the owner of a mailbox confirms what a guest bought. Only
//! the hash of the whole link is kept, so that a word changed in it is another
//! link, which opens nothing.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use billing_domain::ids::{CustomerId, IdSeq, SessionId};
use billing_domain::time::{Timestamp, shifted};
use billing_engine::{CreateCustomerError, NewCustomer};
use billing_ports::store::{Session, StoreError};
use billing_ports::{IdSource, Store};
use jiff::SignedDuration;
use url::Url;

use crate::auth::{LINK_PREFIX, SESSION_PREFIX, fresh, hash};
use crate::problem::Problem;
use crate::state::{ApiOptions, AppState};

/// Longest link in bytes: 67 without a claim; the longest reference and
/// address are 680 more.
pub(crate) const MAX_LINK: usize = 748;

/// What a link ends with by which the owner of a mailbox confirms a claim. It is
/// none of those that carry somebody, being no base64.
const GUEST: &str = "guest";

/// How long a link that confirms a claim can be opened: a week. Its mail comes
/// unasked, when the money does, and whoever is later asks for another one.
pub(crate) const CLAIM_LINK_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Who made a customer, for the journal.
const BY_LINK: &str = "billing link";

/// Who somebody is to be: a reference of the host's that no customer has yet,
/// and the address at which it was shown to be read.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) external_ref: String,
    pub(crate) email: String,
}

impl Claim {
    fn written(&self) -> String {
        // Neither has a line's end: both are texts without control characters.
        URL_SAFE_NO_PAD.encode(format!("{}\n{}", self.email, self.external_ref))
    }

    fn read(text: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (email, external_ref) = text.split_once('\n')?;
        Some(Self {
            external_ref: external_ref.to_owned(),
            email: email.to_owned(),
        })
    }
}

/// A link that was made.
pub(crate) struct Link {
    /// The session that it opens.
    pub(crate) id: SessionId,
    /// The link itself, as in `bl_…`.
    pub(crate) secret: String,
}

/// A session, and its token.
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) token: String,
}

/// Makes a link for a customer.
pub(crate) async fn make(state: &AppState, customer: CustomerId) -> Result<Link, Problem> {
    let keep = keeping(state)?;
    let secret = fresh(keep.ids, LINK_PREFIX);
    let lasts = state.options.link_lifetime;
    Ok(keep.kept(Some(customer), secret, lasts).await?)
}

/// Makes a link by which the owner of a mailbox confirms the claim of `guest`.
pub(crate) async fn make_for_claim(keep: &Keep<'_>, guest: CustomerId) -> Result<Link, StoreError> {
    let secret = format!("{}.{GUEST}", fresh(keep.ids, LINK_PREFIX));
    keep.kept(Some(guest), secret, CLAIM_LINK_LIFETIME).await
}

/// Makes a link that makes a customer when it is opened.
pub(crate) async fn make_for_new(state: &AppState, claim: &Claim) -> Result<Link, Problem> {
    let keep = keeping(state)?;
    let secret = fresh(keep.ids, LINK_PREFIX);
    let secret = format!("{secret}.{}", claim.written());
    Ok(keep.kept(None, secret, state.options.link_lifetime).await?)
}

/// What it takes to keep a link.
pub(crate) struct Keep<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) ids: &'a dyn IdSource,
    pub(crate) options: &'a ApiOptions,
    pub(crate) now: Timestamp,
}

impl Keep<'_> {
    async fn kept(
        &self,
        customer: Option<CustomerId>,
        secret: String,
        lasts: SignedDuration,
    ) -> Result<Link, StoreError> {
        let mut ids = IdSeq::new(self.now, self.ids.seed());
        let until = shifted(self.now, lasts);
        let lived = shifted(self.now, self.options.session_lifetime);
        let session = Session {
            id: ids.draw::<SessionId>(),
            // Who is no customer yet has an id that is nobody's.
            customer: customer.unwrap_or_else(|| ids.draw::<CustomerId>()),
            // Kept for as long as the link can be opened, at least.
            expires_at: lived.max(until),
        };
        let id = session.id;
        self.store.add_link(session, hash(&secret), until).await?;
        Ok(Link { id, secret })
    }
}

fn keeping(state: &AppState) -> Result<Keep<'_>, Problem> {
    let (store, now) = parts(state)?;
    Ok(Keep {
        store: store.as_ref(),
        ids: state.ids.as_ref(),
        options: &state.options,
        now,
    })
}

/// A link that could be opened when it was found.
pub(crate) struct Found<'a> {
    /// Whose session it opens.
    pub(crate) customer: CustomerId,
    secret: &'a str,
}

/// Finds a link without spending it; who opens one for the first time is a customer from here
/// on. `None`: there is no such link, it was opened before, it is too late, or whom it claims
/// to be is somebody else by now.
pub(crate) async fn find<'a>(
    state: &AppState,
    secret: &'a str,
) -> Result<Option<Found<'a>>, Problem> {
    let (store, now) = parts(state)?;
    let Some(session) = store.find_link(hash(secret), now).await? else {
        return Ok(None);
    };
    let customer = match secret.split_once('.') {
        None => Some(session.customer),
        Some((_, GUEST)) => {
            let guest = session.customer;
            state.billing.confirm_claim(guest, Some(BY_LINK)).await?
        }
        Some((_, claim)) => match Claim::read(claim) {
            Some(claim) => claimed(state, claim).await?,
            None => None,
        },
    };
    Ok(customer.map(|customer| Found { customer, secret }))
}

impl Found<'_> {
    /// Opens the link, once, after whatever its opener is to be given was made: what fails
    /// before this leaves it as it was. `None`: somebody else was first, or it is too late.
    pub(crate) async fn open(&self, state: &AppState) -> Result<Option<Opened>, Problem> {
        let (store, now) = parts(state)?;
        let token = fresh(state.ids.as_ref(), SESSION_PREFIX);
        if !self.secret.contains('.') {
            let opening = store.open_link(hash(self.secret), hash(&token), now);
            let found = opening.await?;
            return Ok(found.map(|session| Opened { session, token }));
        }
        // The session that is kept with a claim is nobody's; this one is its customer's. Where
        // the link is not opened after all, nobody is told its token.
        let session = Session {
            id: IdSeq::new(now, state.ids.seed()).draw::<SessionId>(),
            customer: self.customer,
            expires_at: shifted(now, state.options.session_lifetime),
        };
        store.add_session(session.clone(), hash(&token)).await?;
        let spent = hash(&fresh(state.ids.as_ref(), SESSION_PREFIX));
        let opened = store.open_link(hash(self.secret), spent, now).await?;
        Ok(opened.map(|_nobodys| Opened { session, token }))
    }
}

/// Makes the customer of a claim. `None`: there is one by now whose mail goes
/// elsewhere.
async fn claimed(state: &AppState, claim: Claim) -> Result<Option<CustomerId>, Problem> {
    let new = NewCustomer {
        external_ref: Some(claim.external_ref),
        email: Some(claim.email.clone()),
        ..NewCustomer::default()
    };
    match state.billing.create_customer(new, Some(BY_LINK)).await {
        Ok(account) => Ok(Some(account.customer.id)),
        Err(CreateCustomerError::Exists(held)) => {
            let is_same = held.email.as_deref() == Some(claim.email.as_str());
            Ok(is_same.then_some(held.id))
        }
        Err(CreateCustomerError::NoSuchOwner) => Ok(None),
        Err(CreateCustomerError::Engine(error)) => Err(error.into()),
    }
}

fn parts(state: &AppState) -> Result<(&Arc<dyn Store>, Timestamp), Problem> {
    let billing = &state.billing;
    let parts = billing.store().zip(billing.clock());
    let (store, clock) = parts.ok_or_else(Problem::billing_disabled)?;
    Ok((store, clock.now()))
}

/// `url` with the link as a parameter.
pub(crate) fn with_link(mut url: Url, link: &Link) -> String {
    url.query_pairs_mut().append_pair("link", &link.secret);
    url.into()
}
