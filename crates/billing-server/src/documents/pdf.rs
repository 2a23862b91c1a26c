//! An invoice as a PDF of A4 pages, in one font that the file brings with it.
//!
//! Places are whole points; what the format wants as fractions is made of them at the end.
//! Letters stand in the order in which they are read, right to left where they are; letters
//! that the font does not have are replaced, and joined scripts stand unjoined.

mod font;
mod paper;

use pdf_writer::{Finish, Name, Pdf, Rect, Ref, TextStr};

use font::Font;
use paper::Paper;

use super::sheet::Sheet;

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PdfError {
    /// The font that this program brings cannot be used.
    #[error("the font cannot be used: {0}")]
    Font(String),
    /// It has more pages than anybody reads.
    #[error("the document has too many pages")]
    TooLong,
}

/// Where columns begin and end, in points from the left.
const LEFT: i16 = 50;
const MIDDLE: i16 = 310;
const LABELS: i16 = 140;
const AMOUNTS: i16 = 430;
const RIGHT: i16 = 545;

/// Sizes of letters, in points.
const TITLE: u8 = 15;
const BODY: u8 = 10;
const SMALL: u8 = 8;

/// The document.
///
/// # Errors
///
/// [`PdfError`]; whatever letters there are and however long texts are, they are no error.
pub(crate) fn pdf(sheet: &Sheet) -> Result<Vec<u8>, PdfError> {
    let mut font = Font::open()?;
    let mut paper = Paper::new(&mut font);
    parties(&mut paper, sheet);
    paper.skip(16);
    paper.paragraph(LEFT, RIGHT, TITLE, &sheet.title);
    paper.skip(8);
    for (label, value) in &sheet.facts {
        paper.beside(
            (LEFT, LABELS, SMALL, *label),
            (LABELS, RIGHT, BODY, value.as_str()),
        );
    }
    paper.skip(12);
    paper.rule(LEFT, RIGHT);
    for row in &sheet.rows {
        let amount = paper.flush_right(RIGHT, BODY, &row.amount);
        paper.paragraph_from(amount, (LEFT, AMOUNTS), BODY, &row.what);
        paper.paragraph(LEFT, AMOUNTS, SMALL, &row.explanation);
        paper.rule(LEFT, RIGHT);
    }
    for (label, amount) in &sheet.totals {
        let begins = paper.flush_right(RIGHT, BODY, amount);
        paper.paragraph_from(begins, (LEFT, AMOUNTS), BODY, label);
    }
    paper.skip(12);
    for note in &sheet.notes {
        paper.paragraph(LEFT, RIGHT, SMALL, note);
    }
    let pages = paper.finish()?;
    written(&sheet.title, &pages, &font)
}

/// Who sells and who buys, side by side.
fn parties(paper: &mut Paper<'_>, sheet: &Sheet) {
    let named = std::iter::once(sheet.seller.name.as_str());
    let seller = named.chain(sheet.seller.lines.iter().map(String::as_str));
    let buyer = sheet.buyer.iter().map(String::as_str);
    paper.columns(
        BODY,
        (LEFT, MIDDLE, &seller.collect::<Vec<_>>()),
        (MIDDLE, RIGHT, &buyer.collect::<Vec<_>>()),
    );
}

/// The objects of every document come first, in this order; pages follow.
const CATALOG: i32 = 1;
const TREE: i32 = 2;
const INFO: i32 = 3;
/// The font is this object and those after it.
const FONT: i32 = 4;
const PAGES: i32 = FONT + font::OBJECTS;

/// What pages call the font.
const FONT_NAME: Name<'static> = Name(b"F");

fn written(title: &str, pages: &[Vec<u8>], font: &Font) -> Result<Vec<u8>, PdfError> {
    let mut pdf = Pdf::new();
    let (tree, font_ref) = (Ref::new(TREE), Ref::new(FONT));
    pdf.catalog(Ref::new(CATALOG)).pages(tree);
    pdf.document_info(Ref::new(INFO)).title(TextStr(title));
    let count = i32::try_from(pages.len()).map_err(|_too_many| PdfError::TooLong)?;
    // A page and what stands on it, one after the other.
    let first = |index: i32| PAGES.saturating_add(index.saturating_mul(2));
    let kids = (0..count).map(|index| Ref::new(first(index)));
    pdf.pages(tree).kids(kids).count(count);
    for (index, content) in (0..count).zip(pages) {
        let stands = Ref::new(first(index).saturating_add(1));
        let mut page = pdf.page(Ref::new(first(index)));
        page.parent(tree)
            .media_box(Rect::new(0.0, 0.0, 595.0, 842.0))
            .contents(stands);
        page.resources().fonts().pair(FONT_NAME, font_ref);
        page.finish();
        pdf.stream(stands, content);
    }
    font.write(&mut pdf, FONT)?;
    Ok(pdf.finish())
}

#[cfg(test)]
mod tests;
