//! A fake Paddle on loopback, to try a server against by hand.

mod program;

use billing_domain::money::Currency;
use billing_domain::time::Interval;
use billing_testkit::fakes::paddle::{
    DEFAULT_KEY, DEFAULT_SECRET, FakePaddle, FakePaddleOptions, PriceSeed,
};
use clap::Parser;
use url::Url;

use self::program::{ClockArgs, beside, say, until_stopped};

/// What people and banks do, for the help text.
const ACTS: &str = "  POST /_act/…     acts of people and banks:
                   pay {transaction, card?}, card {subscription, card?},
                   cancel {subscription}, approve_refund {adjustment},
                   reject_refund {adjustment}, chargeback {transaction},
                   chargeback_reverse {transaction}, chargeback_warning
                   {transaction}, chargeback_warning_reverse {transaction}
  GET  /checkout   the page that a transaction's link leads to

Cards: pays, declined, and pays_once, which is declined when charged later. A
refund is asked for as in the API, with POST /adjustments.";

/// A stateful fake of Paddle Billing on loopback.
///
/// Point a server's Paddle base URL at the address that is printed. Checkout links
/// lead to a page of the fake. Its clock runs on from now, or stands at --start
/// until it is moved.
#[derive(Debug, Parser)]
#[command(name = "fake-paddle", after_help = beside(ACTS))]
struct Arguments {
    /// The port on loopback; 0 takes one that is free.
    #[arg(long, default_value_t = 12_112)]
    port: u16,
    /// Where notifications are delivered. Without it they are held.
    #[arg(long)]
    webhook: Option<Url>,
    /// The API key that it takes.
    #[arg(long, default_value = DEFAULT_KEY)]
    key: String,
    /// What it signs with; given twice, a rotation.
    #[arg(long, default_value = DEFAULT_SECRET)]
    secret: Vec<String>,
    #[command(flatten)]
    clock: ClockArgs,
    /// Something to sell: `pri_pro=2000usd/month`, without a period bought once.
    #[arg(long = "price", value_parser = price)]
    prices: Vec<PriceSeed>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let options = FakePaddleOptions {
        port: arguments.port,
        running: arguments.clock.runs(),
        key: arguments.key,
        secrets: arguments.secret,
        webhook: arguments.webhook,
        ..FakePaddleOptions::new(arguments.clock.start(), arguments.prices)
    };
    let fake = FakePaddle::start(options).await?;
    let page = fake.url().join("checkout")?;
    fake.rules(|rules| rules.checkout_page = Some(page.into()));
    say(&format!("fake Paddle at {}", fake.url()))?;
    until_stopped(fake.keep_up()).await?;
    Ok(())
}

/// Reads `pri_pro=2000usd/month`.
fn price(text: &str) -> Result<PriceSeed, String> {
    let wrong = || "must look like pri_pro=2000usd/month".to_owned();
    let (id, rest) = text.split_once('=').ok_or_else(wrong)?;
    let (money, interval) = match rest.split_once('/') {
        None => (rest, None),
        Some((money, "month")) => (money, Some(Interval::MONTH)),
        Some((money, "year")) => (money, Some(Interval::YEAR)),
        Some(_) => return Err("the period is month or year".to_owned()),
    };
    let end = money.find(|sign: char| !sign.is_ascii_digit());
    let (amount, code) = money
        .split_at_checked(end.ok_or_else(wrong)?)
        .ok_or_else(wrong)?;
    let amount: i64 = amount.parse().map_err(|_no_number| wrong())?;
    let currency: Currency = code.parse().map_err(|_unknown| "unknown currency")?;
    Ok(PriceSeed::new(id, amount, currency, interval))
}
