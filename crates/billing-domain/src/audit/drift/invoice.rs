//! Invoices: whoever collects is right about money that came; what is paid stays
//! paid.

use super::{Comparing, DriftCode, Remedy, Said, Side};
use crate::fact::{Fact, ProviderInvoiceState};
use crate::ids::InvoiceId;
use crate::invoice::{Conversion, Invoice, InvoiceState};
use crate::money::Money;
use crate::provider::RefKind;

impl Comparing<'_> {
    /// One of ours was paid.
    pub(super) fn paid(
        &mut self,
        id: InvoiceId,
        payment: &str,
        amount: Money,
        conversion: Option<&Conversion>,
    ) {
        let known = self.account.invoice(id);
        if known.is_some_and(|known| known.has_payment(payment)) {
            return;
        }
        let reference = known.and_then(|known| known.reference.as_deref());
        let ours = known.map_or("nothing", state);
        let remedy = if known.is_some_and(|known| covers(known, amount, conversion)) {
            Remedy::Credit
        } else {
            Remedy::SetAside
        };
        self.note(
            DriftCode::Payment,
            (RefKind::Invoice, reference.unwrap_or(&self.object.id)),
            known.map(|known| known.id.to_string()),
            Said::new(ours, format!("{amount} paid")),
            (Side::Provider, remedy),
        );
    }

    /// One of the provider's own.
    pub(super) fn provider_invoice(&mut self, told: &Fact) {
        let Fact::ProviderInvoiceSeen {
            reference,
            amount,
            state: theirs,
            ..
        } = told
        else {
            return;
        };
        let at = &self.object.account;
        let known = self.account.invoices.iter().find(|held| {
            held.reference.as_ref() == Some(reference) && held.provider.as_ref() == Some(at)
        });
        let object = (RefKind::Invoice, reference.as_str());
        let Some(known) = known else {
            let said = Said::new("nothing", format!("{amount} {}", word(*theirs)));
            let verdict = (Side::Provider, Remedy::TakeOver);
            return self.note(DriftCode::Unknown, object, None, said, verdict);
        };
        let (row, ours) = (Some(known.id.to_string()), state(known));
        if let Some(verdict) = differs(known.state, *theirs) {
            let said = Said::new(ours, word(*theirs));
            self.note(DriftCode::Status, object, row, said, verdict);
        } else if known.amount != *amount {
            // What was mirrored once is not written anew.
            let said = Said::new(known.amount.to_string(), amount.to_string());
            let verdict = (Side::Provider, Remedy::Look);
            self.note(DriftCode::Amount, object, row, said, verdict);
        }
    }
}

/// Whether a payment of `amount` settles it.
fn covers(known: &Invoice, amount: Money, conversion: Option<&Conversion>) -> bool {
    let owed = conversion
        .filter(|conversion| conversion.listed == known.amount)
        .map_or(known.collected(), |conversion| conversion.collected);
    known.is_open() && amount.currency == owed.currency && amount.amount >= owed.amount
}

/// Who is right where the states differ: paid beats void, and void beats open.
const fn differs(ours: InvoiceState, theirs: ProviderInvoiceState) -> Option<(Side, Remedy)> {
    match (theirs, ours) {
        (ProviderInvoiceState::Paid, InvoiceState::Settled { .. })
        | (ProviderInvoiceState::Void, InvoiceState::Void { .. })
        | (ProviderInvoiceState::Open | ProviderInvoiceState::Failed, InvoiceState::Open) => None,
        (ProviderInvoiceState::Paid, InvoiceState::Open | InvoiceState::Void { .. })
        | (ProviderInvoiceState::Void, InvoiceState::Open) => {
            Some((Side::Provider, Remedy::TakeOver))
        }
        // Taken back over there after it was paid: given back, or charged back.
        (ProviderInvoiceState::Void, InvoiceState::Settled { .. }) => {
            Some((Side::Unclear, Remedy::Look))
        }
        (
            ProviderInvoiceState::Open | ProviderInvoiceState::Failed,
            InvoiceState::Settled { .. } | InvoiceState::Void { .. },
        ) => Some((Side::Ours, Remedy::Keep)),
    }
}

const fn state(known: &Invoice) -> &'static str {
    match known.state {
        InvoiceState::Open => "open",
        InvoiceState::Settled { .. } => "settled",
        InvoiceState::Void { .. } => "void",
    }
}

const fn word(theirs: ProviderInvoiceState) -> &'static str {
    match theirs {
        ProviderInvoiceState::Open => "open",
        ProviderInvoiceState::Failed => "open, and an attempt failed",
        ProviderInvoiceState::Paid => "paid",
        ProviderInvoiceState::Void => "void",
    }
}
