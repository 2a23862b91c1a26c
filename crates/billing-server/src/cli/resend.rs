//! `billing resend`: a provider sends webhooks again that did not arrive, or were
//! answered with an error. It opens no books: what is sent has to find a server.

use std::process::ExitCode;
use std::sync::Arc;

use billing::system::SystemClock;
use billing_domain::provider::ProviderAccount;
use billing_ports::{Clock, PaymentProvider, PerformError, Resent};
use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::failure::{Failure, UNANSWERED};
use super::out::Out;
use crate::config::Config;
use crate::wiring::moving_money;

/// Have a provider send webhooks again, by the ids of their notifications. The server
/// receives them as it does any: an event that it has is known by its id, and counts
/// once.
#[derive(Debug, Args)]
#[command(after_help = "\
The server keeps running: that is who receives them. Paddle does this; its ids begin with ntf_ and
stand in the dashboard's list of notifications, where a failed one is found. What another provider
did not deliver is had by `billing reconcile`.

The ids are gone through in their order, and the first that fails ends it. Exit code 2: the
provider is none of yours, or sends nothing again (resend_not_supported); 3: it knows no such
notification (notification_unknown), or refuses (provider_refused); 5: it did not answer
(provider_error).

Examples:
  billing resend --provider paddle/main ntf_01hq9f2k6zj8w5v3x7y1m4n0pc
  billing resend --provider paddle/main ntf_01hq9f2k6zj8w5v3x7y1m4n0pc --json")]
pub(crate) struct Resend {
    /// Who is to send
    #[arg(long, value_name = "ACCOUNT")]
    provider: ProviderAccount,
    /// What: the provider's ids of the notifications
    #[arg(required = true, value_name = "NOTIFICATION")]
    notifications: Vec<String>,
}

/// An address for pages that no command makes.
const NO_PAGES: &str = "http://127.0.0.1";

impl Resend {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let config = context.config()?;
        let provider = self.provider(&config)?;
        let out = context.out;
        let mut sent = Vec::new();
        let mut done = Ok(ExitCode::SUCCESS);
        for notification in &self.notifications {
            match provider.resend(notification).await {
                Ok(Resent::Sending { under }) => {
                    sent.push(self.told(out, notification, under.as_deref()));
                }
                Ok(Resent::NoSuch) => done = Err(self.unknown(notification)),
                Ok(Resent::Refused(refusal)) => {
                    let (to, why) = (&self.provider, refusal.message);
                    let text = format!("{to} does not send {notification} again: {why}");
                    done = Err(Failure::refused(text).named("provider_refused"));
                }
                Err(error @ PerformError::Unsupported(_)) => {
                    let text = format!("failed to have {notification} sent again: {error}");
                    done = Err(cannot(text));
                }
                Err(
                    error @ (PerformError::NotSent(_)
                    | PerformError::Unknown(_)
                    | PerformError::Misconfigured(_)),
                ) => {
                    let what = format!("have {notification} sent again");
                    out.failure(&Failure::new(&what, &error).named("provider_error"));
                    done = Ok(ExitCode::from(UNANSWERED));
                }
            }
            if !matches!(done, Ok(ExitCode::SUCCESS)) {
                break;
            }
        }
        if out.is_json() {
            out.value(&json!({ "provider": self.provider.to_string(), "sent": sent }));
        }
        done
    }

    /// The account, as it is configured.
    fn provider(&self, config: &Config) -> Result<Arc<dyn PaymentProvider>, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let attached = moving_money(config, NO_PAGES, &clock, Vec::new())?;
        let known: Vec<String> = attached.iter().map(|it| it.account().to_string()).collect();
        let mut found = attached
            .into_iter()
            .filter(|it| it.account() == self.provider);
        found.next().map(|it| it.provider).ok_or_else(|| {
            let text = format!("{} is no provider that could be asked here", self.provider);
            Failure::usage(text).with_hint(format!("Configured: {}.", known.join(", ")))
        })
    }

    /// Tells a person at once, and a program at the end.
    fn told(&self, out: Out, notification: &str, under: Option<&str>) -> Value {
        if !out.is_json() {
            let under = under.map(|id| format!(" as {id}")).unwrap_or_default();
            out.line(&format!(
                "{} sends {notification} again{under}.",
                self.provider
            ));
        }
        json!({ "notification": notification, "under": under })
    }

    fn unknown(&self, notification: &str) -> Failure {
        let text = format!("{} knows no notification {notification}", self.provider);
        let hint = "The id is that of the notification (ntf_…), not of its event (evt_…).";
        Failure::refused(text)
            .with_hint(hint)
            .named("notification_unknown")
    }
}

fn cannot(text: String) -> Failure {
    Failure::usage(text)
        .with_hint("`billing reconcile` has what did not arrive.")
        .named("resend_not_supported")
}
