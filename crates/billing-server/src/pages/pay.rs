//! Where Paddle's checkout opens: the one page with a script, since Paddle has
//! no page of its own to pay at.
//!
//! Paddle leads here with the transaction in the address, from our checkouts and
//! from its own mail (a card to be renewed, a payment that failed). What is shown
//! of a checkout is looked up; the address is believed in nothing else.

use billing_domain::checkout::Checkout;
use billing_domain::provider::{ProviderAccount, ProviderKey, ProviderRef, RefKind};
use billing_ports::store::{Also, Locator, StoreError};
use maud::{Markup, html};
use poem::http::StatusCode;
use poem::web::{Data, Query};
use poem::{Response, handler};
use serde::Deserialize;
use url::Url;

use super::Pages;
use super::assets::paddle_script_address;
use super::layout::{Page, not_found};

/// Longest transaction id: Paddle's have 30 characters.
const ID_MAX: usize = 64;

/// Paddle's script; it says itself that it must come from there.
const PADDLE_SCRIPT: &str = "https://cdn.paddle.com/paddle/v2/paddle.js";

/// What a page that opens Paddle's checkout has to say to Paddle's script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PaddlePage {
    /// The client-side token: public, and good for opening checkouts alone.
    pub(crate) client_token: String,
}

impl PaddlePage {
    /// Paddle's word for where the token is of.
    fn environment(&self) -> &'static str {
        if self.client_token.starts_with("test_") {
            "sandbox"
        } else {
            "production"
        }
    }

    /// What the page may load: what Paddle's script loads, from Paddle alone, and
    /// no script inline. Where that script lays its frame over the page it does so
    /// by style attributes, which can show things and run nothing.
    fn content_policy(&self) -> String {
        let of = match self.environment() {
            "sandbox" => "https://sandbox-",
            _ => "https://",
        };
        // The first script is the same for both; what it loads then is not.
        let cdn = match self.environment() {
            "sandbox" => "https://cdn.paddle.com https://sandbox-cdn.paddle.com",
            _ => "https://cdn.paddle.com",
        };
        format!(
            "default-src 'none'; script-src 'self' {cdn}; style-src 'self' {cdn}; \
             style-src-attr 'unsafe-inline'; img-src 'self' {cdn}; \
             connect-src {of}api.paddle.com {of}buy.paddle.com {of}create-checkout.paddle.com \
             {of}checkout-service.paddle.com; \
             frame-src {cdn} {of}buy.paddle.com {of}create-checkout.paddle.com; \
             form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        )
    }
}

#[derive(Deserialize)]
struct Led {
    #[serde(rename = "_ptxn")]
    transaction: Option<String>,
}

/// Opens the checkout of a transaction.
#[handler]
pub(super) async fn pay(Data(pages): Data<&Pages>, query: poem::Result<Query<Led>>) -> Response {
    let (Some(paddle), Ok(Query(led))) = (&pages.state.paddle, query) else {
        return not_found();
    };
    let Some(transaction) = led.transaction.filter(|id| is_transaction(id)) else {
        return not_found();
    };
    let held = held(pages, &transaction).await.unwrap_or_else(|error| {
        // Paying depends on Paddle alone; what we know is told where we know it.
        tracing::warn!(%error, "a checkout to be paid was not looked up");
        None
    });
    let catalog = pages.state.billing.catalog().await.ok();
    let product = catalog.as_ref().map(|revision| revision.catalog.product());
    let plan = held.as_ref().map(|checkout| {
        let key = checkout.terms.plan.as_str();
        let plan = catalog.as_ref().and_then(|it| it.catalog.plan(key));
        plan.map_or(key, |plan| plan.name.as_str())
    });
    let next = held.as_ref().map(after);
    let page = Page {
        title: "Payment",
        product: product.unwrap_or_default(),
        refresh: false,
        body: told(paddle, &transaction, plan, next.as_deref()),
    };
    let mut answer = page.answer(StatusCode::OK);
    let headers = [
        ("content-security-policy", paddle.content_policy()),
        // Paddle opens checkouts on approved domains only, and has to see which
        // one this is; the rest of the address stays here.
        (
            "referrer-policy",
            "strict-origin-when-cross-origin".to_owned(),
        ),
    ];
    for (name, value) in headers {
        if let Ok(value) = value.try_into() {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// Whether it may be an id of Paddle's: it goes into the page and into a query.
fn is_transaction(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    id.len() <= ID_MAX
        && id
            .strip_prefix("txn_")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain))
}

/// The checkout that a transaction is of. `None`: it is of none that is open.
async fn held(pages: &Pages, transaction: &str) -> Result<Option<Checkout>, StoreError> {
    let (Some(store), Ok(provider)) = (pages.state.billing.store(), "paddle".parse()) else {
        return Ok(None);
    };
    let provider: ProviderKey = provider;
    let reference = ProviderRef {
        account: ProviderAccount::main(provider),
        kind: RefKind::Checkout,
        id: transaction.to_owned(),
    };
    let Some(customer) = store.find(&Locator::Provider(reference)).await? else {
        return Ok(None);
    };
    let loaded = store.load(customer, &Also::default()).await?;
    let checkouts = loaded.map(|loaded| loaded.account.checkouts);
    Ok(checkouts
        .unwrap_or_default()
        .into_iter()
        .find(|checkout| checkout.reference() == Some(transaction)))
}

/// Where a buyer is led after paying: where the checkout says, or to our own page.
fn after(checkout: &Checkout) -> String {
    let told = Url::parse(&checkout.success_url);
    let fit = told.is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if fit {
        checkout.success_url.clone()
    } else {
        format!("/checkout/success?checkout={}", checkout.id)
    }
}

fn told(paddle: &PaddlePage, transaction: &str, plan: Option<&str>, next: Option<&str>) -> Markup {
    html! {
        section class="notice wait" id="pay"
            data-environment=(paddle.environment()) data-token=(paddle.client_token)
            data-transaction=(transaction) data-next=[next] {
            h1 { "Payment" }
            @if let Some(plan) = plan {
                p { "You are about to buy " strong { bdi { (plan) } } "." }
            }
            p { "Paddle, our reseller, takes the payment: its form opens over this page." }
            noscript {
                p {
                    "Paddle's form needs JavaScript, which is off in this browser. Nothing was "
                    "charged. Switch it on for this page and load it again, or open this address "
                    "in another browser."
                }
            }
            div aria-live="polite" {
                p data-state="closed" hidden { "The form was closed, and nothing was charged." }
                p data-state="failed" hidden {
                    "Paddle could not open this payment. It may be paid already, or be too old; "
                    "please try again, or begin anew."
                }
                p data-state="blocked" hidden {
                    "Paddle's form could not be loaded. Something in this browser or its network "
                    "keeps cdn.paddle.com away; allow it, and load this page again."
                }
                p data-state="completed" hidden { "Thank you: Paddle has what it needs." }
            }
            p data-state="closed" hidden {
                button type="button" class="button" data-again { "Open the form again" }
            }
            p data-state="failed" hidden {
                button type="button" class="button" data-again { "Try again" }
            }
            p {
                @if let Some(next) = next {
                    a href=(next) { "I have paid already" }
                    " · "
                }
                a href="/pricing" { "Plans and prices" }
            }
        }
        script src=(PADDLE_SCRIPT) defer {}
        script src=(paddle_script_address()) defer {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_plain() {
        assert!(is_transaction("txn_01h7zjzqm1h7j5x5x7y3z5k2gq"));
        for wrong in [
            "",
            "txn_",
            "txn_A",
            "sub_1",
            "txn_1\"",
            "txn_1 onload=",
            "txn_é",
            &"txn_1".repeat(20),
        ] {
            assert!(!is_transaction(wrong), "{wrong}");
        }
    }

    #[test]
    fn each_environment_has_its_own_hosts_and_no_script_inline() {
        for (client_token, name, theirs, not_theirs) in [
            (
                "test_1",
                "sandbox",
                "//sandbox-buy.paddle.com",
                " https://buy.",
            ),
            ("live_1", "production", " https://buy.paddle.com", "sandbox"),
        ] {
            let page = PaddlePage {
                client_token: client_token.to_owned(),
            };
            assert_eq!(page.environment(), name);
            let policy = page.content_policy();
            assert!(policy.contains(theirs), "{policy}");
            assert!(!policy.contains(not_theirs), "{policy}");
            let scripts = policy.split("; ").find(|it| it.starts_with("script-src "));
            let scripts = scripts.unwrap();
            assert!(!scripts.contains("unsafe"), "{scripts}");
            for source in scripts.split(' ').skip(1) {
                assert!(
                    source == "'self'" || source.ends_with("cdn.paddle.com"),
                    "{source}"
                );
            }
        }
    }
}
