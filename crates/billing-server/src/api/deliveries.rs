//! Events on their way to receivers, for operators; and what is in one, for receivers.

use billing_domain::ids::DeliveryId;
use billing_notify::{Way, body, entry_of};
use billing_ports::store::{DeliveryFilter, DeliveryState, EventDelivery};
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{Object, OpenApi};

use crate::api::page;
use crate::api::views::MoneyView;
use crate::api::{Answer, Group};
use crate::auth::AdminKey;
use crate::problem::Problem;
use crate::renewal_link;
use crate::state::AppState;

/// An event, as receivers get it: posted with the headers `webhook-id`, which is the same each
/// time that it is sent, `webhook-timestamp` and `webhook-signature` of Standard Webhooks.
#[derive(Debug, Object)]
#[oai(rename = "Event")]
pub(crate) struct EventView {
    /// What happened, as in `subscription.renewed`.
    r#type: String,
    /// When it happened.
    timestamp: String,
    /// What is to be known of it.
    data: EventDataView,
}

/// What is to be known of an event. Fields are added in later versions; what an event has
/// nothing to say of is left out.
#[derive(Debug, Object)]
#[oai(rename = "EventData", skip_serializing_if_is_none)]
pub(crate) struct EventDataView {
    /// Its id in the customer's journal: the same to every receiver.
    id: String,
    /// Its place among all that happened to the customer: it grows from event to event, and
    /// leaves numbers out. Absent: it happened before this was counted.
    sequence: Option<u64>,
    /// Whom it happened to.
    customer: String,
    /// Who did it. Absent: the engine, by itself.
    actor: Option<String>,
    /// The subscription concerned.
    subscription: Option<String>,
    /// The invoice concerned.
    invoice: Option<String>,
    /// The checkout concerned.
    checkout: Option<String>,
    /// The grant concerned.
    grant: Option<String>,
    /// The change concerned.
    change: Option<String>,
    /// The license concerned.
    license: Option<String>,
    /// The money concerned.
    money: Option<MoneyView>,
    /// With `subscription.renewal_pending`, and with its reminders
    /// `subscription.renewal_due` and `subscription.grace_ending`: what it takes to pay.
    renewal: Option<EventRenewalView>,
    /// What else a reader needs, as the event says: a pay link, a date, a provider's code. Never why
    /// an operator did something: that is in the journal.
    note: Option<String>,
}

/// What it takes to pay a cycle.
#[derive(Debug, Object)]
#[oai(rename = "EventRenewal")]
pub(crate) struct EventRenewalView {
    /// The number of the subscription's cycle.
    cycle: u32,
    /// What is collected: in satoshi where bitcoin is, else what is listed.
    collected: MoneyView,
    /// When it is to be paid.
    due_at: String,
    /// Until when it can be paid.
    grace_ends_at: String,
    /// Where it is paid: a page of this server's that goes on working until then. Without
    /// pages: the provider's, which closes sooner. Absent: there is none yet.
    #[oai(skip_serializing_if_is_none)]
    pay_url: Option<String>,
}

/// An event on its way to a receiver.
#[derive(Debug, Object)]
#[oai(rename = "Delivery")]
pub(crate) struct DeliveryView {
    /// Its id, which is the `webhook-id` that it is sent with, each time.
    id: String,
    /// To whom: the id of a receiver; or `mail` or `github`, what is no receiver's.
    endpoint: String,
    /// Whom it happened to.
    customer: String,
    /// What happened, as in `invoice.settled`.
    event: String,
    /// `pending`, `delivered`, or `dead` where it was given up.
    status: String,
    /// Tries so far, since it was last retried by hand if it was.
    attempts: u16,
    /// With `pending`: when it is tried next.
    next_attempt_at: Option<String>,
    /// When it was last tried. Absent: it was not yet.
    last_attempt_at: Option<String>,
    /// The HTTP status of the last answer. Absent: there was none.
    last_status: Option<u16>,
    /// Why there was none, in words. Absent: there was one.
    last_problem: Option<String>,
    /// When it came to be.
    created_at: String,
    /// What is sent. Absent in lists.
    #[oai(skip_serializing_if_is_none)]
    payload: Option<EventView>,
}

impl From<EventDelivery> for DeliveryView {
    fn from(held: EventDelivery) -> Self {
        let pending = held.state == DeliveryState::Pending;
        let (at, status, problem) = match held.last {
            Some(last) => (Some(last.at.to_string()), last.status, last.problem),
            None => (None, None, None),
        };
        Self {
            id: held.id.to_string(),
            endpoint: match Way::of(held.endpoint) {
                Some(way) => way.as_str().to_owned(),
                None => held.endpoint.to_string(),
            },
            customer: held.customer.to_string(),
            event: held.event.as_str().to_owned(),
            status: held.state.as_str().to_owned(),
            attempts: held.attempts,
            next_attempt_at: pending.then(|| held.next_at.to_string()),
            last_attempt_at: at,
            last_status: status,
            last_problem: problem,
            created_at: held.created_at.to_string(),
            payload: None,
        }
    }
}

impl DeliveryView {
    /// With what is sent.
    async fn whole(state: &AppState, held: EventDelivery) -> Result<Self, Problem> {
        // What is carried is kept in another form.
        let carried = match entry_of(&held) {
            Some(entry) => {
                let address = renewal_link::address(state, &entry).await?;
                body(&entry, address.as_deref()).ok()
            }
            None => None,
        };
        let payload = EventView::parse_from_json_string(carried.as_ref().unwrap_or(&held.body));
        if payload.is_err() {
            tracing::error!(delivery = %held.id, "an event cannot be read");
        }
        Ok(Self {
            payload: payload.ok(),
            ..held.into()
        })
    }
}

/// A page of deliveries.
#[derive(Debug, Object)]
#[oai(rename = "DeliveryList")]
pub(crate) struct DeliveriesView {
    /// The rows, newest first.
    data: Vec<DeliveryView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

pub(crate) struct DeliveriesApi;

#[OpenApi(tag = "Group::Operation")]
impl DeliveriesApi {
    /// Events on their way to receivers, newest first. They are kept for 30 days.
    #[oai(
        path = "/v1/deliveries",
        method = "get",
        operation_id = "list_deliveries"
    )]
    async fn list(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        /// To this receiver only, or by `mail` or `github`.
        endpoint: Query<Option<String>>,
        /// `pending`, `delivered` or `dead` ones only.
        status: Query<Option<String>>,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<DeliveriesView> {
        tracing::debug!(by = %by.0.actor, "deliveries listed");
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), DeliveryId::uuid)?;
        let endpoint = endpoint.as_deref().map(|id| {
            let wrong = |_invalid| {
                Problem::field("endpoint", "must be the id of a receiver, mail or github")
            };
            match Way::from_word(id) {
                Some(way) => Ok(way.id()),
                None => id.parse().map_err(wrong),
            }
        });
        let state_of = status.as_deref().map(|word| {
            let wrong = || Problem::field("status", "must be pending, delivered or dead");
            DeliveryState::from_word(word).ok_or_else(wrong)
        });
        let filter = DeliveryFilter {
            endpoint: endpoint.transpose()?,
            state: state_of.transpose()?,
        };
        let found = state.store()?.list_deliveries(filter, ask).await?;
        let (data, next_cursor) = page::views(found, |row| row.id, DeliveryView::from);
        Ok(Json(DeliveriesView { data, next_cursor }))
    }

    /// One event on its way to a receiver, with what is sent.
    #[oai(
        path = "/v1/deliveries/:id",
        method = "get",
        operation_id = "get_delivery"
    )]
    async fn get(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
    ) -> Answer<DeliveryView> {
        tracing::debug!(by = %by.0.actor, "delivery read");
        let held = found(&state, parsed(&id)?).await?;
        Ok(Json(DeliveryView::whole(&state, held).await?))
    }

    /// Sends an event again that was given up, its tries counted from none.
    #[oai(
        path = "/v1/deliveries/:id/retry",
        method = "post",
        operation_id = "retry_delivery"
    )]
    async fn retry(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
    ) -> Answer<DeliveryView> {
        let id = parsed(&id)?;
        retry(&state, id, &by.0.actor).await?;
        let held = found(&state, id).await?;
        Ok(Json(held.into()))
    }
}

/// Sends an event again that was given up.
///
/// # Errors
///
/// 404 where there is none, 409 where it was not given up or has no receiver to go to.
pub(crate) async fn retry(state: &AppState, id: DeliveryId, by: &str) -> Result<(), Problem> {
    let held = found(state, id).await?;
    if Way::of(held.endpoint).is_none() {
        let receiver = state.store()?.get_endpoint(held.endpoint).await?;
        let enabled = receiver.is_some_and(|receiver| receiver.disabled.is_none());
        if !enabled {
            return Err(refused("its receiver is disabled or deleted"));
        }
    }
    let now = state.clock()?.now();
    if !state.store()?.revive_delivery(id, now).await? {
        return Err(refused("only what was given up can be retried"));
    }
    tracing::info!(delivery = %id, by, "delivery retried");
    if let Some(sender) = &state.events {
        sender.wake();
    }
    if let Some(courier) = state.courier() {
        courier.wake();
    }
    Ok(())
}

fn refused(why: &'static str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "illegal_transition", why)
}

fn parsed(id: &str) -> Result<DeliveryId, Problem> {
    id.parse().map_err(|_invalid| Problem::not_found())
}

async fn found(state: &AppState, id: DeliveryId) -> Result<EventDelivery, Problem> {
    let held = state.store()?.get_delivery(id).await?;
    held.ok_or_else(Problem::not_found)
}

#[cfg(test)]
mod tests {
    use billing_domain::journal::{Event, JournalEntry};
    use billing_notify::{body, example};
    use billing_testkit::fixtures::Maker;
    use poem_openapi::types::ToJSON;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_sent_is_what_the_document_says_field_by_field() {
        let mut make = Maker::new(1);
        let customer = make.id();
        let full = Event::ALL
            .iter()
            .map(|event| make.journal(customer, *event));
        let full: Vec<JournalEntry> = full.collect();
        let examples = Event::ALL.iter().copied().map(example);
        for entry in full.into_iter().chain(examples) {
            let sent = body(&entry, Some("https://billing.example.com")).unwrap();
            let read = EventView::parse_from_json_string(&sent);
            let read = read.unwrap_or_else(|error| panic!("{}: {sent}", error.into_message()));
            // What the document does not know would be lost on the way.
            let sent: Value = serde_json::from_str(&sent).unwrap();
            assert_eq!(read.to_json(), Some(sent));
        }
    }
}
