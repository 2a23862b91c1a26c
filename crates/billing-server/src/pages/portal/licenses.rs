//! Licenses: each with its key, which can be copied with and without a script, and the machines
//! that it is activated on.

use billing_domain::ids::LicenseId;
use billing_domain::license::Machine;
use billing_engine::{LicenseHeld, LicenseStanding, MachineActError, MachineError};
use maud::{Markup, html};
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::facts::plan;
use super::frame::{Part, Sheet, answered};
use super::visitor::{Held, Visitor, named};
use crate::pages::assets::copy_script_address;
use crate::pages::policy::policy_with_script;
use crate::pages::{Pages, describe, see_other};
use crate::problem::Problem;

/// Digits of a machine's fingerprint that are shown: enough to tell a few machines apart.
const DIGITS_SHOWN: usize = 8;

/// Lists licenses.
#[handler]
pub(super) async fn list(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, listed(pages, request).await).await
}

async fn listed(pages: &Pages, request: &Request) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    let held = visitor.held().await?;
    let licenses = of(&held);
    let sheet = Sheet {
        title: "Your licenses",
        part: Part::Licenses,
        script: Some(copy_script_address()),
        body: html! {
            h1 { "Your licenses" }
            @if licenses.is_empty() { section class="card" { p { "There are none." } } }
            @for license in &licenses { (card(&visitor, &held, license)) }
        },
    };
    let mut answer = sheet.answer(&visitor, StatusCode::OK).await;
    if let Ok(policy) = HeaderValue::try_from(policy_with_script(&pages.public_url)) {
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(answer)
}

fn of(held: &Held) -> Vec<LicenseHeld> {
    let accounts = held.accounts.iter();
    let licenses = accounts.flat_map(|account| LicenseHeld::of(account, &held.revision, held.now));
    licenses.collect()
}

fn card(visitor: &Visitor<'_>, held: &Held, license: &LicenseHeld) -> Markup {
    let id = license.license.id;
    let field = format!("key-{id}");
    let (word, class) = standing(&license.standing);
    html! {
        section class="card" aria-labelledby={ "of-" (id) } {
            div class="head" {
                h2 id={ "of-" (id) } { (plan(held.catalog(), license.plan.as_str())) }
                span class={ "badge " (class) } { (word) }
            }
            @if let Some(key) = key(visitor, license) {
                div class="key" {
                    label for=(field) { "License key" }
                    input id=(field) type="text" readonly value=(key) spellcheck="false"
                        autocomplete="off" data-copy="the license key";
                }
                p class="small" { "Whoever has this key acts for the license: keep it to yourself." }
            }
            dl {
                dt { "Issued" }
                dd { (describe::day(license.license.issued_at)) }
                @if let Some(until) = license.grace_until {
                    dt { "Good until" }
                    dd { (describe::day(until)) }
                }
            }
            (machines(visitor, license))
        }
    }
}

/// The key of a license that is good. `None`: it is not, or no keys are handed out here.
fn key(visitor: &Visitor<'_>, license: &LicenseHeld) -> Option<String> {
    let signer = visitor.pages.state.signer.as_ref()?;
    let is_good = matches!(license.standing, LicenseStanding::Good(_));
    is_good.then(|| signer.key_of(license.license.id.uuid()))
}

const fn standing(standing: &LicenseStanding) -> (&'static str, &'static str) {
    match standing {
        LicenseStanding::Good(_) => ("Good", "good"),
        LicenseStanding::Suspended => ("Suspended", "due"),
        LicenseStanding::Ended(_) => ("Ended", "over"),
        LicenseStanding::Revoked => ("Revoked", "over"),
    }
}

fn machines(visitor: &Visitor<'_>, license: &LicenseHeld) -> Markup {
    let active = &license.license.machines;
    html! {
        @if license.max_machines > 0 || !active.is_empty() {
            h3 { "Machines: " (active.len()) " of " (license.max_machines) }
        }
        @if !active.is_empty() {
            table {
                caption class="unseen" { "Machines that it is activated on" }
                thead {
                    tr {
                        th scope="col" { "Machine" }
                        th scope="col" { "Activated" }
                        th scope="col" { span class="unseen" { "Take off" } }
                    }
                }
                tbody {
                    @for machine in active {
                        tr { (row(visitor, license.license.id, machine)) }
                    }
                }
            }
            p class="small" { "Of a machine's name only a fingerprint is kept." }
        }
    }
}

fn row(visitor: &Visitor<'_>, license: LicenseId, machine: &Machine) -> Markup {
    let shown: String = machine.mark.chars().take(DIGITS_SHOWN).collect();
    html! {
        th scope="row" { code { (shown) } }
        td data-name="Activated" { (describe::day(machine.activated_at)) }
        td {
            form class="plain" method="post" action={ "/portal/licenses/" (license) "/deactivate" } {
                (visitor.proof())
                input type="hidden" name="machine" value=(machine.mark);
                button type="submit" class="quiet" {
                    "Deactivate" span class="unseen" { " machine " (shown) }
                }
            }
        }
    }
}

/// Takes a license off a machine, whose place is free then.
#[handler]
pub(super) async fn deactivate(
    Data(pages): Data<&Pages>,
    request: &Request,
    body: Body,
) -> Response {
    answered(pages, deactivated(pages, request, body).await).await
}

async fn deactivated(pages: &Pages, request: &Request, body: Body) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    let form = visitor.form(request, body).await?;
    let id: LicenseId = named(request)?;
    let mark = form.field("machine");
    let mark = mark.ok_or_else(|| Problem::field("machine", "is required"))?;
    let (customer, actor) = (visitor.reference(), visitor.actor());
    let releasing = visitor
        .billing()
        .release_machine(&customer, id, mark, Some(&actor));
    match releasing.await {
        Ok(()) => Ok(see_other("/portal/licenses")),
        Err(MachineError::Refused(MachineActError::NoSuchLicense)) => Err(Problem::not_found()),
        Err(MachineError::Refused(refusal)) => Err(Problem::unprocessable(refusal.to_string())),
        Err(MachineError::Engine(error)) => Err(error.into()),
    }
}
