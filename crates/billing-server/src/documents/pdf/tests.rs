//! The PDF of an invoice, whatever stands on it.

use super::super::sheet::{Row, Seller, Sheet};
use super::*;

fn sheet(name: &str) -> Sheet {
    Sheet {
        title: "Invoice inv_1".to_owned(),
        seller: Seller {
            name: name.to_owned(),
            lines: vec!["Harbor Road 1".to_owned(), name.to_owned()],
        },
        buyer: vec![name.to_owned()],
        facts: vec![("Date", "2026-03-01".to_owned())],
        rows: vec![Row {
            what: name.to_owned(),
            explanation: "30.00 USD × 1 s / 2 s = 15.00 USD".to_owned(),
            amount: "15.00 USD".to_owned(),
        }],
        totals: vec![("Total", "15.00 USD".to_owned())],
        notes: vec![name.to_owned()],
    }
}

fn pages(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    text.matches("/Type /Page\n").count()
}

#[test]
fn whatever_letters_a_name_has_there_is_a_document() {
    let long = "x".repeat(1_000);
    let words = "word ".repeat(10_000);
    for name in [
        "",
        " ",
        "Zoë & <Söhne> (Größe) \\ )(",
        "Ελλάδα Ӂук Հայաստան საქართველო",
        "שלום (עולם) abc",
        "\u{202e}evil\u{202c} \u{200f}mark\u{feff}",
        "مرحبا بالعالم",
        "日本語 한국어 👩‍👩‍👧 \u{10ffff} \u{0}",
        "a\u{301}\u{301}\u{301}",
        "line\none\r\ttwo\u{2028}three",
        &long,
        &words,
    ] {
        let made = pdf(&sheet(name)).unwrap();
        assert!(made.starts_with(b"%PDF-1."), "{name}");
        assert!(
            made.len() < 300_000,
            "only letters that stand there: {name}"
        );
        assert_eq!(pdf(&sheet(name)).unwrap(), made, "the same bytes: {name}");
        assert!(pages(&made) <= 3, "{name}");
    }
}

#[test]
fn what_does_not_fit_a_page_goes_on_on_the_next() {
    let mut long = sheet("Acme");
    let row = long.rows[0].clone();
    long.rows = vec![row.clone(); 200];
    let made = pdf(&long).unwrap();
    assert!((5..20).contains(&pages(&made)), "{}", pages(&made));
    long.rows = vec![row; 20_000];
    assert_eq!(pdf(&long), Err(PdfError::TooLong));
}
