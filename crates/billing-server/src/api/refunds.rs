//! Refunds that an operator orders: sent by the provider, or links by which buyers get
//! money back.

use billing_domain::ids::InvoiceId;
use billing_domain::money::Money;
use billing_engine::{
    REFUND_ORDERS_MAX, RefundAsk, RefundBy, RefundError, RefundMade, RefundRefusal,
};
use poem::Request;
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::views::MoneyView;
use crate::api::{Created, Group};
use crate::auth::WriteKey;
use crate::http::Named;
use crate::problem::Problem;
use crate::state::AppState;

/// What is to go back.
#[derive(Debug, Object)]
#[oai(rename = "NewRefund")]
pub(crate) struct RefundBody {
    /// How much, in the currency that was collected. Absent: what came, and is neither
    /// gone again nor on its way back.
    amount: Option<MoneyView>,
    /// Of which payment, by the `reference` that the invoice lists it with: of what was
    /// set aside, all goes back that came to the same page. Absent: of what settled
    /// the invoice, and where nothing of that is left, of what was set aside.
    payment: Option<String>,
    /// Why, in words that the buyer reads at the link. Where the provider sends the money,
    /// it keeps them with the refund. Absent: none are given.
    reason: Option<String>,
    /// The same amount, read.
    #[oai(skip)]
    asked: Option<Money>,
}

impl ReadBody for RefundBody {
    const MAY_BE_EMPTY: bool = true;

    fn read(fields: &mut Fields) -> Self {
        Self {
            amount: None,
            payment: fields.text("payment", MAX_TEXT),
            reason: fields.text("reason", MAX_TEXT),
            asked: fields.money("amount"),
        }
    }
}

/// How a buyer gets money back.
#[derive(Debug, Object)]
#[oai(rename = "Refund")]
pub(crate) struct RefundView {
    /// `claimable` by a link, or sent by the provider: `pending` until it, or a bank, has
    /// decided, or `done`.
    state: String,
    /// The provider's id of it, as the invoice lists it among what was `returned`. Absent
    /// for a link.
    id: Option<String>,
    /// The address of the link. Whoever holds it can claim the money; it is told here and
    /// kept nowhere. Absent where the provider sends it.
    url: Option<String>,
    /// How much it is for, in the currency that was collected.
    amount: MoneyView,
}

impl From<RefundMade> for Created<RefundView> {
    fn from(made: RefundMade) -> Self {
        let amount = made.amount.into();
        match made.by {
            RefundBy::Link { url } => Self::with_secret(RefundView {
                state: "claimable".to_owned(),
                id: None,
                url: Some(url),
                amount,
            }),
            RefundBy::Sent { refund, done } => Self::new(RefundView {
                state: if done { "done" } else { "pending" }.to_owned(),
                id: Some(refund),
                url: None,
                amount,
            }),
        }
    }
}

pub(crate) struct RefundsApi;

#[OpenApi(tag = "Group::Books")]
impl RefundsApi {
    /// Pays money back of an invoice: what was paid for it, or what came and was set aside.
    /// Some providers send it; of a lost answer (502), the same again makes no second
    /// refund. Others make a link by which the buyer claims it: the same again, while it
    /// can be claimed, gives the same link. It takes nothing by itself: what is sent does.
    /// 409 `refund_elsewhere` where refunds are made at the provider alone.
    #[oai(
        path = "/v1/invoices/:id/refund",
        method = "post",
        operation_id = "refund_invoice"
    )]
    async fn refund(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        request: &Request,
        id: Path<String>,
        body: Body<RefundBody>,
    ) -> Result<Created<RefundView>, Problem> {
        let invoice: InvoiceId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let ask = RefundAsk {
            invoice,
            amount: body.0.asked,
            payment: body.0.payment,
            reason: body.0.reason,
            name: request.data::<Named>().map(|Named(name)| name.clone()),
        };
        let made = state.billing.refund(&ask, Some(&by.actor())).await?;
        Ok(made.into())
    }
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        match error {
            RefundError::Refused(refusal) => refusal.into(),
            RefundError::Elsewhere(account) => Self::new(
                StatusCode::CONFLICT,
                "refund_elsewhere",
                format!("refunds of {account} are made in its own dashboard, and noticed here"),
            ),
            RefundError::ByHand => Self::new(
                StatusCode::CONFLICT,
                "refund_elsewhere",
                "no provider collected this invoice: pay it back the way that it was paid",
            ),
            RefundError::Provider(code) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "provider_refused",
                "the payment provider refuses the refund, and nothing goes back by it",
            )
            .with("provider_code", code),
            RefundError::NoAnswer => Self::new(
                StatusCode::BAD_GATEWAY,
                "provider_error",
                "the payment provider did not answer; the same again makes no second refund",
            ),
            RefundError::Engine(error) => error.into(),
        }
    }
}

impl From<RefundRefusal> for Problem {
    fn from(refusal: RefundRefusal) -> Self {
        match refusal {
            RefundRefusal::NotFound => Self::not_found(),
            RefundRefusal::NothingLeft => Self::new(
                StatusCode::CONFLICT,
                "nothing_to_refund",
                "nothing was paid for the invoice that has not gone back, or is about to",
            ),
            RefundRefusal::NoSuchPayment => Self::field(
                "payment",
                "is no payment of the invoice that can go back by itself",
            ),
            RefundRefusal::NotThis(currency) => {
                Self::field("amount", format!("is not an amount of {currency}"))
            }
            RefundRefusal::Beyond { left } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "refund_beyond_paid",
                format!("only {left} is left to pay back"),
            ),
            RefundRefusal::Open { amount } => Self::new(
                StatusCode::CONFLICT,
                "refund_open",
                format!("a refund of {amount} can still be claimed, or is on its way"),
            ),
            RefundRefusal::TooMany => Self::new(
                StatusCode::CONFLICT,
                "too_many_refunds",
                format!(
                    "{REFUND_ORDERS_MAX} refunds of the invoice were ordered here, refused ones \
                     included: what is left goes back at its provider"
                ),
            ),
        }
    }
}
