//! A fake Paddle on loopback, to try a server against by hand.

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Timestamp};
use billing_testkit::fakes::paddle::{
    DEFAULT_KEY, DEFAULT_SECRET, FakePaddle, FakePaddleOptions, PriceSeed,
};
use clap::Parser;
use url::Url;

/// A fake Paddle Billing on loopback.
#[derive(Debug, Parser)]
#[command(name = "fake-paddle")]
struct Arguments {
    /// The port of loopback.
    #[arg(long, default_value_t = 12_112)]
    port: u16,
    /// Where notifications are delivered.
    #[arg(long)]
    webhook: Option<Url>,
    /// The API key that it takes.
    #[arg(long, default_value = DEFAULT_KEY)]
    key: String,
    /// What it signs with; given twice, a rotation.
    #[arg(long, default_value = DEFAULT_SECRET)]
    secret: Vec<String>,
    /// Something to sell: `pri_pro=2000usd/month`, without a period bought once.
    #[arg(long = "price", value_parser = price)]
    prices: Vec<PriceSeed>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let options = FakePaddleOptions {
        port: arguments.port,
        running: true,
        key: arguments.key,
        secrets: arguments.secret,
        webhook: arguments.webhook,
        ..FakePaddleOptions::new(now(), arguments.prices)
    };
    let fake = FakePaddle::start(options).await?;
    let page = fake.url().join("checkout")?;
    fake.rules(|rules| rules.checkout_page = Some(page.into()));
    say(&format!("fake Paddle on {}", fake.url()));
    tokio::select! {
        () = fake.keep_up() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the start of a clock of its own is read once"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::print_stdout, reason = "tells a person where it listens")]
fn say(line: &str) {
    println!("{line}");
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
