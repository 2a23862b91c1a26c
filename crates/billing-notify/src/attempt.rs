//! One try: a signed request, what came back, and what is recorded of it.

use std::error::Error;

use billing_domain::time::Timestamp;
use billing_http::{HttpError, Request, RetryPolicy, UnknownReason};
use billing_ports::store::{
    Attempted, ClaimedDelivery, DisabledWhy, Endpoint, EventDelivery, Health, LastTry, NextTry,
    StoreError,
};
use http::{HeaderName, HeaderValue, Method};

use crate::rules::{Answered, judge};
use crate::sender::Sender;
use crate::sign::sign;

/// Longest words about a problem that are kept, in characters: for a person who looks.
const PROBLEM_MAX: usize = 200;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Sender {
    /// Sends a claimed delivery and records how that ended.
    pub(crate) async fn attempt(
        &self,
        endpoint: &Endpoint,
        claimed: &ClaimedDelivery,
    ) -> Result<(), StoreError> {
        let delivery = &claimed.delivery;
        let answered = self.post(endpoint, delivery, self.now()).await;
        let now = self.now();
        let count = delivery.attempts.saturating_add(1);
        let (next, health) = judge(endpoint, &answered, count, now, self.chance());
        let tried = match answered {
            Answered::With { status, .. } => LastTry {
                at: now,
                status: Some(status),
                problem: None,
            },
            Answered::Nothing(problem) => LastTry {
                at: now,
                status: None,
                problem: Some(problem),
            },
        };
        tell(delivery, &tried, next, health);
        let attempted = Attempted {
            id: delivery.id,
            endpoint: endpoint.id,
            fence: claimed.fence,
            tried,
            next,
            health,
        };
        // Recorded late it is another's by now, who sends it under the same id.
        self.store().record_attempt(&attempted).await.map(drop)
    }

    async fn post(&self, to: &Endpoint, delivery: &EventDelivery, now: Timestamp) -> Answered {
        let sent = match self.request(to, delivery, now) {
            Ok(request) => self.client().send(request).await,
            Err(problem) => return Answered::Nothing(problem),
        };
        match sent {
            Ok(response) => Answered::With {
                status: response.status.as_u16(),
                retry_after: response.retry_after(),
            },
            Err(error) => Answered::Nothing(words(&error)),
        }
    }

    fn request(
        &self,
        to: &Endpoint,
        delivery: &EventDelivery,
        now: Timestamp,
    ) -> Result<Request, String> {
        let url = self
            .check_address(&to.url)
            .map_err(|error| error.to_string())?;
        let signed = sign(to, delivery.id, &delivery.body, now);
        let mut request = Request::new(Method::POST, url, RetryPolicy::Never)
            .with_body(JSON, delivery.body.clone())
            // What it said counts, however much more it has to say.
            .for_its_status()
            // Which may hold a token.
            .hiding_path();
        for (name, value) in [
            ("webhook-id", signed.id),
            ("webhook-timestamp", signed.timestamp),
            ("webhook-signature", signed.signature),
        ] {
            let formed = request.with_header(HeaderName::from_static(name), &value);
            request = formed.map_err(|_unsendable| "its headers cannot be sent".to_owned())?;
        }
        Ok(request)
    }
}

/// Why there is no answer, without the address, which may hold a token.
fn words(error: &HttpError) -> String {
    let text = match error {
        HttpError::NotSent { source, .. } => {
            let mut innermost: &dyn Error = source;
            while let Some(cause) = innermost.source() {
                innermost = cause;
            }
            format!("no connection: {innermost}")
        }
        HttpError::Unknown {
            reason: UnknownReason::TimedOut,
            ..
        } => "no answer in time".to_owned(),
        HttpError::Unknown { reason, .. } => reason.to_string(),
        HttpError::Invalid { problem, .. } => problem.clone(),
    };
    text.chars().take(PROBLEM_MAX).collect()
}

/// For the log: ids and statuses, no address.
fn tell(delivery: &EventDelivery, tried: &LastTry, next: NextTry, health: Health) {
    let (id, endpoint, event) = (delivery.id, delivery.endpoint, delivery.event.as_str());
    let (status, problem) = (tried.status, tried.problem.as_deref());
    match next {
        NextTry::Taken => tracing::debug!(delivery = %id, %endpoint, event, status, "event taken"),
        NextTry::At(at) => {
            tracing::info!(delivery = %id, %endpoint, event, status, problem, %at, "event not taken, sent again");
        }
        NextTry::GivenUp => {
            tracing::warn!(delivery = %id, %endpoint, event, status, problem, "event given up");
        }
    }
    let why = match health {
        Health::Same | Health::Well | Health::FailingSince(_) => None,
        Health::Failed { .. } => Some(DisabledWhy::Failing),
        Health::Disabled(disabled) => Some(disabled.why),
    };
    if let Some(why) = why.map(DisabledWhy::as_str) {
        tracing::error!(%endpoint, why, "receiver of events disabled: nothing is sent to it until it is enabled");
    }
}
