//! License keys: short, stable, pasted by people.
//!
//! A key is the id of its license and a seal over it, so that one which was mistyped or made up
//! is refused before anything is looked up. Knows nothing of whether the license exists.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Longest text that may be a key, in bytes. A key has 47; the rest is for the white space and
/// the dashes of a mail or a word processor.
pub const MAX_KEY_BYTES: usize = 128;

/// Bytes of a license's id.
const ID_BYTES: usize = 16;
/// Bytes of the seal. The id is no secret (it is in every token), so the seal alone keeps a key
/// from being guessed: 72 bits hold against guessing over a network, and make with the id
/// 25 bytes, which are exactly 40 symbols.
const SEAL_BYTES: usize = 9;
const SYMBOLS: usize = (ID_BYTES + SEAL_BYTES) * 8 / SYMBOL_BITS;
const SYMBOL_BITS: usize = 5;
/// Symbols of a group: five bytes are eight symbols.
const GROUP: usize = 8;

/// Crockford's base 32: digits and letters that people do not confuse.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What the secret is used for here, so that a seal made of it elsewhere is none of a key.
const PURPOSE: &[u8] = b"license key 1:";

/// The secret that seals license keys: 32 random bytes. Wiped from memory when dropped.
///
/// Changing it ends every key that was handed out.
pub struct KeySecret(Zeroizing<[u8; 32]>);

impl KeySecret {
    /// Takes 32 bytes from a cryptographic source of randomness.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }
}

impl fmt::Debug for KeySecret {
    /// Shows nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret(..)")
    }
}

/// A text that is no license key of ours. Deliberately says no more: whoever tries keys learns
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a license key")]
pub struct KeyError;

/// A license key, as in `LK-06CA003W-B9YYZ001-081G8186-ZX1RBMTH-MWGV8MXY`.
///
/// Whoever has it acts for the license, so it is not shown by `Debug` and has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct LicenseKey(String);

impl LicenseKey {
    /// The key of the license `id`: always the same for the same secret and id.
    #[must_use]
    pub fn derive(secret: &KeySecret, id: [u8; 16]) -> Self {
        let seal = seal(secret, &id).finalize().into_bytes();
        let mut bytes = [0; ID_BYTES + SEAL_BYTES];
        // The seal is longer; what fits is taken.
        for (byte, from) in bytes.iter_mut().zip(id.iter().chain(&seal)) {
            *byte = *from;
        }
        let mut text = "LK".to_owned();
        for group in bytes.as_chunks().0 {
            text.push('-');
            text.extend(spell(*group));
        }
        Self(text)
    }

    /// Reads a key that a person pasted, and gives the id of its license.
    ///
    /// Case, dashes, white space and the prefix do not matter, nor does `O` for `0` or `I` and
    /// `L` for `1`. The seal is compared in constant time.
    ///
    /// # Errors
    ///
    /// [`KeyError`] for every other text.
    pub fn parse(text: &str, secret: &KeySecret) -> Result<[u8; 16], KeyError> {
        let bytes = spelled(text).ok_or(KeyError)?;
        let (id, claimed) = bytes.split_first_chunk().ok_or(KeyError)?;
        seal(secret, id)
            .verify_truncated_left(claimed)
            .map_err(|_another_seal| KeyError)?;
        Ok(*id)
    }

    /// Whether `text` is spelled as a key is, whoever made it: nothing is said of its seal.
    #[must_use]
    pub fn is_spelled(text: &str) -> bool {
        spelled(text).is_some()
    }

    /// The key as it is handed to its owner, and to nobody else.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LicenseKey {
    /// Shows nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LicenseKey(..)")
    }
}

/// The seal over a license's id, not yet cut to length.
fn seal(secret: &KeySecret, id: &[u8; ID_BYTES]) -> Hmac<Sha256> {
    // HMAC fills a shorter key with zeros to the block of its hash: 64 bytes.
    let mut block = Zeroizing::new([0; 64]);
    for (byte, from) in block.iter_mut().zip(secret.0.iter()) {
        *byte = *from;
    }
    Hmac::new((&*block).into())
        .chain_update(PURPOSE)
        .chain_update(id)
}

/// The bytes that a pasted text spells; `None` when it is not of the form of a key.
fn spelled(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_KEY_BYTES {
        return None;
    }
    let symbols: Vec<char> = text.chars().filter(|c| !is_separator(*c)).collect();
    let symbols = match symbols.as_slice() {
        ['l' | 'L' | 'i' | 'I' | '1', 'k' | 'K', rest @ ..] if rest.len() == SYMBOLS => rest,
        all if all.len() == SYMBOLS => all,
        _ => return None,
    };
    let mut bytes = Vec::with_capacity(ID_BYTES + SEAL_BYTES);
    for group in symbols.as_chunks().0 {
        bytes.extend(unspell(group)?);
    }
    Some(bytes)
}

/// Eight symbols for five bytes.
fn spell(bytes: [u8; 5]) -> [char; GROUP] {
    let mut wide = [0; 8];
    let [_, _, _, low @ ..] = &mut wide;
    *low = bytes;
    let bits = u64::from_be_bytes(wide);
    [35, 30, 25, 20, 15, 10, 5, 0].map(|shift| {
        let [.., low] = (bits >> shift).to_be_bytes();
        char::from(ALPHABET[usize::from(low & 0b1_1111)])
    })
}

/// Five bytes of eight symbols; `None` when one is none.
fn unspell(symbols: &[char; GROUP]) -> Option<[u8; 5]> {
    let mut bits = 0;
    for symbol in symbols {
        bits = bits << SYMBOL_BITS | value(*symbol)?;
    }
    let [_, _, _, bytes @ ..] = bits.to_be_bytes();
    Some(bytes)
}

/// What a symbol stands for, with what people confuse it with.
fn value(symbol: char) -> Option<u64> {
    let symbol = match symbol.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = ALPHABET
        .iter()
        .position(|known| char::from(*known) == symbol)?;
    u64::try_from(place).ok()
}

/// White space, a dash, or what mail and word processors make of one.
fn is_separator(c: char) -> bool {
    c == '-' || c.is_whitespace() || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}')
}
