//! What happened to anybody, and what a customer's balance came to be.

use billing_domain::ids::JournalId;
use billing_domain::journal::{Event, JournalEntry};
use billing_ports::store::{EventFilter, Page};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::customers::{customer_ref, named};
use crate::api::page;
use crate::api::views::{JournalView, MoneyView};
use crate::api::{Answer, Group};
use crate::auth::ReadKey;
use crate::problem::Problem;
use crate::renewal_link;
use crate::state::AppState;

/// A page of what happened.
#[derive(Debug, Object)]
#[oai(rename = "EventList")]
pub(crate) struct EventsView {
    /// The rows, newest first.
    data: Vec<JournalView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

/// What a customer has to its credit, and how that came to be.
#[derive(Debug, Object)]
#[oai(rename = "Balance")]
pub(crate) struct BalanceView {
    /// The balance in each currency in which it is not nothing.
    balances: Vec<MoneyView>,
    /// What it was made of, newest first: by how much it changed, for which invoice and
    /// why. All of them sum to the balance.
    data: Vec<JournalView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

pub(crate) struct EventsApi;

#[OpenApi(tag = "Group::Books")]
impl EventsApi {
    /// What happened, over everybody, newest first.
    #[oai(path = "/v1/events", method = "get", operation_id = "list_events")]
    async fn list(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        /// This event only, as in `subscription.renewed`.
        event: Query<Option<String>>,
        /// What happened to this customer only, by id or by the host's reference.
        customer: Query<Option<String>>,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<EventsView> {
        by.checked();
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), JournalId::uuid)?;
        let event = match event.as_deref() {
            None => None,
            Some(word) => {
                let mut known = Event::ALL.iter().copied();
                let found = known.find(|event| event.as_str() == word);
                Some(found.ok_or_else(|| Problem::field("event", "is not an event"))?)
            }
        };
        let customer = match customer.as_deref() {
            None => None,
            Some(text) => Some(named(&state, text).await?),
        };
        let store = state.store()?;
        let found = store
            .list_events(EventFilter { customer, event }, ask)
            .await?;
        let (data, next_cursor) = entries(&state, found).await?;
        Ok(Json(EventsView { data, next_cursor }))
    }

    /// A customer's balance, and the changes that made it.
    #[oai(
        path = "/v1/customers/:customer/balance",
        method = "get",
        operation_id = "get_customer_balance"
    )]
    async fn balance(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        customer: Path<String>,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<BalanceView> {
        by.checked();
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), JournalId::uuid)?;
        let account = state.billing.account(&customer_ref(&customer)?).await?;
        let account = account.ok_or_else(Problem::customer_not_found)?;
        let filter = EventFilter {
            customer: Some(account.customer.id),
            event: Some(Event::BalanceChanged),
        };
        let store = state.store()?;
        let found = store.list_events(filter, ask).await?;
        let (data, next_cursor) = entries(&state, found).await?;
        let balances = account.customer.balances.into_iter();
        Ok(Json(BalanceView {
            balances: balances.map(MoneyView::from).collect(),
            data,
            next_cursor,
        }))
    }
}

/// Entries of a journal as views, with where renewals are paid, and the cursor to what
/// follows.
pub(crate) async fn entries(
    state: &AppState,
    found: Page<JournalEntry>,
) -> Result<(Vec<JournalView>, Option<String>), Problem> {
    let mut pages = Vec::with_capacity(found.rows.len());
    for entry in &found.rows {
        let address = renewal_link::address(state, entry).await?;
        pages.push(entry.payable_at(address.as_deref()).map(str::to_owned));
    }
    let (views, next_cursor) = page::views(found, |row| row.id, JournalView::from);
    let views = views.into_iter().zip(pages);
    let data = views.map(|(view, pay_url)| view.payable_at(pay_url));
    Ok((data.collect(), next_cursor))
}
