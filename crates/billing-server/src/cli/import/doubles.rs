//! Names that a file has more than once, found before anything of it is done. Of each name a
//! number is held while the file is read through for them, and only of those that may be
//! there twice more than that.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;

use super::columns::Header;
use super::records::{Records, Row};
use super::rows::id_of;

/// Rows of one file: 80 MB of numbers while it is looked through.
pub(super) const MAX_ROWS: u64 = 10_000_000;

/// What reading a file through for its names came to.
pub(super) struct Doubles {
    /// Rows of the file.
    pub(super) rows: u64,
    /// The numbers that are there more than once, ascending.
    doubled: Vec<u64>,
    /// The lines of the names with these numbers, as far as the file was read.
    lines: BTreeMap<String, u64>,
}

impl Doubles {
    /// Reads the file through. `None`: it has too many rows.
    pub(super) fn of(records: &mut Records, header: &Header) -> io::Result<Option<Self>> {
        let mut rows: u64 = 0;
        let mut numbers = Vec::new();
        while let Some((_, row)) = records.next()? {
            rows = rows.saturating_add(1);
            if rows > MAX_ROWS {
                return Ok(None);
            }
            if let Row::Fields(fields) = row {
                numbers.extend(id_of(header, fields).map(number));
            }
        }
        numbers.sort_unstable();
        let pairs = numbers.iter().zip(numbers.iter().skip(1));
        let mut doubled: Vec<u64> = pairs
            .filter(|(one, next)| one == next)
            .map(|it| *it.0)
            .collect();
        doubled.dedup();
        Ok(Some(Self {
            rows,
            doubled,
            lines: BTreeMap::new(),
        }))
    }

    /// The line in which this name was before. `None`: it was not.
    pub(super) fn before(&mut self, id: &str, line: u64) -> Option<u64> {
        if self.doubled.binary_search(&number(id)).is_err() {
            return None;
        }
        if let Some(before) = self.lines.get(id) {
            return Some(*before);
        }
        self.lines.insert(id.to_owned(), line);
        None
    }
}

fn number(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
