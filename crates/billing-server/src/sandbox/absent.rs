//! Stands in where the program is built without the sandbox: the same doors as
//! those of `present`, and nobody who could go through them.

use std::future::{Ready, ready};
use std::sync::Arc;

use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use billing_ports::{Clock, IdSource};
use poem::Response;
use poem::endpoint::BoxEndpoint;
use tokio::sync::watch;

use super::Move;
use crate::config::SandboxConfig;
use crate::state::AppState;
use crate::wiring::Attached;

/// What the server does when it is started without any configuration.
pub(crate) const FIRST_START: &str = "\
Without any configuration it sells nothing: it was built without the sandbox, so payment needs
a provider, and the plans come from BILLING_PLANS. BILLING_ENABLED=false switches billing off.";

/// How a sandbox is to be had.
pub(crate) const HOW_TO_HAVE: &str =
    "This program was built without the sandbox, which is the cargo feature `sandbox`.";

/// The sandbox that is not there.
#[derive(Debug)]
pub(crate) enum Sandbox {}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
#[error("open the sandbox, since this program was built without it (cargo feature `sandbox`)")]
pub(crate) struct SandboxError;

impl Sandbox {
    /// Always an error.
    pub(crate) fn open(
        _told: &SandboxConfig,
        _public_url: &str,
        _ids: &dyn IdSource,
    ) -> Ready<Result<Self, SandboxError>> {
        ready(Err(SandboxError))
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        match *self {}
    }

    pub(crate) fn attach(
        &self,
        _live: &[ProviderAccount],
        _told: &SandboxConfig,
    ) -> Result<Attached, SandboxError> {
        match *self {}
    }

    pub(crate) fn site(&self, _state: &AppState) -> BoxEndpoint<'static, Response> {
        match *self {}
    }

    pub(crate) fn deliver(
        &self,
        _server: &str,
        _stop: watch::Receiver<bool>,
    ) -> Result<Ready<()>, SandboxError> {
        match *self {}
    }

    pub(crate) fn target(&self, _wanted: &Move) -> Option<Timestamp> {
        match *self {}
    }

    pub(crate) fn move_to(&self, _to: Timestamp) -> Ready<Result<Timestamp, &'static str>> {
        match *self {}
    }
}
