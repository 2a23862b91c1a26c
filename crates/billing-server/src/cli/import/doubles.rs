//! Names that a file has more than once, found before anything of it is done: those of rows, and
//! those of what one row alone can have. Of each a number is held while the file is read through
//! for them, and only of those that may be there twice more than that.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;

use super::columns::Header;
use super::records::{Records, Row};
use super::rows::{claim_of, id_of};

/// Rows of one file: 80 MB of numbers while it is looked through, and as many more where its
/// rows name what one of them alone can have.
pub(super) const MAX_ROWS: u64 = 10_000_000;

/// What reading a file through for its names came to.
pub(super) struct Doubles {
    /// Rows of the file.
    pub(super) rows: u64,
    /// The numbers that are there more than once, ascending.
    doubled: Vec<u64>,
    /// The lines of the names with these numbers, as far as the file was read.
    lines: BTreeMap<String, u64>,
    /// The numbers of what several rows claim, ascending.
    claimed: Vec<u64>,
    /// Those of them that a row so far would have.
    taken: BTreeSet<u64>,
}

impl Doubles {
    /// Reads the file through. `None`: it has too many rows.
    pub(super) fn of(records: &mut Records, header: &Header) -> io::Result<Option<Self>> {
        let mut rows: u64 = 0;
        let (mut numbers, mut claimed) = (Vec::new(), Vec::new());
        while let Some((_, row)) = records.next()? {
            rows = rows.saturating_add(1);
            if rows > MAX_ROWS {
                return Ok(None);
            }
            if let Row::Fields(fields) = row {
                numbers.extend(id_of(header, fields).map(number));
                claimed.extend(claim_of(header, fields).map(number));
            }
        }
        Ok(Some(Self {
            rows,
            doubled: several(numbers),
            lines: BTreeMap::new(),
            claimed: several(claimed),
            taken: BTreeSet::new(),
        }))
    }

    /// Takes what one row alone can have. `false`: an earlier one has it.
    pub(super) fn takes(&mut self, claim: &str) -> bool {
        let number = number(claim);
        self.claimed.binary_search(&number).is_err() || self.taken.insert(number)
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

/// Those that are there more than once, ascending.
fn several(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    let pairs = numbers.iter().zip(numbers.iter().skip(1));
    let mut several: Vec<u64> = pairs
        .filter(|(one, next)| one == next)
        .map(|it| *it.0)
        .collect();
    several.dedup();
    several
}

fn number(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
