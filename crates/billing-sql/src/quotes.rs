//! Quotes: stored once, never changed, read back to be accepted.

use async_trait::async_trait;
use billing_domain::ids::QuoteId;
use billing_domain::quote::Quote;
use billing_ports::store::{Quotes, StoreError};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel, QueryTrait};

use crate::database::{Database, Operation, Shape};
use crate::entity::quote;
use crate::fault::Fault;
use crate::rows;
use crate::store::SqlStore;
use crate::time::column;

#[async_trait]
impl<D: Database> Quotes for SqlStore<D> {
    async fn put_quote(&self, quote: &Quote) -> Result<(), StoreError> {
        let row = quote::Model {
            id: quote.id.uuid(),
            customer_id: quote.customer.uuid(),
            expires_at: column(quote.expires_at),
            body: rows::stored(quote)?,
        };
        Ok(self.write(Put(row)).await?)
    }

    async fn get_quote(&self, id: QuoteId) -> Result<Option<Quote>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = quote::Entity::find_by_id(id.uuid()).one(on).await?;
            let found = found.map(|row| rows::read(row.body, "quotes", row.id));
            Ok(found.transpose()?)
        };
        Ok(self.read(read).await?)
    }
}

#[derive(Debug, Clone)]
struct Put(quote::Model);

#[async_trait]
impl Operation for Put {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        let known = OnConflict::column(quote::Column::Id)
            .do_nothing()
            .to_owned();
        let insert = quote::Entity::insert(self.0.clone().into_active_model())
            .on_conflict(known)
            .into_query();
        on.execute(&insert).await?;
        Ok(())
    }
}
