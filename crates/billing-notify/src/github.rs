//! Invitations to an organization at GitHub, or to a team of one, for whoever has a plan that
//! comes with it and has said a name there.
//!
//! Whoever is a member or invited already is left as it is, so that an invitation goes out once
//! however often it is told; and nobody is removed, since people leave and stay for reasons of
//! their own. Who has said no name yet is invited when one is known.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use billing_domain::catalog::PlanKey;
use billing_domain::claim::Claim;
use billing_domain::customer::Account;
use billing_domain::ids::CustomerId;
use billing_domain::journal::{Event, JournalEntry};
use billing_domain::time::Timestamp;
use billing_http::{
    HttpClient, HttpOptions, KeyWatch, OptionsError, Request, Response, RetryPolicy,
};
use billing_ports::store::Also;
use billing_ports::{Clock, Store};
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderName, HeaderValue, Method};
use tokio::sync::Mutex;
use url::Url;

use crate::courier::{Carried, Transport, Way};
use crate::welcome::Welcome;

/// How long GitHub has to answer one request: two make an invitation, and three find out why
/// there is none, well within what carrying one may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Most bytes of an answer that are read: a membership has some four thousand.
const ANSWER_MAX: usize = 256 * 1024;

/// The version of the interface that is spoken.
const VERSION: &str = "2022-11-28";
const VERSION_HEADER: HeaderName = HeaderName::from_static("x-github-api-version");
const KIND: &str = "application/vnd.github+json";
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What is asked for. An owner who is invited again stays one: nobody is who is there already.
const AS_MEMBER: &str = r#"{"role":"member"}"#;

/// How many requests are left, and from when on there are more, in seconds since 1970.
const LEFT: &str = "x-ratelimit-remaining";
const MORE_AT: &str = "x-ratelimit-reset";

/// When somebody may have come to a plan, or to a name there. Nothing else is, such as a
/// renewal: whoever was removed by the organization's owners stays so.
const TELLING: [Event; 6] = [
    Event::SubscriptionActivated,
    Event::SubscriptionResumed,
    Event::PlanChanged,
    Event::GrantAdded,
    Event::CustomerUpdated,
    Event::ClaimTaken,
];

/// Who is invited where.
#[derive(Clone)]
pub struct Inviting {
    /// Where GitHub is asked: `https://api.github.com`.
    pub base_url: Url,
    /// The organization.
    pub organization: String,
    /// The team of it, by the name in its address. `None`: the organization alone.
    pub team: Option<String>,
    /// The plans that come with an invitation, by their keys.
    pub plans: Vec<String>,
    /// The token that is asked under, of an owner of the organization.
    pub token: String,
}

impl fmt::Debug for Inviting {
    /// Shows no token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inviting")
            .field("organization", &self.organization)
            .field("team", &self.team)
            .field("plans", &self.plans)
            .finish_non_exhaustive()
    }
}

/// Invites people.
#[derive(Debug)]
pub struct Invitations {
    parts: Parts,
    client: HttpClient,
    inviting: Inviting,
    key: KeyWatch,
    welcome: Welcome,
    /// One at a time, so that two events of one customer are one invitation; GitHub asks for
    /// that, too.
    turn: Mutex<()>,
}

struct Parts {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

impl Invitations {
    /// Invitations of whoever is in `store`.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] when the HTTP client cannot be set up.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        inviting: Inviting,
    ) -> Result<Self, OptionsError> {
        let client = HttpClient::new(HttpOptions {
            connect_timeout: CONNECT_WITHIN,
            request_timeout: ANSWER_WITHIN,
            total_timeout: ANSWER_WITHIN,
            max_attempts: 1,
            max_response_bytes: ANSWER_MAX,
            // What fails is tried again by the courier.
            circuit_failures: 0,
            ..HttpOptions::default()
        })?;
        Ok(Self {
            parts: Parts { store, clock },
            key: KeyWatch::new(&account(&inviting)),
            welcome: Welcome::at(Way::GitHub),
            client,
            inviting,
            turn: Mutex::new(()),
        })
    }

    /// What its token is for, as in `github/acme`.
    #[must_use]
    pub fn account(&self) -> String {
        account(&self.inviting)
    }

    /// Whether GitHub refuses its token, by what it last answered.
    #[must_use]
    pub fn refuses_key(&self) -> bool {
        self.key.is_refused()
    }

    /// Whether GitHub invites anybody for us: it does not where it refuses the token, or what
    /// the token may do, or knows no such organization, or has no place left in it.
    #[must_use]
    pub const fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    async fn load(&self, id: CustomerId) -> Result<Option<Account>, String> {
        let loaded = self.parts.store.load(id, &Also::default()).await;
        let loaded = loaded.map_err(|error| error.to_string())?;
        Ok(loaded.map(|loaded| loaded.account))
    }

    /// The name at GitHub of whom an event is about, where it has a plan that comes with an
    /// invitation. What guests hold who were attached to an account, the account holds.
    async fn invited(&self, customer: CustomerId) -> Result<Option<String>, String> {
        let Some(mut account) = self.load(customer).await? else {
            return Ok(None);
        };
        let attached = account.customer.claim.as_ref().and_then(Claim::attached_to);
        if let Some(owner) = attached {
            match self.load(owner).await? {
                Some(owner) => account = owner,
                None => return Ok(None),
            }
        }
        let Some(name) = account.customer.github.clone() else {
            return Ok(None);
        };
        let now = self.parts.clock.now();
        if self.holds(&account, now) {
            return Ok(Some(name));
        }
        for guest in &account.customer.claims {
            let guest = self.load(*guest).await?;
            if guest.is_some_and(|guest| self.holds(&guest, now)) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn holds(&self, account: &Account, now: Timestamp) -> bool {
        let named = |plan: &str| self.inviting.plans.iter().any(|held| held == plan);
        let bought = account
            .subscriptions
            .iter()
            .any(|held| held.gives_access(now) && named(held.terms_at(now).plan.as_str()));
        let granted = account.grants.iter().any(|held| {
            let live = held.starts_at <= now && held.ends_at.is_none_or(|end| now < end);
            live && named(held.plan.as_str())
        });
        bought || granted
    }

    /// Invites `name`, unless it is there or invited.
    async fn invite(&self, name: &str) -> Carried {
        let _turn = self.turn.lock().await;
        match self.ask(Method::GET, name).await {
            Ok(answer) if answer.status.as_u16() == 404 => {}
            Ok(answer) => return self.judged(&answer),
            Err(problem) => return again(problem, None),
        }
        match self.ask(Method::PUT, name).await {
            Ok(answer) if [404, 422].contains(&answer.status.as_u16()) => {
                self.looked_at(name).await
            }
            Ok(answer) => {
                let carried = self.judged(&answer);
                if carried == Carried::Done {
                    self.welcome.taken();
                    tracing::info!(account = %self.account(), "invited");
                }
                carried
            }
            Err(problem) => again(problem, None),
        }
    }

    /// What it is that GitHub does not know, or does not invite: the account, or where to.
    async fn looked_at(&self, name: &str) -> Carried {
        let answer = match self.ask_at(Method::GET, &["users", name]).await {
            Ok(answer) => answer,
            Err(problem) => return again(problem, None),
        };
        match answer.status.as_u16() {
            404 => Carried::Never("GitHub knows no such account".to_owned()),
            200 if is_person(&answer.body) => {
                self.unwelcome("GitHub knows no such organization or team, or it is full")
            }
            200 => Carried::Never("the account at GitHub is no person's".to_owned()),
            _ => self.judged(&answer),
        }
    }

    /// Nobody is invited until somebody mends this.
    fn unwelcome(&self, why: &str) -> Carried {
        self.welcome.refused(why);
        Carried::Unwelcome(why.to_owned())
    }

    /// What an answer means, other than that something is not there.
    fn judged(&self, answer: &Response) -> Carried {
        let status = answer.status.as_u16();
        match status {
            200..300 => {
                // That somebody is there says nothing of whether anybody more is taken.
                if self.key.is_refused() {
                    self.welcome.taken();
                }
                self.key.taken();
                Carried::Done
            }
            401 => {
                self.key.refused();
                self.unwelcome("GitHub does not take our token")
            }
            403 | 429 => {
                if let Some(after) = self.pause(answer) {
                    return again("GitHub asks to wait".to_owned(), Some(after));
                }
                self.unwelcome("GitHub lets our token invite nobody")
            }
            _ => again(format!("GitHub answered {status}"), answer.retry_after()),
        }
    }

    /// How long GitHub asks to wait. `None`: it does not.
    fn pause(&self, answer: &Response) -> Option<Duration> {
        let said = |name: &str| answer.headers.get(name)?.to_str().ok()?.parse::<i64>().ok();
        if let Some(after) = answer.retry_after() {
            return Some(after);
        }
        if said(LEFT)? > 0 {
            return None;
        }
        let wait = said(MORE_AT)?.saturating_sub(self.parts.clock.now().as_second());
        Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)))
    }

    /// Asks about the membership of `name`.
    async fn ask(&self, method: Method, name: &str) -> Result<Response, String> {
        let mut path = vec!["orgs", &self.inviting.organization];
        if let Some(team) = &self.inviting.team {
            path.extend(["teams", team]);
        }
        path.extend(["memberships", name]);
        self.ask_at(method, &path).await
    }

    async fn ask_at(&self, method: Method, path: &[&str]) -> Result<Response, String> {
        let mut request = self.request(method, path)?;
        if request.method == Method::PUT {
            request = request.with_body(JSON, AS_MEMBER);
        }
        let answer = self.client.send(request).await;
        // Its words name the address, and with it the person.
        answer.map_err(|_missed| "GitHub did not answer".to_owned())
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<Request, String> {
        let mut url = self.inviting.base_url.clone();
        let unfit = |()| "the address of GitHub is none".to_owned();
        url.path_segments_mut()
            .map_err(unfit)?
            .pop_if_empty()
            .extend(path);
        let bearer = format!("Bearer {}", self.inviting.token);
        let request = Request::new(method, url, RetryPolicy::Never);
        let request = request
            .with_header(AUTHORIZATION, &bearer)
            .and_then(|request| request.with_header(ACCEPT, KIND))
            .and_then(|request| request.with_header(VERSION_HEADER, VERSION));
        request.map_err(|_unsendable| "the token cannot be sent".to_owned())
    }
}

#[async_trait]
impl Transport for Invitations {
    fn way(&self) -> Way {
        Way::GitHub
    }

    fn wants(&self, entry: &JournalEntry) -> bool {
        // One that does not say what is another was written before that was said.
        let named = entry.event != Event::CustomerUpdated
            || entry
                .note
                .as_deref()
                .is_none_or(|what| what.contains("github"));
        // Whoever held such a plan before comes to none, be it more of it, or another of those.
        let held = |plan: &PlanKey| self.inviting.plans.iter().any(|one| one == plan.as_str());
        let comes = entry.plan_before.as_ref().is_none_or(|plan| !held(plan));
        TELLING.contains(&entry.event) && named && comes
    }

    async fn carry(&self, entry: &JournalEntry) -> Carried {
        match self.invited(entry.customer).await {
            Ok(Some(name)) => self.invite(&name).await,
            // Told again once there is a plan, or a name.
            Ok(None) => Carried::Done,
            Err(problem) => again(problem, None),
        }
    }
}

/// Whether an account, as GitHub shows it, is a person's.
fn is_person(body: &[u8]) -> bool {
    let shown: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    shown.is_some_and(|shown| shown["type"] == "User")
}

const fn again(problem: String, after: Option<Duration>) -> Carried {
    Carried::Again { problem, after }
}

fn account(inviting: &Inviting) -> String {
    format!("github/{}", inviting.organization)
}

#[cfg(test)]
mod tests;
