//! A fake Stripe on loopback, to try a server against by hand.

mod program;

use billing_testkit::fakes::rig::StartError;
use billing_testkit::fakes::stripe::{ActError, FakeOptions, FakeStripe, Version};
use clap::Parser;
use url::Url;

use self::program::{ClockArgs, beside, say, until_stopped};

/// What people and banks do, for the help text.
const ACTS: &str = "  POST /_act/…     acts of people and banks:
                   price {id, product, unit_amount, currency, interval?,
                   interval_count?}, pay {session, card?}, authenticate
                   {session, passes}, settle {id, succeeds}, pay_invoice
                   {invoice, card}, set_card {customer, card?},
                   cancel_in_portal {subscription}, renew_in_portal
                   {subscription}, switch_in_portal {subscription, price},
                   refund {payment, amount?}, hold_refunds {hold},
                   settle_refund {refund}, fail_refund {refund}, dispute
                   {payment}, close_dispute {dispute, won}, webhook_version
                   {version}

Cards: 4242424242424242 pays, 4000000000000002 is declined, 4000000000009995
has no money, 4000000000000341 fails when charged later, 4000000000003220
asks for authentication, delayed is a bank debit.";

/// A stateful fake of Stripe on loopback.
///
/// Point a server's Stripe base URL at the address that is printed. Checkout
/// links lead to a page of the fake where a test card is chosen. Its clock runs
/// on from now, or stands at --start until it is moved.
#[derive(Debug, Parser)]
#[command(name = "fake-stripe", after_help = beside(ACTS))]
struct Arguments {
    /// The port on loopback; 0 takes one that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where webhooks are delivered. Without it they are held.
    #[arg(long)]
    webhook: Option<Url>,
    /// The only key that is accepted.
    #[arg(long, default_value = "sk_test_fake")]
    key: String,
    /// What webhooks are signed with; several during a rotation.
    #[arg(long, default_value = "whsec_fake")]
    secret: Vec<String>,
    #[command(flatten)]
    clock: ClockArgs,
    /// Renders webhooks in a version of before 2025.
    #[arg(long)]
    old_webhooks: bool,
    /// Prices to begin with: `id=minor units currency [day|week|month|year]`, as in
    /// `--price "price_pro=2000 usd month"`.
    #[arg(long, value_parser = read_price)]
    price: Vec<serde_json::Value>,
}

/// Why the fake ended.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("put a price there")]
    Price(#[from] ActError),
    #[error("print the address")]
    Print(#[from] std::io::Error),
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let version = if arguments.old_webhooks {
        Version::Old
    } else {
        Version::Pinned
    };
    let fake = FakeStripe::start(FakeOptions {
        port: arguments.port,
        key: arguments.key,
        webhook_secrets: arguments.secret,
        start: arguments.clock.start(),
        running: arguments.clock.runs(),
        webhook_version: version,
        ..FakeOptions::default()
    })
    .await?;
    for price in arguments.price {
        fake.act("price", &price)?;
    }
    fake.deliveries().set_target(arguments.webhook);
    say(&format!("fake Stripe at {}", fake.url()))?;
    say(&format!("webhooks in {}", version.name()))?;
    until_stopped(fake.keep_up()).await?;
    Ok(())
}

fn read_price(text: &str) -> Result<serde_json::Value, String> {
    let wrong = || "expected `id=minor units currency [day|week|month|year]`".to_owned();
    let (id, rest) = text.split_once('=').ok_or_else(wrong)?;
    let mut words = rest.split_whitespace();
    let amount = words.next().ok_or_else(wrong)?;
    let amount: i64 = amount.parse().map_err(|_none| wrong())?;
    let currency = words.next().ok_or_else(wrong)?;
    let interval = words.next();
    if words.next().is_some() {
        return Err(wrong());
    }
    Ok(serde_json::json!({
        "id": id, "product": format!("prod_{id}"), "unit_amount": amount,
        "currency": currency, "interval": interval,
    }))
}
