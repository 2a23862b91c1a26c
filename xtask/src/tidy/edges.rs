//! The rooms, and which may lean on which.
//!
//! Inside points the arrow: the rules know no doors, the doors know no adapters, nobody but the
//! server knows everything.

use std::collections::BTreeSet;

use super::Finding;
use super::graph::{Graph, Room};

/// Other rooms that a room may depend on.
#[derive(Debug, Clone, Copy)]
enum Rooms {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

/// The rule of one room.
#[derive(Debug)]
struct Rule {
    room: &'static str,
    rooms: Rooms,
    /// The only packages from outside that it may declare; `None` leaves it free.
    outside: Option<&'static [&'static str]>,
    /// Packages that it must not reach, however far.
    never: &'static [&'static str],
}

/// The web, HTTP and SQL: what the inner rooms are kept free of.
const MACHINERY: &[&str] = &[
    "poem",
    "poem-openapi",
    "hyper",
    "reqwest",
    "sea-orm",
    "sea-orm-migration",
    "sqlx",
    "sqlx-core",
];

/// For tests, any room may use it.
const TESTKIT: &str = "billing-testkit";

const RULES: &[Rule] = &[
    Rule {
        outside: Some(&["jiff", "serde", "thiserror", "uuid", "iso_currency"]),
        never: MACHINERY,
        ..only("billing-domain", &[])
    },
    Rule {
        never: MACHINERY,
        ..only("billing-ports", &["billing-domain"])
    },
    Rule {
        never: MACHINERY,
        ..only("billing-catalog", &["billing-domain"])
    },
    Rule {
        never: MACHINERY,
        ..only("billing-engine", &["billing-domain", "billing-ports"])
    },
    only("billing-gating", &["billing-domain", "billing-engine"]),
    only("billing-http", &[]),
    Rule {
        // Client applications embed it alone: whatever it takes, they take.
        outside: Some(&[
            "base64",
            "ed25519-dalek",
            "hmac",
            "p521",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "zeroize",
        ]),
        never: MACHINERY,
        ..only("billing-license", &[])
    },
    only("billing-sql", &["billing-domain", "billing-ports"]),
    only(
        "billing-postgres",
        &["billing-domain", "billing-ports", "billing-sql"],
    ),
    only(
        "billing-sqlite",
        &["billing-domain", "billing-ports", "billing-sql"],
    ),
    only(
        "billing-sandbox",
        &["billing-domain", "billing-ports", "billing-http"],
    ),
    only(
        "billing-stripe",
        &["billing-domain", "billing-ports", "billing-http"],
    ),
    only(
        "billing-paddle",
        &["billing-domain", "billing-ports", "billing-http"],
    ),
    only(
        "billing-btcpay",
        &["billing-domain", "billing-ports", "billing-http"],
    ),
    only(
        "billing-rates",
        &["billing-domain", "billing-ports", "billing-http"],
    ),
    only(
        "billing-notify",
        &["billing-domain", "billing-ports", "billing-http"],
    ),
    only(
        TESTKIT,
        // The fakes of providers deliver their webhooks with it.
        &["billing-domain", "billing-ports", "billing-http"],
    ),
    all_but("billing", &["billing-server", "billing-tests", "xtask"]),
    all_but("billing-server", &[TESTKIT, "billing-tests", "xtask"]),
    all_but("billing-tests", &["xtask"]),
    only("xtask", &[]),
];

const fn only(room: &'static str, rooms: &'static [&'static str]) -> Rule {
    Rule {
        room,
        rooms: Rooms::Only(rooms),
        outside: None,
        never: &[],
    }
}

const fn all_but(room: &'static str, rooms: &'static [&'static str]) -> Rule {
    Rule {
        room,
        rooms: Rooms::AllBut(rooms),
        outside: None,
        never: &[],
    }
}

/// Finds forbidden edges, rooms without a rule and rules without a room.
pub(crate) fn check(graph: &Graph) -> Vec<Finding> {
    let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.room).collect();
    let unruled = graph.0.keys().filter(|name| !rules.contains(name.as_str()));
    let mut findings: Vec<Finding> = unruled
        .map(|name| format!("{name}: has no rule in xtask/src/tidy/edges.rs"))
        .collect();
    for rule in RULES {
        match graph.0.get(rule.room) {
            Some(room) => judge(rule, room, graph, &mut findings),
            None => findings.push(format!("{}: has a rule, but is no room", rule.room)),
        }
    }
    findings
}

fn judge(rule: &Rule, room: &Room, graph: &Graph, findings: &mut Vec<Finding>) {
    let name = rule.room;
    for to in room.normal.iter().filter(|to| forbids(rule, to, graph)) {
        findings.push(format!("{name} -> {to}: forbidden"));
    }
    let dev = room
        .dev
        .iter()
        .filter(|to| graph.0.contains_key(*to) && *to != TESTKIT);
    for to in dev.filter(|to| forbids(rule, to, graph)) {
        findings.push(format!("{name} -> {to} (for tests): forbidden"));
    }
    for to in rule.never.iter().filter(|to| room.reached.contains(**to)) {
        findings.push(format!("{name} -> … -> {to}: forbidden, however far"));
    }
}

/// Whether `rule` forbids an edge to `to`, a room or a package from outside.
fn forbids(rule: &Rule, to: &str, graph: &Graph) -> bool {
    if !graph.0.contains_key(to) {
        return rule.outside.is_some_and(|allowed| !allowed.contains(&to));
    }
    match rule.rooms {
        Rooms::Only(rooms) => !rooms.contains(&to),
        Rooms::AllBut(rooms) => rooms.contains(&to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace with every room and no edges.
    fn rooms() -> Graph {
        Graph(
            RULES
                .iter()
                .map(|rule| (rule.room.to_owned(), Room::default()))
                .collect(),
        )
    }

    fn normal(from: &str, to: &str) -> Vec<Finding> {
        let mut graph = rooms();
        graph.0.get_mut(from).unwrap().normal.insert(to.to_owned());
        check(&graph)
    }

    fn dev(from: &str, to: &str) -> Vec<Finding> {
        let mut graph = rooms();
        graph.0.get_mut(from).unwrap().dev.insert(to.to_owned());
        check(&graph)
    }

    #[test]
    fn an_edge_against_the_arrow_is_named() {
        let findings = normal("billing-domain", "billing-engine");
        assert_eq!(findings, ["billing-domain -> billing-engine: forbidden"]);
        assert_eq!(normal("billing-engine", "billing-sql").len(), 1);
        assert_eq!(normal("billing", "billing-server").len(), 1);
        assert_eq!(normal("billing-server", "billing-testkit").len(), 1);
    }

    #[test]
    fn an_edge_along_the_arrow_is_free() {
        assert!(normal("billing-engine", "billing-ports").is_empty());
        assert!(normal("billing-server", "billing-engine").is_empty());
        assert!(normal("billing-http", "reqwest").is_empty());
    }

    #[test]
    fn the_rules_of_billing_take_only_what_they_need_from_outside() {
        assert!(normal("billing-domain", "jiff").is_empty());
        assert_eq!(
            normal("billing-domain", "tokio"),
            ["billing-domain -> tokio: forbidden"]
        );
    }

    #[test]
    fn machinery_is_found_however_far_it_hides() {
        let mut graph = rooms();
        graph
            .0
            .get_mut("billing-engine")
            .unwrap()
            .reached
            .insert("sea-orm".to_owned());
        let expected = ["billing-engine -> … -> sea-orm: forbidden, however far"];
        assert_eq!(check(&graph), expected);
    }

    #[test]
    fn tests_may_use_the_testkit_and_otherwise_what_their_room_may() {
        assert!(dev("billing-domain", "billing-testkit").is_empty());
        assert!(dev("billing-domain", "serde_json").is_empty());
        assert_eq!(dev("billing-ports", "billing-engine").len(), 1);
        assert!(dev("billing-tests", "billing-server").is_empty());
    }

    #[test]
    fn the_table_and_the_workspace_hold_the_same_rooms() {
        let mut graph = rooms();
        graph.0.remove("billing-http");
        graph.0.insert("billing-extra".to_owned(), Room::default());
        let expected = [
            "billing-extra: has no rule in xtask/src/tidy/edges.rs",
            "billing-http: has a rule, but is no room",
        ];
        assert_eq!(check(&graph), expected);
    }
}
