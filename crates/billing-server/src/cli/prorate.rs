//! `billing prorate`: what a change in the middle of a period costs, worked step
//! by step, as ours or as another billing system does it.
//!
//! Reads nothing but its arguments: no configuration, no books, no clock.

mod ask;
mod show;

use std::process::ExitCode;

use billing_domain::money::Currency;
use billing_domain::proration::{Dialect, prorate};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::Context;
use super::failure::Failure;

/// Work out what a change in the middle of a period costs.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Prorate {
    /// Whose way of prorating
    #[arg(long, default_value = "engine", value_parser = dialects())]
    dialect: Dialect,
    /// What is credited: the price that ends, for one unit and a whole period
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    price: Option<String>,
    /// What is charged: the price that begins
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    to_price: Option<String>,
    /// The period's start. Without --from and --to: bought once, for good
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// The first instant after the period; flexprice: its last day
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// The instant of the change [default: --item-from]
    #[arg(long, value_name = "WHEN")]
    at: Option<String>,
    /// Where the part of the period begins that is prorated
    #[arg(long, value_name = "WHEN")]
    item_from: Option<String>,
    /// Where that part ends
    #[arg(long, value_name = "WHEN")]
    item_to: Option<String>,
    /// How many units
    #[arg(long, value_name = "N", default_value_t = 1)]
    quantity: u32,
    /// How many units after the change [default: as before]
    #[arg(long, value_name = "N")]
    to_quantity: Option<u32>,
    /// The discount on what ends: 25% or an amount
    #[arg(long, value_name = "DISCOUNT", allow_hyphen_values = true)]
    discount: Option<String>,
    /// The discount on what begins
    #[arg(long, value_name = "DISCOUNT", allow_hyphen_values = true)]
    to_discount: Option<String>,
    /// What was charged for what ends in this period [default: its price]
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    paid: Option<String>,
    /// What was credited of that already [default: 0]
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    credited: Option<String>,
    /// The tax on top, in percent: 20 or 8.25
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    tax: Option<String>,
    /// Where the days of dates without an offset end [default: UTC]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// What amounts are in
    #[arg(long, default_value = "usd")]
    currency: Currency,
}

const AFTER_HELP: &str = "\
Amounts are minor units (1995); with a point, major units of the currency (19.95).
WHEN is a date (2026-06-16), an instant (2026-06-16T12:00:00Z) or Unix seconds.

Examples:
  billing prorate --price 20.00 --to-price 50.00 \\
    --from 2026-06-01 --to 2026-07-01 --at 2026-06-16
  billing prorate --dialect lago --price 3100 --tax 20 --timezone Europe/Paris \\
    --from 2022-10-01 --to 2022-11-01 --at 2022-10-15
  billing prorate --dialect kill-bill --to-price 249.95 --from 2017-04-15 \\
    --to 2017-05-15 --item-from 2017-05-01 --item-to 2017-05-15 --json";

/// The dialects by name, so that help and mistakes list them.
fn dialects() -> impl clap::builder::TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(Dialect::ALL.map(Dialect::name))
        .try_map(|name: String| name.parse::<Dialect>())
}

impl Prorate {
    pub(crate) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let asked = self.asked()?;
        let done = prorate(&asked.change(), asked.choices).map_err(|error| ask::refused(&error))?;
        if context.out.is_json() {
            context.out.value(&show::json(&asked, &done));
        } else {
            show::steps(context.out, &asked, &done);
        }
        Ok(ExitCode::SUCCESS)
    }
}
