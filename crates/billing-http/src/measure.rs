//! Counting and timing attempts.
//!
//! Knows nothing of where the numbers go: any recorder of the `metrics` facade.
//! The host is a label, so hosts that strangers choose do not belong here.

use std::time::Duration;

use http::StatusCode;
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::error::HttpError;
use crate::response::Response;

/// Counter of attempts, with labels `host` and `outcome`: `1xx` to `5xx`,
/// `not_sent`, `unknown` or `invalid`.
pub const REQUESTS_TOTAL: &str = "billing_outbound_requests_total";

/// Histogram of the time of one attempt in seconds, with the same labels.
pub const REQUEST_SECONDS: &str = "billing_outbound_request_seconds";

/// Tells the recorder what the numbers mean.
pub(crate) fn describe() {
    describe_counter!(
        REQUESTS_TOTAL,
        "Outbound HTTP attempts by host and outcome."
    );
    describe_histogram!(
        REQUEST_SECONDS,
        Unit::Seconds,
        "Time of outbound HTTP attempts by host and outcome."
    );
}

/// Records one attempt.
pub(crate) fn attempt(host: &str, result: &Result<Response, HttpError>, took: Duration) {
    let outcome = outcome(result);
    counter!(REQUESTS_TOTAL, "host" => host.to_owned(), "outcome" => outcome).increment(1);
    histogram!(REQUEST_SECONDS, "host" => host.to_owned(), "outcome" => outcome)
        .record(took.as_secs_f64());
}

/// One word for how an attempt ended; few enough to be a label.
pub(crate) fn outcome(result: &Result<Response, HttpError>) -> &'static str {
    match result {
        Ok(response) => class(response.status),
        Err(HttpError::NotSent { .. }) => "not_sent",
        Err(HttpError::Unknown { .. }) => "unknown",
        Err(HttpError::Invalid { .. }) => "invalid",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
