//! `billing import`: bringing over what was sold elsewhere, tried before it is done.

mod columns;
mod csv;
mod doubles;
mod records;
mod report;
mod rows;
mod stripe;

use std::process::ExitCode;

use billing_domain::ids::IdSeq;
use billing_domain::time::to_micros;
use billing_engine::{Billing, ImportMode};
use billing_ports::store::Act;
use clap::{Args, Subcommand};

use super::Context;
use super::failure::{Failure, REFUSED};
use crate::api::MAX_TEXT;
use crate::config::Config;
use crate::license;
use crate::wiring::Parts;

/// Bring over what was sold elsewhere.
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// Import customers, subscriptions, grants or licenses from a CSV file
    #[command(after_help = csv::HELP)]
    Csv(csv::Csv),
    /// Import the customers of a Stripe account, and adopt what it charges already
    #[command(after_help = stripe::HELP)]
    Stripe(stripe::Stripe),
}

impl Import {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::Csv(command) => Box::pin(command.run(context)).await,
            Self::Stripe(command) => Box::pin(command.run(context)).await,
        }
    }
}

/// Whether it is done, and why.
#[derive(Debug, Args)]
pub(crate) struct Doing {
    /// Import; without it nothing is written, and it is told what would be
    #[arg(long, requires = "reason")]
    apply: bool,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

/// Who imports, for the journal.
const ACTOR: &str = "command line";

impl Doing {
    const fn mode(&self) -> ImportMode {
        if self.apply {
            ImportMode::Apply
        } else {
            ImportMode::Dry
        }
    }

    /// The engine that keeps who imports `what` and why, with the first thing that it writes.
    fn acting(&self, parts: &Parts, what: &str) -> Result<Billing, Failure> {
        let off = || Failure::usage("billing is switched off: there are no books");
        let now = to_micros(parts.billing.clock().ok_or_else(off)?.now());
        let act = Act {
            id: IdSeq::new(now, parts.ids.seed()).draw(),
            at: now,
            actor: ACTOR.to_owned(),
            name: ACTOR.to_owned(),
            request: format!("billing import {what}"),
            reason: self.reason.clone(),
        };
        Ok(parts.billing.recording(act))
    }
}

/// Makes the keys that sign licenses before the first one is given, as a server does at its
/// start: afterwards it would take them for lost.
async fn sign_licenses(config: &Config, parts: &Parts) -> Result<(), Failure> {
    let made = license::prepare(config, &parts.billing, parts.ids.as_ref()).await;
    made.map_err(|error| Failure::new("have the license keys", &error).with_hint(error.hint()))
}

fn reason(text: &str) -> Result<String, String> {
    let fits = (1..=MAX_TEXT).contains(&text.len()) && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("say why in 1 to {MAX_TEXT} bytes"))
}

fn code(nothing_refused: bool) -> ExitCode {
    if nothing_refused {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(REFUSED)
    }
}
