//! Acts of people and banks by name, as other processes ask for them.

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Unit};
use serde::Deserialize;
use serde_json::{Value, json};

use super::acts;
use super::api::{self, PriceSeed};
use super::options::Version;
use super::sale::{self, ActError, Payment};
use super::thing::{Card, UnknownCard};
use super::world::World;

/// The acts by name, as `POST /_act/{name}` takes them.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Act {
    Price {
        id: String,
        product: String,
        unit_amount: i64,
        currency: Currency,
        /// `None`: bought once.
        interval: Option<Unit>,
        interval_count: Option<u16>,
    },
    Pay {
        session: String,
        /// `None`: without a means of payment.
        card: Option<String>,
    },
    Authenticate {
        session: String,
        passes: bool,
    },
    Settle {
        id: String,
        succeeds: bool,
    },
    PayInvoice {
        invoice: String,
        card: String,
    },
    SetCard {
        customer: String,
        card: Option<String>,
    },
    CancelInPortal {
        subscription: String,
    },
    RenewInPortal {
        subscription: String,
    },
    SwitchInPortal {
        subscription: String,
        price: String,
    },
    Refund {
        payment: String,
        amount: Option<i64>,
    },
    HoldRefunds {
        hold: bool,
    },
    SettleRefund {
        refund: String,
    },
    FailRefund {
        refund: String,
    },
    Dispute {
        payment: String,
    },
    CloseDispute {
        dispute: String,
        won: bool,
    },
    WebhookVersion {
        version: String,
    },
}

/// Does an act of a person or a bank.
pub(super) fn carry_out(world: &mut World, act: Act) -> Result<Value, ActError> {
    world.cause = None;
    let done = json!({});
    match act {
        Act::Price {
            id,
            product,
            unit_amount,
            currency,
            interval,
            interval_count,
        } => {
            let count = interval_count.unwrap_or(1);
            let interval = interval.map(|unit| Interval::new(unit, count)).transpose();
            let interval = interval.map_err(|error| ActError::State(error.to_string()))?;
            let seed = PriceSeed {
                id,
                product,
                unit_amount,
                currency,
                interval,
            };
            api::put_price(world, seed);
            Ok(done)
        }
        Act::Pay { session, card } => {
            let card = card.as_deref().map(parse_card).transpose()?;
            Ok(outcome(sale::pay(world, &session, card)?))
        }
        Act::Authenticate { session, passes } => {
            Ok(outcome(sale::authenticate(world, &session, passes)?))
        }
        Act::Settle { id, succeeds } => sale::settle(world, &id, succeeds).map(|()| done),
        Act::PayInvoice { invoice, card } => {
            let card = parse_card(&card)?;
            Ok(outcome(acts::pay_invoice(world, &invoice, card)?))
        }
        Act::SetCard { customer, card } => {
            let card = card.as_deref().map(parse_card).transpose()?;
            acts::set_card(world, &customer, card).map(|()| done)
        }
        Act::CancelInPortal { subscription } => {
            acts::cancel_in_portal(world, &subscription).map(|()| done)
        }
        Act::RenewInPortal { subscription } => {
            acts::renew_in_portal(world, &subscription).map(|()| done)
        }
        Act::SwitchInPortal {
            subscription,
            price,
        } => acts::switch_in_portal(world, &subscription, &price).map(|()| done),
        Act::Refund { payment, amount } => {
            let id = acts::refund(world, &payment, amount)?;
            Ok(json!({ "refund": id }))
        }
        Act::HoldRefunds { hold } => {
            world.rules.hold_refunds = hold;
            Ok(done)
        }
        Act::SettleRefund { refund } => acts::settle_refund(world, &refund).map(|()| done),
        Act::FailRefund { refund } => acts::fail_refund(world, &refund).map(|()| done),
        Act::Dispute { payment } => {
            let id = acts::dispute(world, &payment)?;
            Ok(json!({ "dispute": id }))
        }
        Act::CloseDispute { dispute, won } => {
            acts::close_dispute(world, &dispute, won).map(|()| done)
        }
        Act::WebhookVersion { version } => {
            let known = Version::named(&version);
            world.webhook_version = known.ok_or(ActError::Unknown(version))?;
            Ok(done)
        }
    }
}

fn parse_card(text: &str) -> Result<Card, ActError> {
    text.parse()
        .map_err(|error: UnknownCard| ActError::State(error.to_string()))
}

fn outcome(payment: Payment) -> Value {
    let word = match payment {
        Payment::Complete => "complete",
        Payment::Declined => "declined",
        Payment::ActionRequired => "action_required",
        Payment::Processing => "processing",
    };
    json!({ "payment": word })
}
