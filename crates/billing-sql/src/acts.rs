//! Acts of operators: kept in the transaction of what was written.

use std::sync::Arc;

use async_trait::async_trait;
use billing_domain::ids::{ActId, CustomerId};
use billing_ports::Store;
use billing_ports::store::{Act, ActFilter, Acts, KeptAct, Page, PageAsk, StoreError};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use crate::database::{Database, Operation, Shape};
use crate::entity::act;
use crate::fault::Fault;
use crate::reads::page;
use crate::rows;
use crate::store::SqlStore;
use crate::time::{column, instant};

const TABLE: &str = "acts";

#[async_trait]
impl<D: Database> Acts for SqlStore<D> {
    fn recording(&self, act: Act) -> Arc<dyn Store> {
        Arc::new(self.with_act(act))
    }

    async fn list_acts(
        &self,
        filter: &ActFilter,
        page: PageAsk,
    ) -> Result<Page<KeptAct>, StoreError> {
        use act::Column::{Actor, CustomerId};
        let actor = filter.actor.as_deref().map(rows::text);
        let wanted = Condition::all()
            .add_option(filter.customer.map(|id| CustomerId.eq(id.uuid())))
            .add_option(actor.map(|actor| Actor.eq(actor)));
        let select = act::Entity::find().filter(wanted);
        page!(self, page, act, select, kept)
    }
}

fn kept(row: act::Model) -> Result<KeptAct, StoreError> {
    Ok(KeptAct {
        act: Act {
            id: ActId::from(row.id),
            at: instant(row.at, TABLE, row.id)?,
            actor: row.actor,
            name: row.name,
            request: row.request,
            reason: row.reason,
        },
        customer: row.customer_id.map(CustomerId::from),
    })
}

/// A write, and the act that it is part of.
pub(crate) struct WithAct<O: Operation> {
    operation: O,
    row: act::Model,
    wrote: fn(&O::Output) -> bool,
}

impl<O: Operation> WithAct<O> {
    pub(crate) fn new(
        operation: O,
        act: &Act,
        customer: Option<CustomerId>,
        wrote: fn(&O::Output) -> bool,
    ) -> Self {
        let row = act::Model {
            id: act.id.uuid(),
            at: column(act.at),
            actor: rows::text(&act.actor),
            name: rows::text(&act.name),
            request: rows::text(&act.request),
            reason: act.reason.as_deref().map(rows::text),
            customer_id: customer.map(CustomerId::uuid),
        };
        Self {
            operation,
            row,
            wrote,
        }
    }
}

#[async_trait]
impl<O: Operation> Operation for WithAct<O> {
    type Output = O::Output;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Transaction
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<O::Output, Fault> {
        let output = self.operation.run(on).await?;
        if (self.wrote)(&output) {
            // What is written later under the same act finds it there.
            let known = OnConflict::column(act::Column::Id).do_nothing().to_owned();
            let insert = act::Entity::insert(self.row.clone().into_active_model())
                .on_conflict(known)
                .into_query();
            on.execute(&insert).await?;
        }
        Ok(output)
    }
}
