//! From the tree of a plan file to a catalog.
//!
//! What cannot be read is reported and replaced by something harmless, so that
//! the rest is still read and judged; a judgment that rests on a replaced value
//! is dropped.

mod fields;
mod lock;
mod overage;
mod plans;
mod prices;
mod rules;

use std::collections::BTreeMap;

use billing_domain::catalog::{
    Catalog, CatalogDraft, CatalogIssue, CheckoutRules, Defaults, IssueCode, Path, Rules,
};
use billing_domain::entitlement::{Feature, FeatureKey, FeatureKind};
use billing_domain::money::Currency;
use billing_domain::usage::Meter;

use crate::error::{Mark, Mistake, MistakeCode, PlanFileErrors};
use crate::tree::{self, Entry, MAX_FILE_BYTES, Node, Value};
use crate::values;

/// Providers whose references a price can carry.
pub const KNOWN_PROVIDERS: [&str; 4] = ["btcpay", "paddle", "sandbox", "stripe"];

/// Reads a plan file. `name` stands in front of every error.
///
/// # Errors
///
/// [`PlanFileErrors`] with every mistake, each with line and column.
pub fn read_plan_file(name: &str, bytes: &[u8]) -> Result<Catalog, PlanFileErrors> {
    let whole = |code, found: String, expected: &str| {
        let mistake = Mistake {
            mark: Mark::START,
            path: Path::root(),
            code,
            found,
            expected: expected.to_owned(),
        };
        PlanFileErrors::new(name, "", vec![mistake])
    };
    if bytes.len() > MAX_FILE_BYTES {
        let found = format!("{} bytes", bytes.len());
        let expected = format!("at most {MAX_FILE_BYTES} bytes");
        return Err(whole(MistakeCode::TooLarge, found, &expected));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let found = format!("a byte that is not UTF-8, number {}", error.valid_up_to());
            return Err(whole(MistakeCode::NotUtf8, found, "a file in UTF-8"));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (root, mistakes) = tree::parse(text);
    let Some(root) = root else {
        return Err(if mistakes.is_empty() {
            whole(MistakeCode::WrongShape, "an empty file".to_owned(), "plans")
        } else {
            PlanFileErrors::new(name, text, mistakes)
        });
    };
    let mut reader = Reader {
        mistakes,
        broken: Vec::new(),
        currency: None,
        kinds: BTreeMap::new(),
    };
    let draft = reader.catalog(&root);
    match draft.validate() {
        Ok(catalog) if reader.mistakes.is_empty() => Ok(catalog),
        Ok(_) => Err(PlanFileErrors::new(name, text, reader.mistakes)),
        Err(issues) => {
            reader.judge(issues.0, &root);
            Err(PlanFileErrors::new(name, text, reader.mistakes))
        }
    }
}

/// What has been read and found so far.
struct Reader {
    mistakes: Vec<Mistake>,
    /// Places whose value has been replaced by something harmless.
    broken: Vec<Path>,
    /// The currency of amounts that state none; `None` when it cannot be read.
    currency: Option<Currency>,
    /// Declared features; `None` when the kind cannot be read.
    kinds: BTreeMap<FeatureKey, Option<FeatureKind>>,
}

impl Reader {
    fn catalog(&mut self, root: &Node) -> CatalogDraft {
        const KNOWN: [&str; 7] = [
            "currency", "product", "defaults", "checkout", "rules", "features", "plans",
        ];
        let fields = self.fields(root, Mark::START, &Path::root(), &KNOWN);
        let Some(fields) = fields else {
            return draft(Currency::USD);
        };
        let currency = self.required(&fields, "currency", values::currency);
        self.currency = currency;
        let mut draft = draft(currency.unwrap_or(Currency::USD));
        draft.product = self.required_text(&fields, "product").unwrap_or_default();
        if let Some(entry) = fields.get("features") {
            draft.features = self.features(entry, &fields.at.child("features"));
        }
        if let Some(entry) = fields.get("defaults") {
            draft.defaults = self.defaults(entry, &fields.at.child("defaults"));
        }
        if let Some(entry) = fields.get("checkout") {
            draft.checkout = self.checkout(entry, &fields.at.child("checkout"));
        }
        if let Some(entry) = fields.get("rules") {
            draft.rules = self.rules(entry, &fields.at.child("rules"));
        }
        match fields.get("plans") {
            Some(entry) => draft.plans = self.plans(entry, &fields.at.child("plans")),
            None => self.missing(&fields, "plans"),
        }
        if draft.plans.is_empty() {
            // Whether the plans named here exist is not known.
            self.broken.push(fields.at.child("defaults"));
        }
        draft
    }

    fn features(&mut self, entry: &Entry, at: &Path) -> BTreeMap<FeatureKey, Feature> {
        let mut features = BTreeMap::new();
        for (key, entry) in self.keyed::<FeatureKey>(&entry.node, at) {
            let at = at.child(&entry.key);
            let feature = self.feature(entry, &at);
            if let Some(key) = key {
                let kind = feature.as_ref().and_then(|feature| feature.1.clone());
                let meter = feature.as_ref().and_then(|feature| feature.2);
                self.kinds.insert(key.clone(), kind);
                let name = feature.map_or_else(|| key.to_string(), |feature| feature.0);
                let stated = self.kinds.get(&key).cloned().flatten();
                let kind = stated.unwrap_or(FeatureKind::Count);
                features.insert(key, Feature { kind, name, meter });
            }
        }
        features
    }

    /// The name, the kind if it can be read, and the meter if there is one.
    fn feature(
        &mut self,
        entry: &Entry,
        at: &Path,
    ) -> Option<(String, Option<FeatureKind>, Option<Meter>)> {
        const KINDS: [(&str, u8); 5] = [
            ("flag", 0),
            ("count", 1),
            ("bytes", 2),
            ("level", 3),
            ("text", 4),
        ];
        const METERS: [(&str, Meter); 3] = [
            ("sum", Meter::Sum),
            ("max", Meter::Max),
            ("unique", Meter::Unique),
        ];
        let known = ["kind", "name", "levels", "meter"];
        let fields = self.fields(&entry.node, entry.key_mark, at, &known)?;
        let name = self.required_text(&fields, "name");
        let kind = self.required(&fields, "kind", |text| values::word(text, &KINDS));
        let levels = fields.get("levels");
        let kind = match (kind, levels) {
            (Some(0), _) => Some(FeatureKind::Flag),
            (Some(1), _) => Some(FeatureKind::Count),
            (Some(2), _) => Some(FeatureKind::Bytes),
            (Some(3), Some(levels)) => {
                let levels = self.texts(levels, &at.child("levels"));
                levels.map(FeatureKind::Level)
            }
            (Some(3), None) => {
                self.missing(&fields, "levels");
                None
            }
            (Some(_), _) => Some(FeatureKind::Text),
            (None, _) => None,
        };
        if let (Some(levels), Some(kind)) = (levels, &kind)
            && !matches!(kind, FeatureKind::Level(_))
        {
            self.report(
                levels.key_mark,
                at.child("levels"),
                MistakeCode::UnknownKey,
                format!("levels of a feature of kind {}", kind.name()),
                "`kind: level`, or no levels",
            );
        }
        let meter = fields.get("meter").map(|_stated| {
            let read = self.optional(&fields, "meter", |text| values::word(text, &METERS));
            // That it is metered is known, whatever the word was to be.
            read.unwrap_or(Meter::Sum)
        });
        if kind.is_none() {
            // Whether it can be metered is not known.
            self.broken.push(at.child("meter"));
        }
        Some((name.unwrap_or_else(|| entry.key.clone()), kind, meter))
    }

    /// Takes over what checking found, except what rests on replaced values.
    fn judge(&mut self, issues: Vec<CatalogIssue>, root: &Node) {
        if self.mistakes.is_empty() {
            // Nothing has been replaced, so nothing is dropped.
            self.broken.clear();
        }
        for issue in issues {
            let rests_on_broken = self.broken.iter().any(|broken| {
                issue.at.is_within(broken)
                    || issue.related.iter().any(|place| broken.is_within(place))
            });
            if rests_on_broken {
                continue;
            }
            let about_key = issue.code == IssueCode::UndeclaredFeature
                && issue.at.parts().iter().any(|part| part == "entitlements");
            self.mistakes.push(Mistake {
                mark: find(root, &issue.at, about_key),
                path: issue.at,
                code: MistakeCode::Rule(issue.code),
                found: issue.found,
                expected: issue.expected,
            });
        }
    }
}

/// Where `path` stands: the text itself, or the key of a mapping or list. A
/// place that the file does not state is that of what should hold it.
fn find(root: &Node, path: &Path, about_key: bool) -> Mark {
    let mut here = Mark::START;
    let mut node = root;
    for (depth, part) in path.parts().iter().enumerate() {
        let last = depth.saturating_add(1) == path.parts().len();
        let (mark, next) = match &node.value {
            Value::Map(map) => match map.get(part) {
                Some(entry) => (entry.key_mark, &entry.node),
                None => return here,
            },
            Value::List(items) => match part.parse::<usize>().ok().and_then(|n| items.get(n)) {
                Some(item) => (item.mark, item),
                None => return here,
            },
            Value::Text { .. } | Value::Broken => return here,
        };
        node = next;
        here = match node.value {
            Value::Text { .. } if !(last && about_key) => node.mark,
            Value::Text { .. } | Value::List(_) | Value::Map(_) | Value::Broken => mark,
        };
    }
    here
}

fn draft(currency: Currency) -> CatalogDraft {
    CatalogDraft {
        product: String::new(),
        currency,
        features: BTreeMap::new(),
        plans: Vec::new(),
        defaults: Defaults::default(),
        checkout: CheckoutRules::default(),
        rules: Rules::default(),
    }
}
