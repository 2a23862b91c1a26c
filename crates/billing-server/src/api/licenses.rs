//! Licenses: handed out by the exchange and by nothing else, refreshed by the
//! token itself, listed for operators without key or token.

mod acts;
mod cancel;
mod key;
mod machines;
mod recover;
mod told;
mod upgrade;
mod validate;
mod views;

pub(crate) use acts::LicenseActsApi;
pub(crate) use cancel::CancelByKeyApi;
pub(crate) use machines::MachinesApi;
pub(crate) use recover::RecoverApi;
pub(crate) use upgrade::UpgradesApi;
pub(crate) use validate::ValidateApi;
pub(crate) use views::MineView;

use std::sync::Arc;

use billing_domain::ids::{CheckoutId, LicenseId};
use billing_engine::{Exchange, Exchanged as Found, LicenseHeld, LicenseStanding, Unpaid};
use billing_license::{Expected, VerifyError, read};
use billing_ports::{LicenseClaims, LicenseSigner};
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::Data;
use poem::{Request, Response, handler};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use self::views::{Exchanged, GivenView, LicenseView, RowView};
use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::customers::named;
use crate::api::{Answer, Group, page};
use crate::auth::{Caller, MaybeSession, ReadKey};
use crate::problem::Problem;
use crate::state::AppState;

/// How long anybody may keep the public keys: five minutes, so that a new key is
/// known everywhere soon after it is shown, and one busy application costs nothing.
const KEYS_CACHE: &str = "public, max-age=300";

/// What is exchanged for a license. With a billing session, nothing need be said.
#[derive(Debug, Object)]
#[oai(rename = "ExchangeLicense")]
pub(crate) struct ExchangeBody {
    /// The secret that opening the checkout told. Absent: the session counts.
    checkout_secret: Option<String>,
    /// The checkout that was paid. Absent: the secret's; with a session, whatever
    /// its customer holds, the highest plan first.
    checkout: Option<String>,
}

impl ReadBody for ExchangeBody {
    const MAY_BE_EMPTY: bool = true;

    fn read(fields: &mut Fields) -> Self {
        Self {
            checkout_secret: fields.credential("checkout_secret"),
            checkout: fields.text("checkout", MAX_TEXT),
        }
    }
}

/// The license at hand.
#[derive(Debug, Object)]
#[oai(rename = "RefreshLicense")]
pub(crate) struct RefreshBody {
    /// The token at hand, which may have ended.
    token: String,
}

impl ReadBody for RefreshBody {
    fn read(fields: &mut Fields) -> Self {
        Self {
            token: fields.required_credential("token"),
        }
    }
}

/// A page of licenses.
#[derive(Debug, Object)]
#[oai(rename = "LicenseList")]
pub(crate) struct LicensesView {
    /// The rows, newest first.
    data: Vec<RowView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

pub(crate) struct LicensesApi;

#[OpenApi(tag = "Group::Licenses")]
impl LicensesApi {
    /// Exchanges a billing session, or the secret of a checkout, for the license
    /// that was bought. 202 until the provider says that it is paid; 402 once it
    /// has ended, with the reason. May be repeated.
    #[oai(
        path = "/v1/licenses/exchange",
        method = "post",
        operation_id = "exchange_license"
    )]
    async fn exchange(
        &self,
        request: &Request,
        state: Data<&AppState>,
        by: MaybeSession,
        body: Body<ExchangeBody>,
    ) -> Result<Exchanged, Problem> {
        let body = body.0;
        let by_secret = body.checkout_secret.is_some();
        let unknown = || {
            if by_secret {
                key::refused(&state, request)
            } else {
                Problem::not_found()
            }
        };
        // What is no id is looked up like one that nothing has.
        let checkout = body.checkout.map(|id| {
            let id = id.parse::<CheckoutId>();
            id.unwrap_or_else(|_unreadable| Uuid::nil().into())
        });
        let exchange = match (body.checkout_secret, by.0) {
            (Some(secret), _) => Exchange::Secret { secret, checkout },
            (None, Caller::Session(customer)) => Exchange::Customer { customer, checkout },
            (None, Caller::Key(_)) => {
                let needed = "a billing session, or a checkout's secret";
                return Err(Problem::insufficient_scope(needed));
            }
            (None, Caller::Public) => return Err(Problem::unauthorized()),
        };
        match state.billing.exchange(&exchange).await? {
            Found::Pending => Ok(Exchanged::Pending),
            Found::License(held) => given(&state, &held, Handing::KeyAndToken),
            Found::Unpaid(Unpaid::Expired) => Err(ended("checkout_expired")),
            Found::Unpaid(Unpaid::Canceled) => Err(ended("checkout_canceled")),
            Found::Nothing => Err(Problem::not_found()),
            Found::Unknown => Err(unknown()),
        }
    }

    /// Exchanges a token, which may have ended, for the newest. 402 once the
    /// license has ended, with the reason.
    #[oai(
        path = "/v1/licenses/refresh",
        method = "post",
        operation_id = "refresh_license"
    )]
    async fn refresh(
        &self,
        request: &Request,
        state: Data<&AppState>,
        body: Body<RefreshBody>,
    ) -> Result<Exchanged, Problem> {
        let held = match shown(&state, &body.0.token)? {
            Ok(id) => state.billing.license(id).await?,
            Err(_none_of_ours) => None,
        };
        match held {
            Some(held) => given(&state, &held, Handing::Token),
            None => Err(key::refused(&state, request)),
        }
    }

    /// Licenses, newest first.
    #[oai(path = "/v1/licenses", method = "get", operation_id = "list_licenses")]
    async fn list(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        /// Of this customer only, by id or by the host's reference.
        customer: Query<Option<String>>,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<LicensesView> {
        by.checked();
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), LicenseId::uuid)?;
        let customer = match customer.as_deref() {
            None => None,
            Some(text) => Some(named(&state, text).await?),
        };
        let store = state.store()?;
        let found = store.list_licenses(customer, ask).await?;
        let (data, next_cursor) = page::views(
            found,
            |(_, row)| row.id,
            |(customer, row)| RowView::of(customer, &row),
        );
        Ok(Json(LicensesView { data, next_cursor }))
    }

    /// One license, as it stands now.
    #[oai(
        path = "/v1/licenses/:id",
        method = "get",
        operation_id = "get_license"
    )]
    async fn get(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        id: Path<String>,
    ) -> Answer<LicenseView> {
        by.checked();
        let id: LicenseId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let held = state.billing.license(id).await?;
        let held = held.ok_or_else(Problem::not_found)?;
        Ok(Json(LicenseView::from(&held)))
    }
}

/// The public keys, for everybody who verifies licenses.
#[handler]
pub(crate) fn jwks(Data(state): Data<&AppState>) -> Result<Response, Problem> {
    let signer = state.signer.as_ref().ok_or_else(Problem::not_found)?;
    let mut response = Response::builder()
        .content_type("application/jwk-set+json")
        .body(signer.jwks());
    let cache = HeaderValue::from_static(KEYS_CACHE);
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    Ok(response)
}

/// What is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handing {
    KeyAndToken,
    /// To whoever has a token, which many may see. The key is for its owner.
    Token,
}

fn given(state: &AppState, held: &LicenseHeld, handing: Handing) -> Result<Exchanged, Problem> {
    let LicenseStanding::Good(claims) = &held.standing else {
        return Err(ended(held.standing.as_str()));
    };
    let token = token_of(state, claims)?;
    let signer = signer(state)?;
    let key = (handing == Handing::KeyAndToken).then(|| signer.key_of(claims.license));
    Ok(Exchanged::Given(Box::new(GivenView::of(
        held, claims, key, token,
    ))))
}

/// The signed license that says `claims`.
pub(crate) fn token_of(state: &AppState, claims: &LicenseClaims) -> Result<String, Problem> {
    signer(state)?.sign(claims).map_err(|error| {
        let license = LicenseId::from(claims.license);
        tracing::error!(%error, %license, "license not signed");
        Problem::internal()
    })
}

fn signer(state: &AppState) -> Result<&Arc<dyn LicenseSigner>, Problem> {
    state.signer.as_ref().ok_or_else(|| {
        tracing::error!("a license was asked for, and no license key file is named");
        Problem::unavailable()
    })
}

/// The license that a genuine token shows, whether or not it has ended; or why it is
/// none of ours.
fn shown(state: &AppState, token: &str) -> Result<Result<LicenseId, VerifyError>, Problem> {
    let Some(signer) = &state.signer else {
        return Ok(Err(VerifyError::UnknownKey));
    };
    let clock = state.clock()?;
    let keys = state.license_keys.of(signer.jwks()).map_err(|error| {
        tracing::error!(%error, "the license keys cannot be read");
        Problem::internal()
    })?;
    let expected = Expected {
        issuer: &state.options.public_url,
        audience: None,
        customer: None,
    };
    let reading = read(token, &keys, &expected, clock.now().as_second());
    Ok(reading.and_then(|held| {
        let id = held.claims.jti.parse();
        id.map_err(|_no_id| VerifyError::Malformed)
    }))
}

fn ended(reason: &str) -> Problem {
    Problem::new(
        StatusCode::PAYMENT_REQUIRED,
        "payment_required",
        "what was bought gives no license now; see reason",
    )
    .with("reason", reason)
}
