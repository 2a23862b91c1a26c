//! The effect on monthly revenue as a picture: bars in the terminal, or SVG.
//! Whole numbers throughout.

use console::Term;

/// Narrowest and widest chart, in columns, and where there is no terminal: below,
/// bars tell nothing; beyond, the eye loses the line.
const WIDTHS: (usize, usize) = (40, 100);
const NO_TERMINAL: usize = 80;

/// The size of the SVG's parts, in pixels: a page's width, and text of 14.
const LABELS: u64 = 170;
const BARS: u64 = 500;
const ROW: u64 = 24;
const BAR: u64 = 16;

/// What a month does to revenue.
pub(super) struct Effect {
    /// `2026-03`.
    pub(super) month: String,
    /// Minor units, below zero: less.
    pub(super) amount: i64,
    /// The same, as people read it.
    pub(super) shown: String,
}

/// The columns that a chart has.
pub(super) fn width() -> usize {
    let size = Term::stdout().size_checked();
    let columns = size.map_or(NO_TERMINAL, |(_rows, columns)| usize::from(columns));
    columns.clamp(WIDTHS.0, WIDTHS.1)
}

/// A line each month, at most `width` columns wide; a hollow bar is below zero.
pub(super) fn bars(effects: &[Effect], width: usize) -> Vec<String> {
    let column = |cell: fn(&Effect) -> &str| {
        let cells = effects.iter().map(|effect| cell(effect).chars().count());
        cells.max().unwrap_or(0)
    };
    let (months, amounts) = (column(|row| &row.month), column(|row| &row.shown));
    // Two columns and the two gaps between them and the bars.
    let room = width.saturating_sub(months.saturating_add(amounts).saturating_add(4));
    let lengths = lengths(effects, u64::try_from(room).unwrap_or(u64::MAX));
    let rows = effects.iter().zip(lengths);
    rows.map(|(effect, length)| {
        let (month, shown) = (&effect.month, &effect.shown);
        let cell = if effect.amount < 0 { "░" } else { "█" };
        let bar = cell.repeat(usize::try_from(length).unwrap_or(0));
        let line = format!("{month:months$}  {shown:>amounts$}  {bar}");
        line.trim_end().to_owned()
    })
    .collect()
}

/// The chart as a picture.
pub(super) fn svg(effects: &[Effect]) -> String {
    let rows = u64::try_from(effects.len()).unwrap_or(0);
    let (width, height) = (LABELS.saturating_add(BARS), ROW.saturating_mul(rows));
    let mut drawn = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"Effect on monthly revenue\" \
         font-family=\"sans-serif\" font-size=\"14\">\n"
    );
    let mut top = 0_u64;
    for (effect, length) in effects.iter().zip(lengths(effects, BARS)) {
        let color = if effect.amount < 0 {
            "#b3261e"
        } else {
            "#1b6e3c"
        };
        let (month, shown) = (&effect.month, &effect.shown);
        let base = top.saturating_add(BAR);
        drawn.extend([format!(
            "<text x=\"0\" y=\"{base}\">{month}</text>\
             <text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{shown}</text>\
             <rect x=\"{LABELS}\" y=\"{}\" width=\"{length}\" height=\"{BAR}\" fill=\"{color}\"/>\n",
            LABELS.saturating_sub(8),
            top.saturating_add(4),
        )]);
        top = top.saturating_add(ROW);
    }
    drawn.push_str("</svg>\n");
    drawn
}

/// How long each bar is of `room`; one that is not nothing is seen.
fn lengths(effects: &[Effect], room: u64) -> Vec<u64> {
    let sizes = effects.iter().map(|effect| effect.amount.unsigned_abs());
    let largest = sizes.clone().max().unwrap_or(0);
    sizes
        .map(|size| {
            let scaled = u128::from(size).saturating_mul(u128::from(room));
            let length = scaled.checked_div(u128::from(largest)).unwrap_or(0);
            let length = u64::try_from(length).unwrap_or(room);
            length.max(u64::from(size > 0))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(month: &str, amount: i64, shown: &str) -> Effect {
        Effect {
            month: month.to_owned(),
            amount,
            shown: shown.to_owned(),
        }
    }

    #[test]
    fn bars_share_the_room_that_the_words_leave() {
        let effects = [
            effect("2026-03", 0, "USD 0.00"),
            effect("2026-04", 1, "USD 0.01"),
            effect("2026-05", 500, "USD 5.00"),
            effect("2026-06", -1000, "USD -10.00"),
        ];
        let drawn = bars(&effects, 31);
        let expected = [
            "2026-03    USD 0.00",
            "2026-04    USD 0.01  █",
            "2026-05    USD 5.00  █████",
            "2026-06  USD -10.00  ░░░░░░░░░░",
        ];
        assert_eq!(drawn, expected);
        assert!(bars(&[], 80).is_empty());
        let none = bars(&[effect("2026-03", 5, "USD 0.05")], 3);
        assert_eq!(none, ["2026-03  USD 0.05  █"], "too narrow still tells");
    }

    #[test]
    fn the_picture_has_a_bar_for_each_month() {
        let effects = [
            effect("2026-03", 0, "USD 0.00"),
            effect("2026-04", -7, "USD -0.07"),
        ];
        let drawn = svg(&effects);
        assert_eq!(drawn.matches("<rect ").count(), 2);
        assert!(
            drawn.contains("width=\"500\" height=\"16\" fill=\"#b3261e\""),
            "{drawn}"
        );
        assert!(drawn.contains(">2026-04<") && drawn.contains(">USD -0.07<"));
        assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
    }
}
