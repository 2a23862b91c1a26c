//! Upgrading by the license key, which is the credential; and an operator's
//! change of what a license shows.

use billing_domain::catalog::ChangeKind;
use billing_domain::ids::{LicenseId, QuoteId};
use billing_domain::quote::Quote;
use billing_engine::{LicenseHeld, QuoteError, QuoteRefusal};
use poem::Request;
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::key::holder;
use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::changes::{ForceBody, forced};
use crate::api::quotes::change_ask;
use crate::api::views::{ChangeView, QuoteView};
use crate::api::{Answer, Group};
use crate::auth::WriteKey;
use crate::problem::Problem;
use crate::quote_token;
use crate::state::AppState;

/// What a client may state besides, and what is never believed: amounts come from
/// the catalog.
const AMOUNTS: [&str; 4] = ["amount", "owed_now", "currency", "unit"];

/// What is wanted instead of what the license shows; at least one of plan, price
/// and quantity.
#[derive(Debug, Object)]
#[oai(rename = "UpgradeQuote")]
pub(crate) struct UpgradeQuoteBody {
    /// The license key: the credential.
    license_key: String,
    /// The plan. Absent: the price's, or the present one.
    plan: Option<String>,
    /// The price. Absent: the plan's, in the present currency and interval where
    /// it is sold so.
    price: Option<String>,
    /// Pieces. Absent: as many as now.
    quantity: Option<u32>,
}

impl ReadBody for UpgradeQuoteBody {
    fn read(fields: &mut Fields) -> Self {
        let (license_key, wanted) = (
            fields.required_credential("license_key"),
            Wanted::read(fields),
        );
        if wanted.is_empty() {
            fields.wrong("plan", "plan, price or quantity is required");
        }
        let Wanted {
            plan,
            price,
            quantity,
        } = wanted;
        Self {
            license_key,
            plan,
            price,
            quantity,
        }
    }
}

/// Either a quote, or what is wanted.
#[derive(Debug, Object)]
#[oai(rename = "Upgrade")]
pub(crate) struct UpgradeBody {
    /// The license key: the credential.
    license_key: String,
    /// The quote that is accepted, by its id.
    quote: Option<String>,
    /// Without a quote: the plan. Absent: the price's, or the present one.
    plan: Option<String>,
    /// Without a quote: the price. Absent: the plan's.
    price: Option<String>,
    /// Without a quote: pieces. Absent: as many as now.
    quantity: Option<u32>,
}

impl ReadBody for UpgradeBody {
    fn read(fields: &mut Fields) -> Self {
        let license_key = fields.required_credential("license_key");
        let quote = fields.text("quote", MAX_TEXT);
        let wanted = Wanted::read(fields);
        match (&quote, wanted.is_empty()) {
            (None, true) => fields.wrong("quote", "quote, plan, price or quantity is required"),
            (Some(_), false) => {
                fields.wrong("quote", "says itself what is wanted: state nothing besides");
            }
            (None, false) | (Some(_), true) => {}
        }
        let Wanted {
            plan,
            price,
            quantity,
        } = wanted;
        Self {
            license_key,
            quote,
            plan,
            price,
            quantity,
        }
    }
}

/// What is wanted instead of what is held.
struct Wanted {
    plan: Option<String>,
    price: Option<String>,
    quantity: Option<u32>,
}

impl Wanted {
    fn read(fields: &mut Fields) -> Self {
        for amount in AMOUNTS {
            fields.ignore(amount);
        }
        Self {
            plan: fields.text("plan", MAX_TEXT),
            price: fields.text("price", MAX_TEXT),
            quantity: fields.count("quantity"),
        }
    }

    const fn is_empty(&self) -> bool {
        self.plan.is_none() && self.price.is_none() && self.quantity.is_none()
    }
}

pub(crate) struct UpgradesApi;

#[OpenApi(tag = "Group::Licenses")]
impl UpgradesApi {
    /// Says what a change of the license's plan costs, when it takes effect, what
    /// comes next and what is lost. Writes nothing but that answer.
    #[oai(
        path = "/v1/upgrade-quote",
        method = "post",
        operation_id = "quote_upgrade"
    )]
    async fn quote(
        &self,
        request: &Request,
        state: Data<&AppState>,
        body: Body<UpgradeQuoteBody>,
    ) -> Answer<QuoteView> {
        let body = body.0;
        let held = holder(&state, request, &body.license_key).await?;
        let wanted = Wanted {
            plan: body.plan,
            price: body.price,
            quantity: body.quantity,
        };
        let quote = quoted(&state, &held, wanted).await?;
        let token = quote_token::sign(&state, &quote).await?;
        let revision = state.billing.catalog().await?;
        Ok(Json(QuoteView::of(&quote, token, &revision.catalog)))
    }

    /// Upgrades: accepts a quote, or makes one of what is wanted. What is owed has
    /// to be paid at `checkout_url`; until then the license shows what it did.
    #[oai(path = "/v1/upgrade", method = "post", operation_id = "upgrade")]
    async fn upgrade(
        &self,
        request: &Request,
        state: Data<&AppState>,
        body: Body<UpgradeBody>,
    ) -> Answer<ChangeView> {
        let body = body.0;
        let held = holder(&state, request, &body.license_key).await?;
        let of = held.customer.into();
        let quote = if let Some(id) = body.quote {
            let id: QuoteId = id.parse().map_err(|_invalid| Problem::not_found())?;
            let found = state.billing.get_quote(&of, id).await?;
            let ours = found.filter(|quote| quote.subscription == held.license.subscription);
            ours.ok_or_else(Problem::not_found)?
        } else {
            let wanted = Wanted {
                plan: body.plan,
                price: body.price,
                quantity: body.quantity,
            };
            quoted(&state, &held, wanted).await?
        };
        if !is_increase(&quote) {
            return Err(not_an_increase());
        }
        let actor = held.license.id.to_string();
        let accepting = state.billing.accept_quote(&of, quote.id, Some(&actor));
        let accepted = accepting.await?;
        Ok(Json(ChangeView::of(&accepted.change, accepted.pay_url)))
    }

    /// Changes what a license shows at once, whatever the policy says. With
    /// `collect: invoice` there is a page where the difference is paid.
    #[oai(
        path = "/v1/admin/licenses/:id/change-plan",
        method = "post",
        operation_id = "change_license_plan"
    )]
    async fn force(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        id: Path<String>,
        body: Body<ForceBody>,
    ) -> Answer<ChangeView> {
        let id: LicenseId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let held = state.billing.license(id).await?;
        let held = held.ok_or_else(Problem::not_found)?;
        forced(&state, &by, held.license.subscription, body.0).await
    }
}

/// Quotes; what no catalog has does not exist.
async fn quoted(state: &AppState, held: &LicenseHeld, wanted: Wanted) -> Result<Quote, Problem> {
    let Wanted {
        plan,
        price,
        quantity,
    } = wanted;
    let ask = change_ask(held.license.subscription, plan, price, quantity)
        .map_err(|_unspeakable| Problem::not_found())?;
    let of = held.customer.into();
    let quoting = state.billing.quote(&of, &ask);
    quoting.await.map_err(|error| {
        if error == QuoteError::Refused(QuoteRefusal::UnknownTarget) {
            Problem::not_found()
        } else {
            error.into()
        }
    })
}

/// Whether a change is up, by the kind that decides over it.
fn is_increase(quote: &Quote) -> bool {
    matches!(
        quote.kinds.first(),
        Some(ChangeKind::Upgrade | ChangeKind::Longer | ChangeKind::QuantityUp)
    )
}

fn not_an_increase() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "not_an_increase",
        "an upgrade goes up; any other change is quoted at /v1/upgrade-quote, and accepted with \
         the quote's token at /v1/quotes/accept",
    )
}
