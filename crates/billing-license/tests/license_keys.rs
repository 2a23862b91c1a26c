//! License keys as people paste them, mistype them and make them up.

use billing_license::{KeyError, KeySecret, LicenseKey, MAX_KEY_BYTES};
use proptest::prelude::*;

const ID: [u8; 16] = [
    0x01, 0x98, 0xa0, 0x00, 0x7c, 0x5a, 0x7d, 0xef, 0x80, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0xff,
];

fn secret() -> KeySecret {
    KeySecret::new(&[5; 32])
}

fn key() -> String {
    LicenseKey::derive(&secret(), ID).as_str().to_owned()
}

fn parse(text: &str) -> Result<[u8; 16], KeyError> {
    LicenseKey::parse(text, &secret())
}

/// What is left of a text when all that does not matter is taken away.
fn plain(text: &str) -> String {
    let dash = |c: char| c == '-' || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}');
    let symbols = text.chars().filter(|c| !dash(*c) && !c.is_whitespace());
    let plain = symbols.map(|c| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    });
    plain.collect()
}

#[test]
fn a_key_is_its_id_and_a_seal_that_another_implementation_makes_too() {
    let key = key();
    let groups: Vec<&str> = key.split('-').collect();
    assert_eq!(groups[0], "LK");
    assert!(groups[1..].iter().all(|group| group.len() == 8));
    assert_eq!(groups.len(), 6);

    // Read bit by bit, unlike the code under test.
    let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let symbols = groups[1..].concat();
    let bits: Vec<String> = symbols
        .chars()
        .map(|c| format!("{:05b}", alphabet.find(c).unwrap()))
        .collect();
    let bits = bits.concat();
    let bytes: Vec<u8> = (0..25)
        .map(|i| u8::from_str_radix(&bits[i * 8..i * 8 + 8], 2).unwrap())
        .collect();
    assert_eq!(bytes[..16], ID);
    let hmac = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[5; 32]);
    let seal = ring::hmac::sign(&hmac, &[b"license key 1:".as_slice(), &ID].concat());
    assert_eq!(bytes[16..], seal.as_ref()[..9]);
}

#[test]
fn a_key_never_changes() {
    assert_eq!(key(), "LK-06CA003W-B9YYZ001-081G8186-ZX1RBMTH-MWGV8MXY");
}

#[test]
fn spelling_does_not_matter() {
    let key = key();
    assert!(key[3..].contains('0') && key[3..].contains('1'));
    for spelled in [
        key.clone(),
        key.to_lowercase(),
        key.replace('-', ""),
        key.replace('-', " "),
        key.replace('-', "\u{2011}"),
        key.replace('-', "\u{2013}"),
        format!("\t {key}\r\n"),
        key.strip_prefix("LK-").unwrap().to_owned(),
        key.replace('0', "O"),
        key.replace('0', "o"),
        key.replace('1', "I"),
        key.replace('1', "l"),
        key.replacen('L', "1", 1),
    ] {
        assert_eq!(parse(&spelled), Ok(ID), "{spelled:?}");
    }
}

#[test]
fn every_other_text_is_the_one_refusal() {
    let key = key();
    let body = key.replace('-', "")[2..].to_owned();
    for wrong in [
        String::new(),
        "LK".to_owned(),
        "LK-".to_owned(),
        key[..key.len() - 1].to_owned(),
        format!("{key}0"),
        format!("00{body}"),
        key.replacen("LK", "XK", 1),
        key.replacen("LK", "LX", 1),
        format!("{key}{key}"),
        key.replacen('0', "U", 1),
        key.replacen('0', "\u{ff10}", 1),
        key.replace('-', "_"),
        "0".repeat(40),
        "Z".repeat(40),
        "é".repeat(40),
    ] {
        assert_eq!(parse(&wrong), Err(KeyError), "{wrong:?}");
    }
}

#[test]
fn a_text_too_long_is_refused_even_if_a_key_is_in_it() {
    let key = key();
    let padded = |length: usize| format!("{key}{}", " ".repeat(length - key.len()));
    assert_eq!(parse(&padded(MAX_KEY_BYTES)), Ok(ID));
    assert_eq!(parse(&padded(MAX_KEY_BYTES + 1)), Err(KeyError));
}

#[test]
fn a_key_made_with_another_secret_is_refused() {
    let other = KeySecret::new(&[6; 32]);
    let key = LicenseKey::derive(&other, ID);
    assert_eq!(parse(key.as_str()), Err(KeyError));
    assert_eq!(LicenseKey::parse(key.as_str(), &other), Ok(ID));
}

#[test]
fn debug_shows_neither_secret_nor_key() {
    let shown = format!("{:?} {:?}", secret(), LicenseKey::derive(&secret(), ID));
    assert_eq!(shown, "KeySecret(..) LicenseKey(..)");
}

proptest! {
    #[test]
    fn what_is_derived_is_parsed(id: [u8; 16], bytes: [u8; 32]) {
        let secret = KeySecret::new(&bytes);
        let key = LicenseKey::derive(&secret, id);
        prop_assert_eq!(LicenseKey::parse(key.as_str(), &secret), Ok(id));
    }

    #[test]
    fn any_one_character_changed_is_refused(id: [u8; 16], place in 0_usize..47, other: char) {
        let key = LicenseKey::derive(&secret(), id);
        let mut changed: Vec<char> = key.as_str().chars().collect();
        changed[place] = other;
        let changed: String = changed.into_iter().collect();
        prop_assume!(plain(&changed) != plain(key.as_str()));
        prop_assert_eq!(parse(&changed), Err(KeyError));
    }

    #[test]
    fn any_symbol_changed_to_another_is_refused(id: [u8; 16], place in 0_usize..40, step in 1_usize..32) {
        let alphabet: Vec<char> = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().collect();
        let key = LicenseKey::derive(&secret(), id);
        let mut symbols: Vec<char> = key.as_str().replace('-', "")[2..].chars().collect();
        let from = alphabet.iter().position(|c| *c == symbols[place]).unwrap();
        symbols[place] = alphabet[(from + step) % 32];
        prop_assert_eq!(parse(&symbols.iter().collect::<String>()), Err(KeyError));
    }

    #[test]
    fn a_symbol_less_or_two_swapped_are_refused(id: [u8; 16], place in 0_usize..39) {
        let key = LicenseKey::derive(&secret(), id);
        let mut symbols: Vec<char> = key.as_str().replace('-', "")[2..].chars().collect();
        let mut fewer = symbols.clone();
        fewer.remove(place);
        prop_assert_eq!(parse(&fewer.iter().collect::<String>()), Err(KeyError));
        prop_assume!(symbols[place] != symbols[place + 1]);
        symbols.swap(place, place + 1);
        prop_assert_eq!(parse(&symbols.iter().collect::<String>()), Err(KeyError));
    }

    #[test]
    fn no_text_breaks_anything(text in ".*") {
        prop_assert_eq!(parse(&text), Err(KeyError));
    }
}
