//! How often one address may do what costs something, and how often links are
//! mailed. In this process only, and by a clock of its own: a restart forgives, several processes add up.

use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use billing_ports::store::SecretHash;
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use poem::Request;

use crate::auth::hash;
use crate::problem::Problem;
use crate::state::{AppState, RateOptions};

/// Who has been quiet is forgotten once in so many checks: rarely
/// enough to cost nothing, often enough to bound the memory.
const SWEEP_EVERY: u64 = 1024;

/// Customers who ask for links from one address within an hour: an office.
const ASKING_AT_ONE_ADDRESS: u32 = 10;

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock>;

/// The limits of this process.
pub(crate) struct RateLimiters {
    posts: Limited<IpAddr>,
    failures: Limited<IpAddr>,
    askers: Limited<IpAddr>,
    /// By the hash of what was named, so that nobody's name is kept here.
    asked_for: Limited<SecretHash>,
    mailboxes: Limited<SecretHash>,
}

struct Limited<K: Hash + Eq + Clone> {
    limiter: Option<Limiter<K>>,
    checks: AtomicU64,
}

impl RateLimiters {
    pub(crate) fn new(options: RateOptions) -> Self {
        let minute = Quota::per_minute;
        let links = options.links_per_hour;
        let links_of_address = links.saturating_mul(ASKING_AT_ONE_ADDRESS);
        Self {
            posts: Limited::new(minute, options.public_posts_per_minute),
            failures: Limited::new(minute, options.failures_per_minute),
            askers: Limited::new(Quota::per_hour, links_of_address),
            asked_for: Limited::new(Quota::per_hour, links),
            mailboxes: Limited::new(Quota::per_hour, links),
        }
    }

    /// Counts a public POST of `address`.
    pub(crate) fn post(&self, address: IpAddr) -> Result<(), Problem> {
        self.posts.count(&address)
    }

    /// Counts a credential of `address` that did not work.
    pub(crate) fn failure(&self, address: IpAddr) -> Result<(), Problem> {
        self.failures.count(&address)
    }

    /// Counts a link that `address` asks to be mailed.
    pub(crate) fn asker(&self, address: IpAddr) -> Result<(), Problem> {
        self.askers.count(&address)
    }

    /// Counts a link that is asked for `customer`, whether or not there is one.
    pub(crate) fn asked_for(&self, customer: &str) -> Result<(), Problem> {
        self.asked_for.count(&hash(customer))
    }

    /// Counts a mail to `mailbox`. `false`: it has had enough.
    pub(crate) fn mailbox(&self, mailbox: &str) -> bool {
        self.mailboxes.count(&hash(&mailbox.to_lowercase())).is_ok()
    }
}

impl<K: Hash + Eq + Clone> Limited<K> {
    fn new(quota: fn(NonZeroU32) -> Quota, often: u32) -> Self {
        let limiter = NonZeroU32::new(often).map(|often| RateLimiter::hashmap(quota(often)));
        Self {
            limiter,
            checks: AtomicU64::new(0),
        }
    }

    fn count(&self, whose: &K) -> Result<(), Problem> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        let checks = self.checks.fetch_add(1, Ordering::Relaxed);
        if checks.checked_rem(SWEEP_EVERY) == Some(0) {
            limiter.retain_recent();
        }
        limiter.check_key(whose).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            Problem::rate_limited(wait.as_secs().saturating_add(1))
        })
    }
}

/// Where a request comes from: the peer, or what a trusted proxy says.
pub(crate) fn client_address(state: &AppState, request: &Request) -> IpAddr {
    let peer = request
        .remote_addr()
        .as_socket_addr()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), std::net::SocketAddr::ip);
    if !state.options.trust_forwarded_for {
        return network(peer);
    }
    // The last entry is the trusted proxy's own; those before it are the client's to invent.
    let forwarded = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.rsplit(',').next())
        .and_then(|last| last.trim().parse().ok());
    network(forwarded.unwrap_or(peer))
}

/// One customer of an access provider has a /64 of IPv6 addresses at least.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}
