//! What came of every row: told as it comes, and summed at the end. Of a million rows that
//! are refused no more is held than a count for each reason, and the first few.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use billing_domain::import::ImportOutcome;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::out::Out;
use super::super::progress::Progress;
use super::rows::Wrong;

/// Problems that are told once more at the end, or where a file has all of them.
const FIRST: usize = 10;

/// What a row is called, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The line that it begins in. `None`: it is no row of a file.
    pub(super) line: Option<u64>,
    /// Its own name. Empty: it has none.
    pub(super) id: String,
}

/// What came of rows of one kind, counted.
#[derive(Debug, Default)]
struct Counts {
    created: u64,
    promised: u64,
    there: u64,
    differing: u64,
    refused: u64,
    passed: u64,
    beside: u64,
}

/// The report of one import.
pub(super) struct Report {
    out: Out,
    /// Where every row is told, if anywhere.
    file: Option<(PathBuf, BufWriter<File>)>,
    progress: Progress,
    rows: Counts,
    /// The customers beside whose rows others are told. `None`: there is one kind of rows.
    customers: Option<Counts>,
    by_code: BTreeMap<&'static str, u64>,
    first: Vec<Value>,
}

impl Report {
    pub(super) fn new(out: Out, path: Option<&Path>, progress: Progress) -> Result<Self, Failure> {
        let open = |path: &Path| {
            let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
            Ok::<_, Failure>((path.to_owned(), BufWriter::new(file)))
        };
        Ok(Self {
            out,
            file: path.map(open).transpose()?,
            progress,
            rows: Counts::default(),
            customers: None,
            by_code: BTreeMap::new(),
            first: Vec::new(),
        })
    }

    /// The same, where customers are told beside what they hold.
    pub(super) fn with_customers(self) -> Self {
        Self {
            customers: Some(Counts::default()),
            ..self
        }
    }

    /// What came of a row.
    pub(super) fn tell(
        &mut self,
        at: &Place,
        outcome: &Result<ImportOutcome, Wrong>,
    ) -> Result<(), Failure> {
        let word = self.rows.count(outcome);
        self.told(at, word, outcome)
    }

    /// What came of a customer beside whom other rows are told.
    pub(super) fn tell_customer(
        &mut self,
        at: &Place,
        outcome: &Result<ImportOutcome, Wrong>,
    ) -> Result<(), Failure> {
        let word = self.customers.get_or_insert_default().count(outcome);
        self.told(at, word, outcome)
    }

    fn told(
        &mut self,
        at: &Place,
        word: &str,
        outcome: &Result<ImportOutcome, Wrong>,
    ) -> Result<(), Failure> {
        if let Err(wrong) = outcome {
            self.count_code(wrong);
        }
        match outcome {
            Ok(ImportOutcome::Created { .. } | ImportOutcome::There) if self.file.is_none() => {
                Ok(())
            }
            Ok(ImportOutcome::Created { .. } | ImportOutcome::There) => {
                self.keep(&view(at, word, outcome))
            }
            Ok(ImportOutcome::Differs { .. }) | Err(_) => self.problem(at, word, outcome),
        }
    }

    /// What is brought all the same, and is for a person to look at.
    pub(super) fn warn(&mut self, at: &Place, wrong: Wrong) -> Result<(), Failure> {
        self.rows.beside = self.rows.beside.saturating_add(1);
        self.count_code(&wrong);
        self.problem(at, "warned", &Err(wrong))
    }

    fn count_code(&mut self, wrong: &Wrong) {
        let of_code = self.by_code.entry(wrong.code).or_default();
        *of_code = of_code.saturating_add(1);
    }

    /// Tells of something that a person may want to know.
    fn problem(
        &mut self,
        at: &Place,
        word: &str,
        outcome: &Result<ImportOutcome, Wrong>,
    ) -> Result<(), Failure> {
        let is_early = self.first.len() < FIRST;
        if (is_early || self.file.is_none()) && !self.out.is_json() {
            self.progress.line(&line(at, outcome));
        }
        let view = view(at, word, outcome);
        self.keep(&view)?;
        if is_early {
            self.first.push(view);
        }
        Ok(())
    }

    fn keep(&mut self, view: &Value) -> Result<(), Failure> {
        if let Some((path, file)) = &mut self.file {
            writeln!(file, "{view}").map_err(|error| cannot_write(path, &error))?;
        }
        Ok(())
    }

    /// What there is nothing to do about.
    pub(super) const fn pass_over(&mut self) {
        self.rows.passed = self.rows.passed.saturating_add(1);
    }

    pub(super) fn progress(&mut self, done: u64, planned: u64) {
        self.progress.tell(done, planned);
    }

    /// Ends it, with `what` was imported. `true`: nothing was refused.
    pub(super) fn end(mut self, what: &Value, applied: bool) -> Result<bool, Failure> {
        if let Some((path, file)) = &mut self.file {
            file.flush().map_err(|error| cannot_write(path, &error))?;
        }
        self.progress.end();
        let Self {
            out,
            by_code,
            first,
            rows,
            customers,
            ..
        } = self;
        let refused = customers.as_ref().map_or(0, |counts| counts.refused);
        let is_good = rows.refused == 0 && refused == 0;
        if out.is_json() {
            let mut told = rows.view();
            if let Some(told) = told.as_object_mut() {
                told.insert("applied".to_owned(), applied.into());
                told.insert("by_code".to_owned(), json!(by_code));
                told.insert("first".to_owned(), json!(first));
                if let Some(customers) = &customers {
                    told.insert("customers".to_owned(), customers.view());
                }
                told.extend(what.as_object().cloned().into_iter().flatten());
            }
            out.value(&told);
            return Ok(is_good);
        }
        let words = rows.words(applied);
        match &customers {
            None => out.line(&format!("{words}.")),
            Some(customers) => {
                out.line(&format!("Customers: {}.", customers.words(applied)));
                out.line(&format!("Subscriptions: {words}."));
            }
        }
        for (code, count) in &by_code {
            out.line(&format!("  {code}  {count}"));
        }
        if !applied {
            out.line("Nothing was written: this was a dry run. --apply imports.");
        }
        Ok(is_good)
    }
}

impl Counts {
    /// Counts what came of a row, and says it in a word.
    fn count(&mut self, outcome: &Result<ImportOutcome, Wrong>) -> &'static str {
        let (word, count) = match outcome {
            Ok(ImportOutcome::Created { promised, .. }) => {
                if promised.is_some() {
                    self.promised = self.promised.saturating_add(1);
                }
                ("created", &mut self.created)
            }
            Ok(ImportOutcome::There) => ("there", &mut self.there),
            Ok(ImportOutcome::Differs { .. }) => ("differs", &mut self.differing),
            Err(_) => ("refused", &mut self.refused),
        };
        *count = count.saturating_add(1);
        word
    }

    fn view(&self) -> Value {
        json!({
            "created": self.created,
            "promised": self.promised,
            "there": self.there,
            "differing": self.differing,
            "refused": self.refused,
            "passed_over": self.passed,
            "charged_beside": self.beside,
        })
    }

    fn words(&self, applied: bool) -> String {
        let verb = if applied {
            "imported"
        } else {
            "would be imported"
        };
        let told = |count: u64, words: &str| (count > 0).then(|| format!("{count} {words}"));
        let words = [
            Some(format!("{} {verb}", self.created)),
            told(
                self.promised,
                "of them at a price that is promised to one holder",
            ),
            told(self.beside, "of them beside another one that is charged"),
            Some(format!("{} there already", self.there)),
            told(self.differing, "there otherwise, and left as they are"),
            Some(format!("{} refused", self.refused)),
            told(self.passed, "over at their provider, and passed over"),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(&format!("write {}", path.display()), error)
}

fn line(at: &Place, outcome: &Result<ImportOutcome, Wrong>) -> String {
    let id = &at.id;
    let place = match at.line {
        Some(line) => format!("line {line}"),
        None => "-".to_owned(),
    };
    match outcome {
        Ok(ImportOutcome::Created { .. }) => format!("created  {place}  {id}"),
        Ok(ImportOutcome::There) => format!("there  {place}  {id}"),
        Ok(ImportOutcome::Differs { fields }) => {
            format!("differs  {place}  {id}  {}", fields.join(", "))
        }
        Err(wrong) => {
            let (code, column, words) = (wrong.code, &wrong.column, &wrong.words);
            let column = if column.is_empty() {
                String::new()
            } else {
                format!("{column}: ")
            };
            format!("{code}  {place}  {id}  {column}{words}")
        }
    }
}

fn view(at: &Place, word: &str, outcome: &Result<ImportOutcome, Wrong>) -> Value {
    let mut view = json!({ "id": at.id, "outcome": word });
    let Some(fields) = view.as_object_mut() else {
        return view;
    };
    if let Some(line) = at.line {
        fields.insert("line".to_owned(), line.into());
    }
    match outcome {
        Ok(ImportOutcome::Created { promised, .. }) => {
            if let Some(unit) = promised {
                fields.insert("promised".to_owned(), unit.to_string().into());
            }
        }
        Ok(ImportOutcome::There) => {}
        Ok(ImportOutcome::Differs { fields: others }) => {
            fields.insert("columns".to_owned(), json!(others));
        }
        Err(wrong) => {
            fields.insert("code".to_owned(), wrong.code.into());
            fields.insert("column".to_owned(), wrong.column.as_str().into());
            fields.insert("message".to_owned(), wrong.words.as_str().into());
        }
    }
    view
}
