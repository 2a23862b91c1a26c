//! What a sandbox is told when it is made. Knows nothing of configuration files.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use billing_domain::catalog::ProviderKey;
use billing_domain::money::Currency;
use billing_domain::provider::{Capabilities, ProviderAccount};
use billing_ports::Clock;
use secrecy::SecretString;
use url::Url;

/// Who runs the schedule of what is bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The sandbox does: it keeps subscriptions, charges and retries by itself.
    OwnSchedule,
    /// The engine does: it orders every invoice, and the sandbox collects it.
    EngineSchedule {
        /// Whether a card that paid is kept and charged for later invoices.
        /// `false`: the buyer pays each invoice at its page.
        saves_cards: bool,
    },
}

impl Mode {
    /// What a sandbox in this mode can do.
    #[must_use]
    pub const fn capabilities(self) -> Capabilities {
        let own = matches!(self, Self::OwnSchedule);
        Capabilities {
            owns_schedule: own,
            prorates: own,
            hosted_checkout: true,
            portal: false,
            pause: own,
            saved_method: self.saves_cards(),
            paused_ends_at_once: false,
        }
    }

    /// Whether a card that paid is kept.
    #[must_use]
    pub const fn saves_cards(self) -> bool {
        match self {
            Self::OwnSchedule => true,
            Self::EngineSchedule { saves_cards } => saves_cards,
        }
    }

    /// The word for it, for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnSchedule => "own schedule",
            Self::EngineSchedule { saves_cards: true } => "engine's schedule, cards saved",
            Self::EngineSchedule { saves_cards: false } => "engine's schedule, cards not saved",
        }
    }
}

/// Collecting in another currency than the listed one, as providers of bitcoin do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// What is collected, `sat` for instance. A price listed in it is collected
    /// as it stands.
    pub currency: Currency,
    /// The pinned rate of each listed currency: so many of its minor units for
    /// 100 000 000 minor units of `currency`. A currency without a pin, or with a
    /// pin of zero, is refused with `no_rate`.
    pub pins: BTreeMap<Currency, u64>,
}

impl Settlement {
    /// Collects satoshi for dollars, at so many cents for one bitcoin.
    #[must_use]
    pub fn bitcoin(cents: u64) -> Self {
        Self {
            currency: Currency::SAT,
            pins: BTreeMap::from([(Currency::USD, cents)]),
        }
    }
}

/// What a sandbox is told when it is made.
#[derive(Clone)]
pub struct SandboxOptions {
    /// Which provider account it plays.
    pub account: ProviderAccount,
    /// Who runs the schedule.
    pub mode: Mode,
    /// How it collects in another currency; only where the engine runs the
    /// schedule. `None`: everything in the currency of its price.
    pub settles: Option<Settlement>,
    /// Where its pages are mounted: `http://127.0.0.1:8080/sandbox`.
    pub public_url: Url,
    /// At least one. The first signs webhooks and forms; all verify.
    pub webhook_secrets: Vec<SecretString>,
    /// The clock that the sandbox's own clock runs ahead of.
    pub clock: Arc<dyn Clock>,
}

impl SandboxOptions {
    /// A sandbox under the name `provider`, its pages at `public_url`, whose cards
    /// are saved and charged when the engine says so. Its webhooks are signed with
    /// a secret that is none: fit for one process, not for a server.
    #[must_use]
    pub fn in_process(provider: ProviderKey, public_url: Url, clock: Arc<dyn Clock>) -> Self {
        Self {
            account: ProviderAccount::main(provider),
            mode: Mode::EngineSchedule { saves_cards: true },
            settles: None,
            public_url,
            webhook_secrets: vec!["in this process only".into()],
            clock,
        }
    }
}

impl fmt::Debug for SandboxOptions {
    /// Shows no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxOptions")
            .field("account", &self.account)
            .field("mode", &self.mode)
            .field("settles", &self.settles)
            .field("public_url", &self.public_url.as_str())
            .field("webhook_secrets", &self.webhook_secrets.len())
            .finish_non_exhaustive()
    }
}
