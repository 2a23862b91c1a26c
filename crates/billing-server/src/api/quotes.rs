//! Quotes: what a change of one's subscription costs, and accepting that.

mod refusals;

use billing_domain::catalog::{PlanKey, PriceKey};
use billing_domain::ids::{CustomerId, QuoteId, SubscriptionId};
use billing_domain::quote::Step;
use billing_engine::{ChangeAsk, QuoteRefusal, StepAsk};
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::views::{AllowedView, ChangeView, QuoteView};
use crate::api::{Answer, Created, Group};
use crate::auth::BillingSession;
use crate::problem::Problem;
use crate::quote_token;
use crate::state::AppState;

/// What is wanted instead of what is held: other terms, by at least one of `plan`,
/// `price` and `quantity`; or else one of `cancel`, `pause` and `resume`.
#[derive(Debug, Object)]
#[oai(rename = "NewQuote")]
pub(crate) struct QuoteBody {
    /// The plan. Absent: the price's, or the present one.
    plan: Option<String>,
    /// The price. Absent: the plan's, in the present currency and interval where
    /// it is sold so.
    price: Option<String>,
    /// Pieces. Absent: as many as now.
    quantity: Option<u32>,
    /// `true`: it is to end with what is paid.
    cancel: Option<bool>,
    /// `true`: it is to be paused.
    pause: Option<bool>,
    /// `true`: it is to go on after a pause.
    resume: Option<bool>,
}

impl ReadBody for QuoteBody {
    fn read(fields: &mut Fields) -> Self {
        let given = ["plan", "price", "quantity"].map(|field| fields.has(field));
        let body = Self {
            plan: fields.text("plan", MAX_TEXT),
            price: fields.text("price", MAX_TEXT),
            quantity: fields.count("quantity"),
            cancel: step(fields, "cancel"),
            pause: step(fields, "pause"),
            resume: step(fields, "resume"),
        };
        let steps = [body.cancel, body.pause, body.resume];
        let steps = steps.into_iter().flatten().count();
        if steps > 1 || (steps == 1 && given != [false; 3]) {
            let only = "of cancel, pause and resume there is one, and nothing besides";
            fields.wrong("cancel", only);
        } else if steps == 0 && given == [false; 3] {
            fields.wrong(
                "plan",
                "plan, price or quantity is required, or cancel, pause or resume",
            );
        }
        body
    }
}

/// A step that is asked for by saying so. `None`: it is not given.
fn step(fields: &mut Fields, field: &str) -> Option<bool> {
    let asked = fields.flag(field)?;
    if !asked {
        fields.wrong(field, "is true, or left out");
    }
    Some(asked)
}

impl QuoteBody {
    /// What is no change of terms. `None`: it is one.
    const fn step(&self) -> Option<Step> {
        if self.cancel.is_some() {
            Some(Step::Cancel)
        } else if self.pause.is_some() {
            Some(Step::Pause)
        } else if self.resume.is_some() {
            Some(Step::Resume)
        } else {
            None
        }
    }

    /// # Errors
    ///
    /// The refusal of a target that no catalog can have.
    fn ask(self, subscription: SubscriptionId) -> Result<ChangeAsk, Problem> {
        change_ask(subscription, self.plan, self.price, self.quantity)
    }
}

/// What is asked for of `subscription`.
///
/// # Errors
///
/// The refusal of a target that no catalog can have.
pub(crate) fn change_ask(
    subscription: SubscriptionId,
    plan: Option<String>,
    price: Option<String>,
    quantity: Option<u32>,
) -> Result<ChangeAsk, Problem> {
    let unknown = || Problem::from(QuoteRefusal::UnknownTarget);
    Ok(ChangeAsk {
        subscription,
        plan: plan
            .map(|key| PlanKey::new(key).map_err(|_invalid| unknown()))
            .transpose()?,
        price: price
            .map(|key| PriceKey::new(key).map_err(|_invalid| unknown()))
            .transpose()?,
        quantity,
    })
}

/// Nothing, or the token that came with the quote.
#[derive(Debug, Object)]
#[oai(rename = "AcceptQuote")]
pub(crate) struct AcceptBody {
    /// The quote's token, to be sure that it is the quote that was shown.
    token: Option<String>,
}

impl ReadBody for AcceptBody {
    const MAY_BE_EMPTY: bool = true;

    fn read(fields: &mut Fields) -> Self {
        Self {
            token: fields.text("token", MAX_TEXT),
        }
    }
}

/// A quote that was handed out.
#[derive(Debug, Object)]
#[oai(rename = "AcceptQuoteByToken")]
pub(crate) struct TokenBody {
    /// The quote's token, as in `bq_…`.
    token: String,
}

impl ReadBody for TokenBody {
    fn read(fields: &mut Fields) -> Self {
        Self {
            token: fields.required_text("token", MAX_TEXT),
        }
    }
}

/// What may be changed.
#[derive(Debug, Object)]
#[oai(rename = "AllowedChangeList")]
pub(crate) struct AllowedChangesView {
    /// Every change that could be made now, in the order of the catalog.
    data: Vec<AllowedView>,
    /// Always absent: they come on one page.
    next_cursor: Option<String>,
}

pub(crate) struct QuotesApi;

#[OpenApi(tag = "Group::Account")]
impl QuotesApi {
    /// Every change of a subscription that could be made now: to the prices on
    /// sale, and to one step of pieces more or less.
    #[oai(
        path = "/v1/me/subscriptions/:id/changes",
        method = "get",
        operation_id = "list_allowed_changes"
    )]
    async fn allowed(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        id: Path<String>,
    ) -> Answer<AllowedChangesView> {
        let id: SubscriptionId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let allowed = state.billing.allowed_changes(&by.customer(), id).await?;
        Ok(Json(AllowedChangesView {
            data: allowed.into_iter().map(AllowedView::from).collect(),
            next_cursor: None,
        }))
    }

    /// Says what a change of terms, a cancellation, a pause or a resumption costs,
    /// when it takes effect, what comes next and what is lost. Writes nothing but
    /// that answer.
    #[oai(
        path = "/v1/me/subscriptions/:id/quotes",
        method = "post",
        operation_id = "create_quote"
    )]
    async fn create(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        id: Path<String>,
        body: Body<QuoteBody>,
    ) -> Result<Created<QuoteView>, Problem> {
        let id: SubscriptionId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let quote = if let Some(step) = body.0.step() {
            let ask = StepAsk {
                subscription: id,
                step,
            };
            state.billing.quote_step(&by.customer(), &ask).await?
        } else {
            let ask = body.0.ask(id)?;
            state.billing.quote(&by.customer(), &ask).await?
        };
        let token = quote_token::sign(&state, &quote).await?;
        let revision = state.billing.catalog().await?;
        Ok(Created::new(QuoteView::of(
            &quote,
            token,
            &revision.catalog,
        )))
    }

    /// Accepts a quote: what was quoted is done or scheduled, or there is a page
    /// where it is paid. May be repeated; one quote becomes one change.
    #[oai(
        path = "/v1/me/quotes/:id/accept",
        method = "post",
        operation_id = "accept_quote"
    )]
    async fn accept(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        id: Path<String>,
        body: Body<AcceptBody>,
    ) -> Answer<ChangeView> {
        let id: QuoteId = id.parse().map_err(|_invalid| Problem::not_found())?;
        if let Some(token) = &body.0.token {
            let meant = quote_token::opened(&state, token).await?;
            if meant.id != id {
                return Err(Problem::unauthorized());
            }
        }
        accepted(&state, by.id(), id).await
    }

    /// Accepts exactly the quote that a token was made for. The token is the
    /// credential; one that was altered is answered 401.
    #[oai(
        path = "/v1/quotes/accept",
        method = "post",
        operation_id = "accept_quote_by_token"
    )]
    async fn accept_by_token(
        &self,
        state: Data<&AppState>,
        body: Body<TokenBody>,
    ) -> Answer<ChangeView> {
        let quote = quote_token::opened(&state, &body.0.token).await?;
        accepted(&state, quote.customer, quote.id).await
    }
}

async fn accepted(state: &AppState, of: CustomerId, quote: QuoteId) -> Answer<ChangeView> {
    let actor = of.to_string();
    let of = of.into();
    let accepting = state.billing.accept_quote(&of, quote, Some(&actor));
    let accepted = accepting.await?;
    Ok(Json(ChangeView::of(&accepted.change, accepted.pay_url)))
}
