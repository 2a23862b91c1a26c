//! Cards, payments, refunds and disputes.

use std::str::FromStr;

use super::Metadata;

/// A means of payment for trying things, named by what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Card {
    /// `4242…4242`: always pays.
    Good,
    /// `4000…0002`: always declined, and not kept.
    Declined,
    /// `4000…9995`: declined for want of money.
    InsufficientFunds,
    /// `4000…0341`: can be kept, and every charge fails.
    FailsLater,
    /// `4000…3220`: asks for authentication on every payment.
    Authenticate,
    /// A bank debit: the outcome is known days later, and told by hand.
    Delayed,
}

/// A text that names no card for trying things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown test card (expected 4242424242424242, 4000000000000002, 4000000000009995, \
     4000000000000341, 4000000000003220 or delayed)"
)]
pub struct UnknownCard;

impl FromStr for Card {
    type Err = UnknownCard;

    /// Reads a number, with or without spaces, or the word `delayed`.
    fn from_str(text: &str) -> Result<Self, UnknownCard> {
        let number: String = text.chars().filter(|one| !one.is_whitespace()).collect();
        match number.as_str() {
            "4242424242424242" => Ok(Self::Good),
            "4000000000000002" => Ok(Self::Declined),
            "4000000000009995" => Ok(Self::InsufficientFunds),
            "4000000000000341" => Ok(Self::FailsLater),
            "4000000000003220" => Ok(Self::Authenticate),
            "delayed" => Ok(Self::Delayed),
            _ => Err(UnknownCard),
        }
    }
}

impl Card {
    /// What comes of a charge.
    pub(crate) const fn verdict(self) -> Verdict {
        match self {
            Self::Good => Verdict::Paid,
            Self::Declined | Self::FailsLater => Verdict::Declined("generic_decline"),
            Self::InsufficientFunds => Verdict::Declined("insufficient_funds"),
            Self::Authenticate => Verdict::Action,
            Self::Delayed => Verdict::Processing,
        }
    }

    /// Whether it can be put on file without a charge.
    pub(crate) const fn keeps(self) -> bool {
        !matches!(self, Self::Declined | Self::InsufficientFunds)
    }
}

/// What comes of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Paid,
    /// With the bank's reason.
    Declined(&'static str),
    /// The customer must authenticate.
    Action,
    /// The bank will say in some days.
    Processing,
    /// Nothing is on file.
    NoMethod,
}

#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) customer: Option<String>,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: &'static str,
    pub(crate) decline: Option<&'static str>,
    pub(crate) charge: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) customer: Option<String>,
    pub(crate) intent: String,
    pub(crate) amount: i64,
    pub(crate) refunded: i64,
    pub(crate) currency: String,
    pub(crate) paid: bool,
    pub(crate) decline: Option<&'static str>,
    pub(crate) disputed: bool,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) charge: String,
    pub(crate) intent: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Dispute {
    pub(crate) id: String,
    pub(crate) charge: String,
    pub(crate) intent: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: &'static str,
    pub(crate) created: i64,
}
