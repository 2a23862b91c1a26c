//! Every letter in every language, as it is shipped; and folders of templates, good and bad.

use std::path::PathBuf;

use super::kind::Letter;
use super::language::Language;
use super::sample::sample;
use super::templates::Templates;

#[test]
fn each_letter_reads_well_in_each_language() {
    let templates = Templates::shipped();
    for letter in Letter::ALL {
        for language in Language::ALL {
            let said = sample(letter, language);
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
    let all = sample(Letter::Receipt, german);
    let ours = templates.write(Letter::Receipt, german, &all).unwrap();
    assert_eq!(ours.subject, "Danke, Müller & Söhne");
    assert_eq!(ours.text, "Bezahlt: 1.250,00 EUR\n");
    assert_eq!(ours.html, "<b>Team &lt;XL&gt;</b>\n");
    for (letter, language) in [
        (Letter::Receipt, Language::English),
        (Letter::License, german),
    ] {
        let all = sample(letter, language);
        assert_eq!(
            templates.write(letter, language, &all),
            Templates::shipped().write(letter, language, &all)
        );
    }
}

#[test]
fn everything_that_is_wrong_with_a_folder_is_told_at_once() {
    let huge = "x".repeat(64 * 1024 + 1);
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
            ("price_change.de.txt", "Subject: A\n\nB\n"),
            ("price_change.de.html", "A\na\u{0}b"),
            ("sign_in.en.txt", "Subject: {{link}}\n\n{{plan}}\n"),
            ("sign_in.en.html", "B"),
            ("reciept.de.txt", "x"),
            ("receipt.fr.txt", "x"),
        ],
    );
    insta::assert_snapshot!("what_is_wrong", folder.problems().join("\n"));
    let gone = folder.0.join("gone");
    assert!(Templates::read(&gone).is_err());
}

#[test]
fn a_letter_that_says_less_than_it_is_for_is_found_when_it_is_tried_out() {
    let long = format!("Subject: {}\n\n{{{{link}}}}\n", "x".repeat(201));
    let folder = Folder::with(
        "tried",
        &[
            ("sign_in.de.txt", "Subject: A\n\nB\n"),
            ("sign_in.de.html", "{{link}}"),
            ("license_key.en.txt", "Subject: A\n\n{{key}}\n"),
            ("license_key.en.html", "B"),
            ("payment_failed.en.txt", &long),
            ("payment_failed.en.html", "<a href=\"{{link}}\">x</a>"),
            ("receipt.en.txt", "Subject: A\n\nB\n"),
            ("receipt.en.html", "B"),
        ],
    );
    let templates = Templates::read(&folder.0).unwrap();
    assert_eq!(templates.own(), 4);
    assert_eq!(
        templates.try_out(),
        [
            "payment_failed.en.txt: line 1: the subject is cut after 200 characters",
            "license_key.en.html: line 1: nowhere says {{key}}",
            "sign_in.de.txt: line 1: nowhere says {{link}}",
        ]
    );
    assert_eq!(Templates::shipped().own(), 0);
}
