//! Invitations against a GitHub that answers as it is told.

use billing_ports::store::{Changes, Commit, Ring as _};
use billing_testkit::fixtures::Maker;
use billing_testkit::receiver::{Receiver, Reply};
use billing_testkit::{ManualClock, MemoryStore};

use super::*;

const TOKEN: &str = "ghp_a_token_of_the_tests";

struct Rig {
    github: Receiver,
    invitations: Invitations,
    /// A purchase of somebody who has said a name.
    bought: JournalEntry,
}

impl Rig {
    /// One where `plan` comes with an invitation; who bought has the plan `team`.
    async fn inviting(plan: &str) -> Self {
        let mut make = Maker::new(1);
        let mut account = make.subscriber();
        account.customer.github = Some("ana-dev".to_owned());
        let now = account.customer.joined_at;
        let store = MemoryStore::new();
        let commit = Commit {
            customer: account.customer.id,
            expected: None,
            claim: None,
            changes: Changes::between(None, &account),
            wake_at: None,
            journal: Vec::new(),
            effects: Vec::new(),
            parked: Vec::new(),
            solved: Vec::new(),
            inbox: Vec::new(),
            outbox: Vec::new(),
            replies: Vec::new(),
            at: now,
        };
        store.commit(commit).await.unwrap();
        let github = Receiver::start().await.unwrap();
        let inviting = Inviting {
            base_url: github.url("/api/v3/").parse().unwrap(),
            organization: "acme".to_owned(),
            team: None,
            plans: vec![plan.to_owned()],
            token: TOKEN.to_owned(),
        };
        assert!(!format!("{inviting:?}").contains(TOKEN));
        let clock = ManualClock::new(now);
        let invitations = Invitations::new(Arc::new(store), Arc::new(clock), inviting);
        Self {
            github,
            invitations: invitations.unwrap(),
            bought: make.journal(account.customer.id, Event::SubscriptionActivated),
        }
    }

    /// What becomes of it where GitHub answers so.
    async fn carried(&self, replies: &[Reply]) -> Carried {
        self.github.next(replies.iter().cloned());
        self.invitations.carry(&self.bought).await
    }

    fn asked(&self) -> Vec<String> {
        let got = self.github.got();
        let asked = got.iter().map(|got| format!("{} {}", got.method, got.path));
        asked.collect()
    }
}

fn told(status: u16) -> Reply {
    Reply::status(status)
}

fn problem(carried: &Carried) -> &str {
    match carried {
        Carried::Done => "",
        Carried::Again { problem, .. } | Carried::Unwelcome(problem) | Carried::Never(problem) => {
            problem
        }
    }
}

#[tokio::test]
async fn who_is_not_there_is_invited_and_who_is_there_is_left_alone() {
    let rig = Rig::inviting("team").await;
    assert_eq!(rig.carried(&[told(404), told(200)]).await, Carried::Done);
    let path = "/api/v3/orgs/acme/memberships/ana-dev";
    assert_eq!(rig.asked(), [format!("GET {path}"), format!("PUT {path}")]);
    for got in rig.github.got() {
        assert_eq!(got.header("authorization"), format!("Bearer {TOKEN}"));
        assert_eq!(got.header("x-github-api-version"), VERSION);
    }
    assert_eq!(rig.carried(&[told(200)]).await, Carried::Done);
    assert_eq!(rig.asked().len(), 3);
}

#[tokio::test]
async fn two_at_once_are_one_invitation() {
    let rig = Rig::inviting("team").await;
    rig.github.next([told(404), told(200), told(200)]);
    let carry = || rig.invitations.carry(&rig.bought);
    let (one, other) = tokio::join!(carry(), carry());
    assert_eq!((one, other), (Carried::Done, Carried::Done));
    let asked = rig.asked();
    let puts = asked.iter().filter(|asked| asked.starts_with("PUT"));
    assert_eq!(puts.count(), 1, "{asked:?}");
}

#[tokio::test]
async fn a_plan_that_comes_with_nothing_invites_nobody() {
    let rig = Rig::inviting("another").await;
    assert_eq!(rig.carried(&[]).await, Carried::Done);
    assert_eq!(rig.asked(), [] as [&str; 0]);
}

/// What happens to somebody who is there by no means brings back whom the owners removed.
#[tokio::test]
async fn who_comes_to_a_plan_or_a_name_is_invited_and_nothing_else_invites() {
    let mut rig = Rig::inviting("team").await;
    for (event, note, wanted) in [
        (Event::SubscriptionActivated, None, true),
        (Event::SubscriptionResumed, None, true),
        (Event::PlanChanged, None, true),
        (Event::GrantAdded, None, true),
        (Event::ClaimTaken, None, true),
        (Event::CustomerUpdated, Some("github"), true),
        (Event::CustomerUpdated, Some("lang, github"), true),
        (Event::CustomerUpdated, None, true),
        (Event::CustomerUpdated, Some("lang"), false),
        (Event::SubscriptionRenewed, None, false),
        (Event::InvoiceSettled, None, false),
    ] {
        rig.bought.event = event;
        rig.bought.note = note.map(str::to_owned);
        assert_eq!(
            rig.invitations.wants(&rig.bought),
            wanted,
            "{event:?} {note:?}"
        );
    }
    for (before, wanted) in [(None, true), (Some("free"), true), (Some("team"), false)] {
        rig.bought.event = Event::PlanChanged;
        rig.bought.plan_before = before.map(|plan| plan.parse().unwrap());
        assert_eq!(rig.invitations.wants(&rig.bought), wanted, "{before:?}");
    }
}

#[tokio::test]
async fn each_refusal_is_told_from_a_failure_and_a_refused_token_is_an_alarm() {
    let rig = Rig::inviting("team").await;
    assert!(!rig.invitations.refuses_key());
    let refused = rig.carried(&[told(401)]).await;
    assert_eq!(problem(&refused), "GitHub does not take our token");
    assert!(matches!(refused, Carried::Unwelcome(_)));
    assert!(rig.invitations.refuses_key());
    assert!(rig.invitations.welcome().is_refused());
    assert_eq!(rig.invitations.account(), "github/acme");
    rig.carried(&[told(200)]).await;
    assert!(!rig.invitations.refuses_key());
    assert!(!rig.invitations.welcome().is_refused());

    let rights = rig.carried(&[told(404), told(403)]).await;
    assert_eq!(problem(&rights), "GitHub lets our token invite nobody");
    assert!(matches!(rights, Carried::Unwelcome(_)));
    assert!(rig.invitations.welcome().is_refused());
    assert!(!rig.invitations.refuses_key(), "the token itself is good");
    rig.carried(&[told(200)]).await;
    assert!(
        rig.invitations.welcome().is_refused(),
        "who is there is no proof"
    );
    rig.carried(&[told(404), told(200)]).await;
    assert!(!rig.invitations.welcome().is_refused());
    for status in [500, 301] {
        let carried = rig.carried(&[told(404), told(status)]).await;
        assert!(matches!(carried, Carried::Again { .. }), "{status}");
    }
    let torn = rig.carried(&[Reply::Reset]).await;
    assert_eq!(problem(&torn), "GitHub did not answer");
}

/// An account that there is not is given up; where the organization is at fault, or is full,
/// somebody is told.
#[tokio::test]
async fn what_is_not_known_is_told_from_where_nobody_can_be_invited() {
    let person = Reply::Says(200, r#"{"login":"ana-dev","type":"User"}"#);
    let firm = Reply::Says(200, r#"{"login":"ana-dev","type":"Organization"}"#);
    for status in [404, 422] {
        for (shown, never, refused) in [
            (told(404), true, false),
            (firm.clone(), true, false),
            (person.clone(), false, true),
        ] {
            let rig = Rig::inviting("team").await;
            let carried = rig.carried(&[told(404), told(status), shown]).await;
            assert_eq!(matches!(carried, Carried::Never(_)), never, "{carried:?}");
            assert_eq!(matches!(carried, Carried::Unwelcome(_)), refused);
            assert_eq!(rig.invitations.welcome().is_refused(), refused);
            assert!(!problem(&carried).contains("ana-dev"), "{carried:?}");
            assert_eq!(rig.asked().pop().unwrap(), "GET /api/v3/users/ana-dev");
        }
        let rig = Rig::inviting("team").await;
        let torn = rig.carried(&[told(404), told(status), told(503)]).await;
        assert!(matches!(torn, Carried::Again { .. }), "{torn:?}");
    }
}

#[tokio::test]
async fn where_it_asks_to_wait_it_is_left_alone_for_so_long() {
    let rig = Rig::inviting("team").await;
    let now = rig.invitations.parts.clock.now().as_second();
    let limited = |headers| Reply::With(403, headers);
    let wait = |carried: Carried| match carried {
        Carried::Again { after, .. } => after,
        Carried::Done | Carried::Unwelcome(_) | Carried::Never(_) => panic!("{carried:?}"),
    };
    let later = vec![("retry-after", "120".to_owned())];
    let later = wait(rig.carried(&[limited(later)]).await);
    assert_eq!(later, Some(Duration::from_mins(2)));
    let used_up = vec![(LEFT, "0".to_owned()), (MORE_AT, (now + 900).to_string())];
    let used_up = wait(rig.carried(&[limited(used_up)]).await);
    assert_eq!(used_up, Some(Duration::from_mins(15)));
}
