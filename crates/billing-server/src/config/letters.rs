//! Which letters are mailed: how it is told. Opens no template.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::reader::Reader;
use super::values::{flag, path};
use crate::letters::{Language, Letter};

/// The word for no letter.
const NONE: &str = "none";

/// Which letters are mailed, where mail is sent.
#[derive(Debug, Clone)]
pub struct LettersConfig {
    /// Which ones.
    pub wanted: BTreeSet<Letter>,
    /// The language of whoever says none.
    pub language: Language,
    /// The folder of templates that take the place of the shipped ones. `None`: there is none.
    pub templates: Option<PathBuf>,
}

/// The letters of whoever says nothing: all but the receipt, which most providers send, and
/// the license key, which is a secret.
const USUAL: [Letter; 4] = [
    Letter::TrialEnding,
    Letter::PaymentFailed,
    Letter::PriceChange,
    Letter::License,
];

pub(super) fn letters(reader: &mut Reader<'_>) -> LettersConfig {
    let reminders = flag(reader, "mail.reminders").unwrap_or(true);
    let others = reader.value(
        "mail.letters",
        "none, or letters apart by commas: trial_ending, payment_failed, price_change, license \
         or license_key, receipt",
        listed,
    );
    let mut wanted = others.unwrap_or_else(|| USUAL.into_iter().collect());
    if reminders {
        wanted.extend(Letter::REMINDERS);
    }
    let language = reader.value("mail.language", "en or de", |tag| {
        Language::ALL
            .into_iter()
            .find(|known| known.as_str() == tag)
    });
    LettersConfig {
        wanted,
        language: language.unwrap_or(Language::English),
        templates: reader.value("mail.templates", "the path of a folder of templates", path),
    }
}

/// Letters apart by commas. `None`: some is none, has a setting of its own, or is no matter of
/// choice.
fn listed(text: &str) -> Option<BTreeSet<Letter>> {
    if text.trim() == NONE {
        return Some(BTreeSet::new());
    }
    let one = |word: &str| Letter::from_word(word.trim());
    let letters: BTreeSet<Letter> = text.split(',').map(one).collect::<Option<_>>()?;
    let reminders = Letter::REMINDERS.iter();
    let mut others = reminders.chain(&Letter::LINKS);
    let own = others.all(|held| !letters.contains(held));
    own.then_some(letters)
}
