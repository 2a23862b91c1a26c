//! A fake BTCPay Server on loopback, to try a server against by hand.

mod program;

use billing_testkit::fakes::btcpay::{
    DEFAULT_KEY, DEFAULT_SECRET, DEFAULT_STORE, Decimal, FakeBtcPay, FakeBtcPayOptions,
};
use clap::Parser;
use url::Url;

use self::program::{ClockArgs, beside, say, until_stopped};

/// What buyers, miners and shopkeepers do, for the help text.
const ACTS: &str = "  POST /_act/…     acts of buyers, miners and shopkeepers:
                   pay {invoice, method?, sats?}, confirm {invoice, blocks?},
                   double_spend {invoice}, mark {invoice, status},
                   claim {pull_payment}, approve_payout {pull_payment},
                   rate {currency, rate}, restart {}, which forgets the
                   deliveries that wait
  GET  /i/…        the page where an invoice is paid

Methods: BTC-CHAIN, which waits for blocks, and BTC-LN. Without sats the rest
of what is due is paid.";

/// A stateful fake of a BTCPay Server on loopback.
///
/// Point a server's BTCPay base URL at the address that is printed. Checkout links
/// lead to a page of the fake. Its clock runs on from now, or stands at --start
/// until it is moved.
#[derive(Debug, Parser)]
#[command(name = "fake-btcpay", after_help = beside(ACTS))]
struct Arguments {
    /// The port on loopback; 0 takes one that is free.
    #[arg(long, default_value_t = 12_113)]
    port: u16,
    /// Where deliveries go. Without it they are held.
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
    #[command(flatten)]
    clock: ClockArgs,
    /// What a bitcoin costs: `USD=50000.00`.
    #[arg(long = "rate", value_parser = rate)]
    rates: Vec<(String, Decimal)>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let options = FakeBtcPayOptions {
        port: arguments.port,
        running: arguments.clock.runs(),
        key: arguments.key,
        store_id: arguments.store,
        secret: arguments.secret,
        webhook: arguments.webhook,
        ..FakeBtcPayOptions::new(arguments.clock.start())
    };
    let fake = FakeBtcPay::start(options).await?;
    fake.rules(|rules| rules.rates.extend(arguments.rates));
    say(&format!("fake BTCPay Server at {}", fake.url()))?;
    until_stopped(fake.keep_up()).await?;
    Ok(())
}

/// Reads `USD=50000.00`.
fn rate(text: &str) -> Result<(String, Decimal), String> {
    let wrong = || "must look like USD=50000.00".to_owned();
    let (code, price) = text.split_once('=').ok_or_else(wrong)?;
    let price = Decimal::parse(price).filter(|price| price.units() > 0);
    Ok((code.to_ascii_uppercase(), price.ok_or_else(wrong)?))
}
