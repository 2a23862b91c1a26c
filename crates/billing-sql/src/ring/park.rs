//! Setting an inbox row aside, and what a person decides about it.
//! [`Fault::Unmet`] stands for "the claim had passed on", or "resolved before".

use async_trait::async_trait;
use billing_domain::ids::{InboxId, ParkedId};
use billing_domain::parked::Parked;
use billing_ports::store::{Fence, Resolution};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryTrait,
};

use super::commit::settle_inbox;
use super::parts::Parts;
use super::{links, write};
use crate::database::{Operation, Shape};
use crate::entity::{inbox, inbox_link, outbox, parked, state};
use crate::fault::Fault;

#[derive(Debug, Clone)]
pub(super) struct SetAside {
    pub(super) id: InboxId,
    pub(super) fence: Fence,
    pub(super) parked: Parked,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Resolve {
    pub(super) id: ParkedId,
    pub(super) resolution: Resolution,
    pub(super) at: DateTimeUtc,
}

const fn parts_shape(merges: bool) -> Shape {
    if merges {
        Shape::Statement
    } else {
        Shape::Transaction
    }
}

#[async_trait]
impl Operation for SetAside {
    type Output = ();

    fn shape(&self, merges: bool) -> Shape {
        parts_shape(merges)
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        let waits = if self.parked.reason.awaits_its_customer() {
            links::named_by(on, self.id.uuid()).await?
        } else {
            Vec::new()
        };
        let mut parts = Parts::default();
        let held = std::iter::once((self.id.uuid(), self.fence.0));
        parts.exactly(1, settle_inbox(held, state::PARKED));
        let row = write::parked(&self.parked)?.into_active_model();
        parts.surely(1, parked::Entity::insert(row).into_query());
        links::wait(&mut parts, waits);
        parts.run(on).await
    }
}

#[async_trait]
impl Operation for Resolve {
    type Output = ();

    fn shape(&self, merges: bool) -> Shape {
        parts_shape(merges)
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        let row = parked::Entity::find_by_id(self.id.uuid()).one(on).await?;
        let row = row.ok_or(Fault::Unmet)?;
        let word = match self.resolution {
            Resolution::Replay => "replay",
            Resolution::Link(_) => "link",
            Resolution::Discard => "discard",
        };
        let mut parts = Parts::default();
        parts.exactly(
            1,
            parked::Entity::update_many()
                .col_expr(parked::Column::ResolvedAt, Some(self.at).into())
                .col_expr(parked::Column::Resolution, word.into())
                .filter(parked::Column::Id.eq(row.id))
                .filter(parked::Column::ResolvedAt.is_null())
                .into_query(),
        );
        if let Some(waiting) = row.inbox_id {
            self.delivery(&mut parts, waiting);
        }
        if let Some(waiting) = row.effect_id {
            self.effect(&mut parts, waiting);
        }
        parts.run(on).await
    }
}

impl Resolve {
    fn delivery(&self, parts: &mut Parts, id: sea_orm::prelude::Uuid) {
        let update = inbox::Entity::update_many()
            .filter(inbox::Column::Id.eq(id))
            .filter(inbox::Column::State.ne(state::NEW))
            .col_expr(inbox::Column::Held, false.into());
        let mut update = match self.resolution {
            Resolution::Discard => update.col_expr(inbox::Column::State, state::DISCARDED.into()),
            Resolution::Replay | Resolution::Link(_) => update
                .col_expr(inbox::Column::State, state::NEW.into())
                .col_expr(inbox::Column::ReadyAt, self.at.into())
                .col_expr(inbox::Column::Attempts, 0.into()),
        };
        if let Resolution::Link(customer) = self.resolution {
            update = update.col_expr(inbox::Column::Linked, Some(customer.uuid()).into());
        }
        parts.any(update.into_query());
        parts.any(
            inbox_link::Entity::delete_many()
                .filter(inbox_link::Column::InboxId.eq(id))
                .into_query(),
        );
    }

    fn effect(&self, parts: &mut Parts, id: sea_orm::prelude::Uuid) {
        let update = outbox::Entity::update_many()
            .filter(outbox::Column::Id.eq(id))
            .filter(outbox::Column::State.ne(state::PENDING))
            .col_expr(outbox::Column::Held, false.into());
        let update = match self.resolution {
            Resolution::Discard => update
                .col_expr(outbox::Column::State, state::DISCARDED.into())
                .col_expr(outbox::Column::SettledAt, Some(self.at).into()),
            Resolution::Replay | Resolution::Link(_) => update
                .col_expr(outbox::Column::State, state::PENDING.into())
                .col_expr(outbox::Column::ReadyAt, self.at.into())
                .col_expr(outbox::Column::Attempts, 0.into()),
        };
        parts.any(update.into_query());
    }
}
