//! How far reading providers' own books has come.

use async_trait::async_trait;
use billing_domain::provider::ProviderAccount;
use billing_ports::store::{Book, Bookmark, Bookmarks, StoreError};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel, QueryTrait};

use crate::database::{Database, Operation, Shape};
use crate::entity::bookmark;
use crate::fault::Fault;
use crate::rows;
use crate::store::SqlStore;
use crate::time::{column, instant};

const TABLE: &str = "bookmarks";

#[async_trait]
impl<D: Database> Bookmarks for SqlStore<D> {
    async fn get_bookmark(
        &self,
        account: &ProviderAccount,
        book: Book,
    ) -> Result<Option<Bookmark>, StoreError> {
        let on = self.database().reader();
        let key = (account.to_string(), book.as_str().to_owned());
        let read = || async {
            let found = bookmark::Entity::find_by_id(key.clone()).one(on).await?;
            Ok(found.map(mark).transpose()?)
        };
        Ok(self.read(read).await?)
    }

    async fn put_bookmark(
        &self,
        account: &ProviderAccount,
        book: Book,
        mark: &Bookmark,
    ) -> Result<(), StoreError> {
        let row = bookmark::Model {
            account: account.to_string(),
            book: book.as_str().to_owned(),
            next: mark.next.as_deref().map(rows::text),
            since: column(mark.since),
            begun_at: column(mark.begun_at),
        };
        Ok(self.write(Put(row)).await?)
    }
}

fn mark(row: bookmark::Model) -> Result<Bookmark, StoreError> {
    let id = format!("{} {}", row.account, row.book);
    Ok(Bookmark {
        next: row.next,
        since: instant(row.since, TABLE, &id)?,
        begun_at: instant(row.begun_at, TABLE, &id)?,
    })
}

#[derive(Debug, Clone)]
struct Put(bookmark::Model);

#[async_trait]
impl Operation for Put {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        use bookmark::Column;
        let newer = OnConflict::columns([Column::Account, Column::Book])
            .update_columns([Column::Next, Column::Since, Column::BegunAt])
            .to_owned();
        let insert = bookmark::Entity::insert(self.0.clone().into_active_model())
            .on_conflict(newer)
            .into_query();
        on.execute(&insert).await?;
        Ok(())
    }
}
