//! Telling Stripe's objects as facts: what happened, in our words. Knows nothing of
//! how the objects came here.

mod checkout;
mod invoice;
mod link;
mod payment;
mod status;
mod subscription;

use billing_domain::fact::{Fact, Observed};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::{Period, Timestamp};

use crate::options::{PauseStyle, StripeOptions};
use crate::wire::Metadata;

pub(crate) use invoice::{CYCLE, preview};
pub(crate) use link::{
    CHANGE_KEY, CHECKOUT_KEY, CUSTOMER_KEY, INVOICE_KEY, OPERATOR_KEY, REASON_KEY, REFERENCE_KEY,
    REFUND_KEY, VALUE_MAX_CHARS,
};
pub(crate) use payment::Paid;
pub(crate) use status::has_failed;

/// Why an object could not be told, without any of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) &'static str);

/// What an object tells. Empty: nothing to us.
pub(crate) type Told = Result<Vec<Observed>, Unreadable>;

/// Tells objects of one account.
#[derive(Debug, Clone)]
pub(crate) struct Teller {
    pub(crate) account: ProviderAccount,
    operator: String,
    pause: PauseStyle,
}

impl Teller {
    pub(crate) fn new(options: &StripeOptions) -> Self {
        Self {
            account: options.account.clone(),
            operator: options.operator.clone(),
            pause: options.pause,
        }
    }

    /// That an object has to be read, if it is ours. `others` tie it to a customer.
    pub(crate) fn hint(
        &self,
        kind: RefKind,
        id: &str,
        others: &[(RefKind, Option<&str>)],
        metadata: Option<&Metadata>,
        at: Timestamp,
    ) -> Vec<Observed> {
        let refs: Vec<(RefKind, Option<&str>)> = others
            .iter()
            .copied()
            .chain(std::iter::once((kind, Some(id))))
            .collect();
        let Some(link) = self.link(metadata, &refs, Vec::new()) else {
            return Vec::new();
        };
        let object = self.reference(kind, id);
        vec![Observed {
            fact: Fact::Hinted { object },
            at,
            link,
        }]
    }

    pub(crate) fn reference(&self, kind: RefKind, id: &str) -> ProviderRef {
        ProviderRef {
            account: self.account.clone(),
            kind,
            id: id.to_owned(),
        }
    }
}

/// An instant of Stripe's, in whole seconds.
pub(crate) fn instant(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

/// A stretch of time between two instants of Stripe's.
fn period(bounds: (i64, i64)) -> Option<Period> {
    let (start, end) = (instant(bounds.0)?, instant(bounds.1)?);
    (start <= end).then_some(Period { start, end })
}
