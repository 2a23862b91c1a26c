//! A fake Stripe on loopback, to try a server against by hand.

use std::io::Write as _;

use billing_testkit::fakes::rig::StartError;
use billing_testkit::fakes::stripe::{ActError, FakeOptions, FakeStripe, Version};
use clap::Parser;
use jiff::Timestamp;
use url::Url;

/// What there is beside the API, for the help text.
const BESIDE: &str = r#"Beside the API there is, without a key:

  GET  /_books     how often and how much everybody was charged
  GET  /_requests  the requests so far
  GET  /_clock     the time; POST {"advance_seconds": 86400} or
                   {"advance_to": "2026-03-01T00:00:00Z"} moves it on
  GET  /_faults    the faults that are ordered; POST orders one:
                   {"method": "POST", "path_prefix": "/v1/customers",
                    "times": 1, "skip": 0, "stage": "before" or "after",
                    "kind": {"rate_limited": {"retry_after": 2}}, "conflict",
                    "server_error", {"slow": {"millis": 500}},
                    "html_bad_gateway", "cut_body", "lost_answer" or
                    {"fixed": {"status": 424, "body": {}}}};
                   DELETE forgets them
  GET  /_webhooks  the events that wait; POST {"url": "http://…"} delivers
                   them there with retries, {"url": null} holds them
  POST /_act/…     acts of people and banks:
                   price {id, product, unit_amount, currency, interval?,
                   interval_count?}, pay {session, card?}, authenticate
                   {session, passes}, settle {id, succeeds}, pay_invoice
                   {invoice, card}, set_card {customer, card?},
                   cancel_in_portal {subscription}, renew_in_portal
                   {subscription}, switch_in_portal {subscription, price},
                   refund {payment, amount?}, fail_refund {refund}, dispute
                   {payment}, close_dispute {dispute, won}, webhook_version
                   {version}

Cards: 4242424242424242 pays, 4000000000000002 is declined, 4000000000009995
has no money, 4000000000000341 fails when charged later, 4000000000003220
asks for authentication, delayed is a bank debit."#;

/// A stateful fake of Stripe on loopback.
///
/// Point a server's Stripe base URL at the address that is printed. Checkout
/// links lead to a page of the fake where a test card is chosen. Its clock runs
/// on from now, or stands at --start until it is moved.
#[derive(Debug, Parser)]
#[command(name = "fake-stripe", after_help = BESIDE)]
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
    /// Where the clock stands until it is moved. Without it the clock runs on from now.
    #[arg(long)]
    start: Option<Timestamp>,
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
    let running = arguments.start.is_none();
    let version = if arguments.old_webhooks {
        Version::Old
    } else {
        Version::Pinned
    };
    let fake = FakeStripe::start(FakeOptions {
        port: arguments.port,
        key: arguments.key,
        webhook_secrets: arguments.secret,
        start: arguments.start.unwrap_or_else(now),
        running,
        webhook_version: version,
        ..FakeOptions::default()
    })
    .await?;
    for price in arguments.price {
        fake.act("price", &price)?;
    }
    fake.deliveries().set_target(arguments.webhook);
    let mut out = std::io::stdout().lock();
    writeln!(out, "fake Stripe at {}", fake.url())?;
    writeln!(out, "webhooks in {}", version.name())?;
    drop(out);
    tokio::select! {
        () = fake.keep_up() => {}
        ended = tokio::signal::ctrl_c() => ended?,
    }
    Ok(())
}

/// The one reading of the wall clock: a running fake signs for servers that live by it.
#[expect(
    clippy::disallowed_methods,
    reason = "the entry point of a program reads the time"
)]
fn now() -> Timestamp {
    Timestamp::now()
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
