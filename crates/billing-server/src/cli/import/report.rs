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

/// The report of one import.
pub(super) struct Report {
    out: Out,
    /// Where every row is told, if anywhere.
    file: Option<(PathBuf, BufWriter<File>)>,
    progress: Progress,
    created: u64,
    promised: u64,
    there: u64,
    differing: u64,
    refused: u64,
    passed: u64,
    beside: u64,
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
            created: 0,
            promised: 0,
            there: 0,
            differing: 0,
            refused: 0,
            passed: 0,
            beside: 0,
            by_code: BTreeMap::new(),
            first: Vec::new(),
        })
    }

    /// What came of a row.
    pub(super) fn tell(
        &mut self,
        at: &Place,
        outcome: &Result<ImportOutcome, Wrong>,
    ) -> Result<(), Failure> {
        let (word, count) = match outcome {
            Ok(ImportOutcome::Created { promised, .. }) => {
                if promised.is_some() {
                    self.promised = self.promised.saturating_add(1);
                }
                ("created", &mut self.created)
            }
            Ok(ImportOutcome::There) => ("there", &mut self.there),
            Ok(ImportOutcome::Differs { .. }) => ("differs", &mut self.differing),
            Err(wrong) => {
                let of_code = self.by_code.entry(wrong.code).or_default();
                *of_code = of_code.saturating_add(1);
                ("refused", &mut self.refused)
            }
        };
        *count = count.saturating_add(1);
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
        self.beside = self.beside.saturating_add(1);
        let of_code = self.by_code.entry(wrong.code).or_default();
        *of_code = of_code.saturating_add(1);
        self.problem(at, "warned", &Err(wrong))
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
        self.passed = self.passed.saturating_add(1);
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
        if self.out.is_json() {
            let mut told = json!({
                "applied": applied,
                "created": self.created,
                "promised": self.promised,
                "there": self.there,
                "differing": self.differing,
                "refused": self.refused,
                "passed_over": self.passed,
                "charged_beside": self.beside,
                "by_code": self.by_code,
                "first": self.first,
            });
            if let (Some(told), Some(what)) = (told.as_object_mut(), what.as_object()) {
                told.extend(what.clone());
            }
            self.out.value(&told);
            return Ok(self.refused == 0);
        }
        let Self {
            out,
            by_code,
            created,
            promised,
            there,
            differing,
            refused,
            passed,
            beside,
            ..
        } = self;
        let verb = if applied {
            "imported"
        } else {
            "would be imported"
        };
        let mut words = vec![format!("{created} {verb}")];
        if promised > 0 {
            let promised = format!("{promised} of them at a price that is promised to one holder");
            words.push(promised);
        }
        if beside > 0 {
            let beside = format!("{beside} of them beside another one that is charged");
            words.push(beside);
        }
        words.push(format!("{there} there already"));
        if differing > 0 {
            words.push(format!("{differing} there otherwise, and left as they are"));
        }
        words.push(format!("{refused} refused"));
        if passed > 0 {
            words.push(format!("{passed} over at their provider, and passed over"));
        }
        out.line(&format!("{}.", words.join("; ")));
        for (code, count) in &by_code {
            out.line(&format!("  {code}  {count}"));
        }
        if !applied {
            self.out
                .line("Nothing was written: this was a dry run. --apply imports.");
        }
        Ok(refused == 0)
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
