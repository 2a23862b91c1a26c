//! Importing from files, by the release program: how fast, and in what memory. The files are
//! written row by row, and read so.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use billing::system::SystemClock;
use billing_ports::Clock as _;
use jiff::tz::TimeZone;
use jiff::{Span, civil::Date};

use crate::Size;
use crate::program::{NO_PROGRAM, program, resident};
use crate::stores::Folder;
use crate::table::{Row, Verdict, none, now};

/// Rows of the file that is tried.
const ROWS: usize = 1_000_000;

/// Customers that are imported, and as many subscriptions: a million rows.
const CUSTOMERS: usize = 500_000;

const FEW: usize = 10_000;

/// Megabytes that it may take at any time: less than the program with any of the files in memory.
const MOST: u64 = 50;

/// How often the program's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

const PLANS: &str = "\
currency: eur
product: Harbor
plans:
  pro:
    name: Pro
    prices:
      pro-monthly: { amount: 9.00, interval: month }
";

const APPLY: [&str; 3] = ["--apply", "--reason", "measured"];

/// A file of customers that is tried, then customers and what they pay for, tried and imported,
/// on SQLite.
pub(crate) fn measure(size: Size) -> Vec<Row> {
    let Some(path) = program() else {
        return Row::skipped("rows of CSV files imported, SQLite", NO_PROGRAM);
    };
    let folder = Folder::fresh();
    std::fs::write(folder.path().join("plans.yaml"), PLANS).unwrap();
    let catalog = ["catalog", "apply", "plans.yaml", "--yes"];
    let applied = command(&path, &folder, &catalog).status().unwrap();
    assert!(applied.success(), "no catalog");

    let (all, many) = (size.pick(ROWS, FEW * 2), size.pick(CUSTOMERS, FEW));
    let (since, until) = month();
    let customer = |number| format!("user-{number},user-{number}@example.test,de,2024-05-01");
    let held = |number| format!("s-{number},user-{number},pro,9.00,month,{since},{until}");
    let columns = "id,customer,plan,amount,interval,started_at,paid_through";
    let mut rows = Vec::new();

    write(&folder, "id,email,lang,joined_at", all, customer);
    rows.extend(ran(&path, &folder, &[]).rows(all, "customers of a CSV file tried"));
    write(&folder, "id,email,lang,joined_at", many, customer);
    rows.extend(ran(&path, &folder, &APPLY).rows(many, "customers of a CSV file imported"));
    write(&folder, columns, many, held);
    rows.extend(ran(&path, &folder, &[]).rows(many, "subscriptions of a CSV file tried"));
    rows.extend(ran(&path, &folder, &APPLY).rows(many, "subscriptions of a CSV file imported"));
    rows
}

/// Two years ago, and the end of the month that lasts.
fn month() -> (Date, Date) {
    let begun = TimeZone::UTC.to_datetime(SystemClock.now()).date();
    let begun = begun.first_of_month();
    let since = begun.checked_sub(Span::new().years(2)).unwrap();
    let until = begun.checked_add(Span::new().months(1)).unwrap();
    (since, until)
}

const FILE: &str = "rows.csv";

fn write(folder: &Folder, columns: &str, rows: usize, row: impl Fn(usize) -> String) {
    let file = File::create(folder.path().join(FILE)).unwrap();
    let mut file = BufWriter::new(file);
    writeln!(file, "{columns}").unwrap();
    for number in 0..rows {
        writeln!(file, "{}", row(number)).unwrap();
    }
    file.flush().unwrap();
}

fn command(path: &Path, folder: &Folder, words: &[&str]) -> Command {
    let mut command = Command::new(path);
    command
        .args(words)
        .env_clear()
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// What a run came to.
struct Ran {
    took: Duration,
    /// Resident megabytes, as often as they were looked at.
    memory: Vec<u64>,
}

fn ran(path: &Path, folder: &Folder, more: &[&str]) -> Ran {
    let words: Vec<&str> = ["import", "csv", FILE]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let began = now();
    let mut child = command(path, folder, &words).spawn().unwrap();
    let id = child.id().to_string();
    let mut memory = Vec::new();
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        memory.push(resident(&id));
        std::thread::sleep(LOOK_EVERY);
    };
    assert!(ended.success(), "not everything was imported");
    memory.retain(|held| *held > 0);
    Ran {
        took: began.elapsed(),
        memory,
    }
}

impl Ran {
    fn rows(&self, rows: usize, what: &str) -> [Row; 2] {
        let millis = self.took.as_millis().max(1);
        let rate = u128::try_from(rows).unwrap() * 1_000 / millis;
        // A tenth of the way in, the file was read through and the first rows are brought.
        let at = |tenths: usize| {
            let last = self.memory.len().saturating_sub(1);
            self.memory.get(last * tenths / 10).copied().unwrap_or(0)
        };
        let (start, middle, end) = (at(1), at(5), at(10));
        let most = self.memory.iter().copied().max().unwrap_or(0);
        [
            Row::figure(
                format!("{rows} {what}, SQLite"),
                format!("{rate} /s, {} s", self.took.as_secs()),
            ),
            Row {
                what: "resident memory meanwhile, at 10, 50 and 100 %; the most".to_owned(),
                measured: format!("{start}, {middle}, {end} MB; {most} MB"),
                floor: none(),
                ratio: none(),
                wanted: format!("does not grow from 50 to 100 %, ≤ {MOST} MB at any time"),
                // A tenth, and a megabyte, is what an allocator keeps or not.
                verdict: Verdict::of(end <= middle + middle / 10 + 1 && most <= MOST),
            },
        ]
    }
}
