//! Plans and prices, and the form that begins a checkout.

use billing_domain::catalog::{Billing, Catalog, Plan, PlanKey, Price, PriceKey, QuantityRule};
use billing_domain::money::Money;
use billing_domain::time::{Interval, Timestamp};
use billing_engine::{CheckoutError, CheckoutRequest, EngineError, What};
use maud::{Markup, html};
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::describe;
use super::layout::{Page, not_found, unavailable};
use super::origin::is_ours;
use super::{Pages, see_other};

/// Bytes of a form: a key and a number, with room for what browsers add.
const MAX_FORM: usize = 4_096;

/// What a buyer chose.
#[derive(Default)]
struct Chosen {
    price: Option<String>,
    plan: Option<String>,
    quantity: Option<String>,
}

/// What is on sale, lowest rank first.
#[handler]
pub(super) async fn show(Data(pages): Data<&Pages>) -> Response {
    page(pages, StatusCode::OK, None).await
}

/// Begins a checkout as a guest and sends the buyer to the provider's page.
#[handler]
pub(super) async fn checkout(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    if !is_ours(request, &pages.public_url) {
        let words = "This form was sent from another site. Please choose a plan here.";
        return page(pages, StatusCode::FORBIDDEN, Some(words)).await;
    }
    let time = pages.state.options.body_timeout;
    let read = tokio::time::timeout(time, body.into_bytes_limit(MAX_FORM)).await;
    let chosen = match read {
        Ok(Ok(form)) => Chosen::of(&form),
        Ok(Err(_)) | Err(_) => Chosen::default(),
    };
    let Some(ask) = chosen.request(&pages.public_url) else {
        return page(pages, StatusCode::BAD_REQUEST, Some(UNREADABLE)).await;
    };
    let plan = chosen.plan.unwrap_or_default();
    match pages.state.billing.checkout(ask).await {
        Ok(opened) => match opened.url {
            Some(url) => see_other(&url),
            // Nothing is owed: what has a price has a checkout to look at, a free plan has none.
            None if plan.is_empty() => {
                see_other(&format!("/checkout/success?checkout={}", opened.id))
            }
            None => see_other(&format!("/checkout/success?plan={plan}")),
        },
        Err(CheckoutError::Engine(EngineError::Disabled)) => not_found(),
        Err(error) => {
            tracing::warn!(%error, "checkout not opened");
            let (status, words) = refusal(&error);
            page(pages, status, Some(words)).await
        }
    }
}

const UNREADABLE: &str = "We could not read your choice. Please choose a plan again.";

impl Chosen {
    /// Reads a form; what it does not know is left out.
    fn of(form: &[u8]) -> Self {
        let mut chosen = Self::default();
        for (name, value) in url::form_urlencoded::parse(form) {
            let value = Some(value.into_owned());
            match name.as_ref() {
                "price" => chosen.price = value,
                "plan" => chosen.plan = value,
                "quantity" => chosen.quantity = value,
                _ => {}
            }
        }
        chosen
    }

    /// The checkout to open. `None`: the form makes no sense.
    fn request(&self, public_url: &str) -> Option<CheckoutRequest> {
        let what = match (&self.price, &self.plan) {
            (Some(price), None) => What::Price(PriceKey::new(price).ok()?),
            (None, Some(plan)) => What::Plan(PlanKey::new(plan).ok()?, None),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        let quantity = match self.quantity.as_deref().map(str::trim) {
            None | Some("") => None,
            Some(text) => Some(text.parse().ok()?),
        };
        Some(CheckoutRequest {
            customer: None,
            email: None,
            what,
            quantity,
            provider: None,
            code: None,
            negotiated: None,
            success_url: format!("{public_url}/checkout/success?checkout={{checkout}}"),
            cancel_url: format!("{public_url}/checkout/cancel"),
        })
    }
}

/// What a refusal says to the buyer.
const fn refusal(error: &CheckoutError) -> (StatusCode, &'static str) {
    match error {
        CheckoutError::NotSold | CheckoutError::NoSuchCustomer | CheckoutError::NoSuchTerms => (
            StatusCode::NOT_FOUND,
            "This price is no longer on sale. Here is what we offer today.",
        ),
        CheckoutError::Quantity | CheckoutError::Amount => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "This plan is not sold in that quantity. Please choose another.",
        ),
        CheckoutError::Code(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "This discount code does not work here.",
        ),
        CheckoutError::AlreadyGranted => (StatusCode::CONFLICT, "You have this plan already."),
        CheckoutError::NoProvider => (
            StatusCode::SERVICE_UNAVAILABLE,
            "This price cannot be paid here yet. Please write to us.",
        ),
        CheckoutError::Provider => (
            StatusCode::BAD_GATEWAY,
            "The payment provider did not answer. Nothing was charged; please try again in a moment.",
        ),
        CheckoutError::Engine(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "We cannot take orders just now. Nothing was charged; please try again in a moment.",
        ),
    }
}

async fn page(pages: &Pages, status: StatusCode, problem: Option<&str>) -> Response {
    let billing = &pages.state.billing;
    let Some(clock) = billing.clock() else {
        return not_found();
    };
    let now = clock.now();
    let revision = match billing.catalog().await {
        Ok(revision) => revision,
        Err(EngineError::NoCatalog | EngineError::Disabled) => return not_found(),
        Err(error) => {
            tracing::error!(%error, "pricing page not shown");
            return unavailable();
        }
    };
    let catalog = &revision.catalog;
    Page {
        title: &format!("Plans and prices: {}", catalog.product()),
        product: catalog.product(),
        refresh: false,
        body: body(catalog, now, problem),
    }
    .answer(status)
}

/// The plans on offer at `now`, lowest rank first.
fn body(catalog: &Catalog, now: Timestamp, problem: Option<&str>) -> Markup {
    html! {
        div class="hero" {
            h1 { "Plans and prices" }
            p { "Choose what fits. You pay on the next page, at our payment provider." }
        }
        @if let Some(problem) = problem {
            p class="problem" role="alert" { (problem) }
        }
        ul class="plans" {
            @for plan in catalog.plans_by_rank() {
                @if plan.on_offer_at(now) { li { (card(catalog, plan, now)) } }
            }
        }
    }
}

fn card(catalog: &Catalog, plan: &Plan, now: Timestamp) -> Markup {
    let heading = format!("plan-{}", plan.key);
    html! {
        article aria-labelledby=(heading) {
            header {
                h2 id=(heading) { bdi { (plan.name) } }
                @if let Some(trial) = plan.trial {
                    span class="badge trial" { (describe::length(trial)) " free" }
                }
            }
            p class="about" { bdi { (plan.description) } }
            (offers(catalog, plan, now))
            ul class="features" {
                @for feature in describe::features(catalog, plan) {
                    li {
                        bdi { (feature.name) }
                        @if let Some(value) = feature.value { ": " strong { (value) } }
                    }
                }
            }
        }
    }
}

fn offers(catalog: &Catalog, plan: &Plan, now: Timestamp) -> Markup {
    let is_newcomer = catalog
        .newcomer_plan()
        .is_some_and(|newcomer| newcomer.key == plan.key);
    html! {
        div class="offers" {
            @if plan.is_free() && is_newcomer {
                div {
                    (free_amount(catalog))
                    p class="small" { "Everybody has this plan; there is nothing to buy." }
                }
            } @else if plan.is_free() {
                (offer(catalog, plan, None, None))
            } @else {
                @let monthly = sold(catalog, plan, now).find(|price| is_monthly(price));
                @for price in sold(catalog, plan, now) { (offer(catalog, plan, Some(price), monthly)) }
            }
        }
    }
}

fn free_amount(catalog: &Catalog) -> Markup {
    html! { p class="amount" { (describe::money(Money::new(0, catalog.currency()))) } }
}

fn sold<'a>(
    catalog: &'a Catalog,
    plan: &'a Plan,
    now: Timestamp,
) -> impl Iterator<Item = &'a Price> {
    let prices = plan.prices.iter();
    prices.filter(move |price| catalog.is_sold_at(price.key.as_str(), now))
}

fn is_monthly(price: &Price) -> bool {
    price.interval == Billing::Recurring(Interval::MONTH)
}

/// One price with its button; `None`: a free plan.
fn offer(catalog: &Catalog, plan: &Plan, price: Option<&Price>, monthly: Option<&Price>) -> Markup {
    let id = price.map_or(plan.key.as_str(), |price| price.key.as_str());
    let saving = price.and_then(|price| describe::yearly_saving(monthly, price));
    html! {
        form method="post" action="/pricing/checkout" {
            @match price {
                Some(price) => {
                    input type="hidden" name="price" value=(price.key);
                    p class="amount" {
                        (describe::money(price.amount))
                        " " small {
                            @if plan.quantity.is_some() { "each " }
                            (describe::rhythm(price.interval))
                        }
                    }
                }
                None => {
                    input type="hidden" name="plan" value=(plan.key);
                    (free_amount(catalog))
                }
            }
            @if let Some(saving) = saving {
                p class="saving" { "Saves " (describe::money(saving)) }
            }
            @if let (Some(rule), Some(_)) = (&plan.quantity, price) { (quantity(rule, id)) }
            (button(plan, price))
        }
    }
}

fn quantity(rule: &QuantityRule, id: &str) -> Markup {
    let field = format!("quantity-{id}");
    html! {
        label for=(field) { "How many " (rule.feature) }
        input id=(field) type="number" name="quantity" inputmode="numeric" required
            min=(rule.min) max=(rule.max) step=(rule.step) value=(rule.min);
    }
}

/// What the button says. The plan's name is for those who hear the page, since
/// several buttons stand on it.
fn button(plan: &Plan, price: Option<&Price>) -> Markup {
    let verb = match (price.map(|price| price.interval), plan.trial) {
        (Some(Billing::Recurring(_)), Some(_)) => "Try",
        (None, _) => "Take it",
        (Some(Billing::Recurring(_) | Billing::Once), _) => "Buy",
    };
    let way = match price.map(|price| price.interval) {
        None | Some(Billing::Once) => String::new(),
        Some(Billing::Recurring(Interval::MONTH)) => " monthly".to_owned(),
        Some(Billing::Recurring(Interval::YEAR)) => " yearly".to_owned(),
        Some(recurring @ Billing::Recurring(_)) => format!(" {}", describe::rhythm(recurring)),
    };
    html! { button type="submit" { (verb) (way) span class="unseen" { ": " bdi { (plan.name) } } } }
}
