//! Subscriptions, prices and invoices; of the pinned version and,
//! where a field has moved, of those before it.

use billing_domain::fact::Upcoming;
use billing_domain::ids::InvoiceId;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Bare, Expandable, Identified, List, Metadata, Planned};
use crate::facts::{CYCLE, INVOICE_KEY};

/// How far the start of a subscription and that of the trial it was sold with may lie
/// apart: both are noted with the sale.
const ONE_SALE_SECONDS: i64 = 60;

/// `subscription`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) customer: Option<Expandable<Bare>>,
    pub(crate) items: Option<List<Item>>,
    pub(crate) cancel_at_period_end: Option<bool>,
    pub(crate) cancel_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) start_date: Option<i64>,
    pub(crate) trial_start: Option<i64>,
    pub(crate) trial_end: Option<i64>,
    pub(crate) pause_collection: Option<IgnoredAny>,
    pub(crate) schedule: Option<Expandable<Bare>>,
    pub(crate) default_payment_method: Option<Expandable<Bare>>,
    pub(crate) latest_invoice: Option<Expandable<Invoice>>,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) cancellation_details: Option<CancellationDetails>,
    pub(crate) discounts: Option<Vec<Expandable<Bare>>>,
    /// Before 2025-03-31.
    pub(crate) current_period_start: Option<i64>,
    /// Before 2025-03-31.
    pub(crate) current_period_end: Option<i64>,
    /// The invoice of its current period, looked for because another is the latest.
    #[serde(skip)]
    pub(crate) billed: Option<Invoice>,
    /// What says what comes after this period, looked for. `None`: nobody has looked.
    #[serde(skip)]
    pub(crate) planned: Option<Planned>,
}

/// `subscription_item`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) price: Option<Expandable<Price>>,
    pub(crate) quantity: Option<u64>,
    pub(crate) current_period_start: Option<i64>,
    pub(crate) current_period_end: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CancellationDetails {
    pub(crate) reason: Option<String>,
}

impl Subscription {
    /// What it consists of.
    pub(crate) fn items(&self) -> &[Item] {
        self.items.as_ref().map_or(&[], |items| &items.data)
    }

    /// The bounds of the period that ends last, in seconds.
    pub(crate) fn period(&self) -> Option<(i64, i64)> {
        self.items()
            .iter()
            .filter_map(|item| Some((item.current_period_start?, item.current_period_end?)))
            .max_by_key(|(_, end)| *end)
            .or_else(|| self.current_period_start.zip(self.current_period_end))
    }

    /// When the first period that it charges begins, in seconds: at its start, or at the
    /// end of the trial that it began with. A trial that was given later begins nothing.
    pub(crate) fn first_charged(&self) -> Option<i64> {
        let began = self.start_date?;
        let latest = began.saturating_add(ONE_SALE_SECONDS);
        let of_sale = self.trial_start.is_none_or(|start| start <= latest);
        self.trial_end.filter(|_| of_sale).or(Some(began))
    }

    /// What comes after its period, as far as somebody has looked.
    pub(crate) fn upcoming(&self) -> Upcoming {
        match &self.planned {
            None => Upcoming::NotTold,
            Some(Planned::Nothing) => Upcoming::Nothing,
            Some(Planned::By(schedule)) => schedule.upcoming(),
        }
    }

    /// Whether it says by itself how far it is paid. A renewed one is `active` from
    /// the start of its period, while its invoice is still a draft, and `past_due`
    /// over any invoice: only that of the period says whether the period is paid.
    pub(crate) fn says_what_is_paid(&self) -> bool {
        let first =
            self.start_date.is_some() && self.period().map(|(start, _)| start) == self.start_date;
        match self.status.as_str() {
            "trialing" | "unpaid" | "incomplete" | "incomplete_expired" => true,
            "past_due" => false,
            _ => first,
        }
    }

    /// The invoice of its current period: the latest one, or what was looked for.
    pub(crate) fn invoice_of_period(&self) -> Option<&Invoice> {
        let (start, _) = self.period()?;
        let latest = self.latest_invoice.as_ref();
        let latest = latest.and_then(|invoice| invoice.object());
        let known = latest.into_iter().chain(&self.billed);
        known.into_iter().find(|invoice| invoice.is_for(start))
    }

    /// Whether its current period was left out: its invoice was voided before anybody
    /// was asked to pay it, as the invoices of a paused collection are.
    pub(crate) fn was_left_out(&self) -> bool {
        let invoice = self.invoice_of_period();
        !self.says_what_is_paid()
            && invoice.is_some_and(|invoice| {
                invoice.status.as_deref() == Some("void") && invoice.attempt_count == Some(0)
            })
    }

    /// Whether the invoice of its current period has to be looked for to say how far
    /// it is paid.
    pub(crate) fn lacks_its_invoice(&self) -> bool {
        !self.says_what_is_paid()
            && self.latest_invoice.is_some()
            && self.invoice_of_period().is_none()
    }
}

/// `price`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Price {
    pub(crate) id: String,
    pub(crate) active: Option<bool>,
    pub(crate) currency: String,
    pub(crate) unit_amount: Option<i64>,
    pub(crate) recurring: Option<Recurring>,
    pub(crate) livemode: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Recurring {
    pub(crate) interval: String,
    pub(crate) interval_count: Option<u64>,
    pub(crate) usage_type: Option<String>,
}

impl Identified for Price {
    fn id(&self) -> &str {
        &self.id
    }
}

/// `invoice`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Invoice {
    pub(crate) id: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) created: Option<i64>,
    pub(crate) billing_reason: Option<String>,
    pub(crate) customer: Option<Expandable<Bare>>,
    pub(crate) currency: String,
    pub(crate) total: Option<i64>,
    pub(crate) total_excluding_tax: Option<i64>,
    pub(crate) amount_due: Option<i64>,
    pub(crate) amount_paid: Option<i64>,
    /// The customer's balance before it; above zero it is a debt.
    pub(crate) starting_balance: Option<i64>,
    /// The balance behind it. `None`: it is not final.
    pub(crate) ending_balance: Option<i64>,
    pub(crate) hosted_invoice_url: Option<String>,
    pub(crate) attempted: Option<bool>,
    pub(crate) attempt_count: Option<u64>,
    /// When it is tried again. `None`: it is not.
    pub(crate) next_payment_attempt: Option<i64>,
    pub(crate) status_transitions: Option<InvoiceTransitions>,
    pub(crate) lines: Option<List<InvoiceLine>>,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) parent: Option<InvoiceParent>,
    /// Before 2025-03-31.
    pub(crate) subscription: Option<Expandable<Bare>>,
    /// Before 2025-03-31.
    pub(crate) subscription_details: Option<SubscriptionDetails>,
}

/// When an invoice came to stand as it does.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InvoiceTransitions {
    #[serde(rename = "paid_at")]
    pub(crate) paid: Option<i64>,
    #[serde(rename = "voided_at")]
    pub(crate) voided: Option<i64>,
    #[serde(rename = "marked_uncollectible_at")]
    pub(crate) written_off: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InvoiceParent {
    pub(crate) subscription_details: Option<SubscriptionDetails>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SubscriptionDetails {
    pub(crate) subscription: Option<Expandable<Bare>>,
    pub(crate) metadata: Option<Metadata>,
}

impl Identified for Invoice {
    fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }
}

impl Invoice {
    /// Which of our invoices it is. `None`: Stripe made it, or another program.
    pub(crate) fn ours(&self) -> Option<InvoiceId> {
        let word = self.metadata.as_ref()?.get(INVOICE_KEY)?;
        word.parse().ok()
    }

    /// Whether it is not final yet.
    pub(crate) fn is_draft(&self) -> bool {
        self.status.as_deref() == Some("draft")
    }

    /// What it consists of.
    pub(crate) fn lines(&self) -> &[InvoiceLine] {
        self.lines.as_ref().map_or(&[], |lines| &lines.data)
    }

    /// What it says of its subscription, wherever its version has it.
    pub(crate) fn of_subscription(&self) -> Option<&SubscriptionDetails> {
        self.parent
            .as_ref()
            .and_then(|parent| parent.subscription_details.as_ref())
            .or(self.subscription_details.as_ref())
    }

    /// Whether it charges for the period that begins at `start`, in seconds, as a
    /// whole: what is charged for a part of one, or beside it, says nothing of it.
    pub(crate) fn is_for(&self, start: i64) -> bool {
        let renews = self.billing_reason.as_deref() == Some(CYCLE);
        let lines = self.lines();
        let bounds = |line: &InvoiceLine| {
            let period = line.period.as_ref()?;
            Some((period.start?, period.end?))
        };
        // Of a renewal of many lines, those that come along may be none of the plan's.
        let reaches = || {
            let known = lines.iter().filter_map(bounds);
            known
                .max_by_key(|(start, end)| (*end, *start))
                .is_none_or(|(from, _)| from >= start)
        };
        let whole = |line: &InvoiceLine| {
            let of_period = |(from, to)| from == start && to > from;
            !line.is_proration() && bounds(line).is_some_and(of_period)
        };
        lines.iter().any(whole) || (renews && reaches())
    }

    /// The id of its subscription, wherever its version has it.
    pub(crate) fn subscription(&self) -> Option<&str> {
        self.of_subscription()
            .and_then(|details| super::id_of(details.subscription.as_ref()))
            .or_else(|| super::id_of(self.subscription.as_ref()))
    }
}

/// `line_item` of an invoice
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InvoiceLine {
    pub(crate) amount: Option<i64>,
    pub(crate) quantity: Option<u64>,
    pub(crate) period: Option<LinePeriod>,
    pub(crate) discount_amounts: Option<Vec<Amount>>,
    pub(crate) pricing: Option<Pricing>,
    pub(crate) parent: Option<LineParent>,
    /// Before 2025-03-31.
    pub(crate) price: Option<Expandable<Price>>,
    /// Before 2025-03-31.
    pub(crate) proration: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LinePeriod {
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Amount {
    pub(crate) amount: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pricing {
    pub(crate) price_details: Option<PriceDetails>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PriceDetails {
    pub(crate) price: Option<Expandable<Price>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LineParent {
    pub(crate) subscription_item_details: Option<Proration>,
    pub(crate) invoice_item_details: Option<Proration>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Proration {
    pub(crate) proration: Option<bool>,
}

impl InvoiceLine {
    /// The price that it is for, wherever its version has it.
    pub(crate) fn price(&self) -> Option<&str> {
        let details = self
            .pricing
            .as_ref()
            .and_then(|it| it.price_details.as_ref());
        let price = details.and_then(|it| it.price.as_ref());
        super::id_of(price.or(self.price.as_ref()))
    }

    /// Whether it is a part of a period's price, wherever its version says so.
    pub(crate) fn is_proration(&self) -> bool {
        let parent = self.parent.as_ref();
        let details = parent.and_then(|parent| {
            let item = parent.subscription_item_details.as_ref();
            item.or(parent.invoice_item_details.as_ref())
        });
        let told = details.and_then(|details| details.proration);
        told.or(self.proration).unwrap_or(false)
    }
}
