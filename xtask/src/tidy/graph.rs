//! The workspace's dependencies, as cargo resolved them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::process;

/// The members of the workspace by name.
#[derive(Debug, Default)]
pub(crate) struct Graph(pub(crate) BTreeMap<String, Room>);

/// What one member depends on.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Declared for the code itself or its build script, also if optional.
    pub(crate) normal: BTreeSet<String>,
    /// Declared for tests, examples and benchmarks.
    pub(crate) dev: BTreeSet<String>,
    /// Every package that the code itself reaches, however far.
    pub(crate) reached: BTreeSet<String>,
}

/// Asks cargo, with every feature on.
pub(super) fn read() -> Outcome<Graph> {
    // Without a platform cargo would fetch the packages of every other one.
    let version = process::read(Command::new("rustc").arg("-vV"))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .ok_or_else(|| Failure::new("rustc -vV names no host"))?;
    let mut cargo = process::cargo();
    cargo.args([
        "metadata",
        "--format-version",
        "1",
        "--all-features",
        "--filter-platform",
        host,
    ]);
    let metadata: Value = serde_json::from_str(&process::read(&mut cargo)?)
        .map_err(Failure::doing("read cargo metadata"))?;
    Ok(graph(&metadata))
}

fn graph(metadata: &Value) -> Graph {
    let members: BTreeSet<&str> = list(metadata, "workspace_members")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let packages: BTreeMap<&str, &Value> = list(metadata, "packages")
        .iter()
        .map(|package| (text(package, "id"), package))
        .collect();
    let arrows: BTreeMap<&str, Vec<&str>> = list(&metadata["resolve"], "nodes")
        .iter()
        .map(|node| (text(node, "id"), arrows(node)))
        .collect();
    let room = |id: &&str| {
        let package = packages.get(id)?;
        let reached = reach(id, &arrows);
        let names = reached.iter().filter_map(|id| packages.get(id));
        let room = Room {
            normal: declared(package, |kind| kind != Some("dev")),
            dev: declared(package, |kind| kind == Some("dev")),
            reached: names
                .map(|package| text(package, "name").to_owned())
                .collect(),
        };
        Some((text(package, "name").to_owned(), room))
    };
    Graph(members.iter().filter_map(room).collect())
}

/// The names a package declares under a kind: `None` is normal, besides `dev` and `build`.
fn declared(package: &Value, fits: impl Fn(Option<&str>) -> bool) -> BTreeSet<String> {
    list(package, "dependencies")
        .iter()
        .filter(|dependency| fits(dependency["kind"].as_str()))
        .map(|dependency| text(dependency, "name").to_owned())
        .collect()
}

/// Where a resolved package leads, tests aside.
fn arrows(node: &Value) -> Vec<&str> {
    let ships = |dependency: &&Value| {
        list(dependency, "dep_kinds")
            .iter()
            .any(|kind| kind["kind"].as_str() != Some("dev"))
    };
    list(node, "deps")
        .iter()
        .filter(ships)
        .map(|dependency| text(dependency, "pkg"))
        .collect()
}

/// Everything that `from` leads to, without itself.
fn reach<'a>(from: &'a str, arrows: &BTreeMap<&str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(id) = open.pop() {
        for next in arrows.get(id).into_iter().flatten() {
            if reached.insert(*next) {
                open.push(next);
            }
        }
    }
    reached
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn declared_and_reached_dependencies_are_told_apart() {
        let on = |name: &str, kind: Option<&str>| json!({ "name": name, "kind": kind });
        let to =
            |id: &str, kind: Option<&str>| json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "workspace_members": ["#a"],
            "packages": [
                { "id": "#a", "name": "a", "dependencies": [on("b", None), on("t", Some("dev")), on("m", Some("build"))] },
                { "id": "#b", "name": "b", "dependencies": [] },
                { "id": "#c", "name": "c", "dependencies": [] },
                { "id": "#t", "name": "t", "dependencies": [] },
            ],
            "resolve": { "nodes": [
                { "id": "#a", "deps": [to("#b", None), to("#t", Some("dev"))] },
                { "id": "#b", "deps": [to("#c", None)] },
            ] },
        });
        let graph = graph(&metadata);
        let set = |names: &[&str]| {
            names
                .iter()
                .map(ToString::to_string)
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(graph.0.len(), 1);
        assert_eq!(graph.0["a"].normal, set(&["b", "m"]));
        assert_eq!(graph.0["a"].dev, set(&["t"]));
        assert_eq!(graph.0["a"].reached, set(&["b", "c"]));
    }
}
