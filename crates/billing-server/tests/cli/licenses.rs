//! The file of the license keys: made once, its owner's alone, and never lost
//! without a word.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::http::{ask, get};
use crate::rig::{Folder, Ran};
use crate::server::Server;

/// Beside the SQLite file.
const FILE: &str = "billing.db.license-key";

/// One plan, given away, with a license.
const PLANS: &str = "
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

fn set_mode(folder: &Folder, file: &str, mode: u32) {
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(folder.path(file), permissions).unwrap();
}

fn keys(folder: &Folder, file: &str) -> String {
    std::fs::read_to_string(folder.path(file)).unwrap()
}

fn jwks(server: &Server) -> Value {
    get(&format!("{}/.well-known/jwks.json", server.url)).json()
}

fn post(server: &Server, path: &str, body: &Value) -> Value {
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
    let secrets: Vec<&str> = made
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(_, secret)| secret)
        .collect();
    assert_eq!(secrets.len(), 2);
    for secret in secrets {
        assert!(!ended.log.contains(secret) && !ended.out.contains(secret));
        let books = std::fs::read(folder.path("billing.db")).unwrap();
        let books = String::from_utf8_lossy(&books).into_owned();
        assert!(!books.contains(secret));
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
