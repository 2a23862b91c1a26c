//! `billing forecast`: the next invoices of a subscription.

use std::process::ExitCode;

use billing_domain::forecast::Horizon;
use billing_domain::ids::SubscriptionId;
use billing_engine::{Billing, CustomerRef};
use clap::Args;
use poem_openapi::types::ToJSON as _;
use serde_json::Value;

use super::Context;
use super::failure::Failure;
use super::out::Out;
use super::target::{ServerArg, Target};
use super::told::{amount, count, list, text};
use crate::api::forecasts::{DEFAULT_CYCLES, MAX_CYCLES};
use crate::api::views::ForecastView;

/// Tell the next invoices of a subscription, by the rules that will make them, if
/// each is paid on time and nobody changes anything. Writes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  billing forecast --subscription sub_0197…
  billing forecast --subscription sub_0197… --cycles 24 --json")]
pub(crate) struct Forecast {
    /// The subscription's id
    #[arg(long, value_name = "ID")]
    subscription: SubscriptionId,
    /// How many invoices
    #[arg(long, value_name = "N", default_value_t = DEFAULT_CYCLES, value_parser = cycles())]
    cycles: u16,
    #[command(flatten)]
    server: ServerArg,
}

fn cycles() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=i64::from(MAX_CYCLES))
}

impl Forecast {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let (id, cycles) = (self.subscription, self.cycles);
        let told = match self.server.target(context).await? {
            Target::Server(remote) => {
                let path = format!("/v1/subscriptions/{id}/forecast?cycles={cycles}");
                remote.get(&path).await?
            }
            Target::Books(parts) => foretold(&parts.billing, id, cycles).await?,
        };
        if context.out.is_json() {
            context.out.value(&told);
        } else {
            show(context.out, &told);
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn foretold(billing: &Billing, id: SubscriptionId, cycles: u16) -> Result<Value, Failure> {
    let failed = |error| Failure::new("foretell", &error);
    let nobody = || Failure::failed(format!("there is no subscription {id}"));
    let customer = billing.customer_of(id).await.map_err(failed)?;
    let of = CustomerRef::Id(customer.ok_or_else(nobody)?);
    let found = billing.forecast(&of, id, Horizon::cycles(cycles)).await;
    let found = found.map_err(failed)?.ok_or_else(nobody)?;
    Ok(ForecastView::from(found).to_json().unwrap_or_default())
}

fn show(out: Out, told: &Value) {
    let entries = list(told, "entries");
    if entries.is_empty() {
        out.line("Nothing is to come by itself.");
        return;
    }
    let head = ["when", "owed", "plan", "price", "quantity", "why"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(entries.iter().map(|entry| {
        let ends = text(entry, "period_start").is_empty();
        vec![
            text(entry, "at").to_owned(),
            if ends {
                "-".to_owned()
            } else {
                amount(entry, "amount")
            },
            text(entry, "plan").to_owned(),
            match text(entry, "price") {
                "" => "-".to_owned(),
                price => price.to_owned(),
            },
            count(entry, "quantity").to_string(),
            text(entry, "why").replace('_', " "),
        ]
    }));
    out.table(&rows);
    if told.get("more").and_then(Value::as_bool) == Some(true) {
        out.line("More follows.");
    }
}
