//! What the file of the license keys holds, and nothing else does: neither a key that
//! signs nor what was made with it stands in the database.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::licenses::{FILE, PLANS, jwks, keys, kid_of, post, says, secrets_in, set_mode};
use crate::rig::Folder;
use crate::server::Server;

/// The letters after the first ones of a license key or a token that tell it from what
/// happens to look like it.
const TELLING: usize = 8;

/// How each secret might be written down.
fn spellings(hexadecimal: &str) -> Vec<Vec<u8>> {
    let raw = hex::decode(hexadecimal).unwrap();
    vec![
        hexadecimal.to_lowercase().into_bytes(),
        hexadecimal.to_uppercase().into_bytes(),
        // With padding it begins like this, too.
        STANDARD_NO_PAD.encode(&raw).into_bytes(),
        URL_SAFE_NO_PAD.encode(&raw).into_bytes(),
        raw,
    ]
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// Whether a text that begins so stands there.
fn begins(bytes: &[u8], with: &str) -> bool {
    let letters = |rest: &[u8]| {
        let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        rest.iter().all(letter)
    };
    let mut windows = bytes.windows(with.len() + TELLING);
    windows.any(|window| window.starts_with(with.as_bytes()) && letters(&window[with.len()..]))
}

/// The files of the database that tell something, without the one of the keys.
fn tell_tales(folder: &Folder, secrets: &[String]) -> Vec<String> {
    let mut files = folder.files();
    files.retain(|file| file.starts_with("billing.db") && file != FILE);
    assert!(files.contains(&"billing.db".to_owned()), "{files:?}");
    files.retain(|file| {
        let bytes = std::fs::read(folder.path(file)).unwrap();
        let mut all = secrets.iter().flat_map(|secret| spellings(secret));
        all.any(|secret| holds(&bytes, &secret)) || begins(&bytes, "LK-") || begins(&bytes, "eyJ")
    });
    files
}

/// Buys what costs nothing: the license.
fn bought(server: &Server) -> Value {
    let body = json!({ "price": "deck-monthly" });
    let opened = post(server, "/v1/checkouts", &body);
    let exchange = json!({ "checkout_secret": opened["checkout_secret"] });
    post(server, "/v1/licenses/exchange", &exchange)["license"].take()
}

#[test]
fn neither_what_signs_nor_what_was_signed_stands_in_the_database() {
    let folder = Folder::new("license-books");
    folder.write("plans.yaml", PLANS);
    let server = Server::first_with(&folder, &[("BILLING_PLANS", "plans.yaml")]);
    let secrets = secrets_in(&keys(&folder, FILE));
    assert_eq!(secrets.len(), 2, "what seals, and what signs");
    let license = bought(&server);
    let (key, token) = (
        license["key"].as_str().unwrap(),
        license["token"].as_str().unwrap(),
    );
    let machine = json!({ "license_key": key, "machine": "laptop" });
    let activated = post(&server, "/v1/machines/activate", &machine);
    assert_eq!(activated["machines"], 1, "{activated}");
    let said = post(&server, "/v1/validate", &json!({ "token": token }));
    assert_eq!(said["ok"], true, "{said}");
    // While it is written, what is new stands in the file beside it.
    assert!(folder.files().contains(&"billing.db-wal".to_owned()));
    assert_eq!(tell_tales(&folder, &secrets), [] as [String; 0]);

    // They would be found, however they were written.
    let mut planted: Vec<Vec<u8>> = secrets.iter().flat_map(|it| spellings(it)).collect();
    planted.extend([key, token].map(|text| text.as_bytes().to_vec()));
    for what in planted {
        let around = [b"\0text\xff".as_slice(), &what, b"\0"].concat();
        std::fs::write(folder.path("billing.db-planted"), around).unwrap();
        assert_eq!(tell_tales(&folder, &secrets), ["billing.db-planted"]);
    }
    std::fs::remove_file(folder.path("billing.db-planted")).unwrap();

    server.stop();
    assert_eq!(tell_tales(&folder, &secrets), [] as [String; 0]);
}

#[test]
fn one_that_was_written_by_hand_signs_under_the_name_that_others_know_it_by() {
    for (algorithm, secret, kid) in [
        (
            // The example of RFC 8037.
            "EdDSA",
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
        (
            // That of RFC 7515, A.4; its thumbprint by RFC 7638.
            "ES512",
            "018e696fb034505881dd110b483eb87d32ce495fe36b3745edf2d8cae4f0f2539f46\
             15a0e98eab52b3c0c5eac4ce075185a8e7bb47deac1d1de77bccf66135e63d82",
            "u5YUSjQ2-2chBi51NSk3t3g7IM4o2KYcnPqPtCNGd3U",
        ),
    ] {
        let folder = Folder::new(&format!("license-by-hand-{algorithm}"));
        folder.write("plans.yaml", PLANS);
        let text = format!(
            "key_secret = {}\nsigning_key = {algorithm} {secret}\n",
            "5a".repeat(32)
        );
        folder.write(FILE, &text);
        set_mode(&folder, FILE, 0o600);
        let server = Server::first_with(&folder, &[("BILLING_PLANS", "plans.yaml")]);
        let shown = jwks(&server);
        let shown = shown["keys"].as_array().unwrap();
        assert_eq!(shown.len(), 1, "{shown:?}");
        assert_eq!(
            (&shown[0]["kid"], &shown[0]["alg"]),
            (&json!(kid), &json!(algorithm))
        );
        let license = bought(&server);
        assert_eq!(kid_of(&license["token"]), kid);
        assert_eq!(says(&server, &license["token"]).plan, "deck");
        server.stop();
        assert_eq!(keys(&folder, FILE), text, "it stays as it was written");
    }
}
