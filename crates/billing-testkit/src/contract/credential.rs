//! Keys, sessions and idempotency records: each secret and each key once.

use billing_domain::time::Timestamp;
use billing_ports::Store;
use billing_ports::store::{OperatorKey, OperatorSession, Remembered, Scope, SecretHash, Session};

use super::support::{CALLERS, newcomer, second, together};
use crate::fixtures::{Maker, secret};

/// "The key with this secret, if it works"; "one key, revoked or not"; "all keys, revoked ones included,
/// newest first; at most `limit`"; "`false`: there is none that works with this id".
pub async fn keys_are_found_by_their_secret_until_they_are_revoked(store: &dyn Store) {
    let mut make = Maker::new(1);
    assert_eq!(store.list_keys(9).await, Ok(Vec::new()));
    let mut keys = Vec::new();
    for (number, scope) in (1..).zip([Scope::Read, Scope::Write, Scope::Admin]) {
        let key = OperatorKey {
            id: make.id(),
            name: "deploy".to_owned(),
            scope,
            created_at: second(i64::from(number)),
            revoked_at: None,
            expires_at: None,
        };
        let stored = store.add_key(key.clone(), secret(number)).await;
        assert_eq!(stored, Ok(()));
        keys.push(key);
    }
    for (number, key) in (1..).zip(&keys) {
        assert_eq!(store.find_key(secret(number)).await, Ok(Some(key.clone())));
    }
    assert_eq!(store.find_key(secret(99)).await, Ok(None));
    let revoke = async |at| store.revoke_key(keys[1].id, second(at)).await;
    assert_eq!(revoke(10).await, Ok(true));
    assert_eq!(revoke(11).await, Ok(false), "it works no longer");
    assert_eq!(store.revoke_key(make.id(), second(11)).await, Ok(false));
    assert_eq!(store.find_key(secret(2)).await, Ok(None));
    keys[1].revoked_at = Some(second(10));
    for key in &keys {
        assert_eq!(store.get_key(key.id).await, Ok(Some(key.clone())));
    }
    assert_eq!(store.get_key(make.id()).await, Ok(None));
    keys.reverse();
    assert_eq!(store.list_keys(9).await, Ok(keys.clone()));
    keys.truncate(2);
    assert_eq!(store.list_keys(2).await, Ok(keys), "by the limit");
}

/// "Stores a new key in the place of another, which works until `old_until` at most.
/// `false`: there is no other with this id that works without an end, and nothing was
/// written."
pub async fn a_key_is_rotated_once(store: &dyn Store) {
    let mut make = Maker::new(1);
    let mut key = |name: &str| OperatorKey {
        id: make.id(),
        name: name.to_owned(),
        scope: Scope::Write,
        created_at: second(1),
        revoked_at: None,
        expires_at: None,
    };
    let (old, new, third) = (key("deploy"), key("deploy"), key("deploy"));
    assert_eq!(store.add_key(old.clone(), secret(1)).await, Ok(()));
    let rotate = async |of: &OperatorKey, until, into: &OperatorKey, number| {
        let done = store.rotate_key(of.id, second(until), into.clone(), secret(number));
        done.await
    };
    assert_eq!(rotate(&new, 50, &third, 3).await, Ok(false), "not there");
    assert_eq!(rotate(&old, 50, &new, 2).await, Ok(true));
    assert_eq!(rotate(&old, 90, &third, 3).await, Ok(false), "it ends");
    assert_eq!(store.find_key(secret(3)).await, Ok(None), "not written");
    let ends = OperatorKey {
        expires_at: Some(second(50)),
        ..old
    };
    assert!(ends.works_at(second(49)) && !ends.works_at(second(50)));
    assert_eq!(store.find_key(secret(1)).await, Ok(Some(ends.clone())));
    assert_eq!(store.find_key(secret(2)).await, Ok(Some(new.clone())));
    assert_eq!(store.revoke_key(new.id, second(60)).await, Ok(true));
    assert_eq!(rotate(&new, 90, &third, 3).await, Ok(false), "revoked");
    assert_eq!(store.revoke_key(ends.id, second(40)).await, Ok(true));
}

/// "The session of a token, if it has not ended at `now`."
pub async fn a_session_ends(store: &dyn Store) {
    let mut make = Maker::new(2);
    let session = session(store, &mut make).await;
    let stored = store.add_session(session.clone(), secret(1)).await;
    assert_eq!(stored, Ok(()));
    let find = async |token, at| store.find_session(token, second(at)).await;
    assert_eq!(find(secret(1), 99).await, Ok(Some(session)));
    assert_eq!(find(secret(1), 100).await, Ok(None), "it has ended");
    assert_eq!(find(secret(2), 0).await, Ok(None), "there is none");
}

/// "Ends the session of a token: from now on it MUST be nobody's. `false`: it was nobody's."
pub async fn an_ended_session_is_nobody_s(store: &dyn Store) {
    let mut make = Maker::new(5);
    let (ended, other) = (
        session(store, &mut make).await,
        session(store, &mut make).await,
    );
    for (token, session) in [(1, &ended), (2, &other)] {
        let stored = store.add_session(session.clone(), secret(token)).await;
        assert_eq!(stored, Ok(()));
    }
    assert_eq!(store.end_session(secret(1)).await, Ok(true));
    let find = async |token| store.find_session(secret(token), second(1)).await;
    assert_eq!(find(1).await, Ok(None), "it is over");
    assert_eq!(find(2).await, Ok(Some(other)), "another is not");
    assert_eq!(store.end_session(secret(1)).await, Ok(false));
    assert_eq!(store.end_session(secret(9)).await, Ok(false));
}

/// "The key whose session has this token", until either is over: the session by its time or
/// by being ended, the key by being revoked or rotated.
pub async fn an_operator_s_session_is_its_key_s_until_either_is_over(store: &dyn Store) {
    let mut make = Maker::new(6);
    let mut key = |number: u8| OperatorKey {
        id: make.id(),
        name: "desk".to_owned(),
        scope: Scope::Admin,
        created_at: second(i64::from(number)),
        revoked_at: None,
        expires_at: None,
    };
    let (kept, revoked, rotated, new) = (key(1), key(2), key(3), key(4));
    for (number, key) in [(1, &kept), (2, &revoked), (3, &rotated)] {
        let added = store.add_key(key.clone(), secret(number)).await;
        assert_eq!(added, Ok(()));
    }
    for (token, key) in [(11, &kept), (12, &revoked), (13, &rotated), (14, &kept)] {
        let session = OperatorSession {
            id: make.id(),
            key: key.id,
            expires_at: second(100),
        };
        let added = store.add_operator_session(session, secret(token)).await;
        assert_eq!(added, Ok(()));
    }
    let find = async |token, at| store.find_operator_session(secret(token), second(at)).await;
    for (token, key) in [(11, &kept), (12, &revoked), (13, &rotated), (14, &kept)] {
        assert_eq!(find(token, 99).await, Ok(Some(key.clone())));
        assert_eq!(find(token, 100).await, Ok(None), "its time is over");
    }
    assert_eq!(find(1, 9).await, Ok(None), "a key is no session");
    let customer_s = store.find_session(secret(11), second(9)).await;
    assert_eq!(customer_s, Ok(None), "and a session no customer's");
    assert_eq!(store.revoke_key(revoked.id, second(9)).await, Ok(true));
    assert_eq!(find(12, 9).await, Ok(None), "its key was revoked");
    let rotating = store.rotate_key(rotated.id, second(90), new, secret(4));
    assert_eq!(rotating.await, Ok(true));
    assert_eq!(find(13, 9).await, Ok(None), "its key was rotated");
    assert_eq!(store.end_operator_session(secret(11)).await, Ok(true));
    assert_eq!(find(11, 9).await, Ok(None), "it was ended");
    assert_eq!(find(14, 9).await, Ok(Some(kept)), "another was not");
    assert_eq!(store.end_operator_session(secret(11)).await, Ok(false));
    assert_eq!(store.end_session(secret(14)).await, Ok(false));
}

/// "A link secret MUST open once, however many try at the same time."
pub async fn a_link_opens_once_however_many_try(store: &dyn Store) {
    let mut make = Maker::new(3);
    let session = session(store, &mut make).await;
    let stored = store.add_link(session.clone(), secret(1), second(10)).await;
    assert_eq!(stored, Ok(()));
    let unopened = store.find_session(secret(1), second(1)).await;
    assert_eq!(unopened, Ok(None), "a link is no token");
    let tokens: Vec<SecretHash> = (100..).map(secret).take(CALLERS).collect();
    let answers = together(CALLERS, |caller| {
        let token = tokens[caller];
        async move { (token, store.open_link(secret(1), token, second(1)).await) }
    });
    let mut opened = 0;
    for (token, answer) in answers {
        let answer = answer.expect("the store answers");
        opened += usize::from(answer.is_some());
        let found = store.find_session(token, second(2)).await;
        assert_eq!(
            found,
            Ok(answer.clone()),
            "the opener's token works, no other"
        );
        assert!(answer.is_none_or(|held| held == session));
    }
    assert_eq!(opened, 1);
}

/// "`None`: there is no such link, … or it is too late."
pub async fn a_link_expires(store: &dyn Store) {
    let mut make = Maker::new(4);
    let mut sessions = Vec::new();
    for link in [1, 2] {
        let session = session(store, &mut make).await;
        let stored = store.add_link(session.clone(), secret(link), second(10));
        assert_eq!(stored.await, Ok(()));
        sessions.push(session);
    }
    let open = async |link, at| {
        let token = secret(link + 50);
        store.open_link(secret(link), token, second(at)).await
    };
    // Finding one tells the same, and changes nothing.
    let find = async |link, at| store.find_link(secret(link), second(at)).await;
    assert_eq!(find(3, 1).await, Ok(None), "there is no such link");
    assert_eq!(open(3, 1).await, Ok(None), "there is no such link");
    assert_eq!(find(1, 10).await, Ok(None), "it is too late");
    assert_eq!(open(1, 10).await, Ok(None), "it is too late");
    let last = sessions.pop();
    assert_eq!(find(2, 9).await, Ok(last.clone()));
    assert_eq!(find(2, 9).await, Ok(last.clone()), "it was only found");
    assert_eq!(open(2, 9).await, Ok(last));
    assert_eq!(find(2, 9).await, Ok(None), "it was opened before");
    assert_eq!(open(2, 9).await, Ok(None), "it was opened before");
    let late = store.find_session(secret(51), second(11)).await;
    assert_eq!(late, Ok(None));
}

/// "An idempotency key MUST be `Remembered::Fresh` to one caller only."
pub async fn an_idempotency_key_is_fresh_to_one(store: &dyn Store) {
    for reserved in [0, 100] {
        // The second time, what the first reserved has run out.
        let answers = together(CALLERS, |_| begin(store, "a", 1, reserved));
        let fresh = answers.iter().filter(|held| **held == Remembered::Fresh);
        assert_eq!(fresh.count(), 1, "{answers:?}");
        let busy = answers.iter().filter(|held| **held == Remembered::Busy);
        assert_eq!(busy.count(), CALLERS - 1, "{answers:?}");
    }
    assert_eq!(begin(store, "a", 2, 150).await, Remembered::Mismatch);
}

/// "Somebody is at it", until `reserved_until` passes; "used with another
/// request"; "forgets a request that was begun and wrote nothing".
pub async fn a_request_is_reserved_until_it_is_forgotten_or_too_late(store: &dyn Store) {
    assert_eq!(begin(store, "a", 1, 0).await, Remembered::Fresh);
    assert_eq!(begin(store, "a", 1, 99).await, Remembered::Busy);
    assert_eq!(begin(store, "a", 2, 99).await, Remembered::Mismatch);
    assert_eq!(
        begin(store, "b", 2, 0).await,
        Remembered::Fresh,
        "another key"
    );
    let other = store.remember("key_2", "a", secret(2), second(0), second(100));
    assert_eq!(other.await, Ok(Remembered::Fresh), "another caller");
    assert_eq!(
        begin(store, "a", 1, 100).await,
        Remembered::Fresh,
        "abandoned"
    );
    assert_eq!(
        begin(store, "a", 1, 199).await,
        Remembered::Busy,
        "reserved anew"
    );
    assert_eq!(store.forget("key_1", "a").await, Ok(()));
    assert_eq!(
        begin(store, "a", 2, 199).await,
        Remembered::Fresh,
        "forgotten"
    );
    assert_eq!(
        store.forget("key_1", "none").await,
        Ok(()),
        "nothing to forget"
    );
}

/// "Used with the same request: this was the answer", to the byte, for as long
/// as it is kept; forgetting is for requests that were not answered.
pub async fn an_answer_is_given_again(store: &dyn Store) {
    let kept = Some(b"{\"id\":\"\xff\"}".to_vec());
    for (key, status, body) in [
        ("a", 201, kept),
        ("b", 409, None),
        ("c", 204, Some(Vec::new())),
    ] {
        assert_eq!(begin(store, key, 1, 0).await, Remembered::Fresh);
        let answered = store.answer("key_1", key, status, body.clone()).await;
        assert_eq!(answered, Ok(()));
        assert_eq!(store.forget("key_1", key).await, Ok(()));
        let answer = Remembered::Answered { status, body };
        assert_eq!(begin(store, key, 1, 1).await, answer);
        assert_eq!(begin(store, key, 1, 9_999).await, answer, "{key}");
        assert_eq!(begin(store, key, 2, 1).await, Remembered::Mismatch);
    }
}

/// "Whether it answers."
pub async fn it_answers(store: &dyn Store) {
    assert_eq!(store.ping().await, Ok(()));
}

/// Begins request `request` of one caller at a second, reserved for 100 more.
async fn begin(store: &dyn Store, key: &str, request: u8, at: i64) -> Remembered {
    let until: Timestamp = second(at + 100);
    let begun = store.remember("key_1", key, secret(request), second(at), until);
    begun.await.expect("the store answers")
}

/// A session of a stored customer that ends at second 100.
async fn session(store: &dyn Store, make: &mut Maker) -> Session {
    let held = newcomer(store, make).await;
    Session {
        id: make.id(),
        customer: held.account.customer.id,
        expires_at: second(100),
    }
}
