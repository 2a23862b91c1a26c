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
/// rows name what one of them alone can have; some hundreds where they name customers by their
/// names and by our ids.
pub(super) const MAX_ROWS: u64 = 10_000_000;

/// What reading a file through for its names came to.
pub(super) struct Doubles {
    /// Rows of the file.
    pub(super) rows: u64,
    /// The numbers that are there more than once, ascending.
    doubled: Vec<u64>,
    /// The lines of the names with these numbers, as far as the file was read.
    lines: BTreeMap<String, u64>,
    /// The numbers of what several rows claim, ascending. `None`: of what rows claim by its
    /// name and by our id nobody can say so before it is looked up.
    claimed: Option<Vec<u64>>,
    /// Those of them that a row so far would have.
    taken: BTreeSet<u64>,
    /// What a row so far would bring for a claim of several rows.
    brought: BTreeMap<String, BTreeSet<String>>,
}

impl Doubles {
    /// Reads the file through. `None`: it has too many rows.
    pub(super) fn of(records: &mut Records, header: &Header) -> io::Result<Option<Self>> {
        let mut rows: u64 = 0;
        let (mut numbers, mut claimed) = (Vec::new(), Vec::new());
        let (mut by_id, mut by_name) = (false, false);
        while let Some((_, row)) = records.next()? {
            rows = rows.saturating_add(1);
            if rows > MAX_ROWS {
                return Ok(None);
            }
            if let Row::Fields(fields) = row {
                numbers.extend(id_of(header, fields).map(number));
                if let Some(claim) = claim_of(header, fields) {
                    by_id |= claim.by_id;
                    by_name |= !claim.by_id;
                    claimed.push(number(&claim.named));
                }
            }
        }
        Ok(Some(Self {
            rows,
            doubled: several(numbers),
            lines: BTreeMap::new(),
            claimed: (!by_id || !by_name).then(|| several(claimed)),
            taken: BTreeSet::new(),
            brought: BTreeMap::new(),
        }))
    }

    /// Whether rows claim by names of the host's as well as by our ids.
    pub(super) const fn are_mixed(&self) -> bool {
        self.claimed.is_none()
    }

    /// Takes what one row alone can have. `false`: an earlier one has it.
    pub(super) fn takes(&mut self, claim: &str) -> bool {
        !self.is_claimed_again(claim) || self.taken.insert(number(claim))
    }

    /// Brings these for what one row alone can bring something for. Gives what an earlier one
    /// brings for it. `None`: none does.
    pub(super) fn brings(&mut self, claim: &str, these: &[String]) -> Option<&BTreeSet<String>> {
        if !self.is_claimed_again(claim) {
            return None;
        }
        if self.brought.contains_key(claim) {
            return self.brought.get(claim);
        }
        let these = these.iter().cloned().collect();
        self.brought.insert(claim.to_owned(), these);
        None
    }

    fn is_claimed_again(&self, claim: &str) -> bool {
        let claimed = self.claimed.as_ref();
        claimed.is_none_or(|claimed| claimed.binary_search(&number(claim)).is_ok())
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
