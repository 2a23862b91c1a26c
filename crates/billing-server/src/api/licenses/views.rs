//! What callers see of licenses. The key and the token are in one view alone.

use billing_domain::ids::CustomerId;
use billing_domain::license::License;
use billing_engine::{LicenseHeld, LicenseStanding};
use billing_ports::LicenseClaims;
use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::Type as _;
use poem_openapi::{ApiResponse, Object};

use crate::api::keep_private;
use crate::http::Anew;

/// A license that was handed out, or that it is not there yet.
#[derive(Debug, Object)]
#[oai(rename = "ExchangedLicense")]
pub(crate) struct ExchangedView {
    /// `pending`: ask again in a moment. `issued`: here it is.
    status: String,
    /// The license, once it is there.
    #[oai(skip_serializing_if_is_none)]
    license: Option<GivenView>,
}

/// A license with what makes it work.
#[derive(Debug, Object)]
#[oai(rename = "GivenLicense")]
pub(crate) struct GivenView {
    /// Its id, which stays the same for life.
    id: String,
    /// The license key, which stays the same for life: whoever has it acts for the
    /// license. Absent where a token was exchanged for a newer one.
    #[oai(skip_serializing_if_is_none)]
    key: Option<String>,
    /// The signed license, which applications verify by themselves.
    token: String,
    /// The plan that it shows.
    plan: String,
    /// How many people or machines may use it. Absent: it does not count them.
    seats: Option<u32>,
    /// From when the token is no longer good; a newer one is to be had before.
    /// Absent: it is good for ever.
    expires_at: Option<String>,
    /// How often what it says has changed.
    serial: u32,
}

impl GivenView {
    pub(crate) fn of(
        held: &LicenseHeld,
        claims: &LicenseClaims,
        key: Option<String>,
        token: String,
    ) -> Self {
        Self {
            id: held.license.id.to_string(),
            key,
            token,
            plan: claims.plan.to_string(),
            seats: claims.seats,
            expires_at: claims.expires_at.map(|end| end.to_string()),
            serial: claims.serial,
        }
    }
}

/// What an exchange answers.
pub(crate) enum Exchanged {
    /// 202.
    Pending,
    /// 200.
    Given(Box<GivenView>),
}

impl IntoResponse for Exchanged {
    fn into_response(self) -> Response {
        let (status, view) = match self {
            Self::Pending => (
                StatusCode::ACCEPTED,
                ExchangedView {
                    status: "pending".to_owned(),
                    license: None,
                },
            ),
            Self::Given(given) => (
                StatusCode::OK,
                ExchangedView {
                    status: "issued".to_owned(),
                    license: Some(*given),
                },
            ),
        };
        let mut response = Json(view).into_response();
        response.set_status(status);
        response.set_data(Anew);
        keep_private(&mut response);
        response
    }
}

impl ApiResponse for Exchanged {
    fn meta() -> MetaResponses {
        let told = |status, description| {
            let mut meta = Json::<ExchangedView>::meta();
            for response in &mut meta.responses {
                response.status = Some(status);
                response.description = description;
            }
            meta.responses
        };
        let mut responses = told(200, "The license.");
        responses.extend(told(202, "It is not paid yet; ask again."));
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        ExchangedView::register(registry);
    }
}

/// A license, as operators list it.
#[derive(Debug, Object)]
#[oai(rename = "LicenseRow")]
pub(crate) struct RowView {
    /// Its id.
    id: String,
    /// Whose.
    customer: String,
    /// The subscription whose plan it shows.
    subscription: String,
    /// How often what it says has changed.
    serial: u32,
    /// When it was issued.
    issued_at: String,
    /// Since when an operator has it suspended. Absent: none has.
    suspended_at: Option<String>,
    /// Since when it is revoked. Absent: it is not.
    revoked_at: Option<String>,
    /// Why an operator suspended or revoked it. Absent: none did.
    reason: Option<String>,
}

impl RowView {
    pub(crate) fn of(customer: CustomerId, license: &License) -> Self {
        Self {
            id: license.id.to_string(),
            customer: customer.to_string(),
            subscription: license.subscription.to_string(),
            serial: license.serial,
            issued_at: license.issued_at.to_string(),
            suspended_at: license.suspended_at().map(|at| at.to_string()),
            revoked_at: license.revoked_at().map(|at| at.to_string()),
            reason: license.reason().map(str::to_owned),
        }
    }
}

/// A license, as it stands now.
#[derive(Debug, Object)]
#[oai(rename = "License")]
pub(crate) struct LicenseView {
    /// Its id.
    id: String,
    /// Whose.
    customer: String,
    /// The subscription whose plan it shows.
    subscription: String,
    /// The plan that it shows.
    plan: String,
    /// `good`, `suspended`, `revoked`, or why it ended: `incomplete`, `trial_over`,
    /// `unpaid`, `canceled`, `expired` or `refunded`.
    status: String,
    /// How many people or machines may use it. Absent: it does not count them, or
    /// is not good.
    seats: Option<u32>,
    /// From when a token signed now is no longer good. Absent: it is good for ever,
    /// or not at all.
    expires_at: Option<String>,
    /// How often what it says has changed.
    serial: u32,
    /// When it was issued.
    issued_at: String,
    /// Since when an operator has it suspended. Absent: none has.
    suspended_at: Option<String>,
    /// Since when it is revoked. Absent: it is not.
    revoked_at: Option<String>,
    /// Why an operator suspended or revoked it. Absent: none did.
    reason: Option<String>,
    /// On how many machines it may be activated.
    max_machines: u32,
    /// The machines that it is activated on, first those that were first.
    machines: Vec<MachineView>,
}

/// A machine of a license.
#[derive(Debug, Object)]
#[oai(rename = "ActivatedMachine")]
pub(crate) struct MachineView {
    /// Its fingerprint: all that is kept of its name.
    fingerprint: String,
    /// When it was activated.
    activated_at: String,
    /// Whether it has a place. `false`: the plan has fewer places than it had.
    has_place: bool,
}

impl From<&LicenseHeld> for LicenseView {
    fn from(held: &LicenseHeld) -> Self {
        let license = &held.license;
        let claims = said(held);
        let places = usize::try_from(held.max_machines).unwrap_or(usize::MAX);
        let machines = license.machines.iter().enumerate();
        Self {
            id: license.id.to_string(),
            customer: held.customer.to_string(),
            subscription: license.subscription.to_string(),
            plan: held.plan.to_string(),
            status: held.standing.as_str().to_owned(),
            seats: claims.and_then(|claims| claims.seats),
            expires_at: claims.and_then(|claims| Some(claims.expires_at?.to_string())),
            serial: license.serial,
            issued_at: license.issued_at.to_string(),
            suspended_at: license.suspended_at().map(|at| at.to_string()),
            revoked_at: license.revoked_at().map(|at| at.to_string()),
            reason: license.reason().map(str::to_owned),
            max_machines: held.max_machines,
            machines: machines
                .map(|(place, machine)| MachineView {
                    fingerprint: machine.mark.clone(),
                    activated_at: machine.activated_at.to_string(),
                    has_place: place < places,
                })
                .collect(),
        }
    }
}

/// A license of one's own. Its key and token come by the exchange alone.
#[derive(Debug, Object)]
#[oai(rename = "MyLicense")]
pub(crate) struct MineView {
    /// Its id.
    id: String,
    /// The subscription whose plan it shows.
    subscription: String,
    /// The plan that it shows.
    plan: String,
    /// `good`, `suspended`, `revoked`, or why it ended: `incomplete`, `trial_over`,
    /// `unpaid`, `canceled`, `expired` or `refunded`.
    status: String,
    /// From when a token signed now is no longer good. Absent: it is good for ever,
    /// or not at all.
    expires_at: Option<String>,
}

impl From<&LicenseHeld> for MineView {
    fn from(held: &LicenseHeld) -> Self {
        Self {
            id: held.license.id.to_string(),
            subscription: held.license.subscription.to_string(),
            plan: held.plan.to_string(),
            status: held.standing.as_str().to_owned(),
            expires_at: said(held).and_then(|claims| Some(claims.expires_at?.to_string())),
        }
    }
}

fn said(held: &LicenseHeld) -> Option<&LicenseClaims> {
    match &held.standing {
        LicenseStanding::Good(claims) => Some(claims),
        LicenseStanding::Suspended | LicenseStanding::Ended(_) | LicenseStanding::Revoked => None,
    }
}
