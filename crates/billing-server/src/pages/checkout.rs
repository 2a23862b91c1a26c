//! Where buyers return to. A visit changes nothing: what was bought comes by
//! the provider's webhook, and this page waits for it.

use billing_domain::catalog::{Billing, Catalog};
use billing_domain::checkout::{Checkout, CheckoutState};
use billing_domain::ids::CheckoutId;
use billing_domain::subscription::{State, Subscription};
use billing_engine::EngineError;
use billing_ports::store::{Also, Locator};
use maud::{Markup, html};
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::{Data, Query};
use poem::{Response, handler};
use serde::Deserialize;

use super::Pages;
use super::describe;
use super::layout::{Page, not_found, unavailable};
use super::policy::policy_while_waiting;

/// Which checkout, or which free plan.
#[derive(Deserialize)]
struct Returned {
    checkout: Option<String>,
    plan: Option<String>,
}

/// What a success page shows.
struct Bought {
    checkout: Checkout,
    subscription: Option<Subscription>,
}

/// What became of a checkout.
#[handler]
pub(super) async fn success(
    Data(pages): Data<&Pages>,
    query: poem::Result<Query<Returned>>,
) -> Response {
    let Ok(Query(returned)) = query else {
        return not_found();
    };
    let catalog = match pages.state.billing.catalog().await {
        Ok(catalog) => catalog,
        Err(EngineError::Disabled | EngineError::NoCatalog) => return not_found(),
        Err(error) => return failed(&error),
    };
    if let Some(key) = returned.plan {
        return free(&catalog.catalog, &key);
    }
    let id: Option<CheckoutId> = returned.checkout.and_then(|id| id.parse().ok());
    let Some(id) = id else {
        return not_found();
    };
    match bought(pages, id).await {
        Ok(Some(bought)) => bought.page(pages, &catalog.catalog),
        Ok(None) => not_found(),
        Err(error) => failed(&error),
    }
}

/// Nothing was bought, and nothing is written.
#[handler]
pub(super) async fn canceled(Data(pages): Data<&Pages>) -> Response {
    let catalog = pages.state.billing.catalog().await.ok();
    let product = catalog.as_ref().map(|revision| revision.catalog.product());
    Page {
        title: "Checkout canceled",
        product: product.unwrap_or_default(),
        refresh: false,
        body: html! {
            section class="notice quiet" {
                h1 { "Checkout canceled" }
                p { "Nothing was bought and nothing was charged." }
                p { a class="button" href="/pricing" { "Back to plans and prices" } }
            }
        },
    }
    .answer(StatusCode::OK)
}

fn failed(error: &EngineError) -> Response {
    tracing::error!(%error, "page not shown");
    unavailable()
}

async fn bought(pages: &Pages, id: CheckoutId) -> Result<Option<Bought>, EngineError> {
    let Some(store) = pages.state.billing.store() else {
        return Ok(None);
    };
    let Some(customer) = store.find(&Locator::Checkout(id)).await? else {
        return Ok(None);
    };
    let also = Also {
        checkouts: vec![id],
        ..Also::default()
    };
    let Some(loaded) = store.load(customer, &also).await? else {
        return Ok(None);
    };
    let Some(checkout) = loaded.account.checkout(id).cloned() else {
        return Ok(None);
    };
    let held = loaded.account.subscriptions;
    let subscription = held
        .into_iter()
        .find(|held| held.id == checkout.subscription);
    Ok(Some(Bought {
        checkout,
        subscription,
    }))
}

impl Bought {
    fn page(&self, pages: &Pages, catalog: &Catalog) -> Response {
        let plan = self.checkout.terms.plan.as_str();
        let name = catalog.plan(plan).map_or(plan, |plan| plan.name.as_str());
        let (title, refresh, body) = match (&self.checkout.state, &self.subscription) {
            (CheckoutState::Completed { .. }, Some(subscription)) => (
                "Thank you",
                false,
                thanks(name, &self.checkout, subscription),
            ),
            (CheckoutState::Expired { .. } | CheckoutState::Canceled { .. }, _) => {
                ("Not completed", false, not_completed(name))
            }
            (
                CheckoutState::Opening
                | CheckoutState::Open { .. }
                | CheckoutState::Pending { .. }
                | CheckoutState::Completed { .. },
                _,
            ) => ("Waiting for your payment", true, waiting(name)),
        };
        let page = Page {
            title,
            product: catalog.product(),
            refresh,
            body,
        };
        let mut answer = page.answer(StatusCode::OK);
        if let (true, Ok(policy)) = (
            refresh,
            HeaderValue::try_from(policy_while_waiting(&pages.public_url)),
        ) {
            let headers = answer.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        answer
    }
}

fn thanks(name: &str, checkout: &Checkout, subscription: &Subscription) -> Markup {
    let (word, class) = describe::status(subscription.status());
    let terms = &subscription.terms;
    html! {
        section class="notice good" {
            h1 { "Thank you" }
            p { "You have " strong { bdi { (name) } } ". " span class={ "badge " (class) } { (word) } }
            dl {
                @if let Ok(amount) = terms.amount() {
                    dt { "Price" }
                    dd { (describe::money(amount)) " " (describe::rhythm(terms.billing)) }
                }
                @if terms.quantity > 1 {
                    dt { "Quantity" }
                    dd { (terms.quantity) }
                }
                @match (terms.billing, subscription.current_period()) {
                    (Billing::Recurring(_), Some(period)) => {
                        dt { @if subscription.cancellation.is_some() { "Until" } @else { "Renews" } }
                        dd { (describe::day(period.end)) }
                    }
                    (Billing::Once, _) => {
                        dt { "Renews" }
                        dd { "Never: paid once" }
                    }
                    (Billing::Recurring(_), None) => {}
                }
                @if let State::Trialing { ends_at, .. } = subscription.state {
                    dt { "Free until" }
                    dd { (describe::day(ends_at)) }
                }
                dt { "Order" }
                dd class="small" { (checkout.id) }
            }
            p { a href="/pricing" { "Plans and prices" } }
        }
    }
}

fn waiting(name: &str) -> Markup {
    html! {
        section class="notice wait" aria-live="polite" {
            h1 { "Waiting for your payment" }
            p {
                "We have not heard from the payment provider yet. This page looks again by itself; "
                strong { bdi { (name) } } " is yours as soon as the payment is confirmed. "
                span class="badge quiet" { "Pending" }
            }
            p { a href="" { "Look again now" } }
        }
    }
}

fn not_completed(name: &str) -> Markup {
    html! {
        section class="notice quiet" {
            h1 { "Not completed" }
            p { "This checkout of " bdi { (name) } " was not paid and is closed. Nothing was charged." }
            p { a class="button" href="/pricing" { "Back to plans and prices" } }
        }
    }
}

fn free(catalog: &Catalog, key: &str) -> Response {
    let Some(plan) = catalog.plan(key).filter(|plan| plan.is_free()) else {
        return not_found();
    };
    Page {
        title: "Thank you",
        product: catalog.product(),
        refresh: false,
        body: html! {
            section class="notice good" {
                h1 { "Thank you" }
                p { strong { bdi { (plan.name) } } " costs nothing: there is nothing to pay." }
                p { a href="/pricing" { "Plans and prices" } }
            }
        },
    }
    .answer(StatusCode::OK)
}
