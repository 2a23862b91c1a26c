//! The one outbound HTTP client: pool, time-outs, safe retries, redaction.
