//! The rate that is believed: pins, what is kept, and who is asked in which order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use billing_domain::money::Currency;
use billing_domain::time::{Timestamp, days};
use billing_http::HttpClient;
use billing_ports::rate::{Rate, RateError, RateSource};
use jiff::SignedDuration;

use crate::KEPT;
use crate::ask::ask;
use crate::options::{OptionsError, RatesOptions};
use crate::source::Source;

/// How many times off the last rate an answer is not believed: no bitcoin has ever
/// moved so far in a month, and a slipped point or the wrong pair goes further.
const JUMP: u64 = 10;

/// How long the last rate is held against new ones. Much later nobody remembers
/// what was usual, and a server that sold nothing for a year must start again.
const REMEMBERED_DAYS: u16 = 30;

/// How far apart two sources may be that bear each other out, as a part of the
/// price: exchanges differ by less than a hundredth, and in a panic by some.
const AGREES_WITHIN: u64 = 10;

/// The source that a pin is said by.
const PIN: &str = "pin";

/// Rates from pins and public sources.
#[derive(Debug)]
pub struct Rates {
    options: RatesOptions,
    http: HttpClient,
    /// The last rate of each currency that was believed. Each has its own lock, so
    /// that one call asks and the others take what it learned.
    known: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Option<Rate>>>>>,
}

impl Rates {
    /// Rates by `options`, asked for through `http`.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] says what is wrong with the options.
    pub fn new(options: RatesOptions, http: HttpClient) -> Result<Self, OptionsError> {
        options.check()?;
        let mut newest: BTreeMap<String, Rate> = BTreeMap::new();
        for rate in &options.remembered {
            let known = newest.entry(rate.currency.code().to_owned());
            let known = known.or_insert_with(|| rate.clone());
            if known.at < rate.at {
                *known = rate.clone();
            }
        }
        let known = newest.into_iter().map(|(currency, rate)| {
            let slot = tokio::sync::Mutex::new(Some(rate));
            (currency, Arc::new(slot))
        });
        Ok(Self {
            options,
            http,
            known: Mutex::new(known.collect()),
        })
    }

    /// The operator's own word. `None`: there is none on this currency.
    fn pinned(&self, currency: Currency, now: Timestamp) -> Option<Rate> {
        let mut pins = self.options.pins.iter();
        let pin = pins.find(|pin| pin.currency == currency)?;
        let per_bitcoin = u64::try_from(pin.amount).ok()?;
        Some(Rate {
            currency,
            per_bitcoin,
            source: PIN.to_owned(),
            at: now,
        })
    }

    fn slot(&self, currency: Currency) -> Arc<tokio::sync::Mutex<Option<Rate>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(currency.code().to_owned()).or_default())
    }

    /// How long a caller waits for another one who is asking already: as long as
    /// that may take.
    fn patience(&self) -> Duration {
        let sources = u32::try_from(self.options.order.len()).unwrap_or(u32::MAX);
        self.options.time_limit.saturating_mul(sources)
    }

    /// Asks one source after the other, holding them against the rate `before`. Where
    /// there is none, two are held against each other.
    async fn learn(
        &self,
        currency: Currency,
        before: Option<&Rate>,
        now: Timestamp,
    ) -> Result<Rate, RateError> {
        let mut failed = Vec::new();
        let mut doubted: Vec<(Source, u64)> = Vec::new();
        for source in &self.options.order {
            let price = match ask(*source, currency, &self.options, &self.http).await {
                Ok(price) => price,
                Err(error) => {
                    failed.push(said(*source, error.to_string()));
                    continue;
                }
            };
            let believed = match before {
                Some(before) => {
                    let mut others = doubted.iter();
                    let borne_out = !jumps(before.per_bitcoin, price)
                        || others.any(|(_, other)| agree(*other, price));
                    borne_out.then_some((*source, price))
                }
                None => self.first(&doubted, (*source, price)),
            };
            let Some((source, per_bitcoin)) = believed else {
                doubted.push((*source, price));
                failed.push(said(*source, doubt(before.is_some())));
                continue;
            };
            return Ok(Rate {
                currency,
                per_bitcoin,
                source: source.name().to_owned(),
                at: now,
            });
        }
        Err(RateError { currency, failed })
    }

    /// The first rate of all: that of the first of two that bear each other out. A slipped
    /// point is told by less than ten times where exchanges differ by a little. Where one
    /// source alone is asked, it has to be believed.
    fn first(&self, doubted: &[(Source, u64)], told: (Source, u64)) -> Option<(Source, u64)> {
        if self.options.order.len() == 1 {
            return Some(told);
        }
        let mut doubted = doubted.iter().copied();
        doubted.find(|(_, other)| agree(*other, told.1))
    }
}

#[async_trait]
impl RateSource for Rates {
    async fn rate(&self, currency: Currency, now: Timestamp) -> Result<Rate, RateError> {
        if let Some(pin) = self.pinned(currency, now) {
            return Ok(pin);
        }
        let slot = self.slot(currency);
        let Ok(mut known) = tokio::time::timeout(self.patience(), slot.lock()).await else {
            let busy = ("rates".to_owned(), "others were still asking".to_owned());
            return Err(RateError {
                currency,
                failed: vec![busy],
            });
        };
        if let Some(known) = known.as_ref().filter(|known| within(known, now, KEPT)) {
            return Ok(known.clone());
        }
        let remembered = days(REMEMBERED_DAYS);
        let before = known
            .as_ref()
            .filter(|known| within(known, now, remembered));
        let rate = self.learn(currency, before, now).await?;
        *known = Some(rate.clone());
        Ok(rate)
    }
}

/// Why an answer is not believed.
fn doubt(has_before: bool) -> String {
    if has_before {
        format!("is {JUMP} times off the last rate")
    } else {
        "is the first word, and no other source bears it out".to_owned()
    }
}

fn said(source: Source, why: String) -> (String, String) {
    (source.name().to_owned(), why)
}

/// Whether a rate is younger than `age`, or as little ahead: who asked first need
/// not be who was answered first.
fn within(rate: &Rate, now: Timestamp, age: SignedDuration) -> bool {
    now.duration_since(rate.at).abs() < age
}

fn jumps(before: u64, price: u64) -> bool {
    price >= before.saturating_mul(JUMP) || before >= price.saturating_mul(JUMP)
}

fn agree(one: u64, other: u64) -> bool {
    let apart = one.abs_diff(other);
    apart.saturating_mul(AGREES_WITHIN) <= one.max(other)
}
