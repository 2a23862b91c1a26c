//! Every letter in every language, as it is shipped; and folders of templates, good and bad.

use std::path::PathBuf;

use super::kind::Letter;
use super::language::Language;
use super::template::Values;
use super::templates::Templates;

/// What stands in letters here; more than any one of them says.
fn values(language: Language) -> Values {
    let mut values = Values::from([
        ("product", "Müller & Söhne".to_owned()),
        ("plan", "Team <XL>".to_owned()),
        ("link", "https://billing.example/portal?a=1&b=2".to_owned()),
        (
            "amount",
            language.amount(billing_domain::money::Money::new(
                125_000,
                billing_domain::money::Currency::EUR,
            )),
        ),
        ("invoice", "inv_0123".to_owned()),
        ("key", "LK-ABCD-EFGH".to_owned()),
    ]);
    let at = "2026-03-08T04:05:00Z".parse().unwrap();
    for name in ["due", "ends", "from", "paid"] {
        values.insert(name, language.minute(at));
    }
    for name in ["due_day", "ends_day", "from_day", "paid_day"] {
        values.insert(name, language.day(at));
    }
    values
}

#[test]
fn each_letter_reads_well_in_each_language() {
    let templates = Templates::shipped();
    for letter in Letter::ALL {
        for language in Language::ALL {
            let all = values(language);
            let said = letter.placeholders().iter();
            let said: Values = said.map(|name| (*name, all[name].clone())).collect();
            let written = templates.write(letter, language, &said).unwrap();
            for part in [&written.subject, &written.text, &written.html] {
                assert!(!part.contains("{{") && !part.contains("}}"), "{part}");
                assert!(part.lines().all(|line| line.len() < 998), "{part}");
            }
            assert!(written.text.contains("Team <XL>") || !written.html.contains("Team"));
            assert!(!written.html.contains("<XL>"), "{}", written.html);
            assert!(!written.html.contains("a=1&b=2"), "{}", written.html);
            // Each placeholder that the letter has a value for is said somewhere.
            let whole = format!("Subject: {}\n\n{}", written.subject, written.text);
            let name = format!("{}.{}", letter.as_str(), language.as_str());
            insta::assert_snapshot!(name, format!("{whole}\n{}", written.html));
        }
    }
}

/// A folder of its own, gone at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, files: &[(&str, &str)]) -> Self {
        let path = format!("billing-letters-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(path);
        std::fs::create_dir_all(&path).unwrap();
        for (name, content) in files {
            std::fs::write(path.join(name), content).unwrap();
        }
        Self(path)
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Templates::read(&self.0).unwrap_err().problems;
        problems.sort();
        problems
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[test]
fn a_letter_of_the_folder_takes_the_place_of_the_shipped_one() {
    let text = "Subject: Danke, {{product}}\r\n\r\nBezahlt: {{amount}}\r\n";
    let folder = Folder::with(
        "good",
        &[
            ("receipt.de.txt", text),
            ("receipt.de.html", "<b>{{plan}}</b>\n"),
            (".gitignore", "*"),
        ],
    );
    let templates = Templates::read(&folder.0).unwrap();
    let german = Language::German;
    let all = values(german);
    let ours = templates.write(Letter::Receipt, german, &all).unwrap();
    assert_eq!(ours.subject, "Danke, Müller & Söhne");
    assert_eq!(ours.text, "Bezahlt: 1.250,00 EUR\n");
    assert_eq!(ours.html, "<b>Team &lt;XL&gt;</b>\n");
    for (letter, language) in [
        (Letter::Receipt, Language::English),
        (Letter::License, german),
    ] {
        let all = values(language);
        assert_eq!(
            templates.write(letter, language, &all),
            Templates::shipped().write(letter, language, &all)
        );
    }
}

#[test]
fn everything_that_is_wrong_with_a_folder_is_told_at_once() {
    let huge = "x".repeat(64 * 1024 + 1);
    let long = format!("Subject: A\n\n{}\n", "x".repeat(501));
    let folder = Folder::with(
        "bad",
        &[
            ("receipt.de.txt", "Subject: A\n\n{{amont}}\n"),
            ("receipt.de.html", "{{key}}"),
            ("receipt.en.txt", "Subject: A\n\nB\n"),
            ("license.en.html", "B"),
            ("license_key.en.txt", "Subject: {{key}}\n\n{{key}}\n"),
            ("license_key.en.html", "B"),
            ("trial_ending.en.txt", "No subject\n\nB\n"),
            ("trial_ending.en.html", "B"),
            ("trial_ending.de.txt", "Subject: A\nB\n"),
            ("trial_ending.de.html", "B"),
            ("price_change.en.txt", &huge),
            ("price_change.en.html", "B"),
            ("price_change.de.txt", &long),
            ("price_change.de.html", "a\u{0}b"),
            ("reciept.de.txt", "x"),
            ("receipt.fr.txt", "x"),
        ],
    );
    insta::assert_snapshot!("what_is_wrong", folder.problems().join("\n"));
    let gone = folder.0.join("gone");
    assert!(Templates::read(&gone).is_err());
}
