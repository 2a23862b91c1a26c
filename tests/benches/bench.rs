//! Figures, side by side with the simplest thing that does the same work.
//!
//! Started by `cargo xtask bench [filter] [--quick] [--build]`, which brings a
//! PostgreSQL with production's settings. Prints one table. A figure that
//! misses its target fails nothing; what is broken does.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for the person who waits: what is broken stops it"
)]

mod accept;
mod btcpay;
mod build;
mod fill;
mod floor;
mod gate;
mod import;
mod intake;
mod licenses;
mod load;
mod migrations;
mod pages;
mod program;
mod provider;
mod pure;
mod quotes;
mod renewals;
mod serve;
mod stores;
mod stripe;
mod table;
mod tick;
mod usage;
mod webhooks;

use table::{Row, Table};

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// What the figures in the documentation are made of: well over half an hour.
    Full,
    /// A tenth and less, to see that all of it runs: a few minutes.
    Quick,
}

impl Size {
    /// The one or the other.
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

/// Rows of the table, by the names that a filter is compared with.
const ROWS: [&str; 24] = [
    "intake-postgres",
    "intake-sqlite",
    "stripe-postgres",
    "usage-ingest",
    "webhooks-out",
    "gate-library",
    "gate-http",
    "pure",
    "quote-postgres",
    "quote-sqlite",
    "accept",
    "migration-postgres",
    "migration-sqlite",
    "due-renewals-postgres",
    "due-renewals-sqlite",
    "btcpay-renewals",
    "license-verify",
    "license-validate",
    "pages",
    "tick-postgres",
    "tick-sqlite",
    "import",
    "program",
    "build",
];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, database, fake] = arguments.as_slice()
        && word == btcpay::WORKER
    {
        return runtime.block_on(btcpay::work(database, fake));
    }
    let mut size = Size::Full;
    let mut builds = false;
    let mut filter = String::new();
    for argument in arguments {
        match argument.as_str() {
            "--quick" => size = Size::Quick,
            "--build" => builds = true,
            // Cargo's own.
            "--bench" => {}
            other => other.clone_into(&mut filter),
        }
    }
    let mut table = Table::default();
    let before = load_average();
    for name in ROWS.into_iter().filter(|name| name.contains(&filter)) {
        if name == "build" && !builds {
            continue;
        }
        println!("measuring {name} …");
        let rows = runtime.block_on(measure(name, size));
        for row in &rows {
            println!("  {row}");
        }
        table.extend(rows);
    }
    println!("\n{table}");
    let cores = std::thread::available_parallelism().unwrap();
    let after = load_average();
    println!("{cores} cores; load average {before} before, {after} after");
}

/// Programs that wanted a core in the last minute, as the system tells it: what
/// else was at work while figures were taken.
fn load_average() -> String {
    let told = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minute = told.split_whitespace().next().unwrap_or("unknown");
    minute.to_owned()
}

async fn measure(name: &str, size: Size) -> Vec<Row> {
    match name {
        "intake-postgres" => intake::on_postgres(size).await,
        "stripe-postgres" => stripe::on_postgres(size).await,
        "usage-ingest" => usage::on_postgres(size).await,
        "webhooks-out" => webhooks::on_postgres(size).await,
        "pages" => pages::on_sqlite(size).await,
        "intake-sqlite" => intake::on_sqlite(size).await,
        "gate-library" => gate::in_process(size).await,
        "gate-http" => gate::over_http(size).await,
        "pure" => pure::measure(size),
        "quote-postgres" => quotes::on_postgres(size).await,
        "quote-sqlite" => quotes::on_sqlite(size).await,
        "accept" => accept::measure(size).await,
        "migration-postgres" => migrations::on_postgres(size).await,
        "migration-sqlite" => migrations::on_sqlite(size).await,
        "due-renewals-postgres" => renewals::on_postgres(size).await,
        "due-renewals-sqlite" => renewals::on_sqlite(size).await,
        "btcpay-renewals" => btcpay::measure(size).await,
        "license-verify" => licenses::verified(size),
        "license-validate" => licenses::validated(size).await,
        "tick-postgres" => tick::on_postgres(size).await,
        "tick-sqlite" => tick::on_sqlite(size).await,
        "import" => import::measure(size),
        "program" => program::measure(),
        _ => build::measure(),
    }
}
