//! Reading the lock of a retired price.

use billing_domain::catalog::{EntitlementLock, IssueCode, Lock, LockEnd, Path};

use super::Reader;
use super::fields::Fields;
use crate::error::MistakeCode;
use crate::tree::{Entry, Value};
use crate::values::{self, Reading};

const KNOWN: [&str; 8] = [
    "until",
    "cycles",
    "until_change",
    "then",
    "notice",
    "rejoin",
    "entitlements",
    "quantity",
];

/// Locks that one word says.
const WORDS: [(&str, LockEnd); 2] = [
    ("forever", LockEnd::Forever),
    ("until_change", LockEnd::UntilChange),
];

const ENTITLEMENTS: [(&str, EntitlementLock); 2] = [
    ("frozen", EntitlementLock::Frozen),
    ("follow", EntitlementLock::Follow),
];

const QUANTITY: [(&str, bool); 2] = [("held", true), ("any", false)];

impl Reader {
    /// `None` when it cannot be read; the place is then not judged.
    pub(super) fn lock(&mut self, entry: &Entry, at: &Path) -> Option<Lock> {
        let before = self.mistakes.len();
        let lock = match &entry.node.value {
            Value::Text { .. } => self
                .read(&entry.node, at, |text| values::word(text, &WORDS))
                .map(|until| Lock {
                    until,
                    ..Lock::default()
                }),
            Value::List(_) | Value::Map(_) | Value::Broken => {
                let fields = self.fields(&entry.node, entry.key_mark, at, &KNOWN)?;
                Some(self.lock_fields(&fields))
            }
        };
        if self.mistakes.len() > before {
            self.broken.push(at.clone());
        }
        lock
    }

    fn lock_fields(&mut self, fields: &Fields<'_>) -> Lock {
        let usual = Lock::default();
        let until = self.lock_end(fields);
        let notice = self.optional_duration(fields, "notice");
        let rejoin = self.optional_duration(fields, "rejoin");
        let entitlements = self.optional(fields, "entitlements", |text| {
            values::word(text, &ENTITLEMENTS)
        });
        let quantity_held = self.optional(fields, "quantity", |text| values::word(text, &QUANTITY));
        Lock {
            until: until.unwrap_or(usual.until),
            then: self.optional_key(fields, "then"),
            notice: notice.unwrap_or(usual.notice),
            rejoin: rejoin.unwrap_or(usual.rejoin),
            entitlements: entitlements.unwrap_or(usual.entitlements),
            quantity_held: quantity_held.unwrap_or(usual.quantity_held),
        }
    }

    /// The one end that is stated; `None` when none is.
    fn lock_end(&mut self, fields: &Fields<'_>) -> Option<LockEnd> {
        let until = self.optional(fields, "until", until);
        let cycles = self.optional(fields, "cycles", values::number);
        let change = self.optional(fields, "until_change", values::flag);
        let stated: Vec<&Entry> = ["until", "cycles", "until_change"]
            .into_iter()
            .filter_map(|name| fields.get(name))
            .collect();
        for second in stated.iter().skip(1) {
            self.report(
                second.key_mark,
                fields.at.child(&second.key),
                MistakeCode::Rule(IssueCode::Contradiction),
                "a second end of the lock".to_owned(),
                "one of `until`, `cycles` and `until_change`",
            );
        }
        let change = change.map(|change| {
            if change {
                LockEnd::UntilChange
            } else {
                LockEnd::Forever
            }
        });
        until.or(cycles.map(LockEnd::Cycles)).or(change)
    }
}

/// A day, an instant or `forever`.
fn until(text: &str) -> Reading<LockEnd> {
    if text == "forever" {
        return Ok(LockEnd::Forever);
    }
    values::date(text)
        .map(LockEnd::Until)
        .map_err(|expected| format!("{expected}, or forever"))
}
