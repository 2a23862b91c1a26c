//! Customers: made, found, listed, and what happened to them.

use billing_domain::customer::Customer;
use billing_domain::ids::{CustomerId, JournalId};
use billing_domain::time::Timestamp;
use billing_engine::{CreateCustomerError, CustomerDetails, CustomerRef, NewCustomer};
use billing_ports::store::Locator;
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::happened::entries;
use crate::api::page;
use crate::api::views::{CustomerView, JournalView};
use crate::api::{Answer, Created, Group};
use crate::auth::{ReadKey, WriteKey};
use crate::problem::Problem;
use crate::state::AppState;

/// A customer to be made.
#[derive(Debug, Object)]
#[oai(rename = "NewCustomer")]
pub(crate) struct CustomerBody {
    /// The host application's name for it. Absent: a guest.
    external_ref: Option<String>,
    /// Where mail goes.
    email: Option<String>,
    /// The language that it is written to in, as in `de` or `pt-BR`. Absent: the server's own.
    lang: Option<String>,
    /// Its name at GitHub, where a plan comes with an invitation.
    github: Option<String>,
    /// The customer under whose plan it acts.
    member_of: Option<String>,
    /// When it joined the host application. Absent: now.
    joined_at: Option<String>,
    /// The same, read.
    #[oai(skip)]
    owner: Option<CustomerId>,
    /// The same, read.
    #[oai(skip)]
    joined: Option<Timestamp>,
}

impl ReadBody for CustomerBody {
    fn read(fields: &mut Fields) -> Self {
        let body = Self {
            external_ref: fields.text("external_ref", MAX_TEXT),
            email: fields.email("email"),
            lang: lang(fields),
            github: github(fields),
            member_of: None,
            joined_at: None,
            owner: fields.parsed("member_of"),
            joined: fields.instant("joined_at"),
        };
        let looks_like_id = |text: &String| text.parse::<CustomerId>().is_ok();
        if body.external_ref.as_ref().is_some_and(looks_like_id) {
            fields.wrong("external_ref", "must not look like a customer's id");
        }
        body
    }
}

/// What is to be another of a customer: what is left out stays, and `null` takes back.
#[derive(Debug, Object)]
#[oai(rename = "CustomerDetails")]
pub(crate) struct DetailsBody {
    /// The language that it is written to in, as in `de` or `pt-BR`.
    lang: Option<String>,
    /// Its name at GitHub, where a plan comes with an invitation.
    github: Option<String>,
    /// The same, read.
    #[oai(skip)]
    details: CustomerDetails,
}

impl ReadBody for DetailsBody {
    fn read(fields: &mut Fields) -> Self {
        let (says_lang, says_github) = (fields.says("lang"), fields.says("github"));
        let (lang, github) = (lang(fields), github(fields));
        if !says_lang && !says_github {
            fields.wrong("lang", "or github must be there");
        }
        Self {
            lang: None,
            github: None,
            details: CustomerDetails {
                lang: says_lang.then_some(lang),
                github: says_github.then_some(github),
            },
        }
    }
}

/// Longest tag of a language (RFC 5646 has room for 35), and longest name at GitHub.
const MAX_LANG: usize = 35;
const MAX_GITHUB: usize = 39;

/// A language, by its tag.
fn lang(fields: &mut Fields) -> Option<String> {
    let text = fields.text("lang", MAX_LANG)?;
    if is_language(&text) {
        return Some(text);
    }
    fields.wrong("lang", "must be the tag of a language, as in de or pt-BR");
    None
}

/// Whether a text is the tag of a language.
pub(crate) fn is_language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let primary = subtags.next().unwrap_or_default();
    let letters = primary.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_subtag = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let short = text.len() <= MAX_LANG;
    short && letters && (2..=8).contains(&primary.len()) && subtags.all(is_subtag)
}

/// A name at GitHub.
fn github(fields: &mut Fields) -> Option<String> {
    let text = fields.text("github", MAX_GITHUB)?;
    if is_github_name(&text) {
        return Some(text);
    }
    fields.wrong("github", "must be a name at GitHub, without the address");
    None
}

/// Whether a text is a name at GitHub.
pub(crate) fn is_github_name(text: &str) -> bool {
    // With `_` stands the short name of a company behind that of a managed user.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    text.len() <= MAX_GITHUB && text.bytes().all(plain) && starts
}

/// A page of customers.
#[derive(Debug, Object)]
#[oai(rename = "CustomerList")]
pub(crate) struct CustomersView {
    /// The rows, newest first.
    data: Vec<CustomerView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

/// A page of a journal.
#[derive(Debug, Object)]
#[oai(rename = "JournalList")]
pub(crate) struct JournalsView {
    /// The rows, newest first.
    data: Vec<JournalView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

pub(crate) struct CustomersApi;

#[OpenApi(tag = "Group::Customers")]
impl CustomersApi {
    /// Makes a customer. Early ones are granted the plankowner plan.
    #[oai(
        path = "/v1/customers",
        method = "post",
        operation_id = "create_customer"
    )]
    async fn create(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        body: Body<CustomerBody>,
    ) -> Result<Created<CustomerView>, Problem> {
        let body = body.0;
        let new = NewCustomer {
            external_ref: body.external_ref,
            email: body.email,
            lang: body.lang,
            github: body.github,
            member_of: body.owner,
            joined_at: body.joined,
            guest: false,
        };
        match state.billing.create_customer(new, Some(&by.actor())).await {
            Ok(account) => Ok(Created::new(account.customer.into())),
            Err(CreateCustomerError::Exists(held)) => Err(exists(&held)),
            Err(CreateCustomerError::NoSuchOwner) => {
                Err(Problem::field("member_of", "no such customer"))
            }
            Err(CreateCustomerError::Engine(error)) => Err(error.into()),
        }
    }

    /// Has a customer written to in another language, or known at GitHub by another name. What
    /// is left out stays; `null` takes back what was said.
    #[oai(
        path = "/v1/customers/:customer",
        method = "patch",
        operation_id = "update_customer"
    )]
    async fn update(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        customer: Path<String>,
        body: Body<DetailsBody>,
    ) -> Answer<CustomerView> {
        let (of, actor) = (customer_ref(&customer)?, by.actor());
        let described = state
            .billing
            .describe_customer(&of, &body.0.details, Some(&actor));
        let account = described.await?.ok_or_else(Problem::customer_not_found)?;
        Ok(Json(account.customer.into()))
    }

    /// Customers, newest first; or the one with an external reference.
    #[oai(
        path = "/v1/customers",
        method = "get",
        operation_id = "list_customers"
    )]
    async fn list(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        /// The host application's name for the customer.
        external_ref: Query<Option<String>>,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<CustomersView> {
        by.checked();
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), CustomerId::uuid)?;
        if let Some(external) = external_ref.0 {
            let found = if plain(&external) {
                let named = CustomerRef::External(external);
                state.billing.account(&named).await?
            } else {
                None
            };
            return Ok(Json(CustomersView {
                data: found.into_iter().map(|held| held.customer.into()).collect(),
                next_cursor: None,
            }));
        }
        let store = state.store()?;
        let found = store.list_customers(ask).await?;
        let (data, next_cursor) = page::views(found, |row| row.id, CustomerView::from);
        Ok(Json(CustomersView { data, next_cursor }))
    }

    /// One customer, by id or by the host's reference.
    #[oai(
        path = "/v1/customers/:customer",
        method = "get",
        operation_id = "get_customer"
    )]
    async fn get(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        customer: Path<String>,
    ) -> Answer<CustomerView> {
        by.checked();
        let account = state.billing.account(&customer_ref(&customer)?).await?;
        let account = account.ok_or_else(Problem::customer_not_found)?;
        Ok(Json(account.customer.into()))
    }

    /// What happened to a customer, newest first.
    #[oai(
        path = "/v1/customers/:customer/journal",
        method = "get",
        operation_id = "list_customer_journal"
    )]
    async fn journal(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        customer: Path<String>,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<JournalsView> {
        by.checked();
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), JournalId::uuid)?;
        let id = named(&state, &customer).await?;
        let store = state.store()?;
        let found = store.list_journal(id, ask).await?;
        let (data, next_cursor) = entries(&state, found).await?;
        Ok(Json(JournalsView { data, next_cursor }))
    }
}

fn exists(held: &Customer) -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "already_exists",
        "a customer with this external reference exists",
    )
    .with("customer", held.id.to_string())
}

/// The customer that `text` names: by id where it looks like one, else by the
/// host's reference.
pub(crate) fn customer_ref(text: &str) -> Result<CustomerRef, Problem> {
    if let Ok(id) = text.parse::<CustomerId>() {
        return Ok(CustomerRef::Id(id));
    }
    if !plain(text) {
        return Err(Problem::customer_not_found());
    }
    Ok(CustomerRef::External(text.to_owned()))
}

/// The id of the customer that `text` names.
pub(crate) async fn named(state: &AppState, text: &str) -> Result<CustomerId, Problem> {
    let locator = match customer_ref(text)? {
        CustomerRef::Id(id) => Locator::Customer(id),
        CustomerRef::External(name) => Locator::ExternalRef(name),
    };
    let store = state.store()?;
    let found = store.find(&locator).await?;
    found.ok_or_else(Problem::customer_not_found)
}

/// Whether a customer could have this reference.
fn plain(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.contains(char::is_control)
}
