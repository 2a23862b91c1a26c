//! What changes in a run: plans, prices, the catalog itself. Asked for as buyers
//! and operators do, at once, late, twice, and with the process dying in between.

use std::collections::BTreeMap;

use billing::{Billing, ChangeAsk, EngineError, Force, MigrationError, NewCode};
use billing_domain::change::ChangeState;
use billing_domain::discount::{Gives, Reduction};
use billing_domain::ids::{ChangeId, QuoteId};
use billing_domain::migration::MigrationAsk;
use billing_domain::money::{Currency, Money};
use billing_ports::Clock;
use billing_testkit::memory::FaultPlan;

use super::plans::{self, PRICES, TIERS};
use super::world::World;

/// Codes that buyers know, and how often each may be used.
const CODES: [(&str, u32); 2] = [("HALF", 2), ("MINUS", 1)];

/// Steps after which the catalog is edited; a few more where the store fails.
const EDITED_AFTER: usize = 8;

/// Changes thought of until one is allowed.
const ASKED: usize = 4;

/// Calls of the store of 1000 that fail while a migration is executed, each way:
/// more than elsewhere, so that it stops half-way.
const MIGRATION_FAILS: u16 = 80;

/// What is under way in a run.
#[derive(Debug, Default)]
pub(super) struct Changing {
    /// Every quote that was given, with whose it is.
    quotes: Vec<(String, QuoteId)>,
    /// What became of those that were accepted.
    accepted: BTreeMap<QuoteId, ChangeId>,
    /// The migration that was planned, until it is done.
    migration: Option<(MigrationAsk, String)>,
    /// Whether the catalog was edited.
    edited: bool,
    /// How often each thing was met that leaves no trace in the store.
    pub(super) met: BTreeMap<&'static str, usize>,
    /// What an answer contradicted. `None`: nothing.
    pub(super) broken: Option<String>,
}

/// Makes the codes, before anything fails.
pub(super) async fn make_codes(billing: &Billing) {
    let half = Reduction::Percent {
        basis_points: 5_000,
    };
    let minus = Reduction::Fixed {
        amount: Money::new(250, Currency::USD),
    };
    for ((code, uses), reduction) in CODES.into_iter().zip([half, minus]) {
        let new = NewCode {
            code: code.to_owned(),
            gives: Gives::Reduction(reduction),
            plans: Vec::new(),
            cycles: Some(2),
            max_uses: Some(uses),
            expires_at: None,
        };
        billing.create_code(new).await.unwrap();
    }
}

impl World {
    /// A code that a buyer types, or none.
    pub(super) fn code(&self) -> Option<String> {
        let choice = usize::try_from(self.chance.below(6)).unwrap();
        CODES.get(choice).map(|(code, _)| (*code).to_owned())
    }

    /// Somebody asks what changes cost, and may accept one at once.
    pub(super) async fn quote(&mut self, who: &str) {
        for _ in 0..ASKED {
            let Some(ask) = self.ask(who).await else {
                return;
            };
            let Ok(quote) = self.billing().quote(&who.into(), &ask).await else {
                continue;
            };
            self.changing.quotes.push((who.to_owned(), quote.id));
            if self.chance.below(3) > 0 {
                self.accept(who.to_owned(), quote.id).await;
            }
            return;
        }
    }

    /// Any quote is accepted, an old one too, and one that was accepted before.
    pub(super) async fn accept_any(&mut self) {
        let count = u64::try_from(self.changing.quotes.len()).unwrap();
        if count > 0 {
            let choice = usize::try_from(self.chance.below(count)).unwrap();
            let (who, quote) = self.changing.quotes[choice].clone();
            self.accept(who, quote).await;
        }
    }

    async fn accept(&mut self, who: String, quote: QuoteId) {
        let who = who.as_str().into();
        for _ in 0..=self.chance.below(2) {
            let accepted = self.billing().accept_quote(&who, quote, Some("run")).await;
            let Ok(accepted) = accepted else {
                continue;
            };
            let id = accepted.change.id;
            let before = self.changing.accepted.insert(quote, id);
            if before.is_some() {
                self.met("accepted twice");
            }
            if before.is_some_and(|before| before != id) {
                self.changing.broken = Some(format!("{quote} became {before:?} and {id}"));
            }
            if self.chance.below(4) > 0 {
                self.pay_at(accepted.pay_url.as_deref()).await;
            }
        }
    }

    /// Something was met that leaves no trace in the store.
    pub(super) fn met(&mut self, what: &'static str) {
        *self.changing.met.entry(what).or_default() += 1;
    }

    /// A change that is to come is taken back; one that is not is not.
    pub(super) async fn take_back(&mut self, who: &str) {
        let who = who.into();
        let Ok(Some(account)) = self.billing().account(&who).await else {
            return;
        };
        let Some(change) = account.changes.last() else {
            return;
        };
        let (id, state) = (change.id, change.state);
        let taken = self.billing().take_back(&who, id, Some("run")).await;
        let over = !state.is_open() && !matches!(state, ChangeState::Canceled { .. });
        if over && taken.is_ok() {
            self.changing.broken = Some(format!("{id} was {state:?}, and taken back"));
        }
    }

    /// An operator changes a subscription, and collects the difference or not.
    pub(super) async fn force(&mut self, who: &str) {
        let force = if self.chance.below(2) == 0 {
            Force::Free
        } else {
            Force::Collected
        };
        for _ in 0..ASKED {
            let Some(ask) = self.ask(who).await else {
                return;
            };
            let billing = self.billing();
            let done = billing.force_change(&ask, force, "run", Some("run")).await;
            if let Ok(accepted) = done {
                if self.chance.below(4) > 0 {
                    self.pay_at(accepted.pay_url.as_deref()).await;
                }
                return;
            }
        }
    }

    /// Up, down, more, fewer, another interval: whatever comes to mind.
    async fn ask(&self, who: &str) -> Option<ChangeAsk> {
        let subscription = self.any_subscription(&who.into()).await?;
        let pick = |from: &[&str]| {
            let count = u64::try_from(from.len()).unwrap();
            from[usize::try_from(self.chance.below(count)).unwrap()].to_owned()
        };
        let (mut plan, mut price, mut quantity) = (None, None, None);
        let way = self.chance.below(6);
        if way < 3 {
            price = Some(pick(&PRICES).parse().unwrap());
        } else if way == 3 {
            plan = Some(pick(&TIERS).parse().unwrap());
        }
        if way == 2 || way > 3 {
            quantity = Some(1 + u32::try_from(self.chance.below(5)).unwrap());
        }
        Some(ChangeAsk {
            subscription,
            plan,
            price,
            quantity,
        })
    }

    /// When it is time the catalog is edited, until the store has it.
    pub(super) async fn edit_in_time(&mut self, step: usize) {
        if step < EDITED_AFTER || self.changing.edited {
            return;
        }
        let edited = plans::edited(self.seed, self.clock.now());
        self.changing.edited = self.billing().apply_catalog(&edited).await.is_ok();
    }

    /// An operator plans a migration, executes it, and again where it stopped.
    pub(super) async fn migrate(&mut self) {
        if !self.changing.edited {
            return;
        }
        if self.changing.migration.is_none() {
            let ask = MigrationAsk {
                from: "team-weekly".parse().unwrap(),
                to: "team-weekly-2".parse().unwrap(),
                not_before: self.clock.now(),
            };
            let Ok(plan) = self.billing().plan_migration(&ask, |_| ()).await else {
                return;
            };
            self.changing.migration = Some((ask, plan.digest));
            if self.chance.below(2) == 0 {
                // Executed some other day, when it may be stale.
                return;
            }
        }
        self.store.set_fault_plan(Some(FaultPlan {
            seed: self.chance.draw(),
            before_per_mille: MIGRATION_FAILS,
            after_per_mille: MIGRATION_FAILS,
        }));
        self.execute().await;
        self.store_fails_at_times();
    }

    /// Executes what was planned. One that was begun is always finished.
    pub(super) async fn execute(&mut self) {
        let Some((ask, digest)) = self.changing.migration.take() else {
            return;
        };
        let executed = self
            .billing()
            .execute_migration(&ask, &digest, Some("run"), |_, _| ())
            .await;
        match executed {
            Err(MigrationError::Engine(EngineError::Store(_))) => {
                self.changing.migration = Some((ask, digest));
                self.die();
            }
            Ok(row) if row.finished_at.is_none() => {
                self.changing.broken = Some(format!("executed, and not finished: {row:?}"));
            }
            // Done, or planned anew some other day.
            Ok(_) | Err(_) => {}
        }
    }
}
