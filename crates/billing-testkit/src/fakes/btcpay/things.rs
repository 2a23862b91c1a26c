//! What the store holds. Knows no HTTP, and no JSON but what callers left in it.

use billing_domain::time::Timestamp;
use serde_json::Value;

use super::decimal::Decimal;

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceStatus {
    /// Waits for its money.
    New,
    /// Paid in full, and not confirmed yet.
    Processing,
    /// Confirmed, or marked so.
    Settled,
    /// Its time ran out before it was paid in full.
    Expired,
    /// Its payments did not confirm in time, or it was marked so.
    Invalid,
}

impl InvoiceStatus {
    /// BTCPay's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Processing => "Processing",
            Self::Settled => "Settled",
            Self::Expired => "Expired",
            Self::Invalid => "Invalid",
        }
    }
}

/// What is out of the ordinary about an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdditionalStatus {
    /// Nothing.
    None,
    /// Paid in full after its time.
    PaidLate,
    /// Paid in part.
    PaidPartial,
    /// A person set its status.
    Marked,
    /// Paid more than was due.
    PaidOver,
}

impl AdditionalStatus {
    /// BTCPay's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::PaidLate => "PaidLate",
            Self::PaidPartial => "PaidPartial",
            Self::Marked => "Marked",
            Self::PaidOver => "PaidOver",
        }
    }
}

/// How a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentStatus {
    /// Seen, with fewer blocks on top than the invoice wants.
    Processing,
    /// Confirmed.
    Settled,
    /// Spent elsewhere: it never counts again.
    Invalid,
}

impl PaymentStatus {
    /// BTCPay's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Processing => "Processing",
            Self::Settled => "Settled",
            Self::Invalid => "Invalid",
        }
    }
}

/// What a payment came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// A transaction on the chain: waits for blocks.
    Chain,
    /// Lightning: settled at once.
    Lightning,
}

impl Method {
    /// BTCPay's id of it.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Chain => "BTC-CHAIN",
            Self::Lightning => "BTC-LN",
        }
    }
}

/// A payment to an invoice.
#[derive(Debug, Clone)]
pub struct Payment {
    /// The transaction and output, or the payment hash.
    pub id: String,
    /// What it came by.
    pub method: Method,
    /// How much, in satoshi.
    pub sats: i128,
    /// When it was seen.
    pub received: Timestamp,
    /// How it stands.
    pub status: PaymentStatus,
    /// Blocks on top.
    pub confirmations: u32,
    /// When the next block comes by itself. `None`: none does.
    pub next_block: Option<Timestamp>,
}

/// An invoice.
#[derive(Debug, Clone)]
pub struct Invoice {
    /// Its id.
    pub id: String,
    /// What was asked for, in its currency. `None`: a top-up, which any payment settles.
    pub amount: Option<Decimal>,
    /// Its currency, in upper case.
    pub currency: String,
    /// What a bitcoin costs in that currency, fixed when it was made.
    pub rate: Decimal,
    /// How much may be missing, in hundredths of a percent.
    pub tolerance: i128,
    /// Blocks that a payment needs on top.
    pub wants_blocks: u32,
    /// What it can be paid with.
    pub methods: Vec<Method>,
    /// When it was made.
    pub created: Timestamp,
    /// Until when its rate is locked.
    pub expires: Timestamp,
    /// Until when BTCPay looks for payments to it.
    pub monitored: Timestamp,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// What is out of the ordinary.
    pub additional: AdditionalStatus,
    /// Whether it is hidden from lists. It can be paid all the same.
    pub archived: bool,
    /// Free data of the caller; `orderId` in it is searched by.
    pub metadata: Value,
    /// The checkout's settings as the caller sent them.
    pub checkout: Value,
    /// Words that it is found by, besides.
    pub search: Vec<String>,
    /// Its payments, the earliest first.
    pub payments: Vec<Payment>,
}

impl Invoice {
    /// What is due at its locked rate, in satoshi; 0 for a top-up.
    #[must_use]
    pub fn due(&self) -> i128 {
        self.amount.map_or(0, |amount| amount.in_satoshi(self.rate))
    }

    /// What came and was not spent elsewhere, in satoshi.
    #[must_use]
    pub fn paid(&self) -> i128 {
        let counted = self.payments.iter();
        let counted = counted.filter(|one| one.status != PaymentStatus::Invalid);
        counted.map(|one| one.sats).sum()
    }

    /// What came and is confirmed, in satoshi.
    #[must_use]
    pub fn settled(&self) -> i128 {
        let settled = self.payments.iter();
        let settled = settled.filter(|one| one.status == PaymentStatus::Settled);
        settled.map(|one| one.sats).sum()
    }

    /// Whether so many satoshi pay for it.
    #[must_use]
    pub fn is_paid_by(&self, sats: i128) -> bool {
        if self.amount.is_none() {
            return sats > 0;
        }
        // In hundredths of a percent, so that no share is rounded.
        let share = 10_000_i128.saturating_sub(self.tolerance);
        sats.saturating_mul(10_000) >= self.due().saturating_mul(share)
    }

    /// What it is searched by. `None`: the caller gave it no number.
    #[must_use]
    pub fn order_id(&self) -> Option<&str> {
        self.metadata.get("orderId").and_then(Value::as_str)
    }

    /// Whose it is: the caller's customer, or the buyer's address, or the order.
    #[must_use]
    pub fn customer(&self) -> &str {
        let field = |name: &str| self.metadata.get(name).and_then(Value::as_str);
        field("billing_customer")
            .or_else(|| field("buyerEmail"))
            .or_else(|| self.order_id())
            .unwrap_or(&self.id)
    }
}

/// A promise to pay back, which the buyer claims by its link.
#[derive(Debug, Clone)]
pub struct PullPayment {
    /// Its id.
    pub id: String,
    /// The invoice that it pays back.
    pub invoice_id: String,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// In which currency.
    pub currency: String,
    /// How much.
    pub amount: Decimal,
    /// Whether a claim is paid without a person's word.
    pub approves: bool,
    /// Whether it is closed.
    pub archived: bool,
    /// Since when it can be claimed.
    pub starts: Timestamp,
    /// What was claimed. `None`: nothing yet, and nothing was sent.
    pub payout: Option<Payout>,
    /// Claims that were canceled before they were sent, oldest first.
    pub canceled: Vec<Payout>,
}

/// What a buyer claimed.
#[derive(Debug, Clone)]
pub struct Payout {
    /// Its id.
    pub id: String,
    /// When it was claimed.
    pub at: Timestamp,
    /// How much is sent, in satoshi.
    pub sats: i128,
    /// Whether it was sent, or waits for a person's word.
    pub sent: bool,
}

/// Somebody who wants to be told.
#[derive(Clone)]
pub struct Hook {
    /// Its id.
    pub id: String,
    /// Where to. `None`: where the fake delivers to, if it does.
    pub url: Option<String>,
    /// Whether it is told at all.
    pub enabled: bool,
    /// Whether what failed is tried again.
    pub redelivers: bool,
    /// What it is told of. Empty: everything.
    pub events: Vec<String>,
    /// What it is signed with.
    pub secret: String,
}

impl std::fmt::Debug for Hook {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook")
            .field("id", &self.id)
            .field("url", &self.url)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// How an attempt to deliver ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// When it was made.
    pub at: Timestamp,
    /// The status that came back. `None`: no answer came.
    pub status: Option<u16>,
}

impl Attempt {
    /// Whether it was accepted.
    #[must_use]
    pub fn accepted(self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether BTCPay tries again: after 5xx, 408, 429 and no answer alone.
    #[must_use]
    pub fn is_retried(self) -> bool {
        match self.status {
            None => true,
            Some(status) => status >= 500 || status == 408 || status == 429,
        }
    }
}

/// One sending of an event to one hook.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its id; every sending has its own.
    pub id: String,
    /// The sending that it repeats; its own id where it repeats none.
    pub original: String,
    /// To whom.
    pub hook: String,
    /// BTCPay's word for the event.
    pub kind: String,
    /// When it was made.
    pub at: Timestamp,
    /// Everything in its body but its ids and instant.
    pub event: Value,
    /// How it ended. `None`: it was not sent, or was taken by hand.
    pub attempt: Option<Attempt>,
    /// Whether it was forgotten before it was ever sent.
    pub lost: bool,
}
