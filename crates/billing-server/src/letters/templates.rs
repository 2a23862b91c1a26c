//! The templates of all letters: those that are shipped, and those of a folder that take their
//! place. A folder is read once, at the start, and everything that is wrong with it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::Path;

use billing_domain::catalog::nearest;

use super::kind::Letter;
use super::language::Language;
use super::sample::sample;
use super::template::{Template, TemplateProblem, Values};

/// Largest template: letters have a tenth of it.
const MAX_TEMPLATE: u64 = 64 * 1024;

/// What the first line of a text begins with.
const SUBJECT: &str = "Subject:";

/// Longest subject, in characters: what every reader shows and any server takes.
const MAX_SUBJECT: usize = 200;

/// Wrong files that are told at once; a folder with more is another one.
const MAX_TOLD: usize = 20;

macro_rules! shipped {
    ($($name:literal),*) => {
        [$(
            ($name, "en", include_str!(concat!("shipped/", $name, ".en.txt")),
                include_str!(concat!("shipped/", $name, ".en.html"))),
            ($name, "de", include_str!(concat!("shipped/", $name, ".de.txt")),
                include_str!(concat!("shipped/", $name, ".de.html"))),
        )*]
    };
}

/// What is shipped: a letter, a language, the text, the HTML.
const SHIPPED: [(&str, &str, &str, &str); 20] = shipped![
    "renewal_due",
    "renewal_ending",
    "trial_ending",
    "payment_failed",
    "price_change",
    "license",
    "license_key",
    "receipt",
    "sign_in",
    "claim"
];

/// What every letter says in every language.
#[derive(Debug, Clone)]
pub struct Templates {
    letters: BTreeMap<(Letter, Language), Parts>,
    /// Those of the folder.
    own: BTreeSet<(Letter, Language)>,
}

/// What one letter says in one language.
#[derive(Debug, Clone)]
struct Parts {
    subject: Template,
    text: Template,
    html: Template,
}

/// A letter that was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// What is wrong with a folder of templates, one thing a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplatesError {
    /// What is wrong, each with its file.
    pub problems: Vec<String>,
}

impl fmt::Display for TemplatesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for TemplatesError {}

impl Templates {
    /// Those that are shipped.
    #[must_use]
    pub fn shipped() -> Self {
        let read = SHIPPED.iter().filter_map(|(letter, language, text, html)| {
            let letter = Letter::from_word(letter)?;
            // A test reads every one of them.
            let parts = Parts::read(letter, text, html).ok()?;
            Some(((letter, Language::from_tag(language)?), parts))
        });
        Self {
            letters: read.collect(),
            own: BTreeSet::new(),
        }
    }

    /// Those that are shipped, and those of `folder` in their place: `receipt.de.txt`, whose
    /// first line is its subject, and `receipt.de.html`, always both.
    ///
    /// # Errors
    ///
    /// [`TemplatesError`] with everything that is wrong: a file that is no template, a part that
    /// is missing, a placeholder that there is not, too many bytes.
    pub fn read(folder: &Path) -> Result<Self, TemplatesError> {
        let mut problems = Vec::new();
        let named = names(folder, &mut problems);
        let mut templates = Self::shipped();
        for (letter, language) in named {
            let stem = format!("{}.{}", letter.as_str(), language.as_str());
            let mut part = |kind: &str| {
                let name = format!("{stem}.{kind}");
                let read = content(&folder.join(&name));
                read.map_err(|why| problems.push(format!("{name}: {why}")))
                    .ok()
            };
            let (text, html) = (part("txt"), part("html"));
            let (Some(text), Some(html)) = (text, html) else {
                continue;
            };
            match Parts::read(letter, &text, &html) {
                Ok(parts) => {
                    templates.letters.insert((letter, language), parts);
                    templates.own.insert((letter, language));
                }
                Err(wrong) => problems.extend(
                    wrong
                        .iter()
                        .map(|(kind, why)| format!("{stem}.{kind}: {why}")),
                ),
            }
        }
        if problems.is_empty() {
            return Ok(templates);
        }
        problems.truncate(MAX_TOLD);
        Err(TemplatesError { problems })
    }

    /// How many letters are the folder's.
    #[must_use]
    pub fn own(&self) -> usize {
        self.own.len()
    }

    /// Fills each letter of the folder in with values such as there are, and gives what would
    /// go wrong with it, each with its file and its line.
    #[must_use]
    pub fn try_out(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (letter, language) in &self.own {
            let values = sample(*letter, *language);
            let stem = format!("{}.{}", letter.as_str(), language.as_str());
            let Some(parts) = self.letters.get(&(*letter, *language)) else {
                continue;
            };
            let subject = parts.subject.plain(&values);
            if subject.chars().count() > MAX_SUBJECT {
                wrong.push(format!(
                    "{stem}.txt: line 1: the subject is cut after {MAX_SUBJECT} characters"
                ));
            }
            // A secret that its letter does not say reaches nobody.
            let needed = letter.secret().or_else(|| letter.asks().then_some("link"));
            let Some(needed) = needed else { continue };
            for (kind, body) in [("txt", &parts.text), ("html", &parts.html)] {
                if !body.says(needed) {
                    wrong.push(format!(
                        "{stem}.{kind}: line 1: nowhere says {{{{{needed}}}}}"
                    ));
                }
            }
        }
        wrong
    }

    /// A letter with its placeholders filled in. `None`: there is no such letter.
    pub(super) fn write(
        &self,
        letter: Letter,
        language: Language,
        values: &Values,
    ) -> Option<Written> {
        let parts = self.letters.get(&(letter, language))?;
        let subject = parts.subject.plain(values);
        Some(Written {
            subject: subject.chars().take(MAX_SUBJECT).collect(),
            text: parts.text.plain(values),
            html: parts.html.html(values),
        })
    }
}

impl Parts {
    /// Reads a letter's text, whose first line is its subject, and its HTML.
    fn read(
        letter: Letter,
        text: &str,
        html: &str,
    ) -> Result<Self, Vec<(&'static str, TemplateProblem)>> {
        let (text, html) = (text.replace("\r\n", "\n"), html.replace("\r\n", "\n"));
        let known = letter.placeholders();
        let at = |line: usize, what: String| vec![("txt", TemplateProblem { line, what })];
        let (first, body) = text.split_once('\n').unwrap_or((&text, ""));
        let subject = first.strip_prefix(SUBJECT).map(str::trim);
        let Some(subject) = subject.filter(|subject| !subject.is_empty()) else {
            return Err(at(1, format!("must begin with {SUBJECT} and a subject")));
        };
        let Some(body) = body
            .strip_prefix('\n')
            .filter(|body| !body.trim().is_empty())
        else {
            return Err(at(
                2,
                "an empty line and then the text must follow".to_owned(),
            ));
        };
        let outside = known.iter().copied();
        let outside: Vec<&'static str> = outside
            .filter(|name| letter.secret() != Some(name))
            .collect();
        let subject = Template::read(subject, 1, &outside);
        let body = Template::read(body, 3, known);
        let html = Template::read(&html, 1, known);
        let mut problems = Vec::new();
        let mut noted = |part, wrong: &Result<Template, Vec<TemplateProblem>>| {
            let wrong = wrong.as_ref().err().into_iter().flatten();
            problems.extend(wrong.map(|problem| (part, problem.clone())));
        };
        noted("txt", &subject);
        noted("txt", &body);
        noted("html", &html);
        match (subject, body, html) {
            (Ok(subject), Ok(text), Ok(html)) => Ok(Self {
                subject,
                text,
                html,
            }),
            _ => Err(problems),
        }
    }
}

/// The letters that have files in `folder`; what is no template is noted.
fn names(folder: &Path, problems: &mut Vec<String>) -> BTreeSet<(Letter, Language)> {
    let mut named = BTreeSet::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(format!("{}: {error}", folder.display()));
            return named;
        }
    };
    for entry in entries {
        let name = match entry {
            Ok(entry) => entry.file_name().to_string_lossy().into_owned(),
            Err(error) => format!("({error})"),
        };
        // Files of editors and of version control are nobody's templates.
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        match letter_of(&name) {
            Some(letter) => {
                named.insert(letter);
            }
            None => problems.push(no_template(&name)),
        }
        if problems.len() >= MAX_TOLD {
            break;
        }
    }
    named
}

/// What a file's name says. `None`: it is the name of no template.
fn letter_of(name: &str) -> Option<(Letter, Language)> {
    let mut parts = name.split('.');
    let (letter, language, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let language = Language::from_tag(language).filter(|known| known.as_str() == language)?;
    let whole = parts.next().is_none() && ["txt", "html"].contains(&kind);
    Letter::from_word(letter)
        .filter(|_| whole)
        .map(|letter| (letter, language))
}

fn no_template(name: &str) -> String {
    let all = Letter::ALL.iter().flat_map(|letter| {
        Language::ALL.iter().flat_map(|language| {
            let stem = format!("{}.{}", letter.as_str(), language.as_str());
            ["txt", "html"].map(|kind| format!("{stem}.{kind}"))
        })
    });
    let all: Vec<String> = all.collect();
    let near = nearest(name, all.iter().map(String::as_str));
    let meant = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
    format!("{name}: is no template of a letter, such as receipt.de.txt{meant}")
}

/// What a file says, in words why it cannot be had.
fn content(path: &Path) -> Result<String, String> {
    let size = match std::fs::metadata(path) {
        Ok(told) => told.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("is missing: a letter has both a .txt and a .html".to_owned());
        }
        Err(error) => return Err(error.to_string()),
    };
    if size > MAX_TEMPLATE {
        return Err(format!("has more than {MAX_TEMPLATE} bytes"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        let sound = error.as_bytes().get(..sound).unwrap_or_default();
        let line = String::from_utf8_lossy(sound).matches('\n').count();
        format!("line {}: is not UTF-8", line.saturating_add(1))
    })?;
    let unfit = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if let Some(line) = text.split('\n').position(|line| line.contains(unfit)) {
        let line = line.saturating_add(1);
        return Err(format!("line {line}: has a control character in it"));
    }
    Ok(text)
}
