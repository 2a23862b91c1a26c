//! A ledger kept beside the books, by other means: what came in, what was used
//! by the second of what was held, and what is left. They must agree.

use billing_domain::change::Change;
use billing_domain::invoice::{Invoice, InvoiceState};
use billing_domain::line::LineKind;
use billing_domain::money::Money;
use billing_domain::quote::Timing;
use billing_domain::subscription::{PaidPeriod, State};
use billing_domain::time::{Period, Timestamp};

use crate::common::World;

/// Billionths of a minor unit: fine enough to sum thousands of pieces.
pub(crate) const UNIT: i128 = 1_000_000_000;

/// The value of a part of a period at a rate, in billionths of a minor unit.
pub(crate) fn value_of(rate: Money, part: Period, whole: Period) -> i128 {
    let second = |at: Timestamp| i128::from(at.as_second());
    let (length, all) = (
        second(part.end) - second(part.start),
        second(whole.end) - second(whole.start),
    );
    i128::from(rate.amount) * UNIT * length / all
}

/// What came in and what was used.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    received: i64,
    /// What was paid for the first period.
    opened_with: i64,
    used: Vec<Piece>,
    /// What was left of what a change that charges in full has ended, in
    /// billionths of a minor unit: nothing is given for it.
    forgone: i128,
    rates: Rates,
}

/// What the time that passes is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rates {
    /// The price of what is held then: every change is charged by it.
    Held,
    /// What was paid for it: what is held may have been given, or be discounted.
    Paid,
}

/// Time that was used of a period, at the rate of what was held then.
#[derive(Debug, Clone, Copy)]
struct Piece {
    part: Period,
    whole: Period,
    rate: Money,
}

impl Piece {
    fn value(&self) -> i128 {
        value_of(self.rate, self.part, self.whole)
    }
}

impl Ledger {
    /// Of one who has just paid for the first period.
    pub(crate) fn new(world: &World, rates: Rates) -> Self {
        let paid = world
            .account
            .invoices
            .iter()
            .flat_map(|invoice| &invoice.payments);
        let received = paid.map(|payment| payment.amount.amount).sum();
        Self {
            received,
            opened_with: received,
            used: Vec::new(),
            forgone: 0,
            rates,
        }
    }

    /// An invoice is paid, whatever has become of it.
    pub(crate) fn receive(&mut self, world: &mut World, invoice: &Invoice) {
        let payment = format!("pay-{}", invoice.id);
        if !world
            .account
            .invoice(invoice.id)
            .unwrap()
            .has_payment(&payment)
        {
            self.received += invoice.amount.amount;
        }
        world.pay_as(invoice.id, &payment, invoice.amount, world.now);
    }

    /// Time passes with nobody doing anything, and what is held is used.
    pub(crate) fn pass(&mut self, world: &mut World, to: Timestamp) {
        let sub = world.sub();
        if sub.state == State::Active {
            for paid in &sub.paid {
                match self.rates {
                    Rates::Held => self.used.extend(used(world, paid, world.now, to)),
                    Rates::Paid => self.use_again(paid, world.now, to),
                }
            }
        }
        world.now = to;
    }

    /// Something was done. What is paid for now may have begun before: a cycle
    /// that was used before it was paid, a change that waited for its payment.
    pub(crate) fn follow(&mut self, before: &World, after: &World) {
        let was = |change: &Change| {
            let known = before.account.change(change.id);
            known.is_some_and(|known| known.applied_at().is_some())
        };
        let changes = after.account.changes.iter();
        let applied = changes.filter(|change| {
            change.applied_at().is_some() && !was(change) && change.quote.timing == Timing::AtOnce
        });
        if let Some(quote) = applied.map(|change| &change.quote).next() {
            let from = quote.created_at;
            let gives = |kind: LineKind| kind == LineKind::Unused;
            if quote.restart.is_some() && !quote.lines.iter().any(|line| gives(line.kind)) {
                let ended = before.sub().paid.iter();
                self.forgone += ended.map(|paid| left(paid, from)).sum::<i128>();
            }
            self.used.retain(|piece| piece.part.start < from);
            for piece in &mut self.used {
                piece.part.end = piece.part.end.min(from);
            }
            for paid in &after.sub().paid {
                self.use_again(paid, from, after.now);
            }
            return;
        }
        let known: Vec<_> = before
            .sub()
            .paid
            .iter()
            .map(|paid| paid.period.start)
            .collect();
        let paused = matches!(before.sub().state, State::Paused { .. });
        for paid in after
            .sub()
            .paid
            .iter()
            .filter(|paid| !known.contains(&paid.period.start))
        {
            if !paused {
                self.use_again(paid, paid.period.start, after.now);
            }
        }
    }

    fn use_again(&mut self, paid: &PaidPeriod, from: Timestamp, to: Timestamp) {
        for (part, rate) in paid.covered() {
            let part = Period {
                start: part.start.max(from),
                end: part.end.min(to),
            };
            if part.start < part.end {
                self.used.push(Piece {
                    part,
                    whole: paid.period,
                    rate,
                });
            }
        }
    }

    /// What was kept by the lines of what was paid and applied, to the minor unit:
    /// a balance is moved by nothing else.
    fn told(&self, world: &World) -> i64 {
        let invoices = world.account.invoices.iter();
        let settled = invoices
            .filter(|held| held.is_renewal() && matches!(held.state, InvoiceState::Settled { .. }));
        let changes = world.account.changes.iter();
        let applied = changes.filter(|change| change.applied_at().is_some());
        let lines = settled
            .flat_map(|held| &held.lines)
            .chain(applied.flat_map(|change| &change.quote.lines));
        let moved = lines.filter(|line| !line.kind.is_of_balance());
        self.opened_with + moved.map(|line| line.amount.amount).sum::<i64>()
    }

    /// What came in is what was used, what is left, and what is on the balance:
    /// within half a minor unit for every period.
    pub(crate) fn check(&self, world: &World) {
        let sub = world.sub();
        let over = sub.is_over() || matches!(sub.state, State::Lapsed { .. });
        let to_come = sub.paid.iter().filter(|_| !over).map(|paid| {
            let from = if let State::Paused { since, .. } = sub.state {
                since
            } else {
                world.now
            };
            left(paid, from)
        });
        let drawn = world.account.invoices.iter().filter(|held| held.is_open());
        let drawn = drawn
            .flat_map(|held| &held.lines)
            .filter(|line| line.kind.is_of_balance());
        let drawn: i64 = drawn.map(|line| -line.amount.amount).sum();
        let balance = world
            .account
            .customer
            .balance(sub.terms.unit.currency)
            .amount;
        let kept = self.received - balance - drawn;
        assert_eq!(kept, self.told(world), "what the lines say: {sub:#?}");
        // Not a minor unit more can be drawn on than ever came in.
        assert!(
            balance + drawn <= self.received,
            "balance {balance}, drawn {drawn}, received {}: {sub:#?}",
            self.received
        );
        let charged = i128::from(kept) * UNIT;
        let used: i128 = self.used.iter().map(Piece::value).sum();
        let worth = used + self.forgone + to_come.sum::<i128>();
        let settled = |held: &&Invoice| matches!(held.state, InvoiceState::Settled { .. });
        let periods =
            world.account.invoices.iter().filter(settled).count() + world.account.changes.len() + 1;
        let tolerance = UNIT * i128::try_from(periods).unwrap() / 2 + 1_000;
        assert!(
            (charged - worth).abs() <= tolerance,
            "charged {charged}, used {used}, forgone {}, worth {worth} at {}: {sub:#?}",
            self.forgone,
            world.now
        );
    }
}

/// What of a paid period is worth anything from an instant on.
fn left(paid: &PaidPeriod, from: Timestamp) -> i128 {
    let parts = paid.covered().map(|(part, rate)| {
        let start = part.start.max(from.min(part.end));
        value_of(rate, Period { start, ..part }, paid.period)
    });
    parts.sum()
}

/// What of a paid period is used from one instant to another, at the price of
/// what is held then.
fn used(world: &World, paid: &PaidPeriod, from: Timestamp, to: Timestamp) -> Vec<Piece> {
    let sub = world.sub();
    let (start, end) = (paid.period.start.max(from), paid.period.end.min(to));
    let turn = sub.scheduled.as_ref().map_or(end, |to_come| to_come.at);
    let turn = turn.min(end).max(start);
    let parts = [(start, turn), (turn, end)]
        .into_iter()
        .filter(|(start, end)| start < end);
    let pieces = parts.map(|(start, end)| Piece {
        part: Period { start, end },
        whole: paid.period,
        rate: sub.terms_at(start).amount().unwrap(),
    });
    pieces.collect()
}
