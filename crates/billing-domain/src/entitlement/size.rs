//! Sizes in bytes as people write them: `5GB`, `1.5TB`, `512KiB`.
//!
//! `KB MB GB TB PB` are powers of 1000, `KiB MiB GiB TiB PiB` powers of 1024.
//! All integer arithmetic: a decimal that is no whole number of bytes is refused.

/// The units, ascending within each family.
const UNITS: [(&str, u64); 11] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
];

/// Decimals after which no unit could still be whole: a petabyte has 15 zeros.
const MAX_DECIMALS: usize = 15;

/// Why a text is no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Not a number followed by a unit.
    #[error("not a size (a number and a unit, as in 5GB)")]
    NotASize,
    /// A number with an unknown unit, or with none.
    #[error(
        "unknown unit of size (known are B KB MB GB TB PB, in thousands, and KiB MiB GiB TiB PiB, in 1024s)"
    )]
    UnknownUnit {
        /// The unit that was probably meant; `None` when nothing is close.
        meant: Option<&'static str>,
    },
    /// Not a whole number of bytes.
    #[error("not a whole number of bytes")]
    NotWhole,
    /// More than 2^64 − 1 bytes.
    #[error("size out of range")]
    OutOfRange,
}

/// Reads a size such as `5GB` or `1.5 GiB` exactly, in bytes.
///
/// # Errors
///
/// [`SizeError`] says what is wrong with the text.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).ok_or(SizeError::NotASize)?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let dangling = number.ends_with('.') || decimals.contains('.');
    if whole.is_empty() || dangling {
        return Err(SizeError::NotASize);
    }
    let Some((_, bytes)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(SizeError::UnknownUnit {
            meant: meant_unit(unit),
        });
    };
    let decimals = decimals.trim_end_matches('0');
    if decimals.len() > MAX_DECIMALS {
        return Err(SizeError::NotWhole);
    }
    scale(whole, decimals, *bytes)
}

fn scale(whole: &str, decimals: &str, unit: u64) -> Result<u64, SizeError> {
    let mut digits: u128 = 0;
    let mut divisor: u128 = 1;
    for digit in whole.bytes().chain(decimals.bytes()) {
        digits = digits
            .checked_mul(10)
            .and_then(|shifted| shifted.checked_add(u128::from(digit.saturating_sub(b'0'))))
            .ok_or(SizeError::OutOfRange)?;
    }
    for _ in decimals.bytes() {
        divisor = divisor.saturating_mul(10);
    }
    let bytes = digits
        .checked_mul(u128::from(unit))
        .ok_or(SizeError::OutOfRange)?;
    if bytes.checked_rem(divisor) != Some(0) {
        return Err(SizeError::NotWhole);
    }
    let bytes = bytes.checked_div(divisor).ok_or(SizeError::NotWhole)?;
    u64::try_from(bytes).map_err(|_too_large| SizeError::OutOfRange)
}

/// The unit that somebody meant by `gb`, `GBs`, `G` or `Gi`.
fn meant_unit(unit: &str) -> Option<&'static str> {
    let lower = unit.to_ascii_lowercase();
    let bare = lower.trim_end_matches('s');
    UNITS.iter().map(|(name, _)| *name).find(|name| {
        let name = name.to_ascii_lowercase();
        bare == name || name.strip_suffix('b') == Some(bare) && !bare.is_empty()
    })
}

/// Writes a size in the unit that takes the fewest digits and loses nothing.
#[must_use]
pub fn print_size(bytes: u64) -> String {
    let mut best = (bytes, "B");
    if bytes > 0 {
        for (name, unit) in UNITS {
            let whole = bytes.checked_rem(unit) == Some(0);
            let count = bytes.checked_div(unit).unwrap_or(bytes);
            if whole && count < best.0 {
                best = (count, name);
            }
        }
    }
    format!("{}{}", best.0, best.1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_exactly() {
        for (text, bytes) in [
            ("0B", 0),
            ("2GB", 2_000_000_000),
            ("5 GB", 5_000_000_000),
            ("1.5GB", 1_500_000_000),
            ("1.50KB", 1_500),
            ("0.5KiB", 512),
            ("16PiB", 16 << 50),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        let unknown = |meant| SizeError::UnknownUnit { meant };
        for (text, error) in [
            ("", SizeError::NotASize),
            ("GB", SizeError::NotASize),
            (".5GB", SizeError::NotASize),
            ("1.GB", SizeError::NotASize),
            ("1.2.3GB", SizeError::NotASize),
            ("-1GB", SizeError::NotASize),
            ("5", unknown(None)),
            ("5  GB", unknown(None)),
            ("5 GBs", unknown(Some("GB"))),
            ("5gb", unknown(Some("GB"))),
            ("5G", unknown(Some("GB"))),
            ("5Gi", unknown(Some("GiB"))),
            ("1.5B", SizeError::NotWhole),
            ("0.1KiB", SizeError::NotWhole),
            ("0.0000000000000001PB", SizeError::NotWhole),
            ("99999999PB", SizeError::OutOfRange),
            (
                "999999999999999999999999999999999999999999GB",
                SizeError::OutOfRange,
            ),
        ] {
            assert_eq!(parse_size(text), Err(error), "{text}");
        }
    }

    #[test]
    fn sizes_are_written_in_their_shortest_unit() {
        for (bytes, text) in [
            (0, "0B"),
            (1, "1B"),
            (1_500, "1500B"),
            (1_024, "1KiB"),
            (5_000_000_000, "5GB"),
            (5 << 30, "5GiB"),
        ] {
            assert_eq!(print_size(bytes), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bytes: u64) {
            prop_assert_eq!(parse_size(&print_size(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let outcome = parse_size(&text);
            prop_assert!(outcome.is_err() || text.starts_with(|c: char| c.is_ascii_digit()));
        }
    }
}
