//! Performing orders, each once under its key.

use billing_domain::effect::{CreateInvoice, EffectKey, OpenCheckout, Order};
use billing_domain::fact::Fact;
use billing_domain::ids::{EffectId, InvoiceId};
use billing_domain::time::{Timestamp, to_micros};
use billing_ports::PerformError;
use url::Url;

use super::{
    Call, Checkout, CheckoutState, Customer, Invoice, InvoiceFor, InvoiceState, Kind, Outcome,
    World, stamp,
};
use crate::options::Mode;

impl World {
    /// Performs `order` once under `key`; its repetition gives the same answer.
    pub(crate) fn perform(
        &mut self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
        now: Timestamp,
    ) -> Result<Outcome, PerformError> {
        self.check(order)?;
        if let Some(mut call) = self.get::<Call>(key.as_str()) {
            call.times = call.times.saturating_add(1);
            let reads = matches!(order, Order::ReadSubscription { .. });
            if call.order != *order {
                self.put(call);
                return Ok(Outcome::refused(
                    "idempotency_conflict",
                    "this key was used for another order",
                ));
            }
            if reads {
                // A read creates nothing, so its repetition may as well tell the truth.
                call.outcome = self.carry_out(effect, order, now);
            }
            let outcome = call.outcome.clone();
            self.put(call);
            return Ok(outcome);
        }
        let outcome = self.carry_out(effect, order, now);
        self.keep_call(key, order, outcome.clone());
        Ok(outcome)
    }

    /// Refuses `order` under `key` without looking at it; its repetition is refused
    /// too. An order that was answered before gets its answer again instead.
    pub(crate) fn refuse(
        &mut self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
        code: &str,
        now: Timestamp,
    ) -> Result<Outcome, PerformError> {
        if self.calls.contains_key(key.as_str()) {
            return self.perform(effect, key, order, now);
        }
        self.check(order)?;
        let outcome = Outcome::refused(code, "refused on demand");
        self.keep_call(key, order, outcome.clone());
        Ok(outcome)
    }

    fn keep_call(&mut self, key: &EffectKey, order: &Order, outcome: Outcome) {
        self.put(Call {
            key: key.as_str().to_owned(),
            order: order.clone(),
            outcome,
            times: 1,
        });
    }

    pub(crate) fn check(&self, order: &Order) -> Result<(), PerformError> {
        let own = matches!(self.rules.mode, Mode::OwnSchedule);
        match order.provider() {
            None => return Err(PerformError::Unsupported("what is no provider's to do")),
            Some(account) if *account != self.rules.account => {
                return Err(PerformError::Misconfigured(format!(
                    "an order for {account} came to {}",
                    self.rules.account
                )));
            }
            Some(_) => {}
        }
        let ours = match order {
            Order::CreateInvoice(_) => !own,
            Order::CancelSubscription { .. }
            | Order::UndoCancellation { .. }
            | Order::PauseSubscription { .. }
            | Order::ResumeSubscription { .. }
            | Order::ReadSubscription { .. }
            | Order::ChangeSubscription(_)
            | Order::UndoChange { .. } => own,
            Order::PromiseRefund(_) => {
                return Err(PerformError::Unsupported("refunds by a link"));
            }
            Order::OpenCheckout(_)
            | Order::ExpireCheckout { .. }
            | Order::VoidInvoice { .. }
            | Order::SettleCode { .. }
            | Order::MailClaim
            | Order::AttachClaim { .. }
            | Order::Notify { .. } => true,
        };
        match (ours, own) {
            (true, _) => Ok(()),
            (false, true) => Err(PerformError::Unsupported(
                "invoicing a cycle while the sandbox runs the schedule",
            )),
            (false, false) => Err(PerformError::Unsupported(
                "subscriptions while the engine runs the schedule",
            )),
        }
    }

    fn carry_out(&mut self, effect: EffectId, order: &Order, now: Timestamp) -> Outcome {
        match order {
            Order::OpenCheckout(order) => self.open_checkout(order, now),
            Order::ExpireCheckout { reference, .. } => self.expire_checkout(reference, now),
            Order::CreateInvoice(order) => self.create_invoice(order, now),
            Order::VoidInvoice {
                invoice, reference, ..
            } => self.void_invoice(effect, *invoice, reference.as_deref(), now),
            Order::CancelSubscription {
                reference, at_once, ..
            } => self.cancel(reference, *at_once, now),
            Order::UndoCancellation { reference, .. } => self.uncancel(reference, now),
            Order::PauseSubscription { reference, .. } => self.pause(reference, now),
            Order::ResumeSubscription {
                reference, quoted, ..
            } => match self.still_costs(reference, *quoted, now) {
                Ok(()) => self.resume(reference, now),
                Err(refusal) => Outcome::Refused {
                    code: refusal.code,
                    message: refusal.message,
                },
            },
            Order::ReadSubscription { reference, .. } => self.read_one(reference),
            Order::ChangeSubscription(order) => self.change_subscription(order, now),
            Order::UndoChange { reference, .. } => self.undo_change(reference),
            Order::PromiseRefund(_)
            | Order::SettleCode { .. }
            | Order::MailClaim
            | Order::AttachClaim { .. }
            | Order::Notify { .. } => {
                Outcome::refused("unsupported", "this is no provider's to do")
            }
        }
    }

    fn open_checkout(&mut self, order: &OpenCheckout, now: Timestamp) -> Outcome {
        if order.amount.amount <= 0 {
            return Outcome::refused("amount_too_small", "a checkout is for more than nothing");
        }
        if order.quantity == 0 {
            return Outcome::refused("no_quantity", "a checkout is for at least one piece");
        }
        if !is_web_address(&order.success_url) || !is_web_address(&order.cancel_url) {
            return Outcome::refused("invalid_url", "a return address is no http or https URL");
        }
        if order.expires_at <= now {
            return Outcome::refused("expired", "the checkout would be closed already");
        }
        if let Some(known) = &order.customer_ref
            && !self.customers.contains_key(known)
        {
            return Outcome::refused("no_such_customer", "there is no customer with this id");
        }
        let at = stamp(None, now);
        let conversion = match self.rules.convert(order.amount, at) {
            Ok(conversion) => conversion,
            Err(refused) => return refused,
        };
        let checkout = Checkout {
            id: self.draw_id(Kind::Checkout),
            order: order.clone(),
            conversion,
            state: CheckoutState::Open,
            confirming: None,
            stamp: at,
        };
        let facts = vec![self.checkout_fact(&checkout)];
        self.put(checkout);
        Outcome::Done { facts }
    }

    fn expire_checkout(&mut self, reference: &str, now: Timestamp) -> Outcome {
        let Some(checkout) = self.get::<Checkout>(reference) else {
            return Outcome::refused("no_such_checkout", "there is no checkout with this id");
        };
        let checkout = match &checkout.state {
            CheckoutState::Completed { .. } => {
                return Outcome::refused("already_paid", "the checkout was completed");
            }
            CheckoutState::Expired { .. } => checkout,
            CheckoutState::Open => self.end_checkout(checkout, true, now),
        };
        Outcome::Done {
            facts: vec![self.checkout_fact(&checkout)],
        }
    }

    /// Closes an open page, and tells it.
    pub(crate) fn end_checkout(
        &mut self,
        mut checkout: Checkout,
        canceled: bool,
        now: Timestamp,
    ) -> Checkout {
        checkout.state = CheckoutState::Expired { canceled };
        checkout.confirming = None;
        checkout.stamp = stamp(Some(checkout.stamp), now);
        let fact = self.checkout_fact(&checkout);
        self.put(checkout.clone());
        self.emit("checkout.expired", checkout.stamp, vec![fact], now);
        checkout
    }

    fn create_invoice(&mut self, order: &CreateInvoice, now: Timestamp) -> Outcome {
        if order.amount.amount <= 0 {
            return Outcome::refused("amount_too_small", "an invoice is for more than nothing");
        }
        let at = stamp(None, now);
        let conversion = match self.rules.convert(order.amount, at) {
            Ok(conversion) => conversion,
            Err(refused) => return refused,
        };
        let customer = match &order.customer_ref {
            Some(known) => self.get::<Customer>(known),
            None => Some(self.customer_of(order.customer, None)),
        };
        let Some(customer) = customer else {
            return Outcome::refused("no_such_customer", "there is no customer with this id");
        };
        let invoice = Invoice {
            id: self.draw_id(Kind::Invoice),
            customer: customer.id,
            ours: order.customer,
            amount: order.amount,
            drawn: 0,
            conversion,
            description: order.description.clone(),
            purpose: InvoiceFor::Engine {
                invoice: order.invoice,
            },
            state: InvoiceState::Open,
            failures: 0,
            confirming: None,
            opened_at: Some(at),
            stamp: at,
        };
        let facts = self.invoice_opened(&invoice).into_iter().collect();
        if customer.card.is_some() {
            // The event that tells the charge is one microsecond after the opening.
            self.charge(invoice, now);
        } else {
            self.put(invoice);
        }
        Outcome::Done { facts }
    }

    fn void_invoice(
        &mut self,
        effect: EffectId,
        ours: InvoiceId,
        reference: Option<&str>,
        now: Timestamp,
    ) -> Outcome {
        let found: Vec<Invoice> = match reference {
            // What our own schedule made is not the engine's to take back.
            Some(reference) => self
                .get::<Invoice>(reference)
                .filter(|invoice| invoice.subscription().is_none())
                .into_iter()
                .collect(),
            None => self.find::<Invoice>(&ours.to_string()).cloned().collect(),
        };
        if found.is_empty() && reference.is_some() {
            return Outcome::refused("no_such_invoice", "there is no invoice with this id");
        }
        let paid = |invoice: &Invoice| matches!(invoice.state, InvoiceState::Paid { .. });
        if found.iter().any(paid) {
            return Outcome::refused("already_paid", "the invoice was paid");
        }
        let mut facts = Vec::new();
        for invoice in found {
            let invoice = self.void(invoice, now);
            facts.push(self.about_invoice(&invoice, Fact::Done { effect }));
        }
        facts.truncate(1);
        if facts.is_empty() {
            // Nothing was ever made under this id: as good as taken back.
            facts.push(billing_domain::fact::Observed {
                fact: Fact::Done { effect },
                at: to_micros(now),
                link: billing_domain::fact::Link::default(),
            });
        }
        Outcome::Done { facts }
    }

    /// Takes an open invoice back; one that is void already stays as it is.
    pub(crate) fn void(&mut self, mut invoice: Invoice, now: Timestamp) -> Invoice {
        if matches!(invoice.state, InvoiceState::Open) {
            invoice.state = InvoiceState::Void;
            invoice.confirming = None;
            invoice.stamp = stamp(Some(invoice.stamp), now);
            invoice = self.return_credit(invoice);
            let fact = self.invoice_fact(&invoice);
            self.put(invoice.clone());
            self.emit("invoice.voided", invoice.stamp, vec![fact], now);
        }
        invoice
    }
}

/// Whether a browser may be sent there: never `javascript:` or the like.
fn is_web_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
