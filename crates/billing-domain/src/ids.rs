//! Ids with kinds: `sub_…` can never be passed where `inv_…` is wanted.
//!
//! Every kind is one line of the registry below. New ids are drawn from an
//! [`IdSeq`], which is seeded from outside: this module knows no randomness.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not an id of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an id of the form {prefix}_ followed by 32 hexadecimal digits")]
pub struct IdError {
    /// The prefix of the kind that was expected.
    pub prefix: &'static str,
}

/// A kind of id: something that wraps a [`Uuid`] and shows its kind.
pub trait Id: Copy + From<Uuid> {
    /// What stands before the underscore.
    const PREFIX: &'static str;
}

macro_rules! id_kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl Id for $name {
            const PREFIX: &'static str = $prefix;
        }

        impl $name {
            /// The bare value, for a column of a database.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// When it was drawn, by our clock, to the millisecond. `None`: it was not drawn
            /// here, as none that is made of a name is.
            #[must_use]
            pub fn drawn_at(self) -> Option<Timestamp> {
                let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
                let seconds = i64::try_from(seconds).ok()?;
                Timestamp::new(seconds, i32::try_from(nanos).ok()?).ok()
            }
        }

        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse($prefix, text).map(Self)
            }
        }
    )*};
}

id_kinds! {
    /// A customer: who holds plans and pays.
    CustomerId = "cus";
    /// A paid recurring (or one-time) agreement.
    SubscriptionId = "sub";
    /// What is owed, for one purpose.
    InvoiceId = "inv";
    /// One attempt to pay; the correlation carried through every provider.
    CheckoutId = "chk";
    /// A plan held without paying.
    GrantId = "grt";
    /// An order to the world, performed after commit.
    EffectId = "eff";
    /// A row of the inbox.
    InboxId = "ibx";
    /// An entry of the journal.
    JournalId = "jrn";
    /// Something set aside for a person.
    ParkedId = "prk";
    /// An operator's key (its row, not its secret).
    KeyId = "key";
    /// A billing session (its row, not its secret).
    SessionId = "bss";
    /// What a change would cost.
    QuoteId = "qte";
    /// A quote that was accepted.
    ChangeId = "chg";
    /// A license; its key is made from it.
    LicenseId = "lic";
    /// A discount code.
    DiscountCodeId = "dsc";
    /// Terms negotiated with one customer.
    NegotiatedId = "trm";
    /// A price migration.
    MigrationId = "mig";
    /// A receiver of events.
    EndpointId = "we";
    /// One event on its way to one receiver.
    DeliveryId = "dlv";
    /// What an operator did.
    ActId = "act";
    /// A period in which use is added up.
    UsagePeriodId = "usg";
}

fn parse(prefix: &'static str, text: &str) -> Result<Uuid, IdError> {
    let wrong = IdError { prefix };
    let hex = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .ok_or(wrong)?;
    // One spelling per id: what `Display` writes, nothing else.
    if hex.len() != 32 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(wrong);
    }
    Uuid::try_parse(hex).map_err(|_unreadable| wrong)
}

/// A repeatable sequence of ids for one decision.
///
/// Ids sort by the time they were made (UUID version 7): 48 bits of
/// milliseconds, 12 bits of this sequence's counter, 62 bits of its seed. A new
/// seed is drawn for every decision, so two sequences never meet.
#[derive(Debug, Clone)]
pub struct IdSeq {
    millis: u64,
    seed: u64,
    drawn: u64,
}

impl IdSeq {
    /// A sequence beginning at `now`; `seed` is fresh randomness for each decision.
    #[must_use]
    pub fn new(now: Timestamp, seed: u64) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self {
            millis,
            seed,
            drawn: 0,
        }
    }

    /// The next id, of any kind.
    pub fn draw<T: Id>(&mut self) -> T {
        // A counter past 12 bits runs on into the time, which keeps ids unique and ordered.
        let millis = self.millis.saturating_add(self.drawn >> 12) & 0xffff_ffff_ffff;
        let count = self.drawn & 0xfff;
        self.drawn = self.drawn.saturating_add(1);
        let high = u128::from(millis) << 80 | 0x7u128 << 76 | u128::from(count) << 64;
        let low = u128::from(self.seed & 0x3fff_ffff_ffff_ffff) | 0x2u128 << 62;
        T::from(Uuid::from_u128(high | low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_shows_its_kind_and_reads_back() {
        let mut ids = IdSeq::new(Timestamp::UNIX_EPOCH, 7);
        let id: SubscriptionId = ids.draw();
        assert!(id.to_string().starts_with("sub_"));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_id_of_another_kind_or_spelling_is_refused() {
        let mut ids = IdSeq::new(Timestamp::UNIX_EPOCH, 7);
        let id: SubscriptionId = ids.draw();
        let text = id.to_string();
        for wrong in [
            text.replace("sub_", "inv_"),
            text.replace("sub_", "sub-"),
            text.to_uppercase(),
            format!("{text}0"),
            text.replacen("sub_0", "sub_{", 1),
            String::new(),
        ] {
            assert_eq!(
                wrong.parse::<SubscriptionId>(),
                Err(IdError { prefix: "sub" }),
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_id_says_when_it_was_drawn_and_a_name_does_not() {
        let at: Timestamp = "2026-02-01T00:00:00.123Z".parse().unwrap();
        let drawn: InvoiceId = IdSeq::new(at, 1).draw();
        assert_eq!(drawn.drawn_at(), Some(at));
        assert_eq!(InvoiceId::from(Uuid::from_u128(5)).drawn_at(), None);
    }

    #[test]
    fn ids_of_one_sequence_differ_and_ascend() {
        let mut ids = IdSeq::new(Timestamp::UNIX_EPOCH, u64::MAX);
        let drawn: Vec<InvoiceId> = (0..10_000).map(|_| ids.draw()).collect();
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(drawn[0].uuid().get_version_num(), 7);
    }
}
