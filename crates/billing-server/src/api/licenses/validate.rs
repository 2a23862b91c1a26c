//! Asking whether a license is good, by its key or its token. Writes nothing.

use billing_domain::ids::LicenseId;
use billing_domain::license::MachineStanding;
use billing_engine::{LicenseHeld, LicenseStanding};
use billing_license::{LicenseKey, VerifyError};
use poem::Request;
use poem::web::Data;
use poem_openapi::{Object, OpenApi};

use super::machines::MAX_MACHINE;
use super::shown;
use super::told::Told;
use crate::api::Group;
use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::http::client_address;
use crate::problem::Problem;
use crate::state::AppState;

/// What is asked about, by exactly one of key and token.
#[derive(Debug, Object)]
#[oai(rename = "ValidateLicense")]
pub(crate) struct ValidateBody {
    /// The license key. Absent: the token is asked about.
    license_key: Option<String>,
    /// The signed license, which may have ended. Absent: the key is asked about.
    token: Option<String>,
    /// What the license must be for: the `product` of the plan file, or the plan
    /// that it must show. Absent: any.
    product: Option<String>,
    /// The machine that it must be activated on. Absent: no machine is looked at.
    machine: Option<String>,
}

impl ReadBody for ValidateBody {
    fn read(fields: &mut Fields) -> Self {
        let (license_key, token) = (fields.credential("license_key"), fields.credential("token"));
        match (&license_key, &token) {
            (None, None) => fields.wrong("license_key", "license_key or token is required"),
            (Some(_), Some(_)) => fields.wrong("token", "state license_key or token, not both"),
            (Some(_), None) | (None, Some(_)) => {}
        }
        Self {
            license_key,
            token,
            product: fields.text("product", MAX_TEXT),
            machine: fields.text("machine", MAX_MACHINE),
        }
    }
}

/// Whether a license is good.
#[derive(Debug, Object)]
#[oai(rename = "ValidatedLicense")]
pub(crate) struct ValidatedView {
    /// Whether it is.
    ok: bool,
    /// Why it is not: `bad_format`, `bad_signature`, `not_found`, `revoked`,
    /// `suspended`, `expired`, `product_mismatch`, `machine_mismatch`,
    /// `too_many_machines` or `rate_limited`. Absent: it is good.
    #[oai(skip_serializing_if_is_none)]
    reason: Option<String>,
    /// Its id. Absent: no such license is known.
    #[oai(skip_serializing_if_is_none)]
    license: Option<String>,
    /// The plan that it shows. Absent: no such license is known.
    #[oai(skip_serializing_if_is_none)]
    plan: Option<String>,
    /// From when it is no longer good unless something is paid. Absent: it is good
    /// for ever, or not at all.
    #[oai(skip_serializing_if_is_none)]
    expires_at: Option<String>,
    /// Until when it is good although it is not paid any more. Absent: it is paid,
    /// or not good.
    #[oai(skip_serializing_if_is_none)]
    grace_until: Option<String>,
}

/// Why a license is not good. The list is closed: applications may match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    BadFormat,
    BadSignature,
    NotFound,
    Revoked,
    Suspended,
    Expired,
    ProductMismatch,
    MachineMismatch,
    TooManyMachines,
    RateLimited,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::BadFormat => "bad_format",
            Self::BadSignature => "bad_signature",
            Self::NotFound => "not_found",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::ProductMismatch => "product_mismatch",
            Self::MachineMismatch => "machine_mismatch",
            Self::TooManyMachines => "too_many_machines",
            Self::RateLimited => "rate_limited",
        }
    }
}

pub(crate) struct ValidateApi;

#[OpenApi(tag = "Group::Licenses")]
impl ValidateApi {
    /// Says whether a license is good at this instant, and else why not. Writes
    /// nothing. Keys and tokens that are none are counted by address; whoever shows
    /// too many is told `rate_limited` instead of what is wrong with them.
    #[oai(
        path = "/v1/validate",
        method = "post",
        operation_id = "validate_license"
    )]
    async fn validate(
        &self,
        request: &Request,
        state: Data<&AppState>,
        body: Body<ValidateBody>,
    ) -> Result<Told<ValidatedView>, Problem> {
        let body = body.0;
        let held = match named(&state, &body)? {
            Ok(id) => {
                let held = state.billing.validate_license(id).await?;
                held.ok_or(Reason::NotFound)
            }
            Err(reason) => Err(reason),
        };
        let held = match held {
            Ok(held) => held,
            Err(reason) => {
                let address = client_address(&state, request);
                let counted = state.limiters.failure(address);
                let reason = counted.map_or(Reason::RateLimited, |()| reason);
                return Ok(Told(view(None, Some(reason))));
            }
        };
        let catalog = state.billing.catalog().await?;
        let reason = wrong_with(&held, catalog.catalog.product(), &body);
        Ok(Told(view(Some(&held), reason)))
    }
}

/// The license whose genuine key or token this is.
fn named(state: &AppState, body: &ValidateBody) -> Result<Result<LicenseId, Reason>, Problem> {
    if let Some(token) = &body.token {
        return Ok(shown(state, token)?.map_err(|error| match error {
            VerifyError::Malformed => Reason::BadFormat,
            VerifyError::Algorithm
            | VerifyError::UnknownKey
            | VerifyError::BadSignature
            | VerifyError::WrongIssuer
            | VerifyError::WrongAudience
            | VerifyError::WrongCustomer
            | VerifyError::Expired { .. }
            | VerifyError::NotYetValid => Reason::BadSignature,
        }));
    }
    let key = body.license_key.as_deref().unwrap_or_default();
    let id = state.signer.as_ref().and_then(|signer| signer.id_of(key));
    Ok(match id {
        Some(id) => Ok(LicenseId::from(id)),
        None if LicenseKey::is_spelled(key) => Err(Reason::BadSignature),
        None => Err(Reason::BadFormat),
    })
}

/// What is wrong with a license that there is, the gravest first. `None`: nothing.
fn wrong_with(held: &LicenseHeld, sold_as: &str, body: &ValidateBody) -> Option<Reason> {
    match &held.standing {
        LicenseStanding::Revoked => return Some(Reason::Revoked),
        LicenseStanding::Suspended => return Some(Reason::Suspended),
        LicenseStanding::Ended(_) => return Some(Reason::Expired),
        LicenseStanding::Good(_) => {}
    }
    let product = body.product.as_deref();
    if product.is_some_and(|product| product != sold_as && product != held.plan.as_str()) {
        return Some(Reason::ProductMismatch);
    }
    match held.machine(body.machine.as_deref()?) {
        MachineStanding::Active => None,
        MachineStanding::NotActive => Some(Reason::MachineMismatch),
        MachineStanding::NoPlace => Some(Reason::TooManyMachines),
    }
}

fn view(held: Option<&LicenseHeld>, reason: Option<Reason>) -> ValidatedView {
    let claims = held.and_then(|held| match &held.standing {
        LicenseStanding::Good(claims) => Some(claims),
        LicenseStanding::Suspended | LicenseStanding::Ended(_) | LicenseStanding::Revoked => None,
    });
    ValidatedView {
        ok: reason.is_none(),
        reason: reason.map(|reason| reason.as_str().to_owned()),
        license: held.map(|held| held.license.id.to_string()),
        plan: held.map(|held| held.plan.to_string()),
        expires_at: claims.and_then(|claims| Some(claims.expires_at?.to_string())),
        grace_until: held.and_then(|held| Some(held.grace_until?.to_string())),
    }
}
