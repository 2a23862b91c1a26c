//! `billing import`: what was sold elsewhere is tried, brought over once, and goes on here.

use std::fmt::Write as _;
use std::ops::Deref;

use serde_json::{Value, json};

use crate::books::postgres;
use crate::rig::{Folder, Ran};
use crate::server::Server;

/// A price that is on sale, one that was, and what is bought for ever.
const PLANS: &str = r#"
currency: eur
product: Harbor
features:
  sso: { kind: flag, name: "Single sign-on" }
plans:
  pro:
    name: Pro
    rank: 10
    license: { max_machines: 2 }
    entitlements: { sso: true }
    prices:
      pro-2026: { amount: 25.00, interval: month }
      pro-2024:
        amount: 20.00
        interval: month
        retired: 2026-01-01
      pro-once: { amount: 300.00, interval: once }
  crew:
    name: Crew
    rank: 20
"#;

const CUSTOMERS: &str = "id,email,lang,joined_at\n\
    ana,ana@x.test,de,2021-03-01\nben,ben@x.test,,\n";

/// A folder whose books have a catalog.
struct Books {
    folder: Folder,
    told: Vec<(&'static str, String)>,
}

impl Books {
    /// Books in the SQLite file of a folder.
    fn new(name: &str) -> Self {
        Self::with(name, Vec::new())
    }

    /// Books on the tests' PostgreSQL. `None`: they are to go without.
    fn on_postgresql(name: &str) -> Option<Self> {
        let url = postgres(&name.replace('-', "_"))?;
        let told = vec![
            ("BILLING_DATABASE_URL", url),
            ("BILLING_LICENSE_KEY_FILE", "license-key".to_owned()),
            // As where nothing is configured.
            ("BILLING_SANDBOX_ENABLED", "true".to_owned()),
            (
                "BILLING_SANDBOX_WEBHOOK_SECRET",
                "a secret of the import's tests".to_owned(),
            ),
        ];
        Some(Self::with(&format!("{name}-postgres"), told))
    }

    fn with(name: &str, told: Vec<(&'static str, String)>) -> Self {
        let folder = Folder::new(name);
        folder.write("plans.yaml", PLANS);
        let books = Self { folder, told };
        let applied = books.billing(&["catalog", "apply", "plans.yaml", "--yes"]);
        applied.exits(0);
        books
    }

    fn told(&self) -> Vec<(&str, &str)> {
        let told = self.told.iter();
        told.map(|(name, is)| (*name, is.as_str())).collect()
    }

    /// The id of a customer, as a server tells it.
    fn id_of(&self, name: &str) -> String {
        let keys = ["keys", "create", "ops", "--scope", "admin", "--json"];
        let made = self.billing(&keys).exits(0).json();
        let mut server = Server::again(&self.folder, &self.told());
        made["secret"].as_str().unwrap().clone_into(&mut server.key);
        let read = server.read(&format!("/v1/customers/{name}"));
        server.stop();
        read["id"].as_str().unwrap().to_owned()
    }

    fn billing(&self, words: &[&str]) -> Ran {
        self.folder.billing_with(&self.told(), words)
    }
}

impl Deref for Books {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

fn import(books: &Books, file: &str, more: &[&str]) -> Ran {
    let mut words = vec!["import", "csv", file];
    words.extend(more);
    books.billing(&words)
}

pub(crate) const APPLY: [&str; 3] = ["--apply", "--reason", "moved from the old shop"];

/// Days that lie around now, whenever this runs: a month that has begun, and its end.
fn month_of(folder: &Books) -> (String, String) {
    let now = folder.billing(&["clock", "show", "--json"]).json();
    let now: jiff::Timestamp = now["now"].as_str().unwrap().parse().unwrap();
    let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
    let begun = today.first_of_month();
    let ends = begun.checked_add(jiff::Span::new().months(1)).unwrap();
    let since = begun.checked_sub(jiff::Span::new().years(2)).unwrap();
    (since.to_string(), ends.to_string())
}

#[test]
fn a_dry_run_writes_nothing_and_an_import_is_done_once() {
    is_done_once(&Books::new("import-once"));
}

fn is_done_once(folder: &Books) {
    folder.write("customers.csv", CUSTOMERS);
    let dry = import(folder, "customers.csv", &[]);
    dry.exits(0).tells(&[
        "2 would be imported; 0 there already; 0 refused.",
        "Nothing was written",
    ]);
    let unsaid = import(folder, "customers.csv", &["--apply"]);
    unsaid.exits(2).complains(&["--reason"]);
    let done = import(folder, "customers.csv", &APPLY);
    done.exits(0)
        .tells(&["2 imported; 0 there already; 0 refused."]);
    let again = import(folder, "customers.csv", &APPLY);
    again
        .exits(0)
        .tells(&["0 imported; 2 there already; 0 refused."]);
    // What is otherwise is named, and left as it is; a file that was cut off is begun again.
    folder.write(
        "customers.csv",
        &format!("{}eve,,,\n", CUSTOMERS.replace("de,", "fr,")),
    );
    let other = import(folder, "customers.csv", &APPLY);
    other.exits(0).tells(&[
        "differs  line 2  ana  lang",
        "1 imported; 1 there already; 1 there otherwise, and left as they are; 0 refused.",
    ]);
    let audit = folder.billing(&["audit"]);
    audit.exits(0).tells(&["3 customers: everything holds."]);
}

#[test]
fn what_customers_hold_is_brought_at_the_price_that_they_were_promised() {
    brings_what_is_held(&Books::new("import-held"));
}

fn brings_what_is_held(folder: &Books) {
    folder.write("customers.csv", CUSTOMERS);
    import(folder, "customers.csv", &APPLY).exits(0);
    let (since, ends) = month_of(folder);
    folder.write(
        "subs.csv",
        &format!(
            "id,customer,plan,amount,interval,started_at,paid_through,ends\n\
             s-1,ana,pro,20.00,month,{since},{ends},\n\
             s-2,ben,pro,12.50,month,{since},{ends},no\n\
             s-3,ana,pro,300.00,once,{since},,\n\
             s-4,ana,pro,25.00,month,{since},2020-01-01,\n\
             s-5,eve,pro,25.00,month,{since},{ends},\n\
             s-6,ana,gold,25.00,month,{since},{ends},\n\
             s-7,ana,pro,25.00,month,2024-01-17,{ends},\n\
             s-8,ana,pro,,,{since},{ends},\n\
             s-9,ana,pro,25,fortnight,{since},{ends},\n"
        ),
    );
    let report = ["--report", "subs.jsonl", "--json"];
    let dry = import(folder, "subs.csv", &report).exits(3).json();
    assert_eq!(
        (&dry["kind"], &dry["rows"], &dry["applied"]),
        (&json!("subscriptions"), &json!(9), &json!(false))
    );
    assert_eq!((&dry["created"], &dry["promised"]), (&json!(3), &json!(1)));
    let codes = json!({
        "not_paid": 1, "customer_not_found": 1, "no_such_plan": 1, "off_anchor": 1,
        "ambiguous_price": 1, "bad_value": 1,
    });
    assert_eq!(dry["by_code"], codes);
    assert_eq!(dry["first"][0]["line"], 5);
    let told = std::fs::read_to_string(folder.path("subs.jsonl")).unwrap();
    let told: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told.len(), 9);
    assert_eq!(told[1]["promised"], "EUR 12.50");
    assert_eq!(
        (&told[8]["code"], &told[8]["column"]),
        (&json!("bad_value"), &json!("interval"))
    );
    let words: Vec<&str> = report.into_iter().chain(APPLY).collect();
    let done = import(folder, "subs.csv", &words).exits(3).json();
    assert_eq!((&done["created"], &done["refused"]), (&json!(3), &json!(6)));
    let again = import(folder, "subs.csv", &words).exits(3).json();
    assert_eq!((&again["created"], &again["there"]), (&json!(0), &json!(3)));

    folder.write(
        "grants.csv",
        "id,customer,plan,reason,until\ng-1,ben,crew,comp,2099-01-01\ng-2,ben,crew,gift,\n",
    );
    let grants = import(folder, "grants.csv", &APPLY);
    grants.exits(3).tells(&[
        "bad_value  line 3  g-2  reason: must be one of",
        "1 imported;",
    ]);
    folder.write(
        "licenses.csv",
        "id,customer,plan,subscription,machines\nl-1,ana,pro,s-1,den; attic\n\
         l-2,ben,pro,,den;attic;cellar\nl-3,ben,crew,,\n",
    );
    let licenses = import(folder, "licenses.csv", &APPLY);
    licenses.exits(3).tells(&[
        "too_many_machines  line 3  l-2  machines: ",
        "no_such_price  line 4  l-3  ",
        "1 imported; 0 there already; 2 refused.",
    ]);
    let again = import(folder, "licenses.csv", &APPLY);
    again.exits(3).tells(&["0 imported; 1 there already;"]);
    let audit = folder.billing(&["audit"]);
    audit.exits(0).tells(&["2 customers: everything holds."]);
}

#[test]
fn nobody_is_charged_twice_and_a_dry_run_says_so() {
    charges_nobody_twice(&Books::new("import-twice"));
}

fn charges_nobody_twice(folder: &Books) {
    folder.write("customers.csv", CUSTOMERS);
    import(folder, "customers.csv", &APPLY).exits(0);
    let (since, ends) = month_of(folder);
    let columns = "id,customer,plan,amount,interval,started_at,paid_through,ends\n";
    let row = |id: &str, of: &str, ends_then: &str| {
        format!("{id},{of},pro,20.00,month,{since},{ends},{ends_then}\n")
    };
    let rows = [
        row("s-1", "ana", ""),
        row("s-2", "ben", ""),
        row("s-3", "ana", ""),
        row("s-4", "ana", "yes"),
        format!("s-5,ana,pro,300.00,once,{since},,\n"),
    ];
    folder.write("subs.csv", &format!("{columns}{}", rows.concat()));
    let refused = "already_subscribed  line 4  s-3  customer: ";
    import(folder, "subs.csv", &[])
        .exits(3)
        .tells(&[refused, "4 would be imported; 0 there already; 1 refused."]);
    import(folder, "subs.csv", &APPLY)
        .exits(3)
        .tells(&[refused, "4 imported; 0 there already; 1 refused."]);
    folder.write("more.csv", &format!("{columns}{}", row("s-6", "ben", "")));
    for words in [[].as_slice(), &APPLY] {
        import(folder, "more.csv", words)
            .exits(3)
            .tells(&["already_subscribed  line 2  s-6  customer: "]);
    }
    // What was corrected in the file since is told, and left as it is.
    let corrected = [
        row("s-1", "ana", "yes"),
        row("s-2", "ben", "").replacen(&since, "2024-01-01", 1),
    ];
    folder.write("subs.csv", &format!("{columns}{}", corrected.concat()));
    import(folder, "subs.csv", &APPLY).exits(0).tells(&[
        "differs  line 2  s-1  ends",
        "differs  line 3  s-2  started_at",
    ]);
    let audit = folder.billing(&["audit"]);
    audit.exits(0).tells(&["2 customers: everything holds."]);
}

#[test]
fn who_is_another_one_at_a_provider_is_refused_and_a_dry_run_says_so() {
    refuses_another_one(&Books::new("import-there"));
}

fn refuses_another_one(folder: &Books) {
    folder.write(
        "customers.csv",
        "id,at_provider\nana,manual/main:c-1\nben,manual/main:c-1\neve,stripe/main:cus_1\n",
    );
    let refused = [
        "other_reference  line 3  ben  at_provider: ",
        "no_such_provider  line 4  eve  at_provider: ",
    ];
    import(folder, "customers.csv", &[])
        .exits(3)
        .tells(&refused);
    import(folder, "customers.csv", &APPLY)
        .exits(3)
        .tells(&refused);
    import(folder, "customers.csv", &[])
        .exits(3)
        .tells(&refused);
}

#[test]
fn rows_that_stand_against_each_other_are_told_in_a_dry_run_as_they_are_when_it_is_done() {
    tells_them_apart(&Books::new("import-apart"));
}

fn tells_them_apart(folder: &Books) {
    folder.write("customers.csv", CUSTOMERS);
    import(folder, "customers.csv", &APPLY).exits(0);
    let (since, ends) = month_of(folder);
    // One customer, by the name of the host's and by our id.
    let ana = folder.id_of("ana");
    let columns = "id,customer,plan,amount,interval,started_at,paid_through\n";
    let row =
        |id: &str, of: &str, amount: &str| format!("{id},{of},pro,{amount},month,{since},{ends}\n");
    let rows = [
        row("s-1", "ana", "20.00"),
        row("s-2", "ben", "20.00"),
        row("s-3", &ana, "25.00"),
    ];
    folder.write("subs.csv", &format!("{columns}{}", rows.concat()));
    let refused = "already_subscribed  line 4  s-3  customer: ";
    import(folder, "subs.csv", &[])
        .exits(3)
        .tells(&[refused, "2 would be imported; 0 there already; 1 refused."]);
    import(folder, "subs.csv", &APPLY)
        .exits(3)
        .tells(&[refused, "2 imported; 0 there already; 1 refused."]);
    // One license, with other machines.
    folder.write(
        "licenses.csv",
        "id,customer,plan,subscription,machines\nl-1,ana,pro,s-1,den;attic\n\
         l-2,ana,pro,s-1,attic\nl-3,ben,pro,s-2,\nl-4,ana,pro,s-1,cellar\n",
    );
    let differs = "differs  line 5  l-4  machines";
    for (words, verb) in [([].as_slice(), "would be imported"), (&APPLY, "imported")] {
        let counts = format!(
            "1 {verb}; 2 there already; 1 there otherwise, and left as they are; 0 refused."
        );
        import(folder, "licenses.csv", words)
            .exits(0)
            .tells(&[differs, &counts]);
    }
    let audit = folder.billing(&["audit"]);
    audit.exits(0).tells(&["2 customers: everything holds."]);
}

#[test]
fn a_server_starts_over_licenses_that_were_imported_before_it_ever_ran() {
    let folder = Books::new("import-before-serve");
    folder.write("customers.csv", CUSTOMERS);
    import(&folder, "customers.csv", &APPLY).exits(0);
    folder.write(
        "licenses.csv",
        "id,customer,plan,machines\nl-1,ana,pro,den; attic\n",
    );
    let key = folder.path("billing.db.license-key");
    import(&folder, "licenses.csv", &[]).exits(0);
    assert!(!key.exists(), "a dry run makes nothing");
    import(&folder, "licenses.csv", &APPLY).exits(0);
    let made = std::fs::read(&key).unwrap();
    let server = Server::again(&folder, &folder.told());
    server.stop();
    assert_eq!(std::fs::read(&key).unwrap(), made);
    // One that was lost since is not made anew by another import.
    std::fs::remove_file(&key).unwrap();
    folder.write("licenses.csv", "id,customer,plan\nl-2,ben,pro\n");
    import(&folder, "licenses.csv", &APPLY).exits(0);
    assert!(!key.exists());
}

#[test]
fn a_file_that_is_none_is_refused_before_any_row() {
    let folder = Books::new("import-bad");
    for (text, code, words) in [
        ("", "empty_file", "the file is empty"),
        ("\u{feff}\r\n", "empty_file", "the file is empty"),
        ("id,name\na,b\n", "no_kind", "id,name"),
        ("id,email,email\n", "doubled_column", "the column email"),
        ("id,external_id\n", "doubled_column", "the column id"),
        ("id;email\na;b\n", "no_kind", "id;email"),
    ] {
        folder.write("bad.csv", text);
        let refused = import(&folder, "bad.csv", &["--json"]);
        refused.exits(3).complains(&[code, words]);
    }
    let kind = ["--kind", "grants", "--json"];
    folder.write("bad.csv", "id,customer,plan\n");
    import(&folder, "bad.csv", &kind)
        .exits(3)
        .complains(&["missing_column", "the column reason is missing"]);
    folder.write("bad.csv", "id,customer,plan,reason,why\n");
    import(&folder, "bad.csv", &kind)
        .exits(3)
        .complains(&["unknown_column", "why"]);
    folder.write("bad.csv", "id,customer,plan,started_at\n");
    import(&folder, "bad.csv", &["--json"])
        .exits(3)
        .complains(&["ambiguous_kind", "subscriptions or licenses"]);
    std::fs::write(folder.path("bad.csv"), b"\xff\xfei\0d\0\n\0").unwrap();
    import(&folder, "bad.csv", &["--json"])
        .exits(3)
        .complains(&["not_utf8"]);
    let missing = import(&folder, "there-is-none.csv", &[]);
    missing.exits(1).complains(&["there-is-none.csv"]);
}

#[test]
fn rows_of_every_shape_are_read_and_the_bad_ones_alone_refused() {
    let folder = Books::new("import-rows");
    folder.write("only.csv", "id,email\n");
    import(&folder, "only.csv", &[])
        .exits(0)
        .tells(&["0 would be imported; 0 there already; 0 refused."]);
    let long = "x".repeat(1_000_000);
    let mut text =
        "\u{feff}id,email,note\r\nana,ana@x.test,\"two\r\nlines, and a \"\"quote\"\"\"\r\n\r\n"
            .to_owned();
    write!(text, "ben,ben@x.test,{long}\r\n").unwrap();
    text.push_str("ana,other@x.test,\r\neve,none,\r\n,nobody@x.test,\r\ndan,dan@x.test\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(b"fay,f\xe4y@x.test,\r\ngil,gil@x.test,last");
    std::fs::write(folder.path("rows.csv"), bytes).unwrap();
    let ran = import(&folder, "rows.csv", &["--ignore", "note"]);
    ran.exits(3).tells(&[
        "row_too_long  line 5    it is longer than 65536 bytes",
        "duplicate_in_file  line 6  ana  id: is in line 2 already",
        "bad_value  line 7  eve  email: must be an e-mail address",
        "missing_value  line 8    id: is missing",
        "wrong_fields  line 9  dan  it has 2 fields, and the header 3",
        "not_utf8  line 10  fay  email: is no UTF-8",
        "2 would be imported; 0 there already; 6 refused.",
    ]);
    folder.write("semi.csv", "id;email\nana;ana@x.test\n");
    import(&folder, "semi.csv", &["--delimiter", ";"])
        .exits(0)
        .tells(&["1 would be imported"]);
}

const MANY: usize = 2_000;

fn many(folder: &Books) {
    let mut text = "id,email\n".to_owned();
    for number in 0..MANY {
        writeln!(text, "c-{number},c{number}@x.test").unwrap();
    }
    folder.write("many.csv", &text);
}

#[test]
fn thousands_of_rows_are_imported_in_their_order_and_again_in_none() {
    let folder = Books::new("import-many");
    many(&folder);
    let report: Vec<&str> = APPLY
        .into_iter()
        .chain(["--report", "many.jsonl"])
        .collect();
    import(&folder, "many.csv", &report)
        .exits(0)
        .tells(&["2000 imported;"]);
    let told = std::fs::read_to_string(folder.path("many.jsonl")).unwrap();
    let ids = told.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        row["id"].as_str().unwrap().to_owned()
    });
    assert!(ids.eq((0..MANY).map(|number| format!("c-{number}"))));
    import(&folder, "many.csv", &APPLY)
        .exits(0)
        .tells(&["0 imported; 2000 there already;"]);
}

/// X-18, X-03: what it had brought is there, and the rest is brought once.
#[test]
fn an_import_killed_in_the_middle_is_gone_on_with_and_nobody_is_brought_twice() {
    goes_on(&Books::new("import-killed"));
}

fn goes_on(folder: &Books) {
    many(folder);
    let words: Vec<&str> = ["import", "csv", "many.csv"]
        .into_iter()
        .chain(APPLY)
        .collect();
    let killed_at = folder.killed(&folder.told(), &words);
    let again: Vec<&str> = APPLY.into_iter().chain(["--json"]).collect();
    let told = import(folder, "many.csv", &again).exits(0).json();
    let count = |name: &str| usize::try_from(told[name].as_u64().unwrap()).unwrap();
    let (there, created) = (count("there"), count("created"));
    assert_eq!(there + created, MANY, "{told}");
    assert!((killed_at..MANY).contains(&there), "{killed_at} {told}");
    import(folder, "many.csv", &APPLY)
        .exits(0)
        .tells(&["0 imported; 2000 there already;"]);
}

/// What the command does, told of books wherever they are.
type Story = fn(&Books);

/// What the command does with an SQLite file, it does with PostgreSQL.
#[test]
fn csv_files_are_imported_on_postgresql_alike() {
    let stories: [(&str, Story); 6] = [
        ("import-apart", tells_them_apart),
        ("import-once", is_done_once),
        ("import-held", brings_what_is_held),
        ("import-twice", charges_nobody_twice),
        ("import-there", refuses_another_one),
        ("import-killed", goes_on),
    ];
    for (name, story) in stories {
        if let Some(books) = Books::on_postgresql(name) {
            story(&books);
        }
    }
}
