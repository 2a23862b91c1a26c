//! How often one address may do what costs something. In this process only,
//! and by a clock of its own: a restart forgives, several processes add up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use poem::Request;

use crate::problem::Problem;
use crate::state::{AppState, RateOptions};

/// Addresses that have been quiet are forgotten once in so many checks: rarely
/// enough to cost nothing, often enough to bound the memory.
const SWEEP_EVERY: u64 = 1024;

type Limiter = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>;

/// The limits of this process.
pub(crate) struct RateLimiters {
    posts: Limited,
    failures: Limited,
}

struct Limited {
    limiter: Option<Limiter>,
    checks: AtomicU64,
}

impl RateLimiters {
    pub(crate) fn new(options: RateOptions) -> Self {
        Self {
            posts: Limited::new(options.public_posts_per_minute),
            failures: Limited::new(options.failures_per_minute),
        }
    }

    /// Counts a public POST of `address`.
    pub(crate) fn post(&self, address: IpAddr) -> Result<(), Problem> {
        self.posts.count(address)
    }

    /// Counts a credential of `address` that did not work.
    pub(crate) fn failure(&self, address: IpAddr) -> Result<(), Problem> {
        self.failures.count(address)
    }
}

impl Limited {
    fn new(per_minute: u32) -> Self {
        let limiter = NonZeroU32::new(per_minute)
            .map(|per_minute| RateLimiter::hashmap(Quota::per_minute(per_minute)));
        Self {
            limiter,
            checks: AtomicU64::new(0),
        }
    }

    fn count(&self, address: IpAddr) -> Result<(), Problem> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        let checks = self.checks.fetch_add(1, Ordering::Relaxed);
        if checks.checked_rem(SWEEP_EVERY) == Some(0) {
            limiter.retain_recent();
        }
        limiter.check_key(&address).map_err(|not_until| {
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
