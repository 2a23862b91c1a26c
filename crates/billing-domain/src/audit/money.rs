//! The money: invoices, payments, paid periods and the balance agree.

use std::collections::{BTreeMap, BTreeSet};

use super::{Auditor, FindingCode};
use crate::change::ChangeState;
use crate::invoice::{Invoice, InvoiceState, Issuer, Purpose};
use crate::journal::Event;
use crate::line::{Line, sum};
use crate::money::Currency;
use crate::quote::{Source, Step};
use crate::subscription::{PaidPeriod, Subscription};

impl Auditor<'_> {
    /// No more is given back for a subscription than was charged for it.
    pub(super) fn credits(&mut self) {
        let books = self.books;
        for held in &books.account.subscriptions {
            let mut charged: BTreeMap<Currency, i128> = BTreeMap::new();
            if let Some(imported) = &held.imported {
                let paid = imported.paid;
                add(&mut charged, paid.currency, i128::from(paid.amount));
            }
            let settled = books.invoices.iter().filter(|invoice| {
                invoice.subscription == Some(held.id)
                    && invoice.change.is_none()
                    && matches!(invoice.state, InvoiceState::Settled { .. })
            });
            for invoice in settled {
                let worth = if invoice.lines.is_empty() {
                    i128::from(invoice.amount.amount)
                } else {
                    own(&invoice.lines)
                };
                add(&mut charged, invoice.amount.currency, worth);
            }
            let applied = books.account.changes.iter().filter(|change| {
                change.quote.subscription == held.id
                    && matches!(change.state, ChangeState::Applied { .. })
                    // What else is charged has an invoice of its own.
                    && change.quote.step == Step::Change
                    // There, the provider credits and charges.
                    && change.quote.source == Source::Engine
            });
            for change in applied {
                add(
                    &mut charged,
                    change.quote.owed_now.currency,
                    own(&change.quote.lines),
                );
            }
            for (currency, left) in charged {
                if left < 0 {
                    let words =
                        format!("{} minor units of {currency} too many", left.unsigned_abs());
                    self.find(FindingCode::CreditsExceedPayments, held.id, words);
                }
            }
        }
    }

    /// Every paid period is in order and adds up.
    pub(super) fn paid_periods(&mut self) {
        for held in &self.books.account.subscriptions {
            for paid in &held.paid {
                self.paid_period(held, paid);
            }
        }
    }

    fn paid_period(&mut self, held: &Subscription, paid: &PaidPeriod) {
        let period = paid.period;
        let from_start = paid
            .segments
            .first()
            .is_some_and(|first| first.from == period.start);
        let starts = || paid.segments.iter().map(|segment| segment.from);
        let ascending = starts().zip(starts().skip(1)).all(|(a, b)| a < b);
        let within = starts().all(|from| from < period.end);
        let one_currency = paid
            .segments
            .iter()
            .all(|segment| segment.rate.currency == paid.charged.currency);
        if !(from_start && ascending && within && one_currency) {
            let words = format!("the rates of {period:?} do not follow each other");
            self.find(FindingCode::SegmentsDisordered, held.id, words);
            return;
        }
        let charged = i128::from(paid.charged.amount);
        let rates = paid.segments.iter().map(|segment| segment.rate.amount);
        let highest = rates.max().map_or(0, i128::from);
        if charged < 0 || charged > highest {
            let words = format!("{} for {period:?}", paid.charged);
            self.find(FindingCode::ChargedOutOfRange, held.id, words);
            return;
        }
        // Twice the difference from what its time is worth, times the period.
        let length = period.length().as_micros();
        let worth = paid.covered().try_fold(0_i128, |sum, (part, rate)| {
            let worth = i128::from(rate.amount).checked_mul(part.length().as_micros())?;
            sum.checked_add(worth)
        });
        let difference = worth.and_then(|worth| {
            let charged = charged.checked_mul(length)?;
            charged.checked_sub(worth)?.checked_abs()?.checked_mul(2)
        });
        if difference.is_none_or(|difference| difference > length) {
            let words = format!(
                "{} for {period:?}, and its time is worth something else",
                paid.charged
            );
            self.find(FindingCode::PeriodDoesNotAddUp, held.id, words);
        }
    }

    /// One settled invoice a cycle, one open one a purpose.
    pub(super) fn cycles(&mut self) {
        let mut settled = BTreeSet::new();
        let mut open = BTreeSet::new();
        let ours = |invoice: &&Invoice| invoice.issuer == Issuer::Engine;
        for invoice in self.books.invoices.iter().filter(ours) {
            let Some(held) = invoice.subscription else {
                continue;
            };
            match (invoice.state, invoice.cycle) {
                (InvoiceState::Settled { .. }, Some(cycle)) if invoice.is_renewal() => {
                    if !settled.insert((held, cycle)) {
                        let words = format!("cycle {cycle} of {held} is settled twice");
                        self.find(FindingCode::CycleSettledTwice, invoice.id, words);
                    }
                }
                (InvoiceState::Open, _) => {
                    let purpose = purpose(invoice.purpose);
                    if !open.insert((held, purpose)) {
                        let words = format!("a second open invoice of {held} for a {purpose}");
                        self.find(FindingCode::TwoOpenInvoices, invoice.id, words);
                    }
                }
                (InvoiceState::Settled { .. } | InvoiceState::Void { .. }, _) => {}
            }
        }
    }

    /// Every invoice sums, and is paid as its state says.
    pub(super) fn invoices(&mut self) {
        for invoice in self.books.invoices {
            let summed = sum(&invoice.lines, invoice.amount.currency);
            if !invoice.lines.is_empty() && summed != Ok(invoice.amount) {
                let words = format!("the lines do not sum to {}", invoice.amount);
                self.find(FindingCode::LinesDoNotSum, invoice.id, words);
            }
            let credited = invoice.payments.iter().filter(|paid| paid.credited).count();
            let is_settled = matches!(invoice.state, InvoiceState::Settled { .. });
            let (code, words) = match (is_settled, credited) {
                (true, 0) if !invoice.amount.is_zero() => (
                    FindingCode::SettledUnpaid,
                    format!("{} settled without a payment", invoice.amount),
                ),
                (false, 1..) => (
                    FindingCode::CreditedUnsettled,
                    "a credited payment, and not settled".to_owned(),
                ),
                (true, 2..) => (
                    FindingCode::CreditedTwice,
                    format!("{credited} credited payments"),
                ),
                _ => continue,
            };
            self.find(code, invoice.id, words);
        }
    }

    /// The journal's entries sum to the balance, in every currency.
    pub(super) fn balances(&mut self) {
        let books = self.books;
        let mut left: BTreeMap<Currency, i128> = BTreeMap::new();
        let moved = books
            .journal
            .iter()
            .filter(|entry| entry.event == Event::BalanceChanged)
            .filter_map(|entry| entry.money);
        for money in moved {
            add(&mut left, money.currency, i128::from(money.amount));
        }
        for money in &books.account.customer.balances {
            let taken = i128::from(money.amount).saturating_neg();
            add(&mut left, money.currency, taken);
        }
        for (currency, left) in left {
            if left != 0 {
                let words = format!("the journal tells {left} minor units of {currency} more");
                self.find(
                    FindingCode::BalanceDiffers,
                    books.account.customer.id,
                    words,
                );
            }
        }
    }
}

/// What lines come to, without what the balance gave or took.
fn own(lines: &[Line]) -> i128 {
    let own = lines.iter().filter(|line| !line.kind.is_of_balance());
    own.fold(0_i128, |sum, line| {
        sum.saturating_add(i128::from(line.amount.amount))
    })
}

fn add(sums: &mut BTreeMap<Currency, i128>, currency: Currency, amount: i128) {
    let sum = sums.entry(currency).or_default();
    *sum = sum.saturating_add(amount);
}

const fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Purchase => "purchase",
        Purpose::Renewal => "renewal",
        Purpose::OneTime => "one-time purchase",
        Purpose::Change => "change",
        Purpose::Usage => "usage",
    }
}
