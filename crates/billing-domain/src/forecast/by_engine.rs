//! A schedule that the engine runs: from one instant at which something falls
//! due to the next.

use crate::decide::{fall_due, links_opened, paid_on_time};
use crate::invoice::{Invoice, InvoiceState};
use crate::subscription::State;

use super::{ForecastEntry, ForecastWhy, Foreseen, STEPS_BESIDE, STEPS_PER_CYCLE, Sold};

impl Foreseen<'_> {
    /// Foretells until the horizon. `true`: more would follow.
    pub(super) fn by_engine(&mut self) -> bool {
        let most = self.most.saturating_mul(STEPS_PER_CYCLE);
        let mut last = None;
        for _ in 0..most.saturating_add(STEPS_BESIDE) {
            self.see();
            fall_due(&mut self.draft, self.catalog);
            self.see();
            links_opened(&mut self.draft);
            if !self.pay_due() || self.is_done() {
                break;
            }
            let now = self.draft.now();
            let starts = self.open().filter_map(|invoice| invoice.period);
            let pays = starts.map(|period| period.start).min();
            let wakes = self.draft.account.wake_at();
            let Some(next) = pays.into_iter().chain(wakes).min() else {
                break;
            };
            if next > self.until {
                return self.goes_on();
            }
            // What is due and does not come about waits for somebody.
            let stands = (now, wakes, self.entries.len());
            if next <= now && last == Some(stands) {
                break;
            }
            last = Some(stands);
            self.draft.imagine_at(next);
            if !self.pay_due() {
                break;
            }
        }
        self.entries.len() == self.most && self.goes_on()
    }

    fn open(&self) -> impl Iterator<Item = &Invoice> {
        let invoices = self.draft.account.invoices.iter();
        invoices.filter(|invoice| invoice.is_open() && invoice.is_renewal())
    }

    /// Pays every invoice whose cycle has started. `false`: one cannot be paid.
    fn pay_due(&mut self) -> bool {
        let now = self.draft.now();
        loop {
            self.take_settled();
            let due = self
                .open()
                .find(|invoice| invoice.period.is_none_or(|period| period.start <= now));
            let Some(due) = due.map(|invoice| invoice.id) else {
                return true;
            };
            if !paid_on_time(&mut self.draft, due, self.catalog) {
                return false;
            }
        }
    }

    /// Settled invoices become entries, and are forgotten with those voided.
    fn take_settled(&mut self) {
        let invoices = std::mem::take(&mut self.draft.account.invoices);
        for invoice in invoices {
            match invoice.state {
                InvoiceState::Open => self.draft.account.invoices.push(invoice),
                InvoiceState::Settled { .. }
                    if invoice.subscription == Some(self.id) && invoice.is_renewal() =>
                {
                    self.enter(invoice);
                }
                InvoiceState::Settled { .. } | InvoiceState::Void { .. } => {}
            }
        }
    }

    fn enter(&mut self, invoice: Invoice) {
        let (Some(period), Some(held)) = (invoice.period, self.draft.account.subscription(self.id))
        else {
            return;
        };
        if period.start > self.until || self.entries.len() >= self.most {
            return;
        }
        let terms = held.terms_for(period.start);
        let entry = ForecastEntry {
            at: period.start,
            cycle: invoice.cycle,
            period: Some(period),
            lines: invoice.lines,
            amount: invoice.amount,
            plan: terms.plan.clone(),
            price: terms.price.clone(),
            quantity: terms.quantity,
            why: self.why(terms),
        };
        if entry.why != ForecastWhy::Renewal {
            self.before = Sold::of(terms);
        }
        self.entries.push(entry);
    }

    /// Whether nothing more is to be foretold; an end that has come is told.
    fn is_done(&mut self) -> bool {
        if self.entries.len() >= self.most {
            return true;
        }
        let held = self.draft.account.subscription(self.id);
        let ended = held.and_then(|held| match held.state {
            State::Canceled { ends_at: at } | State::Expired { at } => Some(at),
            State::Incomplete
            | State::Trialing { .. }
            | State::Active
            | State::PastDue { .. }
            | State::Paused { .. }
            | State::Lapsed { .. } => None,
        });
        if let Some(at) = ended {
            self.end(at);
        }
        ended.is_some()
    }

    fn goes_on(&self) -> bool {
        let held = self.draft.account.subscription(self.id);
        held.is_some_and(|held| !held.is_over())
    }
}
