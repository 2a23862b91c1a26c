//! What every route needs, and the bounds of the API.
//!
//! Knows nothing of configuration files: the wiring fills in [`ApiOptions`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use billing_domain::journal::JournalEntry;
use billing_engine::Billing;
use billing_http::OptionsError;
use billing_notify::{Courier, Invitations, Inviting, Sender, Transport};
use billing_ports::store::Store;
use billing_ports::{Clock, IdSource, LicenseSigner, Mailer};
use jiff::SignedDuration;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::auth::KeyCache;
use crate::claims::ClaimLetters;
use crate::documents::Seller;
use crate::drawn_keys::DrawnKeys;
use crate::http::RateLimiters;
use crate::letters::{Language, LetterOptions, Letters, LinkLetters, Templates};
use crate::license::ReadKeys;
use crate::mail::Post;
use crate::migrations::Migrations;
use crate::pages::PaddlePage;
use crate::problem::Problem;
use crate::renewal_link::Links;
use crate::reports::Reports;
use crate::sessions::SessionCache;
use crate::{quote_token, renewal_link};

/// What every route needs. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct AppState {
    /// The engine.
    pub billing: Billing,
    /// Where secrets come from: keys, sessions, request ids.
    pub ids: Arc<dyn IdSource>,
    /// The bounds and addresses of the API.
    pub options: Arc<ApiOptions>,
    /// What `/metrics` shows. `None`: the route answers 404.
    pub metrics: Option<PrometheusHandle>,
    pub(crate) keys: Arc<KeyCache>,
    pub(crate) sessions: Arc<SessionCache>,
    pub(crate) limiters: Arc<RateLimiters>,
    pub(crate) post: Post,
    /// How links are mailed.
    pub(crate) link_letters: Arc<LinkLetters>,
    pub(crate) migrations: Migrations,
    pub(crate) reports: Reports,
    pub(crate) quote_keys: Arc<DrawnKeys>,
    pub(crate) renewal_keys: Arc<DrawnKeys>,
    /// Whether the pages are there, so that links may lead to them.
    pages: Arc<AtomicBool>,
    /// `None`: no license is signed here.
    pub(crate) signer: Option<Arc<dyn LicenseSigner>>,
    /// The keys that the signer shows.
    pub(crate) license_keys: Arc<ReadKeys>,
    /// `None`: there is no page that opens Paddle's checkout.
    pub(crate) paddle: Option<PaddlePage>,
    /// `None`: no events are sent here.
    pub(crate) events: Option<Sender>,
    /// `None`: no letters are written here, and nobody is invited.
    courier: Option<Courier>,
    /// `None`: nobody is invited from here.
    pub(crate) invitations: Option<Arc<Invitations>>,
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState")
            .field("billing", &self.billing)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl AppState {
    /// The store. Refused where billing is switched off.
    pub(crate) fn store(&self) -> Result<&Arc<dyn Store>, Problem> {
        self.billing.store().ok_or_else(Problem::billing_disabled)
    }

    /// The engine's clock. Refused where billing is switched off.
    pub(crate) fn clock(&self) -> Result<&Arc<dyn Clock>, Problem> {
        self.billing.clock().ok_or_else(Problem::billing_disabled)
    }

    /// State without metrics and without mail.
    #[must_use]
    pub fn new(billing: Billing, ids: Arc<dyn IdSource>, options: ApiOptions) -> Self {
        let limiters = RateLimiters::new(options.rates);
        Self {
            billing,
            ids,
            options: Arc::new(options),
            metrics: None,
            keys: Arc::default(),
            sessions: Arc::default(),
            limiters: Arc::new(limiters),
            post: Post::new(None),
            link_letters: Arc::default(),
            migrations: Migrations::default(),
            reports: Reports::default(),
            quote_keys: Arc::new(quote_token::keys()),
            renewal_keys: Arc::new(renewal_link::keys()),
            pages: Arc::default(),
            signer: None,
            license_keys: Arc::default(),
            paddle: None,
            events: None,
            courier: None,
            invitations: None,
        }
    }

    /// Hands out licenses signed by `signer`. Without one, there are none.
    #[must_use]
    pub fn with_license_signer(mut self, signer: Arc<dyn LicenseSigner>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Opens Paddle's checkout at `/checkout/pay`, under the client-side token of
    /// the account: `live_…`, or `test_…` of the sandbox.
    #[must_use]
    pub fn with_paddle_page(mut self, client_token: String) -> Self {
        self.paddle = Some(PaddlePage { client_token });
        self
    }

    /// Has receivers of events made and kept, to whom `events` sends, and what it sends of a
    /// renewal lead to the pages of this server once they are mounted. Who runs it, and tells it
    /// what happens, is the host; without one, no receiver can be made.
    #[must_use]
    pub fn with_events(mut self, events: Sender) -> Self {
        if let Some(links) = Links::of(&self) {
            let is_first = events.link_renewals(Arc::new(links));
            if !is_first {
                tracing::warn!("events lead to the pages that were given first");
            }
        }
        self.events = Some(events);
        self
    }

    /// Shows what `handle` has gathered at `/metrics`.
    #[must_use]
    pub fn with_metrics(mut self, handle: PrometheusHandle) -> Self {
        self.metrics = Some(handle);
        self
    }

    /// Has mails with links say what `templates` say, to whoever has told no language in
    /// `language`. Given before the mailer; without this they are as they are shipped, in
    /// English.
    #[must_use]
    pub fn with_templates(mut self, templates: Templates, language: Language) -> Self {
        self.link_letters = Arc::new(LinkLetters {
            templates,
            language,
        });
        self
    }

    /// Sends mail with `mailer`, the engine's claims included, as long as nobody
    /// else mails them. Without one, links that are asked for are not
    /// sent, and whoever asks is told nothing else.
    #[must_use]
    pub fn with_mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.post = Post::new(Some(mailer));
        if let Some(letters) = ClaimLetters::of(&self) {
            let is_first = self.billing.mail_claims_with(Arc::new(letters));
            if !is_first {
                tracing::warn!("claims are mailed with what was given first");
            }
        }
        self
    }

    /// Letters to customers about what happens, such as that a renewal is due, to be carried
    /// by [`Self::with_courier`]: sent with the mailer and the signer that were given before,
    /// to the address on file. `None`: there is no mailer, or billing is switched off.
    #[must_use]
    pub fn letters(&self, options: LetterOptions) -> Option<Arc<dyn Transport>> {
        let letters = Letters::of(self, options)?;
        Some(Arc::new(letters))
    }

    /// Invitations to an organization at GitHub, to be carried by [`Self::with_courier`]. `None`:
    /// billing is switched off.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] when the HTTP client cannot be set up.
    pub fn invitations(
        &mut self,
        inviting: Inviting,
    ) -> Result<Option<Arc<dyn Transport>>, OptionsError> {
        let parts = self.billing.store().zip(self.billing.clock());
        let Some((store, clock)) = parts else {
            return Ok(None);
        };
        let made = Invitations::new(Arc::clone(store), Arc::clone(clock), inviting)?;
        let made = Arc::new(made);
        self.invitations = Some(Arc::clone(&made));
        Ok(Some(made))
    }

    /// Has what happens carried by `transports`, as long as nobody else is told beside the
    /// notifier. Rows are kept of what is to be carried; a process that works has to run
    /// [`Self::courier`], or nothing of it goes anywhere.
    #[must_use]
    pub fn with_courier(mut self, transports: Vec<Arc<dyn Transport>>) -> Self {
        let parts = self.billing.store().zip(self.billing.clock());
        let Some((store, clock)) = parts.filter(|_| !transports.is_empty()) else {
            return self;
        };
        let (store, clock, ids) = (Arc::clone(store), Arc::clone(clock), Arc::clone(&self.ids));
        let courier = Courier::new(store, clock, ids, transports);
        if self.billing.also_tell(Arc::new(courier.clone())) {
            self.courier = Some(courier);
        } else {
            tracing::warn!("somebody else is told already: no letters, and no invitations");
        }
        self
    }

    /// What carries letters and invitations. `None`: there are none.
    #[must_use]
    pub const fn courier(&self) -> Option<&Courier> {
        self.courier.as_ref()
    }

    /// The address where the renewal that `entry` tells of is paid, for as long as it can be,
    /// at a page of this server: for a host that tells its customers itself. The provider's
    /// own page, the entry's note, closes sooner. `None`: the entry tells of no renewal, no
    /// pages are mounted, or the store cannot be reached.
    pub async fn renewal_address(&self, entry: &JournalEntry) -> Option<String> {
        renewal_link::address(self, entry).await.ok().flatten()
    }

    pub(crate) const fn pages(&self) -> &Arc<AtomicBool> {
        &self.pages
    }

    pub(crate) fn shows_pages(&self) {
        self.pages.store(true, Ordering::Relaxed);
    }

    /// Waits until every mail at hand was sent or given up, which takes some
    /// minutes where it is not taken.
    pub async fn mail_settled(&self) {
        self.post.settled().await;
    }
}

/// The bounds and addresses of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiOptions {
    /// Where buyers reach this server, without a slash at the end:
    /// `https://billing.example.com`. Its origin may always be returned to.
    pub public_url: String,
    /// Largest request body in bytes; a larger one is answered 413.
    pub body_limit: usize,
    /// How long a request body may take to arrive.
    pub body_timeout: Duration,
    /// How often one address may do what costs something.
    pub rates: RateOptions,
    /// Whether the last address in `X-Forwarded-For` is believed to be the
    /// client's. True only behind a proxy of one's own that sets the header.
    pub trust_forwarded_for: bool,
    /// Who sells, as it stands on invoices.
    pub seller: Seller,
    /// How long a billing session lasts.
    pub session_lifetime: SignedDuration,
    /// How long a link that opens a billing session can be opened.
    pub link_lifetime: SignedDuration,
}

/// Largest request body: 1 MiB. The largest that is meant to come is a plan
/// file, a tenth of that. A webhook has to be smaller than a megabyte.
pub const DEFAULT_BODY_LIMIT: usize = 1024 * 1024;

/// How long a body may take: 15 seconds carry 1 MiB over a bad mobile link.
pub const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a billing session lasts: an hour, as long as anybody spends on a bill.
pub const DEFAULT_SESSION_LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// How long a link can be opened: 15 minutes, time for slow mail, little for a thief.
pub const DEFAULT_LINK_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080".to_owned(),
            body_limit: DEFAULT_BODY_LIMIT,
            body_timeout: DEFAULT_BODY_TIMEOUT,
            rates: RateOptions::default(),
            trust_forwarded_for: false,
            seller: Seller::default(),
            session_lifetime: DEFAULT_SESSION_LIFETIME,
            link_lifetime: DEFAULT_LINK_LIFETIME,
        }
    }
}

/// How often one address may do what costs something, and how often links are
/// mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateOptions {
    /// Public POST requests a minute; as many at once. 0: no limit.
    pub public_posts_per_minute: u32,
    /// Failed credentials a minute; as many at once. 0: no limit.
    pub failures_per_minute: u32,
    /// Links mailed an hour for one customer, and to one mailbox; an address
    /// may ask for ten times as many. 0: no limit.
    pub links_per_hour: u32,
}

impl Default for RateOptions {
    /// 60 posts: an office behind one address buys in peace. 20 failures: a
    /// misconfigured client is told why, a guesser is not served. 5 links: who
    /// waits for slow mail asks twice or thrice, and nobody's mailbox is flooded.
    fn default() -> Self {
        Self {
            public_posts_per_minute: 60,
            failures_per_minute: 20,
            links_per_hour: 5,
        }
    }
}
