//! A customer with everything open: one statement, so that all of it is of one
//! instant, and one round trip.

use billing_domain::customer::Account;
use billing_domain::ids::CustomerId;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::store::{Also, LAST_CHANGES, Loaded, Revision};
use sea_orm::prelude::{Json, Uuid};
use sea_orm::sea_query::{
    Alias, Expr, IntoColumnRef, IntoIden, LikeExpr, Order, Query, SelectStatement, UnionType,
};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait as _, QueryResult};

use crate::entity::{change, checkout, customer, grant, invoice, license, state, subscription};
use crate::fault::Fault;
use crate::rows::read;

/// What the rows of the union are of, in the order in which they come.
mod part {
    pub(super) const CUSTOMER: i32 = 0;
    pub(super) const SUBSCRIPTION: i32 = 1;
    pub(super) const GRANT: i32 = 2;
    pub(super) const CHECKOUT: i32 = 3;
    pub(super) const INVOICE: i32 = 4;
    pub(super) const CHANGE: i32 = 5;
    pub(super) const LICENSE: i32 = 6;
}

/// Changes that are to come, as the partial index over them says it.
pub(crate) const CHANGES_TO_COME: &str = "state in ('awaiting_payment', 'scheduled')";

pub(super) async fn load<C: ConnectionTrait>(
    on: &C,
    id: CustomerId,
    also: &Also,
) -> Result<Option<Loaded>, Fault> {
    let rows = on.query_all(&query(id.uuid(), also)).await?;
    let mut rows = rows.iter();
    let Some(head) = rows.next() else {
        return Ok(None);
    };
    if head.try_get::<i32>("", "part")? != part::CUSTOMER {
        return Ok(None);
    }
    let mut account = Account::new(body(head, "customers")?);
    for row in rows {
        match row.try_get::<i32>("", "part")? {
            part::SUBSCRIPTION => account.subscriptions.push(body(row, "subscriptions")?),
            part::GRANT => account.grants.push(body(row, "grants")?),
            part::CHECKOUT => account.checkouts.push(body(row, "checkouts")?),
            part::INVOICE => account.invoices.push(body(row, "invoices")?),
            part::CHANGE => account.changes.push(body(row, "changes")?),
            _ => account.licenses.push(body(row, "licenses")?),
        }
    }
    let revision = Revision(head.try_get("", "revision")?);
    Ok(Some(Loaded { account, revision }))
}

fn body<T: serde::de::DeserializeOwned>(
    row: &QueryResult,
    table: &'static str,
) -> Result<T, Fault> {
    let (id, body): (Uuid, Json) = (row.try_get("", "id")?, row.try_get("", "body")?);
    Ok(read(body, table, id)?)
}

fn query(id: Uuid, also: &Also) -> SelectStatement {
    let head = rows(
        customer::Entity,
        part::CUSTOMER,
        Expr::col(customer::Column::Revision),
    )
    .and_where(customer::Column::Id.eq(id))
    .take();
    let none = || Expr::cust("0");
    let subscriptions = rows(subscription::Entity, part::SUBSCRIPTION, none())
        .and_where(subscription::Column::CustomerId.eq(id))
        .take();
    let grants = rows(grant::Entity, part::GRANT, none())
        .and_where(grant::Column::CustomerId.eq(id))
        .take();
    let mut wanted = Condition::any().add(Expr::cust("open"));
    if !also.checkouts.is_empty() {
        let ids = also.checkouts.iter().map(|id| id.uuid());
        wanted = wanted.add(checkout::Column::Id.is_in(ids));
    }
    for held in of_kind(also, RefKind::Checkout) {
        wanted = wanted.add(mentions((checkout::Entity, checkout::Column::Body), held));
    }
    let checkouts = rows(checkout::Entity, part::CHECKOUT, none())
        .and_where(checkout::Column::CustomerId.eq(id))
        .cond_where(wanted)
        .take();
    let invoices = rows(invoice::Entity, part::INVOICE, none())
        .and_where(invoice::Column::CustomerId.eq(id))
        .cond_where(invoices_wanted(id, also))
        .take();
    let changes = rows(change::Entity, part::CHANGE, none())
        .and_where(change::Column::CustomerId.eq(id))
        .cond_where(changes_wanted(id, also))
        .take();
    let licenses = rows(license::Entity, part::LICENSE, none())
        .and_where(license::Column::CustomerId.eq(id))
        .take();
    let mut all = head;
    for more in [
        subscriptions,
        grants,
        checkouts,
        invoices,
        changes,
        licenses,
    ] {
        all.union(UnionType::All, more);
    }
    all.order_by(Alias::new("part").into_iden(), Order::Asc)
        .order_by(Alias::new("id").into_iden(), Order::Asc);
    all
}

fn rows<E: EntityTrait>(entity: E, part: i32, revision: impl Into<Expr>) -> SelectStatement {
    Query::select()
        .expr_as(Expr::cust(part.to_string()), "part")
        .expr_as(revision.into(), "revision")
        .expr_as(Expr::col(Alias::new("id")), "id")
        .expr_as(Expr::col(Alias::new("body")), "body")
        .from(entity)
        .take()
}

fn invoices_wanted(customer: Uuid, also: &Also) -> Condition {
    // Written out, so that the partial index over open invoices is seen to fit.
    let open = format!("state = '{}'", state::OPEN);
    invoices_asked(customer, also).add(Expr::cust(open))
}

/// Invoices that are asked for; holds for none when none is.
fn invoices_asked(customer: Uuid, also: &Also) -> Condition {
    let mut wanted = Condition::any();
    if !also.invoices.is_empty() {
        let ids = also.invoices.iter().map(|id| id.uuid());
        wanted = wanted.add(invoice::Column::Id.is_in(ids));
    }
    if !also.checkouts.is_empty() {
        let theirs = Query::select()
            .column(checkout::Column::InvoiceId)
            .from(checkout::Entity)
            .and_where(checkout::Column::CustomerId.eq(customer))
            .and_where(checkout::Column::Id.is_in(also.checkouts.iter().map(|id| id.uuid())))
            .take();
        wanted = wanted.add(invoice::Column::Id.in_subquery(theirs));
    }
    for held in of_kind(also, RefKind::Invoice) {
        wanted = wanted.add(by_ref(held));
    }
    for held in of_kind(also, RefKind::Subscription) {
        wanted = wanted.add(untied(held));
    }
    for held in of_kind(also, RefKind::Payment) {
        let paid = mentions((invoice::Entity, invoice::Column::Body), held);
        let there = invoice::Column::Account.eq(held.account.to_string());
        wanted = wanted.add(Condition::all().add(there).add(paid));
    }
    for held in of_kind(also, RefKind::Checkout) {
        let bought = Query::select()
            .column(checkout::Column::InvoiceId)
            .from(checkout::Entity)
            .and_where(checkout::Column::CustomerId.eq(customer))
            .and_where(mentions((checkout::Entity, checkout::Column::Body), held))
            .take();
        wanted = wanted.add(invoice::Column::Id.in_subquery(bought));
    }
    wanted
}

fn of_kind(also: &Also, kind: RefKind) -> impl Iterator<Item = &ProviderRef> {
    let refs = also.invoice_refs.iter();
    refs.filter(move |held| held.kind == kind)
}

/// Whether a customer's row names a provider's id anywhere. It may be one too many;
/// the rules look for what it really is. Rows of one customer are few, and this is
/// asked only about refunds and disputes.
fn mentions(body: impl IntoColumnRef, held: &ProviderRef) -> Expr {
    let text = Json::String(held.id.clone()).to_string();
    let mut pattern = String::from("%");
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    let body = Expr::col(body).cast_as(Alias::new("text"));
    body.like(LikeExpr::new(pattern).escape('\\'))
}

fn changes_wanted(customer: Uuid, also: &Also) -> Condition {
    // Written out, so that the partial index over changes to come is seen to fit.
    let mut wanted = Condition::any().add(Expr::cust(CHANGES_TO_COME));
    if !also.changes.is_empty() {
        let ids = also.changes.iter().map(|id| id.uuid());
        wanted = wanted.add(change::Column::Id.is_in(ids));
    }
    if !also.quotes.is_empty() {
        let ids = also.quotes.iter().map(|id| id.uuid());
        wanted = wanted.add(change::Column::QuoteId.is_in(ids));
    }
    if also.last_changes {
        wanted = wanted.add(change::Column::Id.in_subquery(last_applied(customer)));
    }
    let invoices = invoices_asked(customer, also);
    if !invoices.is_empty() {
        let paid_for = Query::select()
            .column(invoice::Column::ChangeId)
            .from(invoice::Entity)
            .and_where(invoice::Column::CustomerId.eq(customer))
            .and_where(invoice::Column::ChangeId.is_not_null())
            .cond_where(invoices)
            .take();
        wanted = wanted.add(change::Column::Id.in_subquery(paid_for));
    }
    wanted
}

/// The newest that were applied: ids grow with the time at which they are drawn.
fn last_applied(customer: Uuid) -> SelectStatement {
    Query::select()
        .column(change::Column::Id)
        .from(change::Entity)
        .and_where(change::Column::CustomerId.eq(customer))
        .and_where(change::Column::State.eq(state::APPLIED))
        .order_by(change::Column::Id, Order::Desc)
        .limit(u64::try_from(LAST_CHANGES).unwrap_or(u64::MAX))
        .take()
}

/// Made for this subscription, and tied to none of ours.
fn untied(held: &ProviderRef) -> Condition {
    Condition::all()
        .add(invoice::Column::SubscriptionId.is_null())
        // Written out, so that the partial index over such invoices is seen to fit.
        .add(Expr::cust("subscription_ref is not null"))
        .add(invoice::Column::Account.eq(held.account.to_string()))
        .add(invoice::Column::SubscriptionRef.eq(held.id.clone()))
}

fn by_ref(held: &ProviderRef) -> Condition {
    Condition::all()
        .add(invoice::Column::Account.eq(held.account.to_string()))
        .add(invoice::Column::Reference.eq(held.id.clone()))
}
