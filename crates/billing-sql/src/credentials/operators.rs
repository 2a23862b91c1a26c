//! Sessions of operators. Whether a key may have any is not asked here.

use async_trait::async_trait;
use billing_domain::time::Timestamp;
use billing_ports::store::{OperatorSession, SecretHash};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter};

use crate::database::{Operation, Shape};
use crate::entity::{operator_key, operator_session};
use crate::fault::Fault;
use crate::time::column;

/// The key whose session has this token, if the session has not ended at `now`.
pub(super) async fn key_of<C: ConnectionTrait>(
    on: &C,
    token: SecretHash,
    now: Timestamp,
) -> Result<Option<operator_key::Model>, DbErr> {
    let held = operator_session::Entity::find()
        .filter(operator_session::Column::TokenHash.eq(token.to_vec()))
        .filter(operator_session::Column::ExpiresAt.gt(column(now)))
        .one(on)
        .await?;
    match held {
        Some(held) => operator_key::Entity::find_by_id(held.key_id).one(on).await,
        None => Ok(None),
    }
}

#[derive(Debug, Clone)]
pub(super) struct Begin(operator_session::Model);

impl Begin {
    pub(super) fn of(session: &OperatorSession, token: SecretHash) -> Self {
        Self(operator_session::Model {
            id: session.id.uuid(),
            key_id: session.key.uuid(),
            expires_at: column(session.expires_at),
            token_hash: token.to_vec(),
        })
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct End(pub(super) SecretHash);

#[async_trait]
impl Operation for Begin {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        let row = self.0.clone().into_active_model();
        operator_session::Entity::insert(row)
            .exec_without_returning(on)
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Operation for End {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let ended = operator_session::Entity::delete_many()
            .filter(operator_session::Column::TokenHash.eq(self.0.to_vec()))
            .exec(on)
            .await?;
        Ok(ended.rows_affected == 1)
    }
}
