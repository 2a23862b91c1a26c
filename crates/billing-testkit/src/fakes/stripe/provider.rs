//! The fake as the rig sees it: keys, versions, replays, acts by name, pages.

use std::sync::Mutex;

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Timestamp, Unit};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::acts;
use super::api::{self, PriceSeed};
use super::due;
use super::idempotency::Keys;
use super::old;
use super::options::Version;
use super::page;
use super::params::Params;
use super::refusal::Refusal;
use super::sale::{self, ActError, Payment};
use super::thing::Card;
use super::world::World;
use crate::fakes::rig::{Answer, Books, FakeClock, FaultKind, Incoming, Provider, lock};

/// The fake behind its server.
pub(super) struct Stripe {
    key: String,
    clock: FakeClock,
    pub(super) state: Mutex<State>,
}

/// What the server and the caller's hands share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) world: World,
    keys: Keys,
    requests: u64,
}

impl std::fmt::Debug for Stripe {
    /// Shows no key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stripe").finish_non_exhaustive()
    }
}

impl Stripe {
    pub(super) fn new(key: String, clock: FakeClock, world: World) -> Self {
        Self {
            key,
            clock,
            state: Mutex::new(State {
                world,
                keys: Keys::default(),
                requests: 0,
            }),
        }
    }

    /// The headers that every answer has.
    fn dressed(&self, answer: Answer, request: &Incoming, id: String) -> Answer {
        let date = jiff::fmt::rfc2822::DateTimePrinter::new();
        let date = date.timestamp_to_rfc9110_string(&self.clock.now());
        let answer = match super::idempotency::key(request) {
            Some(key) => answer
                .with_header("idempotency-key", key)
                .with_header("original-request", &id),
            None => answer,
        };
        answer
            .with_header("request-id", id)
            .with_header("date", date.unwrap_or_default())
    }

    fn refused(&self, refusal: &Refusal, request: &Incoming) -> Answer {
        let id = self.request_id();
        self.dressed(refusal.answer(), request, id)
    }

    fn request_id(&self) -> String {
        let mut state = lock(&self.state);
        state.requests = state.requests.saturating_add(1);
        format!("req_Fake{:010}", state.requests)
    }

    fn done(&self, request: &Incoming, id: &str) -> Result<Value, Refusal> {
        let version = match request.header("stripe-version") {
            None => Version::Pinned,
            Some(name) => Version::named(name).ok_or_else(|| {
                Refusal::invalid(
                    "Stripe-Version",
                    format!("Invalid Stripe API version: {name}"),
                )
            })?,
        };
        let segments = request.segments();
        let Some(("v1", path)) = segments.split_first().map(|(first, rest)| (*first, rest)) else {
            return Err(Refusal::path(&request.method, &request.path));
        };
        let form = request.header("content-type").unwrap_or_default();
        if !request.body.is_empty() && !form.starts_with("application/x-www-form-urlencoded") {
            let why = "Invalid request: the body must be form-encoded.";
            return Err(Refusal::state(why));
        }
        let encoded = if request.method == "POST" || request.query.is_empty() {
            request.body.to_vec()
        } else {
            request.query.as_bytes().to_vec()
        };
        let params = Params::parse(&encoded);
        let mut state = lock(&self.state);
        let key = super::idempotency::key(request).map(str::to_owned);
        state.world.cause = Some((id.to_owned(), key));
        let value = api::answer(&mut state.world, &request.method, path, params);
        state.world.cause = None;
        Ok(old::rendered(value?, version))
    }
}

impl Provider for Stripe {
    fn authorized(&self, request: &Incoming) -> bool {
        request.bearer() == Some(self.key.as_str())
    }

    fn unauthorized(&self, request: &Incoming) -> Answer {
        self.refused(&Refusal::key(), request)
    }

    fn enter(&self, request: &Incoming) -> Option<Answer> {
        let answer = {
            let mut state = lock(&self.state);
            let now = state.world.now();
            state.keys.enter(request, now)
        }?;
        let id = self.request_id();
        let held = |name: &str| answer.headers.iter().any(|(header, _)| header == name);
        if held("request-id") {
            // A replay tells which request it repeats.
            return Some(replayed(answer, &id));
        }
        Some(self.dressed(answer, request, id))
    }

    fn answer(&self, request: &Incoming) -> Answer {
        let id = self.request_id();
        let answer = match self.done(request, &id) {
            Ok(value) => Answer::json(StatusCode::OK, &value),
            Err(refusal) => {
                if !refusal.begun {
                    lock(&self.state).keys.not_begun(request);
                }
                refusal.answer()
            }
        };
        self.dressed(answer, request, id)
    }

    fn leave(&self, request: &Incoming, answer: Option<&Answer>) {
        lock(&self.state).keys.leave(request, answer);
    }

    fn refusal(&self, request: &Incoming, kind: &FaultKind) -> Answer {
        match kind {
            FaultKind::RateLimited { retry_after } => {
                let answer = self.refused(&Refusal::rate(), request);
                match retry_after {
                    Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
                    None => answer,
                }
            }
            FaultKind::Conflict => self.refused(&Refusal::key_in_use(), request),
            FaultKind::ServerError
            | FaultKind::Slow { .. }
            | FaultKind::HtmlBadGateway
            | FaultKind::CutBody
            | FaultKind::LostAnswer
            | FaultKind::Fixed { .. } => self.refused(&Refusal::server(), request),
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        let at = due::next(&lock(&self.state).world)?;
        Some(super::world::instant(at))
    }

    fn run_due(&self) {
        due::step(&mut lock(&self.state).world);
    }

    fn act(&self, name: &str, body: &Value) -> Result<Value, String> {
        let mut body = body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.insert("act".to_owned(), json!(name));
        }
        let act: Act = serde_json::from_value(body).map_err(|error| error.to_string())?;
        let mut state = lock(&self.state);
        carry_out(&mut state.world, act).map_err(|error| error.to_string())
    }

    fn page(&self, request: &Incoming) -> Option<Answer> {
        page::answer(&mut lock(&self.state).world, request)
    }

    fn books(&self) -> Books {
        lock(&self.state).world.counted()
    }
}

/// A replay has a request id of its own and the headers of the first answer otherwise.
fn replayed(mut answer: Answer, id: &str) -> Answer {
    for (name, value) in &mut answer.headers {
        if name == "request-id" {
            id.clone_into(value);
        }
    }
    answer
}

/// The acts by name, as `POST /_act/{name}` takes them.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
enum Act {
    Price {
        id: String,
        product: String,
        unit_amount: i64,
        currency: Currency,
        /// `None`: bought once.
        interval: Option<Unit>,
        interval_count: Option<u16>,
    },
    Pay {
        session: String,
        /// `None`: without a means of payment.
        card: Option<String>,
    },
    Authenticate {
        session: String,
        passes: bool,
    },
    Settle {
        id: String,
        succeeds: bool,
    },
    PayInvoice {
        invoice: String,
        card: String,
    },
    SetCard {
        customer: String,
        card: Option<String>,
    },
    CancelInPortal {
        subscription: String,
    },
    RenewInPortal {
        subscription: String,
    },
    SwitchInPortal {
        subscription: String,
        price: String,
    },
    Refund {
        payment: String,
        amount: Option<i64>,
    },
    FailRefund {
        refund: String,
    },
    Dispute {
        payment: String,
    },
    CloseDispute {
        dispute: String,
        won: bool,
    },
    WebhookVersion {
        version: String,
    },
}

fn carry_out(world: &mut World, act: Act) -> Result<Value, ActError> {
    world.cause = None;
    let done = json!({});
    match act {
        Act::Price {
            id,
            product,
            unit_amount,
            currency,
            interval,
            interval_count,
        } => {
            let count = interval_count.unwrap_or(1);
            let interval = interval.map(|unit| Interval::new(unit, count)).transpose();
            let interval = interval.map_err(|error| ActError::State(error.to_string()))?;
            let seed = PriceSeed {
                id,
                product,
                unit_amount,
                currency,
                interval,
            };
            api::put_price(world, seed);
            Ok(done)
        }
        Act::Pay { session, card } => {
            let card = card.as_deref().map(parse_card).transpose()?;
            Ok(outcome(sale::pay(world, &session, card)?))
        }
        Act::Authenticate { session, passes } => {
            Ok(outcome(sale::authenticate(world, &session, passes)?))
        }
        Act::Settle { id, succeeds } => sale::settle(world, &id, succeeds).map(|()| done),
        Act::PayInvoice { invoice, card } => {
            let card = parse_card(&card)?;
            Ok(outcome(acts::pay_invoice(world, &invoice, card)?))
        }
        Act::SetCard { customer, card } => {
            let card = card.as_deref().map(parse_card).transpose()?;
            acts::set_card(world, &customer, card).map(|()| done)
        }
        Act::CancelInPortal { subscription } => {
            acts::cancel_in_portal(world, &subscription).map(|()| done)
        }
        Act::RenewInPortal { subscription } => {
            acts::renew_in_portal(world, &subscription).map(|()| done)
        }
        Act::SwitchInPortal {
            subscription,
            price,
        } => acts::switch_in_portal(world, &subscription, &price).map(|()| done),
        Act::Refund { payment, amount } => {
            let id = acts::refund(world, &payment, amount)?;
            Ok(json!({ "refund": id }))
        }
        Act::FailRefund { refund } => acts::fail_refund(world, &refund).map(|()| done),
        Act::Dispute { payment } => {
            let id = acts::dispute(world, &payment)?;
            Ok(json!({ "dispute": id }))
        }
        Act::CloseDispute { dispute, won } => {
            acts::close_dispute(world, &dispute, won).map(|()| done)
        }
        Act::WebhookVersion { version } => {
            let known = Version::named(&version);
            world.webhook_version = known.ok_or(ActError::Unknown(version))?;
            Ok(done)
        }
    }
}

fn parse_card(text: &str) -> Result<Card, ActError> {
    text.parse()
        .map_err(|error: super::thing::UnknownCard| ActError::State(error.to_string()))
}

fn outcome(payment: Payment) -> Value {
    let word = match payment {
        Payment::Complete => "complete",
        Payment::Declined => "declined",
        Payment::ActionRequired => "action_required",
        Payment::Processing => "processing",
    };
    json!({ "payment": word })
}
