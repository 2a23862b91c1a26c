//! Beginning a checkout: one attempt to pay.

use jiff::SignedDuration;

use crate::catalog::{CatalogRevision, Plan};
use crate::checkout::{Checkout, CheckoutState};
use crate::decide::grant::add_grant;
use crate::decide::start::start_subscription;
use crate::decision::Draft;
use crate::discounted::DiscountedSale;
use crate::effect::{EffectKey, OpenCheckout, Order};
use crate::grant::GrantReason;
use crate::ids::{CheckoutId, EffectId, InvoiceId, SubscriptionId};
use crate::invoice::{Invoice, InvoiceState};
use crate::journal::Event;
use crate::money::MoneyError;
use crate::provider::ProviderAccount;
use crate::subscription::Subscription;
use crate::terms::Terms;
use crate::time::{Timestamp, shifted};

/// How long a hosted page can be paid at: a day lets a buyer fetch a card and
/// an approval, and is the longest that every provider grants.
pub const CHECKOUT_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// What a buyer asks for; everything that costs comes from the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutAsk {
    /// The checkout's id: drawn beforehand, since a discount code's use is
    /// reserved under it.
    pub id: CheckoutId,
    /// What people read: "Acme Storage, Team".
    pub description: String,
    /// What is bought. `None`: a plan that costs nothing.
    pub terms: Option<Terms>,
    /// Where it is paid.
    pub provider: ProviderAccount,
    /// Whether that provider runs the schedule.
    pub owns_schedule: bool,
    /// Where the buyer returns after paying; `{checkout}` stands for the checkout's id.
    pub success_url: String,
    /// Where the buyer returns without paying; likewise.
    pub cancel_url: String,
    /// A hash of the one-time secret that the caller is given.
    pub secret_hash: String,
}

/// Why there is nothing to check out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckoutRefusal {
    /// The plan is held by a grant without end already.
    #[error("the plan is granted already")]
    AlreadyGranted,
    /// The amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// A checkout that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The checkout.
    pub checkout: CheckoutId,
    /// The effect that opens its page. `None`: nothing is owed, and it is complete.
    pub effect: Option<EffectId>,
}

/// Begins a checkout of `plan`. What costs nothing is complete at once and asks
/// no provider.
///
/// # Errors
///
/// [`CheckoutRefusal`], and nothing changes.
pub fn begin_checkout(
    draft: &mut Draft,
    plan: &Plan,
    ask: CheckoutAsk,
    catalog: &CatalogRevision,
) -> Result<Begun, CheckoutRefusal> {
    let now = draft.now();
    // What is granted for a while can be bought before it ends.
    let granted = draft
        .account
        .grants
        .iter()
        .any(|grant| grant.plan == plan.key && grant.is_live(now) && grant.ends_at.is_none());
    if granted {
        return Err(CheckoutRefusal::AlreadyGranted);
    }
    // What gives a license is held by a subscription, which the license shows.
    let gratis = ask.terms.is_none().then(|| Terms::gratis(catalog, plan));
    let gratis = gratis.flatten();
    let holds = |held: &Subscription| {
        held.terms.plan == plan.key && held.terms.price.is_none() && !held.is_over()
    };
    if gratis.is_some() && draft.account.subscriptions.iter().any(holds) {
        return Err(CheckoutRefusal::AlreadyGranted);
    }
    let id = ask.id;
    let subscription: SubscriptionId = draft.id();
    let invoice: InvoiceId = draft.id();
    let Some(terms) = ask.terms.or(gratis) else {
        draft.note(Event::CheckoutCreated, |entry| entry.checkout = Some(id));
        add_grant(draft, plan.key.clone(), GrantReason::FreePlan, None);
        draft.note(Event::CheckoutCompleted, |entry| entry.checkout = Some(id));
        return Ok(Begun {
            checkout: id,
            effect: None,
        });
    };
    let amount = terms.priced(terms.first_charged())?.rate;
    // What costs something later needs somewhere to pay then, though not today.
    let never_charged = terms.is_free();
    let free = terms.asks_nobody(ask.owns_schedule)?;
    let named = |url: &str| url.replace("{checkout}", &id.to_string());
    let checkout = Checkout {
        id,
        subscription,
        invoice,
        terms,
        provider: (!never_charged).then(|| ask.provider.clone()),
        owns_schedule: ask.owns_schedule && !free,
        success_url: named(&ask.success_url),
        cancel_url: named(&ask.cancel_url),
        secret_hash: ask.secret_hash,
        conversion: None,
        state: CheckoutState::Opening,
        created_at: now,
        expires_at: shifted(now, CHECKOUT_LIFETIME),
    };
    draft.note(Event::CheckoutCreated, |entry| {
        entry.checkout = Some(id);
        entry.money = Some(amount);
    });
    if free {
        let done = Checkout {
            state: CheckoutState::Completed {
                at: now,
                reference: None,
            },
            ..checkout
        };
        draft.account.put_checkout(done.clone());
        draft.note(Event::CheckoutCompleted, |entry| entry.checkout = Some(id));
        settle_code(draft, &done, true);
        start_subscription(draft, &done, None, now, catalog);
        return Ok(Begun {
            checkout: id,
            effect: None,
        });
    }
    let sale = DiscountedSale::of(&checkout.terms, now)?;
    let order = OpenCheckout {
        provider: ask.provider.clone(),
        checkout: id,
        customer: draft.account.customer.id,
        external_ref: draft.account.customer.external_ref.clone(),
        customer_ref: draft.account.reference_at(&ask.provider).map(str::to_owned),
        email: draft.account.customer.email.clone(),
        description: ask.description,
        amount,
        quantity: checkout.terms.quantity,
        price_ref: checkout.terms.price_ref.clone(),
        // Whoever runs no schedule is told what is owed, and no more.
        discount: sale.filter(|_| ask.owns_schedule).map(|sale| sale.discount),
        recurring: checkout.terms.billing.interval(),
        trial_end: checkout.terms.trial.map(|trial| shifted(now, trial)),
        success_url: checkout.success_url.clone(),
        cancel_url: checkout.cancel_url.clone(),
        expires_at: checkout.expires_at,
    };
    draft.account.put_checkout(checkout);
    let effect = draft.order(EffectKey::checkout(id), Order::OpenCheckout(order));
    Ok(Begun {
        checkout: id,
        effect: Some(effect),
    })
}

/// Ends an open checkout that was not paid in time.
pub(super) fn expire(draft: &mut Draft, id: CheckoutId, at: Timestamp) {
    let Some(checkout) = draft
        .account
        .checkout(id)
        .filter(|held| held.is_open())
        .cloned()
    else {
        return;
    };
    let reference = checkout.reference().map(str::to_owned);
    if let Some(reference) = &reference {
        close_page(draft, &checkout, reference);
    }
    let state = CheckoutState::Expired { at, reference };
    settle_code(draft, &checkout, false);
    owe_no_more(draft, &checkout, at);
    draft.account.put_checkout(Checkout { state, ..checkout });
    draft.note(Event::CheckoutExpired, |entry| entry.checkout = Some(id));
}

/// What is owed for a checkout, since its money was on its way, is owed no longer.
pub(super) fn owe_no_more(draft: &mut Draft, checkout: &Checkout, at: Timestamp) {
    let owed = draft.account.invoice(checkout.invoice).cloned();
    if let Some(invoice) = owed.filter(|owed| owed.is_open() && owed.payments.is_empty()) {
        draft.account.put_invoice(Invoice {
            state: InvoiceState::Void { at },
            ..invoice
        });
    }
}

/// Orders that the use of a checkout's discount code be counted, or given back.
pub(super) fn settle_code(draft: &mut Draft, checkout: &Checkout, used: bool) {
    let discount = checkout.terms.discount.as_ref();
    if let Some(code) = discount.and_then(|discount| discount.code) {
        let order = Order::SettleCode {
            code,
            checkout: checkout.id,
            used,
        };
        draft.order(EffectKey::code(checkout.id, used), order);
    }
}

/// Orders that the provider's page of this checkout be closed.
pub(super) fn close_page(draft: &mut Draft, checkout: &Checkout, reference: &str) {
    if let Some(provider) = checkout.provider.clone() {
        let order = Order::ExpireCheckout {
            provider,
            checkout: checkout.id,
            reference: reference.to_owned(),
        };
        draft.order(EffectKey::expire_checkout(checkout.id), order);
    }
}
