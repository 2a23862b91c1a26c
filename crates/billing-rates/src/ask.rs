//! Asking one source, within its time. Knows nothing of what is believed.

use std::error::Error as _;

use billing_domain::money::Currency;
use billing_http::{HttpClient, HttpError, Request, RetryPolicy};
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use secrecy::ExposeSecret as _;

use crate::options::RatesOptions;
use crate::price::{PriceError, minor_units};
use crate::source::{ReadError, Source};

/// Why a source gave no price.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// It is in the order, and not set up.
    #[error("is not set up")]
    NotSetUp,
    /// It took too long.
    #[error("took longer than {0} ms")]
    TooSlow(u128),
    /// No answer came.
    #[error("failed to {}", whole(.0))]
    NoAnswer(#[from] HttpError),
    /// It answered with another status than 200.
    #[error("answered {}", .0.as_u16())]
    Status(StatusCode),
    /// Its answer holds no price.
    #[error("{0}")]
    Read(ReadError),
    /// What it says is no price.
    #[error("{0}")]
    Price(PriceError),
}

/// What a bitcoin costs by one source, in minor units.
pub(crate) async fn ask(
    source: Source,
    currency: Currency,
    options: &RatesOptions,
    http: &HttpClient,
) -> Result<u64, AskError> {
    let url = source.url(options, currency).ok_or(AskError::NotSetUp)?;
    // Who fails is asked again by going on to the next one.
    let mut request = Request::new(Method::GET, url, RetryPolicy::Never);
    if let Some(store) = options.btcpay.as_ref().filter(|_| source == Source::BtcPay) {
        let token = format!("token {}", store.api_key.expose_secret());
        request = request.with_header(AUTHORIZATION, &token)?;
    }
    let answer = tokio::time::timeout(options.time_limit, http.send(request)).await;
    let slow = |_elapsed| AskError::TooSlow(options.time_limit.as_millis());
    let answer = answer.map_err(slow)??;
    if answer.status != StatusCode::OK {
        return Err(AskError::Status(answer.status));
    }
    let text = source
        .read(&answer.body, currency)
        .map_err(AskError::Read)?;
    minor_units(&text, currency.exponent()).map_err(AskError::Price)
}

/// An error with what lies under it, in one line.
fn whole(error: &HttpError) -> String {
    let mut text = error.to_string();
    let mut under = error.source();
    while let Some(error) = under {
        text = format!("{text}: {error}");
        under = error.source();
    }
    text
}
