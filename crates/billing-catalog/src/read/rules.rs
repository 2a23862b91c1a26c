//! Reading `defaults`, `checkout`, `rules` and the rows of the change policy.

use billing_domain::catalog::{
    CatchUp, ChangeKind, ChangeMoney, ChangePolicy, ChangeRule, CheckoutRules, Defaults, IssueCode,
    KeyError, Path, Rules, TrialGrant,
};

use super::Reader;
use super::fields::shown;
use crate::error::MistakeCode;
use crate::tree::Entry;
use crate::values;

/// When a change can happen, as a row says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Now,
    PeriodEnd,
    Forbidden,
}

const WHEN: [(&str, When); 3] = [
    ("now", When::Now),
    ("period_end", When::PeriodEnd),
    ("forbidden", When::Forbidden),
];

impl Reader {
    pub(super) fn defaults(&mut self, entry: &Entry, at: &Path) -> Defaults {
        const KNOWN: [&str; 5] = [
            "newcomer",
            "plankowner",
            "plankowner_before",
            "plankowners",
            "trial",
        ];
        let Some(fields) = self.fields(&entry.node, entry.key_mark, at, &KNOWN) else {
            return Defaults::default();
        };
        let plankowners = fields
            .get("plankowners")
            .and_then(|entry| self.texts(entry, &at.child("plankowners")));
        let plankowner = self.optional_key(&fields, "plankowner");
        if fields.get("plankowner").is_some() && plankowner.is_none() {
            // Stated, so that its companions are not alone.
            self.broken.push(at.child("plankowner_before"));
            self.broken.push(at.child("plankowners"));
        }
        Defaults {
            newcomer: self.optional_key(&fields, "newcomer"),
            plankowner,
            plankowner_before: self.optional(&fields, "plankowner_before", values::date),
            plankowners: plankowners.unwrap_or_default(),
            trial: fields
                .get("trial")
                .and_then(|entry| self.trial_grant(entry, &at.child("trial"))),
        }
    }

    fn trial_grant(&mut self, entry: &Entry, at: &Path) -> Option<TrialGrant> {
        const KNOWN: [&str; 2] = ["plan", "lasts"];
        let fields = self.fields(&entry.node, entry.key_mark, at, &KNOWN)?;
        let plan = self.required(&fields, "plan", |text| {
            text.parse().map_err(|error: KeyError| error.to_string())
        });
        let lasts = self.required(&fields, "lasts", values::duration);
        Some(TrialGrant {
            plan: plan?,
            lasts: lasts?,
        })
    }

    pub(super) fn checkout(&mut self, entry: &Entry, at: &Path) -> CheckoutRules {
        const KNOWN: [&str; 3] = ["allowed_origins", "success_url", "cancel_url"];
        let Some(fields) = self.fields(&entry.node, entry.key_mark, at, &KNOWN) else {
            return CheckoutRules::default();
        };
        let origins = fields.get("allowed_origins").map(|entry| {
            let origins = self.texts(entry, &at.child("allowed_origins"));
            if origins.is_none() {
                // Addresses are judged by the origins, which are not known.
                self.broken.push(at.clone());
            }
            origins.unwrap_or_default()
        });
        CheckoutRules {
            allowed_origins: origins.unwrap_or_default(),
            success_url: self.optional_text(&fields, "success_url"),
            cancel_url: self.optional_text(&fields, "cancel_url"),
        }
    }

    pub(super) fn rules(&mut self, entry: &Entry, at: &Path) -> Rules {
        const KNOWN: [&str; 5] = [
            "changes",
            "minimum_charge",
            "quote_ttl",
            "stall_limit",
            "catch_up",
        ];
        const CATCH_UP: [(&str, CatchUp); 2] =
            [("current", CatchUp::Current), ("each", CatchUp::Each)];
        let mut rules = Rules::default();
        let Some(fields) = self.fields(&entry.node, entry.key_mark, at, &KNOWN) else {
            return rules;
        };
        if let Some(entry) = fields.get("changes") {
            rules.changes = self.changes(entry, &at.child("changes"));
        }
        if let Some(entry) = fields.get("minimum_charge") {
            self.minimum_charge(entry, &at.child("minimum_charge"), &mut rules);
        }
        if let Some(ttl) = self.optional_duration(&fields, "quote_ttl") {
            rules.quote_ttl = ttl;
        }
        if let Some(limit) = self.optional_duration(&fields, "stall_limit") {
            rules.stall_limit = limit;
        }
        let catch_up = self.optional(&fields, "catch_up", |text| values::word(text, &CATCH_UP));
        rules.catch_up = catch_up.unwrap_or_default();
        rules
    }

    fn minimum_charge(&mut self, entry: &Entry, at: &Path, rules: &mut Rules) {
        let Some(map) = self.map(&entry.node, at) else {
            return;
        };
        let (entries, _) = map.partition();
        for entry in entries {
            match values::currency(&entry.key) {
                Ok(currency) => {
                    let at = at.child(currency.code());
                    let amount = |text: &str| values::amount(text, currency);
                    let again = self
                        .read(&entry.node, &at, amount)
                        .and_then(|amount| rules.minimum_charge.insert(currency, amount));
                    if again.is_some() {
                        // The same currency in another spelling is no repeated key.
                        self.report(
                            entry.key_mark,
                            at,
                            MistakeCode::DuplicateKey,
                            format!("`{}` a second time", shown(&entry.key)),
                            "each currency once",
                        );
                    }
                }
                Err(expected) => self.report(
                    entry.key_mark,
                    at.clone(),
                    MistakeCode::BadValue,
                    format!("`{}`", shown(&entry.key)),
                    expected,
                ),
            }
        }
    }

    /// The rows of a change policy.
    pub(super) fn changes(&mut self, entry: &Entry, at: &Path) -> ChangePolicy {
        let known = ChangeKind::ALL.map(ChangeKind::name);
        let mut policy = ChangePolicy::default();
        let Some(fields) = self.fields(&entry.node, entry.key_mark, at, &known) else {
            return policy;
        };
        for kind in ChangeKind::ALL {
            if let Some(entry) = fields.get(kind.name())
                && let Some(rule) = self.change(kind, entry, &at.child(kind.name()))
            {
                policy.rows.insert(kind, rule);
            }
        }
        policy
    }

    fn change(&mut self, kind: ChangeKind, entry: &Entry, at: &Path) -> Option<ChangeRule> {
        let fields = self.fields(&entry.node, entry.key_mark, at, &["when", "money"])?;
        let when = self.optional(&fields, "when", |text| values::word(text, &WHEN));
        let money = self.optional(&fields, "money", |text| {
            values::word(text, &ChangeMoney::ALL)
        });
        let stated = [("when", when.is_some()), ("money", money.is_some())];
        let unread = |(name, read): (&str, bool)| fields.get(name).is_some() && !read;
        if stated.into_iter().any(unread) {
            return None;
        }
        let usual = kind.default_rule();
        let when = when.unwrap_or(match usual {
            ChangeRule::Now(_) => When::Now,
            ChangeRule::PeriodEnd => When::PeriodEnd,
            ChangeRule::Forbidden => When::Forbidden,
        });
        let rule = match (when, money, usual) {
            (When::Now, Some(money), _) | (When::Now, None, ChangeRule::Now(money)) => {
                ChangeRule::Now(money)
            }
            (When::Now, None, ChangeRule::PeriodEnd | ChangeRule::Forbidden) => {
                ChangeRule::Now(ChangeMoney::Charge)
            }
            (When::PeriodEnd, _, _) => ChangeRule::PeriodEnd,
            (When::Forbidden, _, _) => ChangeRule::Forbidden,
        };
        let moves_money = !matches!(money, None | Some(ChangeMoney::None));
        if moves_money
            && when != When::Now
            && let Some(entry) = fields.get("money")
        {
            let timing = if when == When::Forbidden {
                "is forbidden"
            } else {
                "happens at period_end"
            };
            self.report(
                entry.node.mark,
                at.child("money"),
                MistakeCode::Rule(IssueCode::Contradiction),
                format!("money for a change that {timing}"),
                "`when: now` beside it, or `money: none`",
            );
        }
        Some(rule)
    }
}
