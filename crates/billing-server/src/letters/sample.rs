//! Values such as there are, to try a letter out with.

use billing_domain::money::{Currency, Money};
use billing_domain::time::Timestamp;

use super::kind::Letter;
use super::language::Language;
use super::template::Values;

/// A time like any other: the morning of 8 March 2026.
const AT: i64 = 1_772_942_700;
/// One that is later, for what ends: three days and some hours. A letter that says one for the
/// other looks wrong.
const ENDS: i64 = AT + 3 * 86_400 + 20_000;

/// What stands for the placeholders of a letter.
pub(super) fn sample(letter: Letter, language: Language) -> Values {
    let instant = |name: &str| {
        let seconds = if name.starts_with("ends") { ENDS } else { AT };
        Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
    };
    let value = |name: &str| match name {
        "product" => "Müller & Söhne".to_owned(),
        "plan" => "Team <XL>".to_owned(),
        "link" => "https://billing.example/portal?a=1&b=2".to_owned(),
        "amount" => language.amount(Money::new(125_000, Currency::EUR)),
        "invoice" => "inv_0123".to_owned(),
        "key" => "LK-ABCD-EFGH".to_owned(),
        "minutes" => "15".to_owned(),
        "days" => "7".to_owned(),
        day if day.ends_with("_day") => language.day(instant(day)),
        minute => language.minute(instant(minute)),
    };
    let said = letter.placeholders().iter();
    said.map(|name| (*name, value(name))).collect()
}
