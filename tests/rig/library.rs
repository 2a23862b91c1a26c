//! Driving the engine by its library interface.

use async_trait::async_trait;
use billing::{
    Billing, CancelError, CancelWhen, ChangeAccepted, ChangeAsk, ChangeError, CheckoutError,
    CheckoutRequest, CustomerRef, DenyReason, Force, Gate, Need, NewCustomer, QuoteError, What,
};
use billing_domain::discount::CodeRefusal;
use billing_domain::entitlement::Limit;
use billing_domain::grant::GrantReason;
use billing_domain::invoice::{InvoiceState, Purpose};
use billing_domain::quote::{Loss, Quote, Timing};
use billing_domain::subscription::{State, Subscription};
use billing_domain::time::Timestamp;
use billing_ports::store::{ChangeFilter, InvoiceFilter, PageAsk};

use super::driver::{
    Buying, ChangeSeen, Driver, InvoiceSeen, QuoteSeen, Refused, SubscriptionSeen, Target, day,
};

/// Drives the engine by its library interface.
pub(crate) struct Library {
    billing: Billing,
}

impl Library {
    pub(crate) fn new(billing: Billing) -> Self {
        Self { billing }
    }
}

#[async_trait]
impl Driver for Library {
    async fn customer(&self, who: &str, joined: Option<&str>) {
        if self.billing.account(&who.into()).await.unwrap().is_some() {
            return;
        }
        let new = NewCustomer {
            external_ref: Some(who.to_owned()),
            joined_at: joined.map(|day| format!("{day}T00:00:00Z").parse().unwrap()),
            ..NewCustomer::default()
        };
        self.billing.create_customer(new, None).await.unwrap();
    }

    async fn act_under(&self, who: &str, owner: Option<&str>) {
        let owner = owner.map(CustomerRef::from);
        let who = who.into();
        let acted = self.billing.act_under(&who, owner.as_ref(), None);
        acted.await.unwrap();
    }

    async fn id(&self, who: &str) -> String {
        self.billing
            .account(&who.into())
            .await
            .unwrap()
            .unwrap()
            .customer
            .id
            .to_string()
    }

    async fn buy(&self, who: &str, buying: &Buying<'_>) -> Result<Option<String>, Refused> {
        let catalog = self.billing.catalog().await.unwrap();
        let what = match catalog.catalog.plan(buying.what) {
            Some(plan) => What::Plan(plan.key.clone(), None),
            None => What::Price(buying.what.parse().unwrap()),
        };
        let asked = self
            .billing
            .checkout(CheckoutRequest {
                customer: Some(CustomerRef::from(who)),
                email: None,
                what,
                quantity: (buying.pieces > 1).then_some(buying.pieces),
                provider: None,
                code: buying.code.map(str::to_owned),
                negotiated: None,
                success_url: "https://app.test/success".to_owned(),
                cancel_url: "https://app.test/cancel".to_owned(),
            })
            .await;
        asked.map(|opened| opened.url).map_err(|error| match error {
            CheckoutError::NotSold | CheckoutError::Quantity => "invalid_request".to_owned(),
            CheckoutError::AlreadyGranted => "already_granted".to_owned(),
            CheckoutError::Provider => "provider_error".to_owned(),
            CheckoutError::Code(refusal) => match refusal {
                CodeRefusal::Unknown => "code_unknown",
                CodeRefusal::NotForThis => "code_not_for_this",
                CodeRefusal::UsedUp => "code_used_up",
                CodeRefusal::Provider => "code_not_taken",
            }
            .to_owned(),
            other @ (CheckoutError::NoSuchCustomer
            | CheckoutError::NoSuchTerms
            | CheckoutError::NoProvider
            | CheckoutError::Amount
            | CheckoutError::Engine(_)) => other.to_string(),
        })
    }

    async fn quote(
        &self,
        who: &str,
        subscription: &str,
        target: Target<'_>,
    ) -> Result<QuoteSeen, Refused> {
        let ask = self.ask(subscription, target).await;
        let quote = self.billing.quote(&who.into(), &ask).await;
        quote
            .map(|quote| quote_seen(&quote))
            .map_err(|error| match error {
                QuoteError::Refused(refusal) => refusal.code().to_owned(),
                QuoteError::ProviderRefused(code) => code,
                QuoteError::Provider => "provider_error".to_owned(),
                QuoteError::Engine(error) => error.to_string(),
            })
    }

    async fn accept(&self, who: &str, quote: &str) -> Result<String, Refused> {
        let id = quote.parse().unwrap();
        let accepted = self
            .billing
            .accept_quote(&who.into(), id, Some("story"))
            .await;
        state_of(accepted)
    }

    async fn take_back(&self, who: &str, change: &str) -> Result<(), Refused> {
        let id = change.parse().unwrap();
        let taken = self.billing.take_back(&who.into(), id, Some("story")).await;
        taken.map_err(|error| code_of(&error))
    }

    async fn force(
        &self,
        subscription: &str,
        target: Target<'_>,
        collect: bool,
    ) -> Result<String, Refused> {
        let ask = self.ask(subscription, target).await;
        let force = if collect {
            Force::Collected
        } else {
            Force::Free
        };
        let forced = self
            .billing
            .force_change(&ask, force, "a story", Some("story"))
            .await;
        state_of(forced)
    }

    async fn changes(&self, who: &str) -> Vec<ChangeSeen> {
        let account = self.billing.account(&who.into()).await.unwrap().unwrap();
        let filter = ChangeFilter {
            customer: Some(account.customer.id),
            ..ChangeFilter::default()
        };
        let page = PageAsk {
            after: None,
            limit: 100,
        };
        let store = self.billing.store().unwrap();
        let mut rows = store.list_changes(filter, page).await.unwrap().rows;
        rows.reverse();
        rows.into_iter()
            .map(|change| ChangeSeen {
                id: change.id.to_string(),
                state: change.state.as_str().to_owned(),
                plan: change.quote.terms.plan.to_string(),
                applied_at: change.applied_at().map(|at| day(&at.to_string())),
            })
            .collect()
    }

    async fn balances(&self, who: &str) -> Vec<String> {
        let account = self.billing.account(&who.into()).await.unwrap().unwrap();
        let balances = account.customer.balances.iter();
        balances.map(ToString::to_string).collect()
    }

    async fn cancel(&self, who: &str, subscription: &str, at_once: bool) -> Result<bool, Refused> {
        let when = if at_once {
            CancelWhen::AtOnce
        } else {
            CancelWhen::PeriodEnd
        };
        let id = subscription.parse().unwrap();
        let canceled = self
            .billing
            .cancel(&who.into(), id, when, Some("story"))
            .await;
        canceled
            .map(|canceled| canceled.already)
            .map_err(|error| match error {
                CancelError::NotFound => "not_found".to_owned(),
                CancelError::Engine(error) => error.to_string(),
            })
    }

    async fn grant(&self, who: &str, plan: &str, until: Option<&str>) -> Result<(), Refused> {
        let ends_at = until.map(|day| format!("{day}T00:00:00Z").parse().unwrap());
        let plan = plan.parse().unwrap();
        let granted = self
            .billing
            .grant(
                &who.into(),
                &plan,
                GrantReason::Comp,
                ends_at,
                Some("story"),
            )
            .await;
        granted.map(|_| ()).map_err(|error| error.to_string())
    }

    async fn check(&self, who: &str, feature: &str) -> String {
        let (feature, need) = match feature.split_once('/') {
            Some((feature, level)) => (feature, Need::Level(level)),
            None => (feature, Need::Some),
        };
        match self.billing.gate(&who.into(), feature, need).await.unwrap() {
            Gate::Allowed {
                limit: Some(Limit::AtMost(limit)),
                ..
            } => format!("yes, {limit}"),
            Gate::Allowed { .. } => "yes".to_owned(),
            Gate::Denied {
                reason,
                plan_needed,
                ..
            } => denied(reason, plan_needed.as_ref()),
        }
    }

    async fn subscriptions(&self, who: &str) -> Vec<SubscriptionSeen> {
        let account = self.billing.account(&who.into()).await.unwrap().unwrap();
        let seen = account.subscriptions.iter().map(|held| SubscriptionSeen {
            id: held.id.to_string(),
            plan: held.terms.plan.to_string(),
            quantity: held.terms.quantity,
            status: held.status().as_str().to_owned(),
            paid_through: held.times.paid_through.map(|at| day(&at.to_string())),
            ends_at: ends_at(held).map(|at| day(&at.to_string())),
        });
        seen.collect()
    }

    async fn invoices(&self, who: &str) -> Vec<InvoiceSeen> {
        let account = self.billing.account(&who.into()).await.unwrap().unwrap();
        let filter = InvoiceFilter {
            customer: Some(account.customer.id),
            ..Default::default()
        };
        let page = PageAsk {
            after: None,
            limit: 100,
        };
        let store = self.billing.store().unwrap();
        let mut rows = store.list_invoices(filter, page).await.unwrap().rows;
        rows.reverse();
        rows.into_iter()
            .map(|(_, invoice)| InvoiceSeen {
                purpose: match invoice.purpose {
                    Purpose::Purchase => "purchase",
                    Purpose::Renewal => "renewal",
                    Purpose::OneTime => "one_time",
                    Purpose::Change => "change",
                    Purpose::Usage => "usage",
                }
                .to_owned(),
                cycle: invoice.cycle,
                amount: invoice.amount.to_string(),
                state: match invoice.state {
                    InvoiceState::Open => "open",
                    InvoiceState::Settled { .. } => "settled",
                    InvoiceState::Void { .. } => "void",
                }
                .to_owned(),
                period: invoice
                    .period
                    .map(|period| (day(&period.start.to_string()), day(&period.end.to_string()))),
                pay_url: invoice.pay_url,
            })
            .collect()
    }
}

impl Library {
    async fn ask(&self, subscription: &str, target: Target<'_>) -> ChangeAsk {
        let catalog = self.billing.catalog().await.unwrap();
        let plan = catalog
            .catalog
            .plan(target.what)
            .map(|plan| plan.key.clone());
        let price = (plan.is_none() && target.what != "-").then(|| target.what.parse().unwrap());
        ChangeAsk {
            subscription: subscription.parse().unwrap(),
            plan,
            price,
            quantity: target.pieces,
        }
    }
}

fn quote_seen(quote: &Quote) -> QuoteSeen {
    let next = quote
        .next_charge
        .map(|next| format!("{} on {}", next.amount, day(&next.at.to_string())));
    let loses = quote.loses.iter().map(|loss| match loss {
        Loss::PriceLock { .. } => "price_lock".to_owned(),
        Loss::Discount => "discount".to_owned(),
        Loss::ScheduledChange => "scheduled_change".to_owned(),
        Loss::Entitlement { feature, .. } => feature.to_string(),
        Loss::PaidTime { .. } => "paid_time".to_owned(),
    });
    QuoteSeen {
        id: quote.id.to_string(),
        owed: quote.owed_now.to_string(),
        effective: match quote.timing {
            Timing::AtOnce => "now".to_owned(),
            Timing::PeriodEnd => day(&quote.effective_at.to_string()),
        },
        next,
        loses: loses.collect(),
    }
}

fn state_of(accepted: Result<ChangeAccepted, ChangeError>) -> Result<String, Refused> {
    accepted
        .map(|accepted| accepted.change.state.as_str().to_owned())
        .map_err(|error| code_of(&error))
}

fn code_of(error: &ChangeError) -> Refused {
    match error {
        ChangeError::NotFound => "not_found",
        ChangeError::Expired => "quote_expired",
        ChangeError::Stale => "quote_stale",
        ChangeError::Refused(refusal) => refusal.code(),
        ChangeError::NotOpen(_) => "illegal_transition",
        ChangeError::ProviderRefused(_) => "payment_required",
        ChangeError::Provider => "provider_error",
        ChangeError::Engine(error) => return error.to_string(),
    }
    .to_owned()
}

fn denied(reason: DenyReason, needed: Option<&billing_domain::catalog::PlanKey>) -> String {
    let needs = needed
        .map(|plan| format!(", needs {plan}"))
        .unwrap_or_default();
    format!("no, {}{needs}", reason.as_str())
}

/// When it ends, or ended, by cancellation.
fn ends_at(held: &Subscription) -> Option<Timestamp> {
    match held.state {
        State::Canceled { ends_at } => Some(ends_at),
        State::Incomplete
        | State::Trialing { .. }
        | State::Active
        | State::PastDue { .. }
        | State::Paused { .. }
        | State::Lapsed { .. }
        | State::Expired { .. } => held.cancellation.map(|to_come| to_come.ends_at),
    }
}
