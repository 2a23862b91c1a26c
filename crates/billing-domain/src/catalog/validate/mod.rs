//! The rules of a catalog: every one is checked, every breach is reported.
//!
//! Deliberately knows nothing of files; a breach names its place as a [`Path`].

mod changes;
mod checkout;
mod features;
mod locks;
mod plans;

use std::collections::BTreeMap;
use std::fmt::Display;

use jiff::SignedDuration;

use super::{
    Catalog, CatalogDraft, CatalogIssue, CatalogIssues, IssueCode, Path, Plan, PlanKey, Price,
    nearest,
};

/// Plans in a catalog. A ladder that people can choose from has a handful;
/// retired ones add up over years.
pub const MAX_PLANS: usize = 500;
/// Prices in a catalog, over all plans: a few currencies and intervals each.
pub const MAX_PRICES: usize = 5_000;
/// Features in a catalog. Each is a column of a comparison that people read.
pub const MAX_FEATURES: usize = 500;
/// Levels of a feature. They are stored as one byte and chosen from a list.
pub const MAX_LEVELS: usize = 32;
/// Origins that may start a checkout: one for each site of an operator.
pub const MAX_ORIGINS: usize = 100;
/// Early customers by name. More are better named by their day of joining.
pub const MAX_PLANKOWNERS: usize = 10_000;
/// Characters of a name that people read. Stripe shows 250 of a product's name.
pub const MAX_NAME_CHARS: usize = 200;
/// Characters of a description, of a text feature, or of an address: fits every
/// provider's field and one screen.
pub const MAX_TEXT_CHARS: usize = 2_000;
/// Characters of a provider's reference. The longest in use (Stripe) has 255.
pub const MAX_REFERENCE_CHARS: usize = 255;
/// The largest quantity sold: the limit of a Stripe line item.
pub const MAX_QUANTITY: u32 = 999_999;
/// Machines on one license; more need another agreement.
pub const MAX_MACHINES: u32 = 100_000;
/// Minor units of the largest charge, price times quantity: ten trillion of a
/// currency with cents, so that nine thousand of them still add up in 64 bits.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000_000;
/// The longest trial, grace, notice, rejoin or limit: ten years.
pub const MAX_DURATION: SignedDuration = SignedDuration::from_hours(3_653 * 24);

impl CatalogDraft {
    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// [`CatalogIssues`] with every breach, in the order of the catalog. When a
    /// list is too long, only that is reported.
    pub fn validate(self) -> Result<Catalog, CatalogIssues> {
        let mut checker = Checker::new(&self);
        checker.sizes();
        if checker.issues.is_empty() {
            checker.text(&Path::of(["product"]), &self.product, MAX_NAME_CHARS);
            checker.defaults();
            checker.checkout();
            checker.rules();
            checker.features();
            checker.plans();
            checker.changes();
            checker.locks();
        }
        let issues = checker.issues;
        if issues.is_empty() {
            Ok(Catalog { draft: self })
        } else {
            Err(CatalogIssues(issues))
        }
    }
}

/// A draft with its indexes and what has been found so far.
struct Checker<'a> {
    draft: &'a CatalogDraft,
    plans: BTreeMap<&'a str, &'a Plan>,
    prices: BTreeMap<&'a str, &'a Price>,
    issues: Vec<CatalogIssue>,
}

impl<'a> Checker<'a> {
    fn new(draft: &'a CatalogDraft) -> Self {
        let prices = draft.plans.iter().flat_map(|plan| &plan.prices);
        Self {
            draft,
            plans: draft
                .plans
                .iter()
                .map(|plan| (plan.key.as_str(), plan))
                .collect(),
            prices: prices.map(|price| (price.key.as_str(), price)).collect(),
            issues: Vec::new(),
        }
    }

    fn report(&mut self, at: Path, code: IssueCode, found: impl Display, expected: impl Display) {
        self.issues.push(CatalogIssue {
            at,
            code,
            found: found.to_string(),
            expected: expected.to_string(),
            related: Vec::new(),
        });
    }

    /// A text that people read: not empty, not too long, on printable lines.
    fn text(&mut self, at: &Path, text: &str, max: usize) {
        if text.trim().is_empty() {
            self.report(at.clone(), IssueCode::BadText, "nothing", "a text");
        } else {
            self.optional_text(at, text, max);
        }
    }

    /// As [`Self::text`], but it may be empty.
    fn optional_text(&mut self, at: &Path, text: &str, max: usize) {
        let length = text.chars().count();
        if length > max {
            let expected = format!("at most {max} characters");
            self.report(
                at.clone(),
                IssueCode::BadText,
                format!("{length} characters"),
                expected,
            );
        } else if text.chars().any(|c| c.is_control() && c != '\n') {
            self.report(
                at.clone(),
                IssueCode::BadText,
                "a control character",
                "printable text",
            );
        }
    }

    /// A length of time between `least` and [`MAX_DURATION`].
    fn duration(&mut self, at: Path, value: SignedDuration, least: SignedDuration) {
        if value < least {
            let expected = if least.is_zero() {
                "zero or more"
            } else {
                "more than zero"
            };
            self.report(at, IssueCode::OutOfRange, format!("{value:#}"), expected);
        } else if value > MAX_DURATION {
            self.report(
                at,
                IssueCode::OutOfRange,
                format!("{value:#}"),
                "at most ten years",
            );
        }
    }

    fn sizes(&mut self) {
        let draft = self.draft;
        let prices = draft
            .plans
            .iter()
            .fold(0_usize, |sum, plan| sum.saturating_add(plan.prices.len()));
        for (name, found, max) in [
            ("features", draft.features.len(), MAX_FEATURES),
            ("plans", draft.plans.len(), MAX_PLANS),
            ("prices", prices, MAX_PRICES),
        ] {
            if found > max {
                let at = if name == "features" {
                    "features"
                } else {
                    "plans"
                };
                self.report(
                    Path::of([at]),
                    IssueCode::TooMany,
                    format!("{found} {name}"),
                    format!("at most {max}"),
                );
            }
        }
    }

    fn unknown_plan(&mut self, at: Path, key: &str) {
        let expected = suggest("a plan of this catalog", key, self.plans.keys().copied());
        self.report(at, IssueCode::UnknownPlan, quoted(key), expected);
    }

    fn unknown_price(&mut self, at: Path, key: &str) {
        let expected = suggest("a price of this catalog", key, self.prices.keys().copied());
        self.report(at, IssueCode::UnknownPrice, quoted(key), expected);
    }

    fn defaults(&mut self) {
        let defaults = &self.draft.defaults;
        let at = Path::of(["defaults"]);
        for (name, key) in [
            ("newcomer", &defaults.newcomer),
            ("plankowner", &defaults.plankowner),
        ] {
            if let Some(key) = key
                && !self.plans.contains_key(key.as_str())
            {
                self.unknown_plan(at.child(name), key.as_str());
            }
        }
        let newcomer = defaults.newcomer.as_ref();
        self.not_retired(newcomer, at.child("newcomer"));
        if let Some(trial) = &defaults.trial {
            let at = at.child("trial");
            let plan = at.child("plan");
            if self.plans.contains_key(trial.plan.as_str()) {
                self.not_retired(Some(&trial.plan), plan);
            } else {
                self.unknown_plan(plan, trial.plan.as_str());
            }
            let second = SignedDuration::from_secs(1);
            self.duration(at.child("lasts"), trial.lasts, second);
        }
        if defaults.plankowner.is_none() {
            for (name, stated) in [
                ("plankowner_before", defaults.plankowner_before.is_some()),
                ("plankowners", !defaults.plankowners.is_empty()),
            ] {
                if stated {
                    self.report(
                        at.child(name),
                        IssueCode::Contradiction,
                        format!("`{name}` without a plan to grant"),
                        "`plankowner` beside it",
                    );
                }
            }
        }
        let at = at.child("plankowners");
        self.bounded(&at, defaults.plankowners.len(), MAX_PLANKOWNERS);
        for (place, name) in defaults
            .plankowners
            .iter()
            .enumerate()
            .take(MAX_PLANKOWNERS)
        {
            self.text(&at.child(place.to_string()), name, MAX_TEXT_CHARS);
        }
    }

    /// What newcomers are given is on offer.
    fn not_retired(&mut self, key: Option<&PlanKey>, at: Path) {
        let plan = key.and_then(|key| self.plans.get(key.as_str()));
        if let Some(plan) = plan.filter(|plan| plan.retired.is_some()) {
            let found = format!("{}, which is retired", quoted(plan.key.as_str()));
            let expected = "a plan that is not retired";
            self.report(at, IssueCode::Contradiction, found, expected);
        }
    }

    fn bounded(&mut self, at: &Path, found: usize, max: usize) {
        if found > max {
            self.report(
                at.clone(),
                IssueCode::TooMany,
                format!("{found} entries"),
                format!("at most {max}"),
            );
        }
    }

    fn rules(&mut self) {
        let rules = &self.draft.rules;
        let at = Path::of(["rules"]);
        for (currency, money) in &rules.minimum_charge {
            let at = at.child("minimum_charge").child(currency.code());
            if money.currency != *currency {
                self.report(
                    at,
                    IssueCode::Contradiction,
                    money,
                    format!("an amount of {currency}"),
                );
            } else if !(0..=MAX_AMOUNT).contains(&money.amount) {
                self.report(at, IssueCode::OutOfRange, money, "zero or more");
            }
        }
        let second = SignedDuration::from_secs(1);
        self.duration(at.child("quote_ttl"), rules.quote_ttl, second);
        self.duration(
            at.child("stall_limit"),
            rules.stall_limit,
            SignedDuration::ZERO,
        );
    }
}

/// `what`, and the known word that was probably meant.
fn suggest<'a>(what: &str, word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, known) {
        Some(meant) => format!("{what} (did you mean `{meant}`?)"),
        None => what.to_owned(),
    }
}

/// `text` as a person sees it in a message, cut where it is too long to read.
fn quoted(text: &str) -> String {
    /// Characters after which a message would be longer than a line.
    const SHOWN: usize = 60;
    let cut: String = text.chars().take(SHOWN).collect();
    let rest = if cut.len() < text.len() { "…" } else { "" };
    format!("`{}{rest}`", cut.escape_debug())
}
