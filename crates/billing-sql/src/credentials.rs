//! Keys, sessions and idempotency records. Only hashes of secrets are here.

use async_trait::async_trait;
use billing_domain::ids::{CustomerId, KeyId, SessionId};
use billing_domain::time::Timestamp;
use billing_ports::store::{
    Credentials, OperatorKey, OperatorSession, Remembered, Scope, SecretHash, Session, StoreError,
};
use sea_orm::prelude::{DateTimeUtc, Uuid};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::database::{Database, Operation, Shape};
use crate::entity::{idempotency, operator_key, session};
use crate::fault::Fault;
use crate::rows;
use crate::store::SqlStore;
use crate::time::{column, instant};

mod operators;
mod remember;

#[async_trait]
impl<D: Database> Credentials for SqlStore<D> {
    async fn add_key(&self, key: OperatorKey, secret: SecretHash) -> Result<(), StoreError> {
        let add = AddKey(key_row(key, secret));
        Ok(self.record(add, None, |()| true).await?)
    }

    async fn find_key(&self, secret: SecretHash) -> Result<Option<OperatorKey>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = operator_key::Entity::find()
                .filter(operator_key::Column::SecretHash.eq(secret.to_vec()))
                .filter(operator_key::Column::RevokedAt.is_null())
                .one(on)
                .await?;
            Ok(found.map(key).transpose()?)
        };
        Ok(self.read(read).await?)
    }

    async fn get_key(&self, id: KeyId) -> Result<Option<OperatorKey>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = operator_key::Entity::find_by_id(id.uuid()).one(on).await?;
            Ok(found.map(key).transpose()?)
        };
        Ok(self.read(read).await?)
    }

    async fn list_keys(&self, limit: u16) -> Result<Vec<OperatorKey>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = operator_key::Entity::find()
                .order_by_desc(operator_key::Column::Id)
                .limit(u64::from(limit))
                .all(on)
                .await?;
            let keys = found.into_iter().map(key);
            Ok(keys.collect::<Result<_, StoreError>>()?)
        };
        Ok(self.read(read).await?)
    }

    async fn revoke_key(&self, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let revoke = RevokeKey(id.uuid(), column(now));
        Ok(self.record(revoke, None, |revoked| *revoked).await?)
    }

    async fn rotate_key(
        &self,
        old: KeyId,
        old_until: Timestamp,
        key: OperatorKey,
        secret: SecretHash,
    ) -> Result<bool, StoreError> {
        let rotate = RotateKey {
            old: old.uuid(),
            old_until: column(old_until),
            add: AddKey(key_row(key, secret)),
        };
        match self.record(rotate, None, |()| true).await {
            Ok(()) => Ok(true),
            Err(fault) if fault.is_unmet() => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    async fn add_session(&self, session: Session, token: SecretHash) -> Result<(), StoreError> {
        let add = AddSession(row(&session, Some(token)));
        Ok(self.record(add, Some(session.customer), |()| true).await?)
    }

    async fn add_link(
        &self,
        session: Session,
        link: SecretHash,
        link_expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let row = session::Model {
            link_hash: Some(link.to_vec()),
            link_expires_at: Some(column(link_expires_at)),
            ..row(&session, None)
        };
        let add = AddSession(row);
        Ok(self.record(add, Some(session.customer), |()| true).await?)
    }

    async fn find_link(
        &self,
        link: SecretHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = session::Entity::find()
                .filter(session::Column::LinkHash.eq(link.to_vec()))
                .filter(session::Column::LinkExpiresAt.gt(column(now)))
                .one(on)
                .await?;
            Ok(found.as_ref().map(opened).transpose()?)
        };
        Ok(self.read(read).await?)
    }

    async fn open_link(
        &self,
        link: SecretHash,
        token: SecretHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        Ok(self
            .write(OpenLink {
                link,
                token,
                now: column(now),
            })
            .await?)
    }

    async fn find_session(
        &self,
        token: SecretHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = session::Entity::find()
                .filter(session::Column::TokenHash.eq(token.to_vec()))
                .filter(session::Column::ExpiresAt.gt(column(now)))
                .one(on)
                .await?;
            Ok(found.as_ref().map(opened).transpose()?)
        };
        Ok(self.read(read).await?)
    }

    async fn end_session(&self, token: SecretHash) -> Result<bool, StoreError> {
        Ok(self.write(EndSession(token)).await?)
    }

    async fn add_operator_session(
        &self,
        session: OperatorSession,
        token: SecretHash,
    ) -> Result<(), StoreError> {
        let begin = operators::Begin::of(&session, token);
        Ok(self.record(begin, None, |()| true).await?)
    }

    async fn find_operator_session(
        &self,
        token: SecretHash,
        now: Timestamp,
    ) -> Result<Option<OperatorKey>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = operators::key_of(on, token, now).await?;
            Ok(found.map(key).transpose()?)
        };
        let found: Option<OperatorKey> = self.read(read).await?;
        Ok(found.filter(OperatorKey::opens_sessions))
    }

    async fn end_operator_session(&self, token: SecretHash) -> Result<bool, StoreError> {
        Ok(self.write(operators::End(token)).await?)
    }

    async fn remember(
        &self,
        caller: &str,
        key: &str,
        request: SecretHash,
        now: Timestamp,
        reserved_until: Timestamp,
    ) -> Result<Remembered, StoreError> {
        let row = idempotency::Model {
            caller: caller.to_owned(),
            key: key.to_owned(),
            request: request.to_vec(),
            reserved_until: column(reserved_until),
            created_at: column(now),
            status: None,
            body: None,
        };
        Ok(self.write(remember::Remember(row)).await?)
    }

    async fn answer(
        &self,
        caller: &str,
        key: &str,
        status: u16,
        body: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let (caller, key) = (caller.to_owned(), key.to_owned());
        let answered = self.write(remember::Answer {
            caller,
            key,
            status,
            body,
        });
        if answered.await? {
            return Ok(());
        }
        let why = "no request was begun under this key".to_owned();
        Err(StoreError::Failed(why))
    }

    async fn forget(&self, caller: &str, key: &str) -> Result<(), StoreError> {
        let (caller, key) = (caller.to_owned(), key.to_owned());
        Ok(self.write(remember::Forget { caller, key }).await?)
    }
}

fn key_row(key: OperatorKey, secret: SecretHash) -> operator_key::Model {
    operator_key::Model {
        id: key.id.uuid(),
        name: key.name,
        scope: key.scope.as_str().to_owned(),
        secret_hash: secret.to_vec(),
        created_at: column(key.created_at),
        revoked_at: key.revoked_at.map(column),
        expires_at: key.expires_at.map(column),
    }
}

fn key(row: operator_key::Model) -> Result<OperatorKey, StoreError> {
    let table = "operator_keys";
    let scope = Scope::from_word(&row.scope);
    let revoked_at = row.revoked_at.map(|at| instant(at, table, row.id));
    let expires_at = row.expires_at.map(|at| instant(at, table, row.id));
    Ok(OperatorKey {
        id: KeyId::from(row.id),
        scope: scope.ok_or_else(|| rows::corrupt(table, row.id, "unknown scope"))?,
        created_at: instant(row.created_at, table, row.id)?,
        revoked_at: revoked_at.transpose()?,
        expires_at: expires_at.transpose()?,
        name: row.name,
    })
}

fn row(session: &Session, token: Option<SecretHash>) -> session::Model {
    session::Model {
        id: session.id.uuid(),
        customer_id: session.customer.uuid(),
        expires_at: column(session.expires_at),
        token_hash: token.map(|token| token.to_vec()),
        link_hash: None,
        link_expires_at: None,
    }
}

fn opened(row: &session::Model) -> Result<Session, StoreError> {
    Ok(Session {
        id: SessionId::from(row.id),
        customer: CustomerId::from(row.customer_id),
        expires_at: instant(row.expires_at, "sessions", row.id)?,
    })
}

#[derive(Debug, Clone)]
struct AddKey(operator_key::Model);
#[derive(Debug, Clone, Copy)]
struct RevokeKey(Uuid, DateTimeUtc);
#[derive(Debug, Clone)]
struct RotateKey {
    old: Uuid,
    old_until: DateTimeUtc,
    add: AddKey,
}
#[derive(Debug, Clone)]
struct AddSession(session::Model);
#[derive(Debug, Clone, Copy)]
struct EndSession(SecretHash);
#[derive(Debug, Clone, Copy)]
struct OpenLink {
    link: SecretHash,
    token: SecretHash,
    now: DateTimeUtc,
}

#[async_trait]
impl Operation for AddKey {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        let row = self.0.clone().into_active_model();
        operator_key::Entity::insert(row)
            .exec_without_returning(on)
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Operation for RevokeKey {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let revoked = operator_key::Entity::update_many()
            .col_expr(operator_key::Column::RevokedAt, Some(self.1).into())
            .filter(operator_key::Column::Id.eq(self.0))
            .filter(operator_key::Column::RevokedAt.is_null())
            .exec(on)
            .await?;
        Ok(revoked.rows_affected == 1)
    }
}

#[async_trait]
impl Operation for RotateKey {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Transaction
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        let ended = operator_key::Entity::update_many()
            .col_expr(operator_key::Column::ExpiresAt, Some(self.old_until).into())
            .filter(operator_key::Column::Id.eq(self.old))
            .filter(operator_key::Column::RevokedAt.is_null())
            .filter(operator_key::Column::ExpiresAt.is_null())
            .exec(on)
            .await?;
        if ended.rows_affected != 1 {
            return Err(Fault::Unmet);
        }
        self.add.run(on).await
    }
}

#[async_trait]
impl Operation for AddSession {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        let row = self.0.clone().into_active_model();
        session::Entity::insert(row)
            .exec_without_returning(on)
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Operation for EndSession {
    type Output = bool;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<bool, Fault> {
        let ended = session::Entity::delete_many()
            .filter(session::Column::TokenHash.eq(self.0.to_vec()))
            .exec(on)
            .await?;
        Ok(ended.rows_affected == 1)
    }
}

#[async_trait]
impl Operation for OpenLink {
    type Output = Option<Session>;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<Self::Output, Fault> {
        // The update itself takes the link away: whoever is second changes no row.
        let opened_rows = session::Entity::update_many()
            .col_expr(session::Column::LinkHash, Option::<Vec<u8>>::None.into())
            .col_expr(session::Column::TokenHash, Some(self.token.to_vec()).into())
            .filter(session::Column::LinkHash.eq(self.link.to_vec()))
            .filter(session::Column::LinkExpiresAt.gt(self.now))
            .exec_with_returning(on)
            .await?;
        Ok(opened_rows.first().map(opened).transpose()?)
    }
}
