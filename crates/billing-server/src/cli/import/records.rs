//! The rows of a CSV file, one after the other. Of a row no more is kept than fits a bound,
//! however long it is: what is longer is told and stepped over. Knows no column.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// Bytes of a row that are kept: no column of any kind is longer than some hundred.
pub(super) const MAX_ROW_BYTES: usize = 64 * 1024;

/// Columns of a row that are kept: there are a dozen, and what is ignored.
const MAX_COLUMNS: usize = 512;

/// Bytes that are read from the file at once.
const CHUNK: usize = 64 * 1024;

/// What UTF-8 files may begin with.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What was read.
pub(super) enum Row<'a> {
    /// A row.
    Fields(Fields<'a>),
    /// A row that is longer than what is kept of one: it was stepped over.
    TooLong,
}

/// The fields of a row.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Fields<'a> {
    pub(super) const fn len(self) -> usize {
        self.ends.len()
    }

    /// The field at this place. `None`: there are fewer.
    pub(super) fn get(self, place: usize) -> Option<&'a [u8]> {
        let end = *self.ends.get(place)?;
        let before = place.checked_sub(1);
        let start = before.map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.bytes.get(start..end)
    }
}

/// A file that is read row by row.
pub(super) struct Records {
    file: File,
    parser: Reader,
    chunk: Vec<u8>,
    /// What of the chunk is not parsed yet.
    left: std::ops::Range<usize>,
    /// The line that the next byte lies in.
    line: u64,
    fields: Vec<u8>,
    ends: Vec<usize>,
}

impl Records {
    pub(super) fn open(path: &Path, delimiter: u8) -> io::Result<Self> {
        let mut records = Self {
            file: File::open(path)?,
            parser: ReaderBuilder::new().delimiter(delimiter).build(),
            chunk: vec![0; CHUNK],
            left: 0..0,
            line: 1,
            fields: vec![0; MAX_ROW_BYTES],
            ends: vec![0; MAX_COLUMNS],
        };
        records.fill()?;
        if records.waiting().starts_with(BOM) {
            records.step(BOM.len());
        }
        Ok(records)
    }

    /// The next row, with the line that it begins in. `None`: there is none.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Row<'_>)>> {
        if !self.skip_blank_lines()? {
            return Ok(None);
        }
        let begins = self.line;
        let (mut kept, mut columns, mut too_long) = (0_usize, 0_usize, false);
        loop {
            if self.left.is_empty() {
                self.fill()?;
            }
            let input = self.chunk.get(self.left.clone()).unwrap_or_default();
            let fields = self.fields.get_mut(kept..).unwrap_or_default();
            let ends = self.ends.get_mut(columns..).unwrap_or_default();
            let (result, read, wrote, ended) = self.parser.read_record(input, fields, ends);
            self.step(read);
            kept = kept.saturating_add(wrote);
            columns = columns.saturating_add(ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    // The rest of it is read into the same room, and forgotten.
                    (kept, columns, too_long) = (0, 0, true);
                }
                ReadRecordResult::End if columns == 0 => return Ok(None),
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        if too_long {
            return Ok(Some((begins, Row::TooLong)));
        }
        let fields = Fields {
            bytes: self.fields.get(..kept).unwrap_or_default(),
            ends: self.ends.get(..columns).unwrap_or_default(),
        };
        Ok(Some((begins, Row::Fields(fields))))
    }

    /// Steps over what ends lines before a row. `false`: the file is over.
    fn skip_blank_lines(&mut self) -> io::Result<bool> {
        loop {
            if self.left.is_empty() && !self.fill()? {
                return Ok(false);
            }
            match self.waiting().first() {
                Some(b'\r' | b'\n') => self.step(1),
                _ => return Ok(true),
            }
        }
    }

    fn waiting(&self) -> &[u8] {
        self.chunk.get(self.left.clone()).unwrap_or_default()
    }

    fn step(&mut self, bytes: usize) {
        let parsed = self.waiting().get(..bytes).unwrap_or_default();
        let lines = parsed.split(|byte| *byte == b'\n').skip(1).count();
        self.line = self
            .line
            .saturating_add(u64::try_from(lines).unwrap_or(u64::MAX));
        self.left.start = self.left.start.saturating_add(bytes);
    }

    /// Reads on. `false`: the file is over.
    fn fill(&mut self) -> io::Result<bool> {
        let read = loop {
            match self.file.read(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.left = 0..read;
        Ok(read > 0)
    }
}
