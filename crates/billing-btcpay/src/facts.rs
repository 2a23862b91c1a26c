//! What an invoice of BTCPay's says, in our words. Knows nothing of how it was read.

mod paid;
mod seen;

use billing_domain::fact::{About, CheckoutPayment, Fact, Observed, ProviderInvoiceState, Unclear};
use billing_domain::ids::InvoiceId;
use billing_domain::invoice::Conversion;
use billing_domain::money::{Currency, Money};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use url::Url;

use crate::api_error::CallError;
use crate::correlation::{self, Ours};
use crate::payments::{Paid, last, sort, sum};
use crate::seal::Seal;
use crate::wire::{Invoice, at};

pub(crate) use seen::{Seen, has_closed, is_marked, is_settled, needs_payments};

/// What BTCPay calls a satoshi. Every invoice of ours is in it.
pub(crate) const SATOSHI: &str = "SATS";

/// Longest word for a status that is kept; BTCPay's have ten letters.
const STATUS_MAX_CHARS: usize = 40;

/// Where BTCPay shows an invoice to its payer.
const PAGE: &str = "i";

/// Where BTCPay keeps the payer's address, whoever gave it.
pub(crate) const EMAIL: &str = "buyerEmail";

/// Tells facts of one store.
#[derive(Debug, Clone)]
pub(crate) struct Teller {
    pub(crate) account: ProviderAccount,
    pub(crate) operator: String,
    pub(crate) base: Url,
    pub(crate) seal: Seal,
}

impl Teller {
    /// What the invoice is to us. `None`: it is somebody else's.
    pub(crate) fn ours(&self, invoice: &Invoice) -> Option<Ours> {
        correlation::ours(invoice.metadata.as_ref()?, &self.operator)
    }

    /// What is owed for an invoice of ours.
    pub(crate) fn owed(invoice: &Invoice) -> Result<i64, CallError> {
        let owed = (invoice.currency == SATOSHI).then(|| invoice.amount.floor());
        owed.flatten().ok_or_else(|| {
            CallError::Unknown("the invoice is not for an amount of satoshi".to_owned())
        })
    }

    /// How its price was converted when it was made.
    pub(crate) fn conversion(&self, seen: &Seen) -> Option<Conversion> {
        self.seal.conversion(&seen.metadata(), seen.ours, seen.owed)
    }

    /// Whether it was made for this price: for as many satoshi, or at a rate of ours.
    pub(crate) fn is_for(&self, invoice: &Invoice, ours: Ours, price: Money) -> bool {
        let Ok(owed) = Self::owed(invoice) else {
            return false;
        };
        if price.currency == Currency::SAT {
            return price == satoshi(owed);
        }
        let metadata = invoice.metadata.as_ref();
        let made = metadata.and_then(|it| self.seal.conversion(it, ours, owed));
        made.is_some_and(|made| made.listed == price)
    }

    /// How it stands.
    pub(crate) fn tell(&self, seen: &Seen) -> Vec<Observed> {
        match seen.invoice.status.as_str() {
            "New" => vec![self.opened(seen)],
            "Processing" => self.on_its_way(seen),
            "Settled" => self.settled_by_word(seen),
            "Expired" | "Invalid" => self.over(seen),
            // Told as nothing, it would look gone.
            status => vec![self.unclear(seen, status)],
        }
    }

    /// It is settled, and a person may have said so. Of an invoice of ours what is said is
    /// told first, so that nothing older takes back what is paid; of a checkout it is kept
    /// with what was paid.
    fn settled_by_word(&self, seen: &Seen) -> Vec<Observed> {
        let (settled, upheld) = (self.settled(seen), self.upheld(seen));
        match seen.ours {
            Ours::Invoice(_) => upheld.chain(settled).collect(),
            Ours::Checkout(_) | Ours::Garbled => settled.into_iter().chain(upheld).collect(),
        }
    }

    /// That it can be paid, and where. Of an invoice of ours, as of when it was read: its
    /// page may have been made long before anybody knew of it, and nobody can pay at a
    /// page that nobody was told of.
    pub(crate) fn opened(&self, seen: &Seen) -> Observed {
        let reference = seen.invoice.id.clone();
        let url = self.page(&seen.invoice);
        let fact = match seen.ours {
            Ours::Checkout(checkout) => Fact::CheckoutOpened {
                checkout,
                reference,
                url,
                expires_at: at(seen.invoice.expiration_time),
                conversion: self.conversion(seen),
                customer_ref: None,
            },
            Ours::Invoice(invoice) => Fact::InvoiceOpened {
                invoice,
                reference,
                pay_url: Some(url),
                conversion: self.conversion(seen),
            },
            Ours::Garbled => garbled(seen, ProviderInvoiceState::Open),
        };
        let at = match seen.ours {
            Ours::Invoice(_) => seen.read_at().max(seen.made_at()),
            Ours::Checkout(_) | Ours::Garbled => seen.made_at(),
        };
        self.observed(seen, fact, at)
    }

    /// That it was done what an effect asked of it.
    pub(crate) fn done(&self, seen: &Seen, fact: Fact) -> Observed {
        self.observed(seen, fact, seen.read_at())
    }

    /// Money has been seen that is not there yet. That it can be paid is not told with
    /// it: that would say that nothing is on its way any more. Of an invoice of ours, as of
    /// when it was read; of a checkout, alike each time it is looked at.
    fn on_its_way(&self, seen: &Seen) -> Vec<Observed> {
        let at = match seen.ours {
            Ours::Invoice(_) => seen.read_at().max(seen.made_at()),
            Ours::Checkout(_) | Ours::Garbled => seen.made_at(),
        };
        self.on_its_way_at(seen, at)
    }

    /// The same, as it stood at `at`.
    pub(crate) fn on_its_way_at(&self, seen: &Seen, at: Timestamp) -> Vec<Observed> {
        let told = |fact| self.observed(seen, fact, at);
        match seen.ours {
            Ours::Checkout(checkout) => vec![told(Fact::CheckoutCompleted {
                checkout,
                reference: seen.invoice.id.clone(),
                payment: CheckoutPayment::Unpaid,
                customer_ref: None,
                email: None,
                sold: None,
            })],
            Ours::Invoice(invoice) => {
                let whole = sort(&seen.paid, seen.owed).whole;
                let pending = Fact::PaymentPending {
                    invoice,
                    until: seen.watched_until(),
                    seen: last(&whole),
                };
                vec![told(pending)]
            }
            Ours::Garbled => vec![self.opened(seen)],
        }
    }

    /// Its page has closed. What has settled is told, whatever it is good for.
    fn over(&self, seen: &Seen) -> Vec<Observed> {
        let settled = seen.settled();
        let sorted = sort(&settled, seen.owed);
        let expired = seen.invoice.status == "Expired";
        let metadata = seen.metadata();
        let by_hand = seen.is_marked() && !correlation::is_taken_back(&metadata);
        if !expired && by_hand {
            // A person has said that what was paid, if anything, is not.
            let of = invoice_of(seen);
            let reversed = named(seen).map(|payment| Fact::PaymentReversed { payment, of });
            let reversed = reversed.map(|fact| self.of_payment(seen, fact, seen.read_at()));
            // What is there all the same, and nobody had heard of, is lost to nobody.
            let denied = settled.iter().filter_map(|paid| self.denied(seen, paid));
            let facts = reversed.chain(denied);
            return facts.chain([self.closed(seen)]).collect();
        }
        if !sorted.whole.is_empty() {
            return self.as_sorted(seen, &sorted);
        }
        let came_late = expired && sum(&seen.paid) >= seen.owed;
        if came_late && seen.read_at() < seen.watched_until() {
            return self.on_its_way(seen);
        }
        let mut facts = self.as_sorted(seen, &sorted);
        // BTCPay calls it expired for good, though it waits for it no longer.
        let given_up = came_late || (!expired && !seen.is_marked());
        let unconfirmed = given_up.then(|| self.unconfirmed(seen));
        facts.extend(unconfirmed.flatten());
        facts.push(self.closed(seen));
        facts
    }

    /// What a person had said was not paid, is, by a person's word.
    fn upheld<'a>(&'a self, seen: &'a Seen) -> impl Iterator<Item = Observed> + 'a {
        let upheld = named(seen).filter(|_| seen.is_marked());
        let of = invoice_of(seen);
        let upheld = upheld.map(move |payment| Fact::PaymentUpheld { payment, of });
        upheld.map(|fact| self.of_payment(seen, fact, seen.read_at()))
    }

    /// A transaction that is there, of what a person says is not paid.
    fn denied(&self, seen: &Seen, paid: &Paid) -> Option<Observed> {
        let of = about(seen)?;
        let (payment, amount) = (paid.id.clone(), satoshi(paid.satoshi));
        let fact = Fact::PaymentDenied {
            of,
            payment,
            amount,
        };
        Some(self.of_payment(seen, fact, paid.at))
    }

    /// What was seen, and not confirmed before BTCPay stopped waiting for it. Told alike
    /// each time it is looked at.
    fn unconfirmed(&self, seen: &Seen) -> Option<Observed> {
        let waits = seen.paid.iter().filter(|payment| !payment.settled);
        let amount = satoshi(sum(waits));
        let fact = Fact::PaymentUnconfirmed {
            of: about(seen).filter(|_| !amount.is_zero())?,
            page: seen.invoice.id.clone(),
            amount,
        };
        Some(self.of_payment(seen, fact, seen.watched_until()))
    }

    /// A fact about its money, which may be known by its payment alone.
    fn of_payment(&self, seen: &Seen, fact: Fact, at: Timestamp) -> Observed {
        let mut observed = self.observed(seen, fact, at);
        observed.link.refs.push(self.payment(seen));
        observed
    }

    /// It stands in a way that is not known here. Told alike each time it is looked at.
    fn unclear(&self, seen: &Seen, status: &str) -> Observed {
        let object = ProviderRef {
            account: self.account.clone(),
            kind: seen.ours.kind(),
            id: seen.invoice.id.clone(),
        };
        let status = status.chars().take(STATUS_MAX_CHARS).collect();
        let what = Unclear::Status(status);
        let of = about(seen);
        self.observed(seen, Fact::Unclear { of, object, what }, seen.made_at())
    }

    /// Nobody can pay it any more.
    fn closed(&self, seen: &Seen) -> Observed {
        let reference = seen.invoice.id.clone();
        let expired = seen.invoice.status == "Expired";
        let fact = match seen.ours {
            Ours::Checkout(checkout) => Fact::CheckoutEnded {
                checkout,
                reference,
                canceled: !expired,
            },
            Ours::Invoice(invoice) => Fact::InvoiceClosed {
                invoice,
                reference,
                read_at: seen.read_at,
            },
            Ours::Garbled => Fact::Irrelevant,
        };
        let at = if expired {
            at(seen.invoice.expiration_time)
        } else {
            seen.read_at()
        };
        self.observed(seen, fact, at)
    }

    /// The payment that it is told as: a page that closed is no longer its invoice's, and
    /// a payment stays known.
    pub(crate) fn payment(&self, seen: &Seen) -> ProviderRef {
        ProviderRef {
            account: self.account.clone(),
            kind: RefKind::Payment,
            id: seen.invoice.id.clone(),
        }
    }

    fn page(&self, invoice: &Invoice) -> String {
        if let Some(link) = &invoice.checkout_link {
            return link.clone();
        }
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend([PAGE, &invoice.id]);
        }
        url.to_string()
    }

    /// A fact about an invoice, with what ties it to a customer.
    pub(crate) fn observed(&self, seen: &Seen, fact: Fact, at: Timestamp) -> Observed {
        let metadata = seen.metadata();
        let link = correlation::link(&self.account, &seen.invoice.id, seen.ours, &metadata);
        Observed { fact, at, link }
    }
}

/// What it is for. `None`: that cannot be read.
const fn about(seen: &Seen) -> Option<About> {
    match seen.ours {
        Ours::Checkout(checkout) => Some(About::Checkout(checkout)),
        Ours::Invoice(invoice) => Some(About::Invoice(invoice)),
        Ours::Garbled => None,
    }
}

/// The invoice of ours that it is for. `None`: it is for none.
const fn invoice_of(seen: &Seen) -> Option<InvoiceId> {
    match seen.ours {
        Ours::Invoice(invoice) => Some(invoice),
        Ours::Checkout(_) | Ours::Garbled => None,
    }
}

/// By what names its money may have been told: as a whole, and one by one.
fn named(seen: &Seen) -> impl Iterator<Item = String> + '_ {
    let parts = seen.paid.iter().map(|payment| payment.id.clone());
    std::iter::once(seen.invoice.id.clone()).chain(parts)
}

const fn satoshi(amount: i64) -> Money {
    Money::new(amount, Currency::SAT)
}

/// Money that is ours, of nobody who could be told: a person looks.
fn garbled(seen: &Seen, state: ProviderInvoiceState) -> Fact {
    Fact::ProviderInvoiceSeen {
        reference: seen.invoice.id.clone(),
        subscription_ref: None,
        amount: satoshi(seen.owed),
        period: None,
        state,
        purpose: None,
        collected: None,
        opened_at: Some(seen.made_at()),
        tried: None,
    }
}
