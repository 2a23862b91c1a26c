//! `billing import stripe`: whom a Stripe account knows is brought over, and what it charges
//! already is adopted.

use std::path::PathBuf;
use std::process::ExitCode;

use billing_domain::import::{ImportOutcome, ImportRefusal};
use billing_domain::provider::ProviderAccount;
use billing_engine::{Adopted, Adoptee, Adopting, Adoption, RereadError};
use clap::Args;
use serde_json::json;

use super::report::{Place, Report};
use super::rows::Wrong;
use super::{ACTOR, Doing, code, sign_licenses};
use crate::cli::Context;
use crate::cli::books::{configured, open};
use crate::cli::failure::{Failure, UNANSWERED};
use crate::cli::progress::Progress;

pub(super) const HELP: &str = "\
Every customer that the account lists is a customer here from then on, whether or not anything was
bought; deleted ones are not listed. Every subscription that the account lists and nobody here has
sold is held here from then on, if the catalog knows its price, and follows its webhooks. Stripe
charges it as before. Its customer is the one who is known by Stripe's id, or by the name that
Stripe's metadata has for it; else one is made. Unknown prices, and subscriptions with several, are
told and left alone. Nobody is told of what is adopted: no event, no letter.

A go that was cut off leaves its place, and the next one goes on from there. An SQLite file that a
server has open is written after the server was stopped; PostgreSQL may be in use. Exit code 3:
something was refused; 5: Stripe did not answer for everything, or lists more than one go reads.

Examples:
  billing import stripe
  billing import stripe --ref-key user_id --apply --reason 'moved here'";

/// Import the customers and adopt the subscriptions of a Stripe account.
#[derive(Debug, Args)]
pub(crate) struct Stripe {
    /// Whose customers and subscriptions
    #[arg(long, value_name = "ACCOUNT", default_value = "stripe/main")]
    provider: ProviderAccount,
    /// What the host application's name for a customer is called in the metadata of Stripe's
    /// customers; those without go by Stripe's id
    #[arg(long, value_name = "KEY", default_value = "billing_ref")]
    ref_key: String,
    /// Tell of every customer and subscription in this file, one line of JSON each
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    doing: Doing,
}

impl Stripe {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let config = context.config()?;
        let parts = open(&config).await?;
        configured(&parts, &self.provider)?;
        let billing = self.doing.acting(&parts, &self.provider.to_string())?;
        if self.doing.apply {
            sign_licenses(&config, &parts).await?;
        }
        let progress = Progress::uncounted(context.out, "reading");
        let mut report =
            Report::new(context.out, self.report.as_deref(), progress)?.with_customers();
        let adopting = Adopting {
            account: &self.provider,
            mode: self.doing.mode(),
            reference_key: &self.ref_key,
            actor: Some(ACTOR),
        };
        let mut untold = None;
        let each = |adopted: &Adopted| {
            if let Err(failure) = tell(&mut report, adopted) {
                untold.get_or_insert(failure);
            }
        };
        let done = billing.adopt(&adopting, each).await;
        if let Some(failure) = untold {
            return Err(failure);
        }
        let (finished, unanswered) = match done {
            Ok(finished) => (finished, None),
            Err(RereadError::Provider(error)) => (false, Some(error)),
            Err(error) => return Err(Failure::new("adopt the subscriptions", &error)),
        };
        let what = json!({ "provider": self.provider.to_string(), "finished": finished });
        let code = code(report.end(&what, self.doing.apply)?);
        if finished {
            return Ok(code);
        }
        let failure = match unanswered {
            Some(error) => Failure::new("read the provider's books", &error),
            None => more(&self.doing),
        };
        context.out.failure(&failure);
        Ok(ExitCode::from(UNANSWERED))
    }
}

/// The account lists more than one go reads.
fn more(doing: &Doing) -> Failure {
    let failure = Failure::failed("the account lists more than one go reads");
    failure.named("more_to_read").with_hint(if doing.apply {
        "Begin again: it goes on from there."
    } else {
        "What follows was not tried. With --apply it is imported in several goes."
    })
}

fn tell(report: &mut Report, adopted: &Adopted) -> Result<(), Failure> {
    let place = Place {
        line: None,
        id: adopted.reference.clone(),
    };
    let outcome: Result<ImportOutcome, Wrong> = match &adopted.outcome {
        Adoption::Brought(outcome) => {
            if adopted.beside {
                let refusal = ImportRefusal::AlreadySubscribed;
                let words = "another subscription of the customer's is charged too; it is \
                             adopted all the same, and one of the two is for a person to end";
                let wrong = Wrong::new(refusal.code(), refusal.field(), words);
                report.warn(&place, wrong)?;
            }
            Ok(outcome.clone())
        }
        Adoption::PassedOver => {
            report.pass_over();
            return Ok(());
        }
        Adoption::Refused(refusal) => {
            let words = match adopted.price.as_str() {
                "" => refusal.to_string(),
                price => format!("{refusal} (its price is {price})"),
            };
            Err(Wrong::new(refusal.code(), refusal.field(), words))
        }
    };
    match adopted.what {
        Adoptee::Customer => report.tell_customer(&place, &outcome),
        Adoptee::Subscription => report.tell(&place, &outcome),
    }
}
