//! Keys, sessions and idempotency records.

use std::collections::BTreeMap;

use async_trait::async_trait;
use billing_domain::ids::KeyId;
use billing_domain::time::Timestamp;
use billing_ports::store::{
    Credentials, OperatorKey, OperatorSession, Remembered, SecretHash, Session, StoreError, Sweep,
};

use super::{Call, MemoryStore};

#[derive(Debug, Default)]
pub(super) struct Vault {
    keys: BTreeMap<KeyId, (OperatorKey, SecretHash)>,
    sessions: BTreeMap<SecretHash, Session>,
    operators: BTreeMap<SecretHash, OperatorSession>,
    links: BTreeMap<SecretHash, (Session, Timestamp)>,
    requests: BTreeMap<(String, String), Request>,
}

#[derive(Debug)]
struct Request {
    digest: SecretHash,
    begun_at: Timestamp,
    reserved_until: Timestamp,
    answer: Option<(u16, Option<Vec<u8>>)>,
}

impl Vault {
    fn remember(
        &mut self,
        place: (String, String),
        digest: SecretHash,
        now: Timestamp,
        reserved_until: Timestamp,
    ) -> Remembered {
        match self.requests.get(&place) {
            Some(held) if held.digest != digest => return Remembered::Mismatch,
            Some(Request {
                answer: Some((status, body)),
                ..
            }) => {
                return Remembered::Answered {
                    status: *status,
                    body: body.clone(),
                };
            }
            Some(held) if now < held.reserved_until => return Remembered::Busy,
            Some(_) | None => {}
        }
        let request = Request {
            digest,
            begun_at: now,
            reserved_until,
            answer: None,
        };
        self.requests.insert(place, request);
        Remembered::Fresh
    }

    /// Removes answers, abandoned requests and ended sessions; gives how many.
    pub(super) fn sweep(&mut self, sweep: Sweep) -> u64 {
        let before = sweep.rows_before;
        let requests = remove_where(&mut self.requests, sweep.limit, |held| {
            let over = held.answer.is_some() || held.reserved_until < before;
            over && held.begun_at < before
        });
        let sessions = remove_where(&mut self.sessions, sweep.limit, |held| {
            held.expires_at < before
        });
        let links = remove_where(&mut self.links, sweep.limit, |(_, expires)| {
            *expires < before
        });
        let operators = remove_where(&mut self.operators, sweep.limit, |held| {
            held.expires_at < before
        });
        let swept = [requests, sessions, links, operators];
        swept.into_iter().fold(0, u64::saturating_add)
    }
}

fn remove_where<K: Ord + Clone, V>(
    rows: &mut BTreeMap<K, V>,
    limit: u16,
    over: impl Fn(&V) -> bool,
) -> u64 {
    let old: Vec<K> = rows
        .iter()
        .filter(|(_, row)| over(row))
        .map(|(key, _)| key.clone())
        .take(usize::from(limit))
        .collect();
    let mut removed = 0_u64;
    for key in old {
        rows.remove(&key);
        removed = removed.saturating_add(1);
    }
    removed
}

#[async_trait]
impl Credentials for MemoryStore {
    async fn add_key(&self, key: OperatorKey, secret: SecretHash) -> Result<(), StoreError> {
        self.record(
            Call::Credential,
            None,
            |()| true,
            |state| {
                state.vault.keys.insert(key.id, (key, secret));
                Ok(())
            },
        )
    }

    async fn find_key(&self, secret: SecretHash) -> Result<Option<OperatorKey>, StoreError> {
        self.call(Call::Credential, |state| {
            let mut keys = state.vault.keys.values();
            let found = keys.find(|(key, held)| *held == secret && key.revoked_at.is_none());
            Ok(found.map(|(key, _)| key.clone()))
        })
    }

    async fn get_key(&self, id: KeyId) -> Result<Option<OperatorKey>, StoreError> {
        self.call(Call::Credential, |state| {
            let held = state.vault.keys.get(&id);
            Ok(held.map(|(key, _)| key.clone()))
        })
    }

    async fn list_keys(&self, limit: u16) -> Result<Vec<OperatorKey>, StoreError> {
        self.call(Call::Credential, |state| {
            let keys = state.vault.keys.values().rev();
            let keys = keys.take(usize::from(limit));
            Ok(keys.map(|(key, _)| key.clone()).collect())
        })
    }

    async fn revoke_key(&self, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
        self.record(
            Call::Credential,
            None,
            |revoked| *revoked,
            |state| {
                let held = state.vault.keys.get_mut(&id);
                let working = held.filter(|(key, _)| key.revoked_at.is_none());
                Ok(working.is_some_and(|(key, _)| key.revoked_at.replace(now).is_none()))
            },
        )
    }

    async fn rotate_key(
        &self,
        old: KeyId,
        old_until: Timestamp,
        key: OperatorKey,
        secret: SecretHash,
    ) -> Result<bool, StoreError> {
        self.record(
            Call::Credential,
            None,
            |rotated| *rotated,
            |state| {
                let held = state.vault.keys.get_mut(&old);
                let endless =
                    held.filter(|(key, _)| key.revoked_at.is_none() && key.expires_at.is_none());
                let Some((old, _)) = endless else {
                    return Ok(false);
                };
                old.expires_at = Some(old_until);
                state.vault.keys.insert(key.id, (key, secret));
                Ok(true)
            },
        )
    }

    async fn add_session(&self, session: Session, token: SecretHash) -> Result<(), StoreError> {
        self.record(
            Call::Credential,
            Some(session.customer),
            |()| true,
            |state| {
                state.vault.sessions.insert(token, session);
                Ok(())
            },
        )
    }

    async fn add_link(
        &self,
        session: Session,
        link: SecretHash,
        link_expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.record(
            Call::Credential,
            Some(session.customer),
            |()| true,
            |state| {
                state.vault.links.insert(link, (session, link_expires_at));
                Ok(())
            },
        )
    }

    async fn find_link(
        &self,
        link: SecretHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.call(Call::Credential, |state| {
            let held = state.vault.links.get(&link);
            let in_time = held.filter(|(_, end)| now < *end);
            Ok(in_time.map(|(session, _)| session.clone()))
        })
    }

    async fn open_link(
        &self,
        link: SecretHash,
        token: SecretHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.call(Call::Credential, |state| {
            let vault = &mut state.vault;
            let in_time = vault.links.get(&link).is_some_and(|(_, end)| now < *end);
            let opened = in_time.then(|| vault.links.remove(&link)).flatten();
            Ok(opened.map(|(session, _)| {
                vault.sessions.insert(token, session.clone());
                session
            }))
        })
    }

    async fn find_session(
        &self,
        token: SecretHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.call(Call::Credential, |state| {
            let held = state.vault.sessions.get(&token);
            Ok(held.filter(|session| now < session.expires_at).cloned())
        })
    }

    async fn end_session(&self, token: SecretHash) -> Result<bool, StoreError> {
        self.call(Call::Credential, |state| {
            Ok(state.vault.sessions.remove(&token).is_some())
        })
    }

    async fn add_operator_session(
        &self,
        session: OperatorSession,
        token: SecretHash,
    ) -> Result<(), StoreError> {
        self.record(
            Call::Credential,
            None,
            |()| true,
            |state| {
                state.vault.operators.insert(token, session);
                Ok(())
            },
        )
    }

    async fn find_operator_session(
        &self,
        token: SecretHash,
        now: Timestamp,
    ) -> Result<Option<OperatorKey>, StoreError> {
        self.call(Call::Credential, |state| {
            let held = state.vault.operators.get(&token);
            let held = held.filter(|session| now < session.expires_at);
            let key = held.and_then(|session| state.vault.keys.get(&session.key));
            let key = key.map(|(key, _)| key);
            Ok(key.filter(|key| key.opens_sessions()).cloned())
        })
    }

    async fn end_operator_session(&self, token: SecretHash) -> Result<bool, StoreError> {
        self.call(Call::Credential, |state| {
            Ok(state.vault.operators.remove(&token).is_some())
        })
    }

    async fn remember(
        &self,
        caller: &str,
        key: &str,
        request: SecretHash,
        now: Timestamp,
        reserved_until: Timestamp,
    ) -> Result<Remembered, StoreError> {
        let place = (caller.to_owned(), key.to_owned());
        self.call(Call::Credential, |state| {
            Ok(state.vault.remember(place, request, now, reserved_until))
        })
    }

    async fn answer(
        &self,
        caller: &str,
        key: &str,
        status: u16,
        body: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let place = (caller.to_owned(), key.to_owned());
        self.call(Call::Credential, |state| {
            let request = state.vault.requests.get_mut(&place);
            let request = request.ok_or_else(|| {
                StoreError::Failed("no request was begun under this key".to_owned())
            })?;
            request.answer = Some((status, body));
            Ok(())
        })
    }

    async fn forget(&self, caller: &str, key: &str) -> Result<(), StoreError> {
        let place = (caller.to_owned(), key.to_owned());
        self.call(Call::Credential, |state| {
            let requests = &mut state.vault.requests;
            if requests
                .get(&place)
                .is_some_and(|held| held.answer.is_none())
            {
                requests.remove(&place);
            }
            Ok(())
        })
    }
}
