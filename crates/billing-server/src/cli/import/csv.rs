//! `billing import csv`: a file, read row by row, and brought over in small batches.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use billing_domain::import::{ImportOutcome, ImportRefusal};
use billing_domain::money::Currency;
use billing_engine::{
    Billing, CustomerRef, EngineError, ImportError, ImportMode, ImportRow, LicenseRow,
};
use clap::Args;
use futures_util::future::join_all;
use serde_json::json;

use super::columns::{Header, Kind};
use super::doubles::{Doubles, MAX_ROWS};
use super::records::{MAX_ROW_BYTES, Records, Row};
use super::report::{Place, Report};
use super::rows::{AT_PROVIDER, Wrong, id_of, read};
use super::{ACTOR, Doing, code, sign_licenses};
use crate::cli::Context;
use crate::cli::books::open;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;

pub(super) const HELP: &str = "\
The kind of the file is told by its columns, or by --kind. Each row has an `id` of yours by which
it is known: imported again, it is compared and left as it is, so that an import which was cut off
is begun again. What is refused is told with its line, its column and a stable code, and the other
rows are imported. Nobody is told of what is imported: no event, no letter.

  customers      id [email lang github joined_at at_provider]
  subscriptions  id customer plan started_at [paid_through ends price interval amount currency
                 quantity provider]
  grants         id customer plan reason [until]
  licenses       id customer plan [subscription started_at machines]

An SQLite file that a server has open is written after the server was stopped; PostgreSQL may be
in use. Exit code 3: something was refused.

Examples:
  billing import csv customers.csv
  billing import csv customers.csv --apply --reason 'moved from the old shop'
  billing import csv subs.csv --kind subscriptions --report subs.jsonl --json";

/// Import customers, subscriptions, grants or licenses from a CSV file.
#[derive(Debug, Args)]
pub(crate) struct Csv {
    /// The file
    file: PathBuf,
    /// What it holds [default: what its columns say]
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// A column that is none of the import's, and left out
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,
    /// What parts the columns
    #[arg(long, value_name = "SIGN", default_value = ",", value_parser = sign)]
    delimiter: u8,
    /// Tell of every row in this file, one line of JSON each
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    doing: Doing,
}

/// Rows that are worked on at once: those of one customer one after the other, the others
/// side by side, so that they share a write to the disk.
const BATCH: usize = 64;

fn sign(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [sign] if sign.is_ascii_punctuation() && *sign != b'"' => Ok(*sign),
        b"\\t" | b"\t" => Ok(b'\t'),
        _ => Err("one sign, as in ; or \\t".to_owned()),
    }
}

impl Csv {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        // What is wrong with the file as a whole is told before the books are opened.
        let (header, mut records) = self.begin()?;
        let doubles = Doubles::of(&mut records, &header);
        let mut doubles = doubles
            .map_err(|error| self.unread(&error))?
            .ok_or_else(|| {
                Failure::refused(format!("the file has more than {MAX_ROWS} rows: part it"))
                    .named("too_many_rows")
            })?;
        let (header, mut records) = self.begin()?;
        let config = context.config()?;
        let parts = open(&config).await?;
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let billing = self.doing.acting(&parts, &format!("csv {name}"))?;
        let catalog = billing.catalog().await;
        let catalog = catalog.map_err(|error| Failure::new("read the catalog", &error))?;
        let by_default = catalog.catalog.currency();
        let gives_licenses = matches!(header.kind, Kind::Subscriptions | Kind::Licenses);
        if self.doing.apply && gives_licenses {
            sign_licenses(&config, &parts).await?;
        }
        let progress = Progress::new(context.out);
        let mut report = Report::new(context.out, self.report.as_deref(), progress)?;
        let import = Rows {
            billing: &billing,
            mode: self.doing.mode(),
            header: &header,
            by_default,
        };
        let (rows, mut done) = (doubles.rows, 0_u64);
        loop {
            let batch = import.batch(&mut records, &mut doubles);
            let batch = batch.map_err(|error| self.unread(&error))?;
            if batch.is_empty() {
                break;
            }
            done = done.saturating_add(u64::try_from(batch.len()).unwrap_or(u64::MAX));
            let outcomes = import.brought(&batch, doubles.are_mixed()).await;
            for ((at, row), outcome) in batch.iter().zip(outcomes) {
                let outcome = outcome.map_err(|error| stopped(at, &error))?;
                let outcome = import.in_its_turn(row, outcome, &mut doubles).await;
                report.tell(at, &outcome.map_err(|error| stopped(at, &error))?)?;
            }
            report.progress(done, rows);
        }
        let what = json!({ "kind": header.kind.as_str(), "rows": rows });
        Ok(code(report.end(&what, self.doing.apply)?))
    }

    /// The file from its beginning, its header read.
    fn begin(&self) -> Result<(Header, Records), Failure> {
        let opened = Records::open(&self.file, self.delimiter);
        let mut records = opened.map_err(|error| self.unread(&error))?;
        let first = records.next().map_err(|error| self.unread(&error))?;
        let header = match first {
            Some((_, Row::Fields(fields))) => Header::read(fields, self.kind, &self.ignore)?,
            Some((_, Row::TooLong)) => {
                return Err(
                    Failure::refused("the header is too long to be one").named("row_too_long")
                );
            }
            None => {
                return Err(
                    Failure::refused("the file is empty: not even its columns are named")
                        .named("empty_file"),
                );
            }
        };
        Ok((header, records))
    }

    fn unread(&self, error: &std::io::Error) -> Failure {
        Failure::new(&format!("read {}", self.file.display()), error)
    }
}

/// The store failed: what was imported before is kept.
fn stopped(at: &Place, error: &EngineError) -> Failure {
    let line = at.line.unwrap_or_default();
    Failure::new(&format!("import line {line}"), error)
        .with_hint("What came before it is imported. Begin again: it goes on from there.")
}

/// A row, as far as it could be read.
type Batched = (Place, Result<ImportRow, Wrong>);

/// What came of a row, or why the import cannot go on.
type Brought = Result<Result<ImportOutcome, Wrong>, EngineError>;

/// The rows of a file on their way.
struct Rows<'a> {
    billing: &'a Billing,
    mode: ImportMode,
    header: &'a Header,
    by_default: Currency,
}

impl Rows<'_> {
    fn batch(&self, records: &mut Records, doubles: &mut Doubles) -> std::io::Result<Vec<Batched>> {
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH {
            let Some((line, row)) = records.next()? else {
                break;
            };
            batch.push(self.read(line, &row, doubles));
        }
        Ok(batch)
    }

    fn read(&self, line: u64, row: &Row<'_>, doubles: &mut Doubles) -> Batched {
        let place = |id: &str| Place {
            line: Some(line),
            id: id.chars().take(MAX_SHOWN).collect(),
        };
        let Row::Fields(fields) = row else {
            let words = format!("it is longer than {MAX_ROW_BYTES} bytes");
            return (place(""), Err(Wrong::new("row_too_long", "", words)));
        };
        let id = id_of(self.header, *fields).unwrap_or_default();
        if let Some(before) = doubles.before(id, line).filter(|_| !id.is_empty()) {
            let words = format!("is in line {before} already");
            return (place(id), Err(Wrong::new("duplicate_in_file", "id", words)));
        }
        (place(id), read(self.header, *fields, self.by_default))
    }

    /// What came of each row, in their order. `mixed`: one customer may be named in two ways.
    async fn brought(&self, batch: &[Batched], mixed: bool) -> Vec<Brought> {
        // Two commits about one customer cannot be made at once.
        let mut of_one: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut outcomes: Vec<Option<Brought>> = Vec::with_capacity(batch.len());
        for (index, (_, row)) in batch.iter().enumerate() {
            outcomes.push(match row {
                Ok(row) => match self.whose(row, mixed).await {
                    Ok(whose) => {
                        of_one.entry(whose).or_default().push(index);
                        None
                    }
                    Err(error) => Some(Err(error)),
                },
                Err(wrong) => Some(Ok(Err(wrong.clone()))),
            });
        }
        let side_by_side = of_one.into_values().map(|rows| async move {
            let mut brought = Vec::with_capacity(rows.len());
            for index in rows {
                if let Some((_, Ok(row))) = batch.get(index) {
                    brought.push((index, self.bring(row).await));
                }
            }
            brought
        });
        for (index, outcome) in join_all(side_by_side).await.into_iter().flatten() {
            if let Some(place) = outcomes.get_mut(index) {
                *place = Some(outcome);
            }
        }
        outcomes.into_iter().flatten().collect()
    }

    async fn bring(&self, row: &ImportRow) -> Brought {
        match self.billing.import(row, self.mode, Some(ACTOR)).await {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(ImportError::Refused(refusal)) => Ok(Err(refused(row, refusal))),
            Err(ImportError::Engine(error)) => Err(error),
        }
    }

    /// What would come of a row after those before it, of which a dry run has written nothing.
    async fn in_its_turn(
        &self,
        row: &Result<ImportRow, Wrong>,
        outcome: Result<ImportOutcome, Wrong>,
        doubles: &mut Doubles,
    ) -> Brought {
        let (Ok(row), Ok(ImportOutcome::Created { charged, .. })) = (row, &outcome) else {
            return Ok(outcome);
        };
        if self.mode == ImportMode::Apply {
            return Ok(outcome);
        }
        let refusal = match row {
            ImportRow::Customer(of) if of.at_provider.is_some() => ImportRefusal::OtherReference,
            ImportRow::Subscription(_) if *charged => ImportRefusal::AlreadySubscribed,
            ImportRow::License(of) => return Ok(after_others(of, doubles).map_or(outcome, Ok)),
            ImportRow::Customer(_) | ImportRow::Subscription(_) | ImportRow::Grant(_) => {
                return Ok(outcome);
            }
        };
        let whose = self.whose(row, doubles.are_mixed()).await?;
        Ok(if doubles.takes(&whose) {
            outcome
        } else {
            Err(refused(row, refusal))
        })
    }

    /// Whose a row is, as far as it says: of a customer named in two ways the host's name is
    /// looked up. Of two customers who are one at a provider, the second is refused: they are
    /// not worked on at once.
    async fn whose(&self, row: &ImportRow, mixed: bool) -> Result<String, EngineError> {
        let of = match row {
            ImportRow::Customer(row) => {
                return Ok(match &row.at_provider {
                    Some((account, id)) => format!("{account}:{id}"),
                    None => row.external_ref.clone(),
                });
            }
            ImportRow::Subscription(row) => &row.customer,
            ImportRow::Grant(row) => &row.customer,
            ImportRow::License(row) => &row.customer,
        };
        let id = match of {
            CustomerRef::External(name) => return Ok(name.clone()),
            CustomerRef::Id(id) => id.to_string(),
        };
        let held = if mixed {
            self.billing.account(of).await?
        } else {
            None
        };
        Ok(held
            .and_then(|held| held.customer.external_ref)
            .unwrap_or(id))
    }
}

/// What would come of a license whose subscription an earlier row brings machines for. `None`:
/// none does.
fn after_others(row: &LicenseRow, doubles: &mut Doubles) -> Option<ImportOutcome> {
    let brought = doubles.brings(row.subscription.as_deref()?, &row.machines)?;
    let has_all = row.machines.iter().all(|name| brought.contains(name));
    Some(ImportOutcome::compared(&[("machines", has_all)]))
}

fn refused(row: &ImportRow, refusal: ImportRefusal) -> Wrong {
    // Of customers nothing is refused but who they are elsewhere.
    let column = match row {
        ImportRow::Customer(_) => AT_PROVIDER,
        ImportRow::Subscription(_) | ImportRow::Grant(_) | ImportRow::License(_) => refusal.field(),
    };
    Wrong::new(refusal.code(), column, refusal.to_string())
}

/// Letters of a row's name that are told.
const MAX_SHOWN: usize = 100;
