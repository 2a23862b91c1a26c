//! Quotes: stored once, never changed, read back to be accepted.

use async_trait::async_trait;
use billing_domain::ids::QuoteId;
use billing_domain::quote::Quote;
use billing_ports::store::{Quotes, Revision, StoreError};
use sea_orm::prelude::{DateTimeUtc, Uuid};
use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait};

use crate::database::{Database, Operation, Shape};
use crate::entity::{customer, quote};
use crate::fault::Fault;
use crate::rows;
use crate::store::SqlStore;
use crate::time::column;

#[async_trait]
impl<D: Database> Quotes for SqlStore<D> {
    async fn put_quote(&self, quote: &Quote, at: Revision) -> Result<bool, StoreError> {
        let put = Put {
            id: quote.id.uuid(),
            customer: quote.customer.uuid(),
            expires_at: column(quote.expires_at),
            body: rows::stored_text(quote)?,
            at,
        };
        Ok(self.write(put).await?)
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

/// Stores a quote where its customer stands at this revision.
#[derive(Debug, Clone)]
struct Put {
    id: Uuid,
    customer: Uuid,
    expires_at: DateTimeUtc,
    /// As text: a value would be taken apart and written again.
    body: String,
    at: Revision,
}

#[async_trait]
impl Operation for Put {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let text = Expr::val(self.body.as_str());
        let postgres = on.get_database_backend() == DbBackend::Postgres;
        let body = if postgres {
            text.cast_as("jsonb")
        } else {
            text
        };
        let stands = Query::select()
            .expr(Expr::val(self.id))
            .expr(Expr::val(self.customer))
            .expr(Expr::val(self.expires_at))
            .expr(body)
            .from(customer::Entity)
            .and_where(customer::Column::Id.eq(self.customer))
            .and_where(customer::Column::Revision.eq(self.at.0))
            .to_owned();
        let known = OnConflict::column(quote::Column::Id)
            .do_nothing()
            .to_owned();
        let mut insert = Query::insert();
        insert
            .into_table(quote::Entity)
            .columns([
                quote::Column::Id,
                quote::Column::CustomerId,
                quote::Column::ExpiresAt,
                quote::Column::Body,
            ])
            .select_from(stands)
            .map_err(|error| DbErr::Custom(error.to_string()))?
            .on_conflict(known);
        if on.execute(&insert).await?.rows_affected() > 0 {
            return Ok(true);
        }
        // Either it does not stand there, or the quote was stored before.
        let stored = quote::Entity::find_by_id(self.id).one(on).await?;
        Ok(stored.is_some())
    }
}
