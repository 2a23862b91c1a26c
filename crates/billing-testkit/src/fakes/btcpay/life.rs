//! The life of an invoice: payments, blocks, deadlines, marks. Knows no HTTP.
//!
//! What happens whenever something about an invoice changes:
//!
//! 1. `New`, and its time is over: `Expired`, told.
//! 2. `New`, and paid in full: `Processing`, told. In part: `PaidPartial`, not told.
//! 3. `Expired`, and paid in full: `PaidLate`, told. It stays `Expired`.
//! 4. `Processing`, and no longer paid: `New` again, **not** told.
//! 5. `Processing`, and confirmed: `Settled`, told.
//! 6. `Processing`, and watched long enough: `Invalid`, told.

use std::collections::BTreeSet;

use billing_domain::time::{Timestamp, shifted};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::render;
use super::things::{AdditionalStatus, Invoice, InvoiceStatus, Method, Payment, PaymentStatus};
use super::world::World;

/// Steps that one change of an invoice may lead to: the longest chain is four.
const STEPS_MAX: u32 = 8;

impl World {
    /// A buyer pays so many satoshi: the payment's id.
    pub(super) fn pay(
        &mut self,
        id: &str,
        sats: i128,
        method: Method,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let invoice = self.invoice(id)?;
        if invoice.monitored <= now && invoice.status != InvoiceStatus::Settled {
            let message = "nobody looks for payments to this invoice any more";
            return Err(Refusal::bad("not-monitored", message));
        }
        if method == Method::Lightning && invoice.status != InvoiceStatus::New {
            let message = "the node's own invoice has expired";
            return Err(Refusal::bad("lightning-expired", message));
        }
        if sats <= 0 {
            return Err(Refusal::field("sats", "must be above 0"));
        }
        let late = matches!(
            invoice.status,
            InvoiceStatus::Expired | InvoiceStatus::Invalid
        );
        let wants_blocks = invoice.wants_blocks;
        let block_every = self.rules.block_every;
        let chain = method == Method::Chain;
        let at_once = !chain || wants_blocks == 0;
        let payment = Payment {
            id: format!("{}-0", self.id()),
            method,
            sats,
            received: now,
            status: if at_once {
                PaymentStatus::Settled
            } else {
                PaymentStatus::Processing
            },
            confirmations: 0,
            next_block: block_every
                .filter(|_| !at_once)
                .map(|every| shifted(now, every)),
        };
        let told = render::paid(id, &payment, late);
        let payment_id = payment.id.clone();
        self.change(id, |invoice| invoice.payments.push(payment));
        self.tell("InvoiceReceivedPayment", id, told.clone(), now);
        if at_once {
            self.tell("InvoicePaymentSettled", id, told, now);
        }
        self.look(id, now);
        Ok(payment_id)
    }

    /// So many blocks come on top of every payment that waits.
    pub(super) fn confirm(&mut self, id: &str, blocks: u32, now: Timestamp) -> Result<(), Refusal> {
        self.invoice(id)?;
        self.blocks(id, blocks, |_payment| true, now);
        self.look(id, now);
        Ok(())
    }

    /// Every payment that waits for its blocks is spent elsewhere. Nobody is told.
    pub(super) fn double_spend(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        self.invoice(id)?;
        self.change(id, |invoice| {
            for payment in &mut invoice.payments {
                if payment.status == PaymentStatus::Processing {
                    payment.status = PaymentStatus::Invalid;
                    payment.next_block = None;
                }
            }
        });
        self.look(id, now);
        Ok(())
    }

    /// A person sets the status.
    pub(super) fn mark(&mut self, id: &str, settled: bool, now: Timestamp) -> Result<(), Refusal> {
        let invoice = self.invoice(id)?;
        let (allowed, status, kind) = if settled {
            (
                can_settle(invoice),
                InvoiceStatus::Settled,
                "InvoiceSettled",
            )
        } else {
            (
                can_invalidate(invoice),
                InvoiceStatus::Invalid,
                "InvoiceInvalid",
            )
        };
        if !allowed {
            let message =
                "Status can only be marked to invalid or settled within certain conditions.";
            return Err(Refusal::field("status", message));
        }
        self.change(id, |invoice| {
            invoice.status = status;
            invoice.additional = AdditionalStatus::Marked;
        });
        let with = if settled {
            json!({"manuallyMarked": true, "overPaid": false})
        } else {
            json!({"manuallyMarked": true})
        };
        self.tell(kind, id, with, now);
        Ok(())
    }

    /// When something happens to an invoice by itself next. `None`: nothing will.
    pub(super) fn next_turn(&self) -> Option<Timestamp> {
        self.turns.first().map(|(at, _id)| *at)
    }

    /// Does what has come due of every invoice.
    pub(super) fn turn(&mut self, now: Timestamp) {
        let due = self.turns.iter().take_while(|(at, _id)| *at <= now);
        let due: BTreeSet<String> = due.map(|(_at, id)| id.clone()).collect();
        for id in due {
            let come = |payment: &Payment| payment.next_block.is_some_and(|at| at <= now);
            self.blocks(&id, 1, come, now);
            self.look(&id, now);
        }
    }

    /// Looks at an invoice until nothing about it changes any more.
    pub(super) fn look(&mut self, id: &str, now: Timestamp) {
        for _step in 0..STEPS_MAX {
            let Some(invoice) = self.invoices.get(id) else {
                return;
            };
            let Some(step) = step(invoice, now) else {
                return;
            };
            self.change(id, |invoice| {
                invoice.status = step.status;
                invoice.additional = step.additional;
            });
            for (kind, with) in step.tells {
                self.tell(kind, id, with, now);
            }
        }
    }

    /// So many blocks on top of every waiting payment that `takes`.
    fn blocks(&mut self, id: &str, blocks: u32, takes: impl Fn(&Payment) -> bool, now: Timestamp) {
        let every = self.rules.block_every;
        let mut settled = Vec::new();
        self.change(id, |invoice| {
            let late = matches!(
                invoice.status,
                InvoiceStatus::Expired | InvoiceStatus::Invalid
            );
            for payment in &mut invoice.payments {
                if payment.status != PaymentStatus::Processing || !takes(payment) {
                    continue;
                }
                payment.confirmations = payment.confirmations.saturating_add(blocks);
                payment.next_block = every.map(|every| shifted(now, every));
                if payment.confirmations >= invoice.wants_blocks {
                    payment.status = PaymentStatus::Settled;
                    payment.next_block = None;
                    settled.push(render::paid(&invoice.id, payment, late));
                }
            }
        });
        for told in settled {
            self.tell("InvoicePaymentSettled", id, told, now);
        }
    }

    /// Puts a new invoice in.
    pub(super) fn add(&mut self, invoice: Invoice) {
        let id = invoice.id.clone();
        self.turns.extend(turn(&invoice).map(|at| (at, id.clone())));
        self.order.push(id.clone());
        self.bears(invoice.order_id(), &id);
        self.invoices.insert(id, invoice);
    }

    fn bears(&mut self, order: Option<&str>, id: &str) {
        if let Some(order) = order {
            let same = self.of_order.entry(order.to_owned()).or_default();
            same.push(id.to_owned());
        }
    }

    pub(super) fn change(&mut self, id: &str, change: impl FnOnce(&mut Invoice)) {
        let Some(invoice) = self.invoices.get_mut(id) else {
            return;
        };
        let (before, bore) = (turn(invoice), invoice.order_id().map(str::to_owned));
        change(invoice);
        let (after, bears) = (turn(invoice), invoice.order_id().map(str::to_owned));
        if before != after {
            let at = |at| (at, id.to_owned());
            if let Some(before) = before.map(at) {
                self.turns.remove(&before);
            }
            self.turns.extend(after.map(at));
        }
        if bore != bears {
            self.bears(bears.as_deref(), id);
        }
    }
}

/// Whether a person may mark it as settled.
pub(super) fn can_settle(invoice: &Invoice) -> bool {
    invoice.status != InvoiceStatus::Settled
}

/// Whether a person may mark it as invalid.
pub(super) fn can_invalidate(invoice: &Invoice) -> bool {
    match invoice.status {
        InvoiceStatus::New | InvoiceStatus::Processing | InvoiceStatus::Expired => true,
        // What the chain settled is settled.
        InvoiceStatus::Settled => invoice.additional == AdditionalStatus::Marked,
        InvoiceStatus::Invalid => false,
    }
}

/// Whether it can be refunded.
pub(super) fn can_refund(invoice: &Invoice) -> bool {
    match invoice.status {
        InvoiceStatus::Settled | InvoiceStatus::Invalid => true,
        InvoiceStatus::Expired => matches!(
            invoice.additional,
            AdditionalStatus::PaidLate | AdditionalStatus::PaidPartial | AdditionalStatus::PaidOver
        ),
        InvoiceStatus::New | InvoiceStatus::Processing => false,
    }
}

/// A change of status, and what is told of it.
struct Step {
    status: InvoiceStatus,
    additional: AdditionalStatus,
    tells: Vec<(&'static str, Value)>,
}

fn quiet(status: InvoiceStatus, additional: AdditionalStatus) -> Step {
    Step {
        status,
        additional,
        tells: Vec::new(),
    }
}

/// The next change of an invoice as it stands. `None`: there is none.
fn step(invoice: &Invoice, now: Timestamp) -> Option<Step> {
    let paid = invoice.paid();
    let is_paid = invoice.is_paid_by(paid);
    let over = invoice.amount.is_some() && paid > invoice.due();
    let partly = if paid > 0 {
        AdditionalStatus::PaidPartial
    } else {
        AdditionalStatus::None
    };
    let step = match invoice.status {
        InvoiceStatus::New if invoice.expires <= now => expire(invoice),
        InvoiceStatus::New if is_paid => Step {
            tells: vec![("InvoiceProcessing", json!({"overPaid": over}))],
            ..quiet(InvoiceStatus::Processing, paid_over(over))
        },
        InvoiceStatus::New => quiet(InvoiceStatus::New, partly),
        InvoiceStatus::Expired if is_paid && paid > 0 => Step {
            // Told once: late already, nothing changes here.
            tells: vec![("InvoicePaidAfterExpiration", json!({}))],
            ..quiet(InvoiceStatus::Expired, AdditionalStatus::PaidLate)
        },
        InvoiceStatus::Expired => quiet(InvoiceStatus::Expired, partly),
        // A double spend, or a payment that was replaced: nobody is told.
        InvoiceStatus::Processing if !is_paid => quiet(InvoiceStatus::New, partly),
        InvoiceStatus::Processing if invoice.is_paid_by(invoice.settled()) => Step {
            tells: vec![(
                "InvoiceSettled",
                json!({"manuallyMarked": false, "overPaid": over}),
            )],
            ..quiet(InvoiceStatus::Settled, paid_over(over))
        },
        InvoiceStatus::Processing if invoice.monitored <= now => Step {
            tells: vec![("InvoiceInvalid", json!({"manuallyMarked": false}))],
            ..quiet(InvoiceStatus::Invalid, paid_over(over))
        },
        InvoiceStatus::Processing => quiet(InvoiceStatus::Processing, paid_over(over)),
        InvoiceStatus::Settled | InvoiceStatus::Invalid => return None,
    };
    let differs = step.status != invoice.status || step.additional != invoice.additional;
    differs.then_some(step)
}

fn expire(invoice: &Invoice) -> Step {
    let partial = invoice.additional == AdditionalStatus::PaidPartial;
    let mut tells = vec![("InvoiceExpired", json!({"partiallyPaid": partial}))];
    if partial {
        tells.push(("InvoiceExpiredPaidPartial", json!({"partiallyPaid": true})));
    }
    Step {
        tells,
        ..quiet(InvoiceStatus::Expired, invoice.additional)
    }
}

const fn paid_over(over: bool) -> AdditionalStatus {
    if over {
        AdditionalStatus::PaidOver
    } else {
        AdditionalStatus::None
    }
}

/// When an invoice next changes by itself. `None`: it does not.
fn turn(invoice: &Invoice) -> Option<Timestamp> {
    let deadline = match invoice.status {
        InvoiceStatus::New => Some(invoice.expires),
        InvoiceStatus::Processing => Some(invoice.monitored),
        InvoiceStatus::Settled | InvoiceStatus::Expired | InvoiceStatus::Invalid => None,
    };
    let blocks = invoice.payments.iter().filter_map(|one| one.next_block);
    blocks.chain(deadline).min()
}
