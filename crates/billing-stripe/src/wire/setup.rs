//! What an account is set up with.

use serde::Deserialize;

/// `webhook_endpoint`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WebhookEndpoint {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) status: String,
    pub(crate) api_version: Option<String>,
    pub(crate) enabled_events: Vec<String>,
    pub(crate) livemode: Option<bool>,
}
