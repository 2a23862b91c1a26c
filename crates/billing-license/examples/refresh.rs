//! How an application gets its next license: `refresh <token file>`.
//!
//! On any failure the file stays as it is, and so does the license. Exits with 0 when the file
//! holds what the server offered, with 2 when the server says that there is no more to come, and
//! with 1 when it is to be tried again later.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs, str};

use billing_license::{Expected, KeySet, read, successor};
use serde_json::{Value, json};

const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA",
    "kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

const EXPECTED: Expected<'static> = Expected {
    issuer: "https://billing.example",
    audience: Some("harbor"),
    customer: None,
};

/// Seconds for the whole exchange: nobody waits for it, and tomorrow is early enough.
const MAX_SECONDS: &str = "20";

/// Bytes of an answer that are read: eight times the longest token.
const MAX_ANSWER: u64 = 64 * 1024;

/// There is no more to come: the license has ended, or its key is retired.
const OVER: u8 = 2;

#[expect(clippy::print_stderr, reason = "telling is what it is for")]
fn main() -> ExitCode {
    let Some(file) = env::args_os().nth(1) else {
        eprintln!("usage: refresh <token file>");
        return ExitCode::FAILURE;
    };
    match refresh(Path::new(&file)) {
        Ok(Outcome::Renewed) => ExitCode::SUCCESS,
        Ok(Outcome::Over(why)) => {
            eprintln!("kept what there is, and there is no more: {why}");
            ExitCode::from(OVER)
        }
        Err(error) => {
            eprintln!("kept what there is: {error}");
            ExitCode::FAILURE
        }
    }
}

enum Outcome {
    Renewed,
    Over(String),
}

fn refresh(file: &Path) -> Result<Outcome, Box<dyn Error>> {
    let keys = KeySet::from_jwks(KEYS)?;
    let text = fs::read_to_string(file)?;
    let held = text.trim();
    // Only a genuine token says where it goes, ended or not.
    let claims = read(held, &keys, &EXPECTED, now()?)?.claims;
    let url = claims.refresh_url.ok_or("it says of no place")?;
    if !is_private(&url) {
        return Err("its place is neither https nor this machine".into());
    }
    let (status, body) = posted(&url, &json!({ "token": held }).to_string())?;
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    match status.as_str() {
        "200" => {}
        "401" | "402" => return Ok(Outcome::Over(reason(&answer, &status))),
        _ => return Err(format!("the server answered with {status}").into()),
    }
    let offered = answer["license"]["token"].as_str().unwrap_or_default();
    successor(held, offered, &keys, &EXPECTED, now()?)?;
    // Beside it first: whoever reads the file, or loses power, has the one or the other.
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let mut next = fs::File::create(&beside)?;
    next.set_permissions(fs::metadata(file)?.permissions())?;
    next.write_all(offered.as_bytes())?;
    next.sync_all()?;
    fs::rename(&beside, file)?;
    Ok(Outcome::Renewed)
}

/// Posts `body`; the status of the answer, and what it says.
fn posted(url: &str, body: &str) -> Result<(String, String), Box<dyn Error>> {
    let local = "localhost,127.0.0.1,::1";
    // No settings of a user's, no redirect, and the token is in no list of processes.
    let mut curl = Command::new("curl")
        .args(["--disable", "--silent", "--globoff", "--noproxy", local])
        .args(["--proto", "=https,http", "--max-time", MAX_SECONDS])
        .args(["--header", "content-type: application/json"])
        .args(["--data-binary", "@-", "--write-out", "\n%{http_code}"])
        .args(["--url", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut asks) = curl.stdin.take() {
        asks.write_all(body.as_bytes())?;
    }
    let mut told = Vec::new();
    if let Some(answers) = curl.stdout.take() {
        answers.take(MAX_ANSWER).read_to_end(&mut told)?;
    }
    let ended = curl.wait()?;
    if !ended.success() {
        return Err(format!("no answer: {ended}").into());
    }
    let (body, status) = str::from_utf8(&told)?
        .rsplit_once('\n')
        .ok_or("no status")?;
    Ok((status.to_owned(), body.to_owned()))
}

/// Whether nobody on the way can read what is posted to `url`.
fn is_private(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return url.starts_with("https://");
    };
    let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    // Digits only: `localhost:80@elsewhere` is a user at another host.
    let name = host.trim_end_matches(|c: char| c.is_ascii_digit());
    let name = name.strip_suffix(':').unwrap_or(host);
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

fn reason(answer: &Value, status: &str) -> String {
    let reason = answer["reason"].as_str().or(answer["code"].as_str());
    reason.unwrap_or(status).to_owned()
}

#[expect(clippy::disallowed_methods, reason = "an application has a clock")]
fn now() -> Result<i64, Box<dyn Error>> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_secs())?)
}
