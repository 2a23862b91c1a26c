//! Whose something is: one look into one index.

use billing_domain::customer::Customer;
use billing_domain::ids::CustomerId;
use billing_domain::provider::ProviderRef;
use billing_ports::store::{Locator, MAX_OF_MAILBOX};
use sea_orm::prelude::Uuid;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::entity::{change, checkout, customer, invoice, license, provider_ref, subscription};
use crate::fault::Fault;
use crate::rows;

pub(super) async fn find<C: ConnectionTrait>(
    on: &C,
    by: &Locator,
) -> Result<Option<CustomerId>, Fault> {
    let found = match by {
        Locator::Customer(id) => {
            let rows = customer::Entity::find_by_id(id.uuid());
            owner(on, rows, customer::Column::Id).await
        }
        Locator::ExternalRef(name) => {
            let rows = customer::Entity::find().filter(customer::Column::ExternalRef.eq(name));
            owner(on, rows, customer::Column::Id).await
        }
        Locator::Checkout(id) => {
            let rows = checkout::Entity::find_by_id(id.uuid());
            owner(on, rows, checkout::Column::CustomerId).await
        }
        Locator::Subscription(id) => {
            let rows = subscription::Entity::find_by_id(id.uuid());
            owner(on, rows, subscription::Column::CustomerId).await
        }
        Locator::Invoice(id) => {
            let rows = invoice::Entity::find_by_id(id.uuid());
            owner(on, rows, invoice::Column::CustomerId).await
        }
        Locator::Change(id) => {
            let rows = change::Entity::find_by_id(id.uuid());
            owner(on, rows, change::Column::CustomerId).await
        }
        Locator::License(id) => {
            let rows = license::Entity::find_by_id(id.uuid());
            owner(on, rows, license::Column::CustomerId).await
        }
        Locator::Provider(held) => {
            // What several have named leads to none of them.
            let shared = provider_ref::Column::Shared;
            let rows = by_ref(held).filter(shared.is_null());
            owner(on, rows, provider_ref::Column::CustomerId).await
        }
    };
    Ok(found?.map(CustomerId::from))
}

pub(super) async fn is_shared<C: ConnectionTrait>(
    on: &C,
    object: &ProviderRef,
) -> Result<bool, Fault> {
    let row = by_ref(object).one(on).await?;
    Ok(row.is_some_and(|row| row.shared == Some(true)))
}

fn by_ref(object: &ProviderRef) -> Select<provider_ref::Entity> {
    let key = (
        object.account.to_string(),
        object.kind.as_str().to_owned(),
        object.id.clone(),
    );
    provider_ref::Entity::find_by_id(key)
}

pub(super) async fn of_mailbox<C: ConnectionTrait>(
    on: &C,
    mailbox: &str,
) -> Result<Vec<Customer>, Fault> {
    let rows = customer::Entity::find()
        .filter(customer::Column::Mailbox.eq(mailbox))
        .order_by_asc(customer::Column::Id)
        .limit(MAX_OF_MAILBOX);
    let found = rows.all(on).await?.into_iter();
    let read = found.map(|row| rows::read(row.body, "customers", row.id));
    Ok(read.collect::<Result<_, _>>()?)
}

async fn owner<C: ConnectionTrait, E: EntityTrait, Col: ColumnTrait>(
    on: &C,
    rows: Select<E>,
    column: Col,
) -> Result<Option<Uuid>, Fault> {
    let rows = rows.select_only().column(column).into_tuple::<Uuid>();
    Ok(rows.one(on).await?)
}
