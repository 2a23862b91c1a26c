//! Discount codes and their uses.
//!
//! A use is reserved while its code's row is locked, so that of many callers at
//! once none sees a use that another is taking.

use std::collections::BTreeMap;

use async_trait::async_trait;
use billing_domain::discount::DiscountCode;
use billing_domain::ids::{CheckoutId, DiscountCodeId};
use billing_domain::time::Timestamp;
use billing_ports::store::{CodeUses, Codes, Page, PageAsk, StoreError};
use sea_orm::prelude::{DateTimeUtc, Uuid};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::database::{Database, Operation, Shape};
use crate::entity::{discount_code, discount_use, state};
use crate::fault::Fault;
use crate::rows;
use crate::store::SqlStore;
use crate::time::{column, instant};

mod uses;

#[async_trait]
impl<D: Database> Codes for SqlStore<D> {
    async fn create_code(&self, code: &DiscountCode) -> Result<bool, StoreError> {
        let row = discount_code::Model {
            id: code.id.uuid(),
            code: rows::text(&code.code),
            max_uses: code.max_uses.map(i64::from),
            retired_at: code.retired_at.map(column),
            body: rows::stored(code)?,
        };
        match self.record(Create(row), None, |()| true).await {
            Ok(()) => Ok(true),
            Err(fault) if fault.is_unique() => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    async fn find_code(&self, text: &str) -> Result<Option<DiscountCode>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = discount_code::Entity::find()
                .filter(discount_code::Column::Code.eq(rows::text(text)))
                .filter(discount_code::Column::RetiredAt.is_null())
                .one(on)
                .await?;
            Ok(found.map(code).transpose()?)
        };
        Ok(self.read(read).await?)
    }

    async fn list_codes(
        &self,
        page: PageAsk,
        now: Timestamp,
    ) -> Result<Page<CodeUses>, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| list(on, page, column(now))).await?)
    }

    async fn retire_code(&self, id: DiscountCodeId, now: Timestamp) -> Result<bool, StoreError> {
        let retire = Retire(id.uuid(), column(now));
        Ok(self.record(retire, None, |retired| *retired).await?)
    }

    async fn reserve_code(
        &self,
        id: DiscountCodeId,
        checkout: CheckoutId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let reserve = uses::Reserve {
            code: id.uuid(),
            checkout: checkout.uuid(),
            until: column(until),
            now: column(now),
        };
        Ok(self.write(reserve).await?)
    }

    async fn settle_code(
        &self,
        id: DiscountCodeId,
        checkout: CheckoutId,
        used: bool,
    ) -> Result<(), StoreError> {
        let settle = uses::Settle {
            code: id.uuid(),
            checkout: checkout.uuid(),
            used,
        };
        Ok(self.write(settle).await?)
    }
}

fn code(row: discount_code::Model) -> Result<DiscountCode, StoreError> {
    let table = "discount_codes";
    let retired_at = row.retired_at.map(|at| instant(at, table, row.id));
    Ok(DiscountCode {
        retired_at: retired_at.transpose()?,
        ..rows::read(row.body, table, row.id)?
    })
}

async fn list<C: ConnectionTrait>(
    on: &C,
    page: PageAsk,
    now: DateTimeUtc,
) -> Result<Page<CodeUses>, Fault> {
    let after = page.after.map(|id| discount_code::Column::Id.lt(id));
    let mut found = discount_code::Entity::find()
        .filter(Condition::all().add_option(after))
        .order_by_desc(discount_code::Column::Id)
        // One beyond the page, to learn whether more follow.
        .limit(u64::from(page.limit).saturating_add(1))
        .all(on)
        .await?;
    let more = found.len() > usize::from(page.limit);
    found.truncate(usize::from(page.limit));
    let counts = counts(on, found.iter().map(|row| row.id).collect(), now).await?;
    let rows = found.into_iter().map(|row| {
        let count = |word: &str| counts.get(&(row.id, word.to_owned())).copied();
        let (used, reserved) = (count(state::USED), count(state::RESERVED));
        Ok(CodeUses {
            code: code(row)?,
            used: used.unwrap_or(0),
            reserved: reserved.unwrap_or(0),
        })
    });
    let rows = rows.collect::<Result<_, StoreError>>()?;
    Ok(Page { rows, more })
}

/// Uses that count at `now`, by code and the word for their state.
async fn counts<C: ConnectionTrait>(
    on: &C,
    codes: Vec<Uuid>,
    now: DateTimeUtc,
) -> Result<BTreeMap<(Uuid, String), u32>, Fault> {
    let counted = discount_use::Entity::find()
        .select_only()
        .column(discount_use::Column::CodeId)
        .column(discount_use::Column::State)
        .column_as(discount_use::Column::CheckoutId.count(), "uses")
        .filter(discount_use::Column::CodeId.is_in(codes))
        .filter(uses::counting(now))
        .group_by(discount_use::Column::CodeId)
        .group_by(discount_use::Column::State)
        .into_tuple::<(Uuid, String, i64)>()
        .all(on)
        .await?;
    let counted = counted.into_iter();
    Ok(counted
        .map(|(code, word, uses)| ((code, word), u32::try_from(uses).unwrap_or(u32::MAX)))
        .collect())
}

#[derive(Debug, Clone)]
struct Create(discount_code::Model);

#[async_trait]
impl Operation for Create {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        discount_code::Entity::insert(self.0.clone().into_active_model())
            .exec_without_returning(on)
            .await?;
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct Retire(Uuid, DateTimeUtc);

#[async_trait]
impl Operation for Retire {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let retired = discount_code::Entity::update_many()
            .col_expr(discount_code::Column::RetiredAt, Some(self.1).into())
            .filter(discount_code::Column::Id.eq(self.0))
            .filter(discount_code::Column::RetiredAt.is_null())
            .exec(on)
            .await?;
        Ok(retired.rows_affected == 1)
    }
}
