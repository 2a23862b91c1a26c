//! Logs to standard error, metrics to whoever asks `/metrics`.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::LogFormat;

/// Begins to log, once a process. A second call changes nothing.
pub(crate) fn log(filter: &str, format: LogFormat, no_color: bool) {
    // The configuration has tried the filter; an unfit one logs errors alone.
    let filter = EnvFilter::try_new(filter).unwrap_or_default();
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let begun = match format {
        LogFormat::Text => {
            let colors = std::io::stderr().is_terminal() && !no_color;
            builder.with_ansi(colors).try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = begun {
        tracing::debug!(%error, "logging had begun before");
    }
}

/// Begins to gather metrics.
///
/// # Errors
///
/// When something else gathers them in this process already.
pub(crate) fn metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new().install_recorder()
}
