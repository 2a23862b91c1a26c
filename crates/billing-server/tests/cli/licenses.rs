//! The file of the license keys: made once, its owner's alone, and never lost
//! without a word.

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use billing_license::{Claims, Expected, KeySet, read};
use serde_json::{Value, json};

use crate::http::{ask, get};
use crate::rig::{Folder, Ran};
use crate::server::Server;

/// Beside the SQLite file.
pub(crate) const FILE: &str = "billing.db.license-key";

/// One plan, given away, with a license.
pub(crate) const PLANS: &str = "
currency: usd
product: Harbor
plans:
  deck:
    name: Deck
    rank: 10
    license: { max_machines: 3 }
    prices:
      deck-monthly: { amount: 0, interval: month }
";

fn mode(folder: &Folder, file: &str) -> u32 {
    let data = std::fs::metadata(folder.path(file)).unwrap();
    data.permissions().mode() & 0o777
}

pub(crate) fn set_mode(folder: &Folder, file: &str, mode: u32) {
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(folder.path(file), permissions).unwrap();
}

pub(crate) fn keys(folder: &Folder, file: &str) -> String {
    std::fs::read_to_string(folder.path(file)).unwrap()
}

/// The secrets in a key file: words of hexadecimal digits, but for public halves.
pub(crate) fn secrets_in(file: &str) -> Vec<String> {
    let lines = file.lines().filter(|line| !line.starts_with(['#', 'v']));
    let words = lines.flat_map(str::split_whitespace);
    let secret = |word: &&str| word.len() >= 64 && word.chars().all(|c| c.is_ascii_hexdigit());
    words.filter(secret).map(str::to_owned).collect()
}

pub(crate) fn jwks(server: &Server) -> Value {
    get(&format!("{}/.well-known/jwks.json", server.url)).json()
}

pub(crate) fn post(server: &Server, path: &str, body: &Value) -> Value {
    let address = format!("{}{path}", server.url);
    let kind = "content-type: application/json\r\n";
    ask("POST", &address, kind, &body.to_string()).json()
}

fn serve(folder: &Folder, variables: &[(&str, &str)]) -> Ran {
    let mut all = vec![("BILLING_LISTEN", "127.0.0.1:0")];
    all.extend(variables);
    folder.billing_with(&all, &["serve"])
}

fn finding(ran: &Ran) -> (String, String) {
    let told = ran.json();
    let findings = told["findings"].as_array().unwrap();
    let such = findings.iter().filter(|one| one["what"] == "license keys");
    // What the books say comes before what the file says.
    let one = such.max_by_key(|one| one["level"] == "bad").unwrap();
    let text = |field: &str| one[field].as_str().unwrap().to_owned();
    (text("level"), text("text"))
}

fn doctor(folder: &Folder, variables: &[(&str, &str)]) -> Ran {
    let mut all = vec![("BILLING_LISTEN", "127.0.0.1:0")];
    all.extend(variables);
    folder.billing_with(&all, &["doctor", "--json"])
}

#[test]
fn the_first_start_makes_it_and_the_next_ones_keep_it() {
    let folder = Folder::new("license-first");
    folder.write("plans.yaml", PLANS);
    let plans = [("BILLING_PLANS", "plans.yaml")];
    assert_eq!(finding(&doctor(&folder, &plans)).0, "warning");
    assert!(!folder.files().contains(&FILE.to_owned()), "it only looks");
    let server = Server::first_with(&folder, &plans);
    assert_eq!(mode(&folder, FILE), 0o600);
    let (shown, made) = (jwks(&server), keys(&folder, FILE));
    assert_eq!(shown["keys"].as_array().unwrap().len(), 1);
    let body = json!({ "price": "deck-monthly" });
    let opened = post(&server, "/v1/checkouts", &body);
    let exchange = json!({ "checkout_secret": opened["checkout_secret"] });
    let given =
        |server: &Server| post(server, "/v1/licenses/exchange", &exchange)["license"].clone();
    let first = given(&server);
    assert!(first["key"].as_str().unwrap().starts_with("LK-"), "{first}");
    let ended = server.stop();
    let secrets = secrets_in(&made);
    assert_eq!(secrets.len(), 2);
    for secret in secrets {
        assert!(!ended.log.contains(&secret) && !ended.out.contains(&secret));
        let books = std::fs::read(folder.path("billing.db")).unwrap();
        let books = String::from_utf8_lossy(&books).into_owned();
        assert!(!books.contains(&secret));
    }

    let server = Server::again(&folder, &plans);
    assert_eq!(jwks(&server), shown);
    let again = given(&server);
    assert_eq!((&again["id"], &again["key"]), (&first["id"], &first["key"]));
    server.stop();
    assert_eq!(keys(&folder, FILE), made);
    let (level, text) = finding(&doctor(&folder, &plans));
    assert_eq!(level, "good");
    let kid = shown["keys"][0]["kid"].as_str().unwrap();
    assert!(text.contains(kid), "{text}");

    // Lost, with a license out there.
    std::fs::rename(folder.path(FILE), folder.path("away")).unwrap();
    let ran = serve(&folder, &plans);
    ran.exits(1).complains(&[
        "billing.db.license-key is not there, and licenses were signed with it",
        "Put its copy back",
        "install -m 600 /dev/null",
    ]);
    assert!(!folder.files().contains(&FILE.to_owned()));
    let (level, text) = finding(doctor(&folder, &plans).exits(1));
    assert_eq!(level, "bad");
    assert!(text.contains("is gone"), "{text}");
    // Given up.
    folder.write(FILE, "");
    set_mode(&folder, FILE, 0o600);
    let server = Server::again(&folder, &plans);
    assert_ne!(jwks(&server), shown);
    server.stop();
}

#[test]
fn one_that_others_can_read_stops_the_start() {
    let folder = Folder::new("license-open");
    let named = [("BILLING_LICENSE_KEY_FILE", "keys/licenses")];
    std::fs::create_dir(folder.path("keys")).unwrap();
    Server::first_with(&folder, &named).stop();
    assert_eq!(mode(&folder, "keys/licenses"), 0o600);
    assert!(!folder.files().contains(&FILE.to_owned()));
    set_mode(&folder, "keys/licenses", 0o644);
    let ran = serve(&folder, &named);
    ran.exits(1).complains(&[
        "keys/licenses is open to others (mode 644)",
        "chmod 600 keys/licenses",
    ]);
    let (level, text) = finding(doctor(&folder, &named).exits(1));
    assert_eq!(level, "bad");
    assert!(text.contains("chmod 600 keys/licenses"), "{text}");
    set_mode(&folder, "keys/licenses", 0o600);
    let spoiled = keys(&folder, "keys/licenses").replace("key_secret", "secret");
    folder.write("keys/licenses", &spoiled);
    let ran = serve(&folder, &named);
    ran.exits(1)
        .complains(&["keys/licenses holds no license keys"]);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = Folder::new("license-nowhere");
    let named = [("BILLING_LICENSE_KEY_FILE", "nowhere/licenses")];
    let ran = serve(&folder, &named);
    ran.exits(1)
        .complains(&["nowhere/licenses", "BILLING_LICENSE_KEY_FILE"]);
}

/// What `billing license-keys` says, in JSON.
fn license_keys(folder: &Folder, arguments: &[&str]) -> Ran {
    let mut all = vec!["license-keys"];
    all.extend(arguments);
    all.push("--json");
    folder.billing_with(&[], &all)
}

/// The keys as they are listed: each with its use.
fn listed(folder: &Folder) -> Vec<(String, String)> {
    let told = license_keys(folder, &["list"]).json();
    let text = |key: &Value, field: &str| key[field].as_str().unwrap().to_owned();
    let keys = told["data"].as_array().unwrap().iter();
    keys.map(|key| (text(key, "kid"), text(key, "use")))
        .collect()
}

/// What a client that asks is answered for its token.
fn refreshed(server: &Server, token: &Value) -> (u16, Value) {
    let address = format!("{}/v1/licenses/refresh", server.url);
    let kind = "content-type: application/json\r\n";
    let answer = ask(
        "POST",
        &address,
        kind,
        &json!({ "token": token }).to_string(),
    );
    (answer.status, answer.json())
}

/// The name of the key that signed a token.
pub(crate) fn kid_of(token: &Value) -> String {
    let (head, _) = token.as_str().unwrap().split_once('.').unwrap();
    let head = URL_SAFE_NO_PAD.decode(head).unwrap();
    let head: Value = serde_json::from_slice(&head).unwrap();
    head["kid"].as_str().unwrap().to_owned()
}

#[test]
fn h_08_keys_are_rotated_and_old_ones_verify_until_they_are_retired() {
    let folder = Folder::new("license-rotated");
    folder.write("plans.yaml", PLANS);
    let server = Server::first_with(&folder, &[("BILLING_PLANS", "plans.yaml")]);
    let opened = post(
        &server,
        "/v1/checkouts",
        &json!({ "price": "deck-monthly" }),
    );
    let exchange = json!({ "checkout_secret": opened["checkout_secret"] });
    let given = post(&server, "/v1/licenses/exchange", &exchange)["license"].clone();
    let first = kid_of(&given["token"]);
    assert_eq!(listed(&folder), [(first.clone(), "signs".to_owned())]);
    let before = secrets_in(&keys(&folder, FILE));

    // Shown, and not yet signing.
    let next = license_keys(&folder, &["prepare"]).json()["kid"]
        .as_str()
        .unwrap()
        .to_owned();
    license_keys(&folder, &["prepare"]).exits(3);
    assert_eq!(jwks(&server)["keys"].as_array().unwrap().len(), 2);
    let (status, again) = refreshed(&server, &given["token"]);
    assert_eq!(
        (status, kid_of(&again["license"]["token"])),
        (200, first.clone())
    );

    // The running server signs with it, and believes the token of the old one.
    assert_eq!(
        license_keys(&folder, &["rotate"]).json()["kid"],
        json!(next)
    );
    assert_eq!(mode(&folder, FILE), 0o600);
    let (status, again) = refreshed(&server, &given["token"]);
    assert_eq!(
        (status, kid_of(&again["license"]["token"])),
        (200, next.clone())
    );
    assert_eq!(jwks(&server)["keys"].as_array().unwrap().len(), 2);
    let named = post(&server, "/v1/licenses/exchange", &exchange)["license"]["key"].clone();
    assert_eq!(named, given["key"], "license keys are for life");
    let wanted = [(next.clone(), "signs"), (first.clone(), "verifies")];
    assert_eq!(
        listed(&folder),
        wanted.map(|(kid, is)| (kid, is.to_owned()))
    );
    // Of the old one nothing is left that signs.
    let after = keys(&folder, FILE);
    assert!(
        before
            .iter()
            .filter(|secret| after.contains(*secret))
            .count()
            == 1
    );

    // Retired: refused from now on. The one that signs is not.
    license_keys(&folder, &["retire", &next, "--yes"]).exits(3);
    license_keys(&folder, &["retire", &first]).exits(2);
    assert_eq!(
        license_keys(&folder, &["retire", &first, "--yes"]).json()["kid"],
        json!(first)
    );
    license_keys(&folder, &["retire", &first, "--yes"]).exits(3);
    let (status, refused) = refreshed(&server, &given["token"]);
    assert_eq!((status, &refused["code"]), (401, &json!("unauthorized")));
    assert_eq!(refreshed(&server, &again["license"]["token"]).0, 200);
    assert_eq!(jwks(&server)["keys"].as_array().unwrap().len(), 1);

    // Spoiled under a running server, nothing changes, and it is told.
    let good = keys(&folder, FILE);
    folder.write(FILE, "spoiled");
    assert_eq!(refreshed(&server, &again["license"]["token"]).0, 200);
    let log = server.stop().log;
    assert!(log.contains("the license keys stay as they were"), "{log}");
    for secret in secrets_in(&good) {
        assert!(!log.contains(&secret), "{log}");
    }
    license_keys(&folder, &["rotate"])
        .exits(1)
        .complains(&["holds no license keys"]);
}

#[test]
fn h_08_another_algorithm_signs_after_a_rotation() {
    let folder = Folder::new("license-es512");
    folder.write("plans.yaml", PLANS);
    let es512 = [
        ("BILLING_PLANS", "plans.yaml"),
        ("BILLING_LICENSE_ALGORITHM", "ES512"),
    ];
    let server = Server::first_with(&folder, &es512);
    let key = jwks(&server)["keys"][0].clone();
    assert_eq!(
        (&key["alg"], &key["crv"]),
        (&json!("ES512"), &json!("P-521"))
    );
    let opened = post(
        &server,
        "/v1/checkouts",
        &json!({ "price": "deck-monthly" }),
    );
    let exchange = json!({ "checkout_secret": opened["checkout_secret"] });
    let given = post(&server, "/v1/licenses/exchange", &exchange)["license"].clone();
    let claims = says(&server, &given["token"]);
    assert_eq!(
        (claims.jti, claims.plan.as_str()),
        (given["id"].as_str().unwrap().to_owned(), "deck")
    );
    server.stop();
    assert_eq!(finding(&doctor(&folder, &es512)).0, "good");
    // The configuration alone changes no key.
    let (level, text) = finding(&doctor(&folder, &[]));
    assert_eq!(level, "warning");
    assert!(text.contains("license-keys rotate"), "{text}");
    let server = Server::again(&folder, &[("BILLING_PLANS", "plans.yaml")]);
    // Another port is another issuer.
    let given = post(&server, "/v1/licenses/exchange", &exchange)["license"].clone();
    folder
        .billing_with(&[], &["license-keys", "rotate"])
        .exits(0)
        .tells(&["signs from now on"]);
    folder
        .billing_with(&[], &["license-keys", "list"])
        .tells(&["EdDSA", "ES512", "verifies"]);
    let (status, again) = refreshed(&server, &given["token"]);
    assert_eq!(status, 200, "{again}");
    let claims = says(&server, &again["license"]["token"]);
    assert_eq!(claims.jti, given["id"].as_str().unwrap());
    assert_eq!(jwks(&server)["keys"].as_array().unwrap().len(), 2);
    server.stop();
}

/// What a token says, verified by the keys that the server shows.
pub(crate) fn says(server: &Server, token: &Value) -> Claims {
    let keys = KeySet::from_jwks(&jwks(server).to_string()).unwrap();
    let expected = Expected {
        issuer: &server.url,
        audience: Some(&server.url),
        customer: None,
    };
    // Whether it has ended is the clock's business, and not of interest here.
    let reading = read(token.as_str().unwrap(), &keys, &expected, i64::MAX);
    reading.unwrap().claims
}

#[test]
fn a_file_that_nobody_made_has_no_keys_to_rotate() {
    let folder = Folder::new("license-none");
    for arguments in [
        &["list"][..],
        &["rotate"],
        &["prepare"],
        &["retire", "x", "--yes"],
    ] {
        let ran = license_keys(&folder, arguments);
        ran.exits(1).complains(&["is not there"]);
    }
    assert_eq!(folder.files(), [] as [String; 0]);
}
