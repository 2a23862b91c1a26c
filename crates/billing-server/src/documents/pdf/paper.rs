//! Pages, filled from top to bottom. Knows where the pen is, and not what is written.

use pdf_writer::{Content, Str};
use unicode_bidi::BidiInfo;

use super::font::{Font, fraction};
use super::{FONT_NAME, PdfError};

/// Where writing begins and ends, in points from the bottom of the page.
const TOP: i16 = 790;
const BOTTOM: i16 = 50;

/// Lines that one text may take: a name of a thousand letters takes some fifteen, and what is
/// longer is cut, since an invoice is no place for it.
const MAX_LINES: usize = 30;

/// Pages of one document: ten thousand lines of money, which nobody reads.
const MAX_PAGES: usize = 500;

/// What stands at the end of a text that was cut.
const CUT: char = '…';

/// Pages in the making.
pub(super) struct Paper<'a> {
    font: &'a mut Font,
    done: Vec<Vec<u8>>,
    present: Content,
    /// Where the next line's foot would be were it of no height.
    pen: i16,
}

/// A text in its column: from, to, size, letters.
pub(super) type Placed<'t> = (i16, i16, u8, &'t str);

impl<'a> Paper<'a> {
    pub(super) fn new(font: &'a mut Font) -> Self {
        Self {
            font,
            done: Vec::new(),
            present: Content::new(),
            pen: TOP,
        }
    }

    /// Leaves room.
    pub(super) const fn skip(&mut self, points: i16) {
        self.pen = self.pen.saturating_sub(points);
    }

    /// A text between two places, on as many lines as it takes.
    pub(super) fn paragraph(&mut self, from: i16, to: i16, size: u8, text: &str) {
        for line in self.lines(text, from, to, size) {
            self.next_line(size);
            self.show(from, size, &line);
        }
    }

    /// A text that begins on the line where the pen is already.
    pub(super) fn paragraph_from(
        &mut self,
        begun: Begun,
        (from, to): (i16, i16),
        size: u8,
        text: &str,
    ) {
        let Begun = begun;
        for (index, line) in self.lines(text, from, to, size).into_iter().enumerate() {
            if index > 0 {
                self.next_line(size);
            }
            self.show(from, size, &line);
        }
    }

    /// Begins a line with a text that ends at a place.
    pub(super) fn flush_right(&mut self, to: i16, size: u8, text: &str) -> Begun {
        self.next_line(size);
        let text = clean(text);
        let width = self.points(&text, size);
        self.show(to.saturating_sub(width), size, &text);
        Begun
    }

    /// A label, and a text beside it.
    pub(super) fn beside(&mut self, label: Placed<'_>, (from, to, size, text): Placed<'_>) {
        self.next_line(size);
        self.show(label.0, label.2, &clean(label.3));
        self.paragraph_from(Begun, (from, to), size, text);
    }

    /// Two columns of texts that begin at the same height.
    pub(super) fn columns(
        &mut self,
        size: u8,
        left: (i16, i16, &[&str]),
        right: (i16, i16, &[&str]),
    ) {
        let rows = |paper: &Self, (from, to, texts): (i16, i16, &[&str])| {
            // Room between the columns.
            let to = to.saturating_sub(12);
            let lines = texts
                .iter()
                .flat_map(|text| paper.lines(text, from, to, size));
            lines.collect::<Vec<_>>()
        };
        let (first, second) = (rows(self, left), rows(self, right));
        for index in 0..first.len().max(second.len()) {
            self.next_line(size);
            for (from, lines) in [(left.0, &first), (right.0, &second)] {
                if let Some(line) = lines.get(index) {
                    self.show(from, size, line);
                }
            }
        }
    }

    /// A line from one place to another, with room around it.
    pub(super) fn rule(&mut self, from: i16, to: i16) {
        self.skip(5);
        let height = fraction(i64::from(self.pen));
        self.present.set_line_width(0.5);
        self.present.move_to(fraction(i64::from(from)), height);
        self.present.line_to(fraction(i64::from(to)), height);
        self.present.stroke();
        self.skip(3);
    }

    /// What stands on each page.
    ///
    /// # Errors
    ///
    /// [`PdfError::TooLong`] beyond [`MAX_PAGES`].
    pub(super) fn finish(mut self) -> Result<Vec<Vec<u8>>, PdfError> {
        self.done.push(self.present.finish().to_vec());
        if self.done.len() > MAX_PAGES {
            return Err(PdfError::TooLong);
        }
        Ok(self.done)
    }

    fn next_line(&mut self, size: u8) {
        // A third of the size between lines.
        let height = i16::from(size).saturating_mul(4).saturating_add(2);
        let height = height.checked_div(3).unwrap_or(height);
        if self.pen.saturating_sub(height) < BOTTOM {
            let full = std::mem::replace(&mut self.present, Content::new());
            // Beyond what is too long, nothing is kept.
            if self.done.len() <= MAX_PAGES {
                self.done.push(full.finish().to_vec());
            }
            self.pen = TOP;
        }
        self.skip(height);
    }

    fn show(&mut self, from: i16, size: u8, line: &str) {
        let glyphs = self.font.glyphs(&as_read(line));
        let (x, y) = (fraction(i64::from(from)), fraction(i64::from(self.pen)));
        self.present.begin_text();
        self.present.set_font(FONT_NAME, f32::from(size));
        self.present.set_text_matrix([1.0, 0.0, 0.0, 1.0, x, y]);
        self.present.show(Str(&glyphs));
        self.present.end_text();
    }

    /// How wide a text is, in points.
    fn points(&self, text: &str, size: u8) -> i16 {
        let width = text.chars().fold(0_u32, |sum, letter| {
            sum.saturating_add(self.font.width(letter))
        });
        let points = width.saturating_mul(u32::from(size)).div_ceil(1_000);
        i16::try_from(points).unwrap_or(i16::MAX)
    }

    /// The text as lines that fit, broken between words where there are any.
    fn lines(&self, text: &str, from: i16, to: i16, size: u8) -> Vec<String> {
        let room = to.saturating_sub(from);
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in clean(text).split_inclusive(' ') {
            let mut joined = line.clone();
            joined.push_str(word);
            if self.points(joined.trim_end(), size) <= room {
                line = joined;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for letter in word.chars() {
                line.push(letter);
                if self.points(&line, size) > room {
                    line.pop();
                    lines.push(std::mem::take(&mut line));
                    line.push(letter);
                }
            }
            if lines.len() > MAX_LINES {
                break;
            }
        }
        lines.push(line);
        if lines.len() > MAX_LINES {
            lines.truncate(MAX_LINES);
            if let Some(last) = lines.last_mut() {
                last.pop();
                last.push(CUT);
            }
        }
        lines
    }
}

/// The pen is on a line that something stands on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun;

/// Without what has no shape: controls, and marks that only say a direction.
fn clean(text: &str) -> String {
    let shapeless = |letter: &char| {
        letter.is_control()
            || matches!(
                letter,
                '\u{ad}'
                    | '\u{61c}'
                    | '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}'
                    | '\u{feff}'
                    | '\u{fe00}'..='\u{fe0f}'
            )
    };
    text.chars().filter(|letter| !shapeless(letter)).collect()
}

/// The letters of a line from left to right, as they are seen.
fn as_read(line: &str) -> String {
    let known = BidiInfo::new(line, None);
    let paragraphs = known.paragraphs.iter();
    let seen = paragraphs.map(|part| known.reorder_line(part, part.range.clone()));
    seen.collect()
}
