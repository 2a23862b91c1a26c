//! `cargo xtask probe`: requests made up from the OpenAPI document, against a server of its own
//! in which something of everything has happened: no answer is a 5xx, each is as the document
//! says, and all but some operations are answered well.
//!
//! Knows the tool, schemathesis, and where it comes from. What is asked, and what an answer must
//! look like, the document says.

mod document;
mod http;
mod known;
mod reached;
mod server;
mod shop;
mod tool;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::Args;

use self::reached::Reached;
use self::server::Server;
pub(crate) use self::tool::{Missing, Tool};
use crate::failure::{Failure, Outcome};
use crate::openapi;
use crate::postgres::{Durability, Postgres};
use crate::process;

/// How much is asked.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Ask ten times as much as `cargo xtask ci` does
    #[arg(long)]
    long: bool,
    /// Where making up requests begins
    #[arg(long, default_value_t = SEED)]
    seed: u32,
    /// Only operations whose path matches this regular expression
    #[arg(long)]
    only: Option<String>,
}

/// The same requests each time: what fails here fails on the next machine.
const SEED: u32 = 20_261_123;

/// One after the other: the order is the same each time, too, and nobody competes for a customer,
/// of whom the last to decide is told to come again (503). Making requests up takes one core anyway.
const WORKERS: &str = "1";

/// What every answer must hold to. Not that what fits its schema is taken: no schema says which
/// plans are sold and which ids there are.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,\
                      negative_data_rejection,missing_required_header,unsupported_method,\
                      allow_header_conformance,ignored_auth";

/// A part of the probe.
#[derive(Debug)]
struct Round {
    name: &'static str,
    /// Who runs the sandbox's schedule, as its setting says.
    mode: &'static str,
    /// Whether the books are on PostgreSQL, rather than in an SQLite file.
    is_on_postgres: bool,
    /// Calls that are made in a cycle: beyond the 1000 that are included, where the sandbox can
    /// charge for them.
    calls: u32,
    /// Whether operations are asked for with what they need: an operator's key, or a session.
    is_known: bool,
    /// Requests one by one: what the document gives as examples, each bound of each field, and
    /// at random. There are no links from answer to answer to follow.
    phases: &'static str,
    /// Requests at random for each operation.
    examples: u32,
}

const ROUNDS: [Round; 3] = [
    Round {
        name: "with credentials, on the engine's schedule",
        mode: "engine-schedule",
        is_on_postgres: false,
        calls: 1_500,
        is_known: true,
        phases: "examples,coverage,fuzzing",
        examples: 12,
    },
    Round {
        name: "with credentials, on the provider's schedule and PostgreSQL",
        mode: "own-schedule",
        is_on_postgres: true,
        calls: 500,
        is_known: true,
        phases: "examples,fuzzing",
        examples: 6,
    },
    Round {
        name: "without credentials",
        mode: "engine-schedule",
        is_on_postgres: false,
        calls: 1_500,
        is_known: false,
        phases: "fuzzing",
        examples: 5,
    },
];

/// How much more a long probe asks.
const LONGER: u32 = 10;

/// Runs it; fails where the tool cannot be had.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let program = openapi::program(&["--package", "billing-server", "--bins"])?;
    rounds(&program, &Tool::installed()?, options)
}

/// The step of `cargo xtask ci`, with the tool that it needs.
pub(crate) fn step(tool: &Tool) -> Outcome<()> {
    let program = openapi::program(&openapi::EVERYTHING)?;
    let options = Options {
        long: false,
        seed: SEED,
        only: None,
    };
    rounds(&program, tool, &options)
}

/// All rounds, also after one that failed: what is wrong is told at once.
fn rounds(program: &Path, tool: &Tool, options: &Options) -> Outcome<()> {
    let mut failed = Vec::new();
    let mut reached = BTreeSet::new();
    for round in &ROUNDS {
        eprintln!("xtask probe: {}", round.name);
        if let Err(failure) = round.run(program, tool, options, &mut reached) {
            eprintln!("xtask probe: {}: {failure}", round.name);
            failed.push(round.name);
        }
    }
    if failed.is_empty() && options.only.is_none() {
        let document = process::read(Command::new(program).arg("openapi"))?;
        return reached::most(&document, &reached);
    }
    if failed.is_empty() {
        return Ok(());
    }
    let failed = failed.join("; ");
    Err(Failure::new(format!("see the failures above, {failed}")))
}

impl Round {
    /// Asks, and adds to `reached` what was answered well.
    fn run(
        &self,
        program: &Path,
        tool: &Tool,
        options: &Options,
        reached: &mut BTreeSet<String>,
    ) -> Outcome<()> {
        let folder = tool.place.join("books");
        // What an earlier run left behind.
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).map_err(Failure::doing("make a folder"))?;
        let postgres = self
            .is_on_postgres
            .then(|| Postgres::start(Durability::Scratch));
        let postgres = postgres.transpose()?;
        let url = postgres.as_ref().map(Postgres::url);
        let mut server = Server::start(program, &folder, self.mode, url)?;
        let known = shop::fill(&server, self.calls)?;
        let key = self.is_known.then_some(server.key.as_str());
        let settings = folder.join("schemathesis.toml");
        fs::write(&settings, known.settings(key)).map_err(Failure::doing("write the settings"))?;
        let told = http::get(&format!("{}/openapi.json", server.url))?;
        let document = folder.join("openapi.json");
        fs::write(&document, document::with_examples(&told, &known)?)
            .map_err(Failure::doing("write the document"))?;
        let mut asking = tool.command(&folder);
        asking
            .arg("--config-file")
            .arg(&settings)
            .arg("run")
            .arg(&document)
            .args(["--url", &server.url])
            .args(["--phases", self.phases, "--checks", CHECKS])
            .args(["--max-examples", &self.asked(options).to_string()])
            .args(["--seed", &options.seed.to_string()])
            .args(["--workers", WORKERS, "--no-color"]);
        if let Some(only) = &options.only {
            asking.args(["--include-path-regex", only]);
        }
        let metrics = format!("{}/metrics", server.url);
        let before = Reached::read(&http::get(&metrics)?);
        let asked = process::run(&mut asking);
        server.is_sound()?;
        reached.extend(Reached::read(&http::get(&metrics)?).since(&before));
        asked
    }

    /// Requests at random for each operation.
    fn asked(&self, options: &Options) -> u32 {
        let times = if options.long { LONGER } else { 1 };
        self.examples.saturating_mul(times)
    }
}
