//! A fake BTCPay Server on loopback, to try a server against by hand.

use billing_domain::time::Timestamp;
use billing_testkit::fakes::btcpay::{
    DEFAULT_KEY, DEFAULT_SECRET, DEFAULT_STORE, Decimal, FakeBtcPay, FakeBtcPayOptions,
};
use clap::Parser;
use url::Url;

/// A fake BTCPay Server on loopback.
#[derive(Debug, Parser)]
#[command(name = "fake-btcpay")]
struct Arguments {
    /// The port of loopback.
    #[arg(long, default_value_t = 12_113)]
    port: u16,
    /// Where deliveries go.
    #[arg(long)]
    webhook: Option<Url>,
    /// The API key that it takes.
    #[arg(long, default_value = DEFAULT_KEY)]
    key: String,
    /// The store that the key is for.
    #[arg(long, default_value = DEFAULT_STORE)]
    store: String,
    /// What it signs with.
    #[arg(long, default_value = DEFAULT_SECRET)]
    secret: String,
    /// What a bitcoin costs: `USD=50000.00`.
    #[arg(long = "rate", value_parser = rate)]
    rates: Vec<(String, Decimal)>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let options = FakeBtcPayOptions {
        port: arguments.port,
        running: true,
        key: arguments.key,
        store_id: arguments.store,
        secret: arguments.secret,
        webhook: arguments.webhook,
        ..FakeBtcPayOptions::new(now())
    };
    let fake = FakeBtcPay::start(options).await?;
    fake.rules(|rules| rules.rates.extend(arguments.rates));
    say(&format!("fake BTCPay Server on {}", fake.url()));
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

/// Reads `USD=50000.00`.
fn rate(text: &str) -> Result<(String, Decimal), String> {
    let wrong = || "must look like USD=50000.00".to_owned();
    let (code, price) = text.split_once('=').ok_or_else(wrong)?;
    let price = Decimal::parse(price).filter(|price| price.units() > 0);
    Ok((code.to_ascii_uppercase(), price.ok_or_else(wrong)?))
}
