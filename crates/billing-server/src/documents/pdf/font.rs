//! The font: which glyph a letter has, how wide it is, and the part of it that a document
//! brings with it.

use std::collections::BTreeMap;

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Finish, Name, Pdf, Rect, Ref, Str};
use subsetter::GlyphRemapper;
use ttf_parser::Face;

use super::PdfError;

/// `DejaVu` Sans: Latin, Greek, Cyrillic, Hebrew, Arabic, Armenian, Georgian and more, under a
/// license that lets everybody pass it on (beside it, `LICENSE.txt`).
const SANS: &[u8] = include_bytes!("../fonts/DejaVuSans.ttf");

/// Objects of a document that the font takes.
pub(super) const OBJECTS: i32 = 5;

/// What stands for a letter that the font does not have.
const REPLACEMENT: char = '\u{fffd}';

/// Six capitals before the name say that it is a part of the font.
const NAME: Name<'static> = Name(b"INVOIC+DejaVuSans");

/// What a part of a font is called in maps.
const SYSTEM: SystemInfo<'static> = SystemInfo {
    registry: Str(b"Adobe"),
    ordering: Str(b"Identity"),
    supplement: 0,
};

/// Thousandths of the letters' size: what a document measures letters in.
const EM: u32 = 1_000;

pub(super) struct Font {
    face: Face<'static>,
    units: u32,
    part: GlyphRemapper,
    /// What was used: the width and the letter of each glyph of the part.
    used: BTreeMap<u16, (u32, char)>,
}

impl Font {
    pub(super) fn open() -> Result<Self, PdfError> {
        let face = Face::parse(SANS, 0).map_err(|error| PdfError::Font(error.to_string()))?;
        let units = u32::from(face.units_per_em());
        Ok(Self {
            face,
            units,
            part: GlyphRemapper::new(),
            used: BTreeMap::new(),
        })
    }

    /// How wide a letter is, in thousandths of its size.
    pub(super) fn width(&self, letter: char) -> u32 {
        let glyph = self.face.glyph_index(letter);
        let glyph = glyph.or_else(|| self.face.glyph_index(REPLACEMENT));
        let advance = glyph.and_then(|glyph| self.face.glyph_hor_advance(glyph));
        self.in_ems(u32::from(advance.unwrap_or(0)))
    }

    /// The letters as a document names them, two bytes each.
    pub(super) fn glyphs(&mut self, letters: &str) -> Vec<u8> {
        let mut named = Vec::with_capacity(letters.len().saturating_mul(2));
        for letter in letters.chars() {
            let (glyph, letter) = if let Some(glyph) = self.face.glyph_index(letter) {
                (glyph.0, letter)
            } else {
                let stands_for = self.face.glyph_index(REPLACEMENT);
                (stands_for.map_or(0, |glyph| glyph.0), REPLACEMENT)
            };
            let width = self.width(letter);
            let name = self.part.remap(glyph);
            self.used.entry(name).or_insert((width, letter));
            named.extend(name.to_be_bytes());
        }
        named
    }

    fn in_ems(&self, units: u32) -> u32 {
        let scaled = units.saturating_mul(EM);
        scaled.checked_div(self.units).unwrap_or(EM)
    }

    /// Writes what was used of it into the document, as [`OBJECTS`] objects from `first` on.
    pub(super) fn write(&self, pdf: &mut Pdf, first: i32) -> Result<(), PdfError> {
        let object = |number: i32| Ref::new(first.saturating_add(number));
        let (letters, descriptor, file, map) = (object(1), object(2), object(3), object(4));
        pdf.type0_font(object(0))
            .base_font(NAME)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(letters)
            .to_unicode(map);
        let mut cid = pdf.cid_font(letters);
        cid.subtype(CidFontType::Type2)
            .base_font(NAME)
            .system_info(SYSTEM)
            .font_descriptor(descriptor)
            .default_width(0.0)
            .cid_to_gid_map_predefined(Name(b"Identity"));
        let mut widths = cid.widths();
        for (name, (width, _)) in &self.used {
            widths.consecutive(*name, [fraction(i64::from(*width))]);
        }
        widths.finish();
        cid.finish();
        self.describe(pdf, descriptor, file);
        let mut names = UnicodeCmap::new(Name(b"Letters"), SYSTEM);
        for (name, (_, letter)) in &self.used {
            names.pair(*name, *letter);
        }
        pdf.cmap(map, &names.finish());
        let part = subsetter::subset(SANS, 0, &self.part)
            .map_err(|error| PdfError::Font(error.to_string()))?;
        pdf.stream(file, &part);
        Ok(())
    }

    fn describe(&self, pdf: &mut Pdf, descriptor: Ref, file: Ref) {
        let scaled = |units: i16| {
            let ems = i64::from(units).saturating_mul(i64::from(EM));
            fraction(ems.checked_div(i64::from(self.units)).unwrap_or(0))
        };
        let bounds = self.face.global_bounding_box();
        let capitals = self.face.capital_height().unwrap_or(self.face.ascender());
        pdf.font_descriptor(descriptor)
            .name(NAME)
            .flags(FontFlags::SYMBOLIC)
            .bbox(Rect::new(
                scaled(bounds.x_min),
                scaled(bounds.y_min),
                scaled(bounds.x_max),
                scaled(bounds.y_max),
            ))
            .italic_angle(0.0)
            .ascent(scaled(self.face.ascender()))
            .descent(scaled(self.face.descender()))
            .cap_height(scaled(capitals))
            .stem_v(80.0)
            .font_file2(file);
    }
}

/// A whole number as the format wants it; what is beyond any page is nothing.
pub(super) fn fraction(whole: i64) -> f32 {
    f32::from(i16::try_from(whole).unwrap_or(0))
}
