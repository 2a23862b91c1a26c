//! Faults that are ordered in advance: which requests they strike, when, and how.
//!
//! Knows no provider: the words of a 429 or a 409 are the fake's.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::lock;
use super::wire::Incoming;

/// Longest that a slow answer may be ordered to take: twice the longest time-out
/// of any caller. A fault must not hold a test suite for ever.
pub const SLOW_MAX_MILLIS: u64 = 120_000;

/// One order: the requests that it fits are struck, `times` of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only requests of this method, in upper case. `None`: of any.
    #[serde(default)]
    pub method: Option<String>,
    /// Only requests whose path begins so. `None`: any path.
    #[serde(default)]
    pub path_prefix: Option<String>,
    /// How many fitting requests pass unharmed first.
    #[serde(default)]
    pub skip: u32,
    /// How many are struck then; at least one.
    #[serde(default = "once")]
    pub times: u32,
    /// Before or after the effect.
    #[serde(default)]
    pub stage: Stage,
    /// What happens.
    pub kind: FaultKind,
}

const fn once() -> u32 {
    1
}

impl Fault {
    /// Strikes the next request, whatever it is, before its effect.
    #[must_use]
    pub const fn next(kind: FaultKind) -> Self {
        Self {
            method: None,
            path_prefix: None,
            skip: 0,
            times: 1,
            stage: Stage::Before,
            kind,
        }
    }

    /// The same, only for a method and a path that begins with `path_prefix`.
    #[must_use]
    pub fn on(mut self, method: &str, path_prefix: &str) -> Self {
        self.method = Some(method.to_owned());
        self.path_prefix = Some(path_prefix.to_owned());
        self
    }

    /// The same, after the effect.
    #[must_use]
    pub const fn after(mut self) -> Self {
        self.stage = Stage::After;
        self
    }

    /// The same, for `times` requests.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The same, letting `skip` requests pass first.
    #[must_use]
    pub const fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    fn fits(&self, request: &Incoming) -> bool {
        let method = self.method.as_deref();
        let prefix = self.path_prefix.as_deref();
        method.is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
            && prefix.is_none_or(|prefix| request.path.starts_with(prefix))
    }
}

/// Whether the effect takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing happens.
    #[default]
    Before,
    /// It happens, and the answer is the fault.
    After,
}

/// What happens to a request. [`FaultKind::CutBody`] and
/// [`FaultKind::LostAnswer`] before the effect look to the caller as they do after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 in the provider's words.
    RateLimited {
        /// Seconds in `Retry-After`. `None`: no such header.
        retry_after: Option<u64>,
    },
    /// 409 in the provider's words, under the provider's code for "in use".
    Conflict,
    /// 500 in the provider's words.
    ServerError,
    /// The true answer, late.
    Slow {
        /// How late, at most [`SLOW_MAX_MILLIS`], by the runtime's time.
        millis: u64,
    },
    /// 502 with a page of HTML, as a proxy in front sends it.
    HtmlBadGateway,
    /// The connection is closed in the middle of the body.
    CutBody,
    /// The connection is closed without an answer.
    LostAnswer,
    /// Exactly this answer, for what a provider says too rarely to have a name here.
    Fixed {
        /// The status.
        status: u16,
        /// The body, sent as JSON.
        body: serde_json::Value,
    },
}

impl FaultKind {
    /// Its name in the log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "rate_limited",
            Self::Conflict => "conflict",
            Self::ServerError => "server_error",
            Self::Slow { .. } => "slow",
            Self::HtmlBadGateway => "html_bad_gateway",
            Self::CutBody => "cut_body",
            Self::LostAnswer => "lost_answer",
            Self::Fixed { .. } => "fixed",
        }
    }
}

/// The orders that are open; the first that fits a request strikes it. Its
/// clones are the same plan.
#[derive(Debug, Clone, Default)]
pub struct FaultPlan(Arc<Mutex<Vec<Fault>>>);

impl FaultPlan {
    /// Orders a fault.
    pub fn order(&self, fault: Fault) {
        lock(&self.0).push(fault);
    }

    /// Forgets every open order.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }

    /// The orders that have not struck as often as they should: a story that
    /// ends with one has not told what it meant to.
    #[must_use]
    pub fn open(&self) -> Vec<Fault> {
        lock(&self.0).clone()
    }

    /// What strikes this request. `None`: nothing does.
    pub(super) fn strike(&self, request: &Incoming) -> Option<(Stage, FaultKind)> {
        let mut orders = lock(&self.0);
        let place = orders.iter().position(|order| order.fits(request))?;
        let order = orders.get_mut(place)?;
        if order.skip > 0 {
            order.skip = order.skip.saturating_sub(1);
            return None;
        }
        order.times = order.times.saturating_sub(1);
        let struck = (order.stage, order.kind.clone());
        if order.times == 0 {
            orders.remove(place);
        }
        Some(struck)
    }
}
