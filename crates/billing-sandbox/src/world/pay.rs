//! Paying: a buyer with a card at a page, or a saved card without a buyer.
//!
//! Nothing here can be paid twice: only what is open is ever paid.

use std::collections::BTreeMap;

use billing_domain::ids::CustomerId;
use billing_domain::money::Money;
use billing_domain::time::Timestamp;

use super::{
    Checkout, CheckoutState, Confirming, Customer, Invoice, InvoiceState, Kind, Payment, World,
    stamp,
};
use crate::card::TestCard;
use crate::options::Mode;

/// How a buyer's attempt to pay ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paying {
    /// It is paid, or nothing was owed today.
    Paid,
    /// The card asks for a 3-D Secure confirmation first.
    Confirm,
    /// The card was declined, or its confirmation refused; another attempt is welcome.
    Declined,
    /// It had been paid before; nothing was charged.
    AlreadyPaid,
    /// It can no longer be paid.
    Closed,
    /// There is nothing of that id.
    Unknown,
}

impl World {
    /// A buyer submits a card at the page of a checkout or an invoice.
    /// `email`: what the buyer typed, if anything.
    pub(crate) fn pay(
        &mut self,
        id: &str,
        card: TestCard,
        email: Option<String>,
        now: Timestamp,
    ) -> Paying {
        let with = Confirming { card, email };
        match card {
            TestCard::Declined => self.attempt(id, None, now),
            TestCard::Confirms => self.ask_to_confirm(id, with, now),
            TestCard::Pays | TestCard::PaysOnce => self.attempt(id, Some(with), now),
        }
    }

    /// A buyer answers the 3-D Secure confirmation.
    pub(crate) fn confirm(&mut self, id: &str, approve: bool, now: Timestamp) -> Paying {
        let waiting = self
            .get::<Checkout>(id)
            .map(|checkout| checkout.confirming)
            .or_else(|| self.get::<Invoice>(id).map(|invoice| invoice.confirming));
        match waiting {
            Some(Some(with)) if approve => self.attempt(id, Some(with), now),
            Some(Some(_)) => {
                self.set_confirming(id, None);
                Paying::Declined
            }
            // Nothing waits: paid meanwhile, closed, unknown, or never begun.
            Some(None) | None => self.attempt(id, None, now),
        }
    }

    fn ask_to_confirm(&mut self, id: &str, with: Confirming, now: Timestamp) -> Paying {
        match self.attempt(id, None, now) {
            Paying::Declined => {
                self.set_confirming(id, Some(with));
                Paying::Confirm
            }
            ended @ (Paying::Paid
            | Paying::Confirm
            | Paying::AlreadyPaid
            | Paying::Closed
            | Paying::Unknown) => ended,
        }
    }

    fn set_confirming(&mut self, id: &str, confirming: Option<Confirming>) {
        if let Some(checkout) = self.get::<Checkout>(id) {
            self.put(Checkout {
                confirming,
                ..checkout
            });
        } else if let Some(invoice) = self.get::<Invoice>(id) {
            self.put(Invoice {
                confirming,
                ..invoice
            });
        }
    }

    /// Pays with a card that pays; `None` is one that is declined.
    fn attempt(&mut self, id: &str, with: Option<Confirming>, now: Timestamp) -> Paying {
        if let Some(checkout) = self.get::<Checkout>(id) {
            return match (&checkout.state, with) {
                (CheckoutState::Completed { .. }, _) => Paying::AlreadyPaid,
                (CheckoutState::Expired { .. }, _) => Paying::Closed,
                (CheckoutState::Open, _) if checkout.order.expires_at <= now => Paying::Closed,
                (CheckoutState::Open, None) => Paying::Declined,
                (CheckoutState::Open, Some(with)) => {
                    self.complete(checkout, &with, now);
                    Paying::Paid
                }
            };
        }
        let Some(invoice) = self.get::<Invoice>(id) else {
            return Paying::Unknown;
        };
        match (&invoice.state, with) {
            (InvoiceState::Paid { .. }, _) => Paying::AlreadyPaid,
            (InvoiceState::Void, _) => Paying::Closed,
            (InvoiceState::Open, None) => Paying::Declined,
            (InvoiceState::Open, Some(with)) => {
                self.save_card(&invoice.customer, &with);
                let invoice = self.settle(invoice, now);
                self.paid_at_page(&invoice, now);
                Paying::Paid
            }
        }
    }

    fn complete(&mut self, mut checkout: Checkout, with: &Confirming, now: Timestamp) {
        let email = with.email.clone().or_else(|| checkout.order.email.clone());
        let customer = match checkout.order.customer_ref.as_deref() {
            Some(known) => self.get::<Customer>(known),
            None => None,
        };
        let customer = customer.unwrap_or_else(|| self.customer_of(checkout.order.customer, email));
        self.save_card(&customer.id, with);
        checkout.confirming = None;
        checkout.stamp = stamp(Some(checkout.stamp), now);
        let owed_today = checkout.order.trial_end.is_none_or(|end| end <= now);
        let payment = owed_today.then(|| {
            let amount = checkout.collected();
            self.take_money(checkout.order.customer, amount, &checkout.id, now)
        });
        let recurring = match self.rules.mode {
            Mode::OwnSchedule => checkout.order.recurring,
            Mode::EngineSchedule { .. } => None,
        };
        let bought = recurring.map(|interval| {
            self.subscribe(&checkout, &customer.id, interval, payment.clone(), now)
        });
        checkout.state = CheckoutState::Completed {
            customer: customer.id,
            payment,
            subscription: bought.as_ref().map(|bought| bought.subscription.id.clone()),
        };
        let completed = self.checkout_fact(&checkout);
        self.emit("checkout.completed", checkout.stamp, vec![completed], now);
        self.put(checkout);
        if let Some(bought) = bought {
            self.tell_subscription("subscription.created", &bought.subscription, now);
            if let Some(invoice) = &bought.invoice {
                let fact = self.invoice_fact(invoice);
                self.emit("invoice.paid", invoice.stamp, vec![fact], now);
            }
        }
    }

    /// Charges the saved card for an open invoice, keeps it and tells how that went.
    /// `true`: it is paid.
    pub(crate) fn charge(&mut self, mut invoice: Invoice, now: Timestamp) -> bool {
        if invoice.amount.is_zero() || self.card_pays(&invoice.customer) {
            self.settle(invoice, now);
            return true;
        }
        invoice.failures = invoice.failures.saturating_add(1);
        invoice.stamp = stamp(Some(invoice.stamp), now);
        let fact = self.invoice_fact(&invoice);
        self.emit("invoice.payment_failed", invoice.stamp, vec![fact], now);
        self.put(invoice);
        false
    }

    /// Whether the customer's saved card can be charged without the buyer.
    pub(crate) fn card_pays(&self, customer: &str) -> bool {
        let customer = self.customers.get(customer);
        let card = customer.and_then(|customer| customer.card);
        card.is_some_and(TestCard::pays_later)
    }

    /// Marks an open invoice as paid, keeps it and tells it. Nothing left to pay
    /// takes no payment.
    pub(crate) fn settle(&mut self, mut invoice: Invoice, now: Timestamp) -> Invoice {
        let collected = invoice.collected();
        let payment = (!collected.is_zero())
            .then(|| self.take_money(invoice.ours, collected, &invoice.id, now));
        invoice.state = InvoiceState::Paid { payment };
        invoice.confirming = None;
        invoice.stamp = stamp(Some(invoice.stamp), now);
        let fact = self.invoice_fact(&invoice);
        self.emit("invoice.paid", invoice.stamp, vec![fact], now);
        self.put(invoice.clone());
        invoice
    }

    fn take_money(
        &mut self,
        customer: CustomerId,
        amount: Money,
        paid_for: &str,
        now: Timestamp,
    ) -> String {
        let id = self.draw_id(Kind::Payment);
        self.put(Payment {
            id: id.clone(),
            customer,
            amount,
            at: stamp(None, now),
            paid_for: paid_for.to_owned(),
            back: Vec::new(),
        });
        id
    }

    /// Keeps the card that paid, where the mode keeps cards.
    fn save_card(&mut self, customer: &str, with: &Confirming) {
        if !self.rules.mode.saves_cards() {
            return;
        }
        if let Some(mut customer) = self.get::<Customer>(customer) {
            customer.card = Some(with.card);
            self.put(customer);
        }
    }

    /// The customer that carries this id of ours; made when there is none.
    pub(crate) fn customer_of(&mut self, ours: CustomerId, email: Option<String>) -> Customer {
        let known = self.find::<Customer>(&ours.to_string()).next().cloned();
        let mut customer = known.unwrap_or_else(|| Customer {
            id: self.draw_id(Kind::Customer),
            ours,
            email: None,
            card: None,
            credit: BTreeMap::new(),
        });
        if email.is_some() {
            customer.email = email;
        }
        self.put(customer.clone());
        customer
    }
}
