//! The rate at which a payment counts that came in another currency: the one that its
//! page was ordered at. Knows nothing of where rates come from.

use crate::invoice::{Conversion, Invoice};
use crate::money::Money;

/// How many times as much, or as little, another page of the same order may collect as
/// the one that is known: a rate that jumps tenfold between two pages is no rate.
const PLAUSIBLE: i64 = 10;

/// What is kept of an order that is collected in another currency.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ordered<'a> {
    /// How it is collected. `None`: as it stands, or nobody has said yet.
    pub(super) conversion: Option<&'a Conversion>,
    /// The provider's id of the page that this was said of. `None`: it is not known.
    pub(super) page: Option<&'a str>,
}

impl<'a> Ordered<'a> {
    /// What is kept of an invoice: of the page at which it was paid, or else is.
    pub(super) fn of(invoice: &'a Invoice) -> Self {
        let settling = invoice.payments.iter().find(|held| held.credited);
        let paid_at = settling.and_then(|held| held.page.as_deref());
        Self {
            conversion: invoice.conversion.as_ref(),
            page: paid_at.or(invoice.reference.as_deref()),
        }
    }

    /// The rate of what came to `page` for `listed`. What the page that is known was
    /// ordered at counts, whatever is told of it. What is told of another one counts where
    /// it is for the same price and not far from that. `None`: it is worth what it is.
    pub(super) fn rate(
        self,
        told: Option<&Conversion>,
        listed: Money,
        page: Option<&str>,
    ) -> Option<Conversion> {
        let known = self.conversion;
        if let (Some(known), Some(page)) = (known, page)
            && self.page == Some(page)
        {
            return Some(known.clone());
        }
        let told = told.filter(|told| {
            let converts = told.listed.currency != told.collected.currency;
            converts && told.listed == listed && known.is_none_or(|known| is_near(told, known))
        });
        let same = self.page.is_none() || page.is_none();
        told.or(known.filter(|_| same)).cloned()
    }
}

/// Whether what another page says it collects can be believed beside the one that is known.
fn is_near(told: &Conversion, known: &Conversion) -> bool {
    if told.collected.currency != known.collected.currency {
        return false;
    }
    let (told, known) = (told.collected.amount, known.collected.amount);
    told.saturating_mul(PLAUSIBLE) >= known && known.saturating_mul(PLAUSIBLE) >= told
}
