//! Charts, drawn here as SVG: columns side by side for each month, and bars in the rows of a
//! table. Whole numbers throughout, and colors by classes, since no page has a style of its own.
//! What a chart shows stands in a table beside it.

use maud::{Markup, html};

/// The size of the parts of a chart of columns, in its own units: as many to a month as leave
/// its three letters legible where the whole is as wide as a phone.
const SLOT: u64 = 48;
const GAP: u64 = 6;
const HEIGHT: u64 = 180;
const LABELS: u64 = 28;

/// The length of the longest bar in a row, and its thickness, in its own units.
const BAR: u64 = 100;
const THICK: u64 = 8;

/// Each of two bars in one row.
const THIN: u64 = 4;

/// One color's columns, a value for each month.
pub(super) struct Series {
    pub(super) name: &'static str,
    /// The class that gives the color.
    pub(super) class: &'static str,
    pub(super) values: Vec<u64>,
}

/// Columns for each of `labels`, told apart by color and by their order.
pub(super) fn columns(what: &str, labels: &[&str], series: &[Series]) -> Markup {
    let all = series.iter().flat_map(|one| &one.values);
    let largest = all.copied().max().unwrap_or(0);
    let slots = u64::try_from(labels.len()).unwrap_or(0);
    let width = SLOT.saturating_mul(slots);
    let room = SLOT.saturating_sub(GAP);
    let count = u64::try_from(series.len()).unwrap_or(1);
    let thick = room.checked_div(count).unwrap_or(room);
    let names: Vec<&str> = series.iter().map(|one| one.name).collect();
    let view = format!("0 0 {width} {}", HEIGHT.saturating_add(LABELS));
    html! {
        svg class="chart" viewBox=(view) role="img"
            aria-label={ (what) ": " (names.join(" and ")) ", as in the table below" } {
            @for (one, left) in series.iter().zip(steps(thick)) {
                @for (value, slot) in one.values.iter().zip(steps(SLOT)) {
                    @let tall = scaled(*value, largest, HEIGHT);
                    rect class=(one.class) x=(slot.saturating_add(left)) width=(thick.saturating_sub(2))
                        y=(HEIGHT.saturating_sub(tall)) height=(tall) {}
                }
            }
            line class="axis" x1="0" x2=(width) y1=(HEIGHT) y2=(HEIGHT) {}
            @for (label, slot) in labels.iter().zip(steps(SLOT)) {
                text x=(slot) y=(HEIGHT.saturating_add(LABELS).saturating_sub(6)) { (label) }
            }
        }
        p class="legend small" {
            @for one in series {
                span { span class={ "swatch " (one.class) } {} (one.name) }
            }
        }
    }
}

/// A bar in a row of a table that says the same in digits.
pub(super) fn bar(value: u64, largest: u64) -> Markup {
    let length = scaled(value, largest, BAR);
    html! {
        svg class="bar" viewBox={ "0 0 " (BAR) " " (THICK) } preserveAspectRatio="none" aria-hidden="true" {
            rect class="one" width=(length) height=(THICK) {}
        }
    }
}

/// Two bars below one another, in a row of a table that says the same in digits.
pub(super) fn pair(upper: u64, lower: u64, largest: u64) -> Markup {
    let (upper, lower) = (scaled(upper, largest, BAR), scaled(lower, largest, BAR));
    html! {
        svg class="bar pair" viewBox={ "0 0 " (BAR) " " (THICK) } preserveAspectRatio="none" aria-hidden="true" {
            rect class="one" width=(upper) height=(THIN) {}
            rect class="two" width=(lower) y=(THIN) height=(THIN) {}
        }
    }
}

/// 0, `width`, twice that, and so on.
fn steps(width: u64) -> impl Iterator<Item = u64> {
    (0_u64..).map(move |step| step.saturating_mul(width))
}

/// How long a value is of `room`; one that is not nothing is seen.
fn scaled(value: u64, largest: u64, room: u64) -> u64 {
    let whole = u128::from(value).saturating_mul(u128::from(room));
    let length = whole.checked_div(u128::from(largest)).unwrap_or(0);
    let length = u64::try_from(length).unwrap_or(room);
    length.max(u64::from(value > 0))
}

/// A month by three letters, of `2026-03`.
pub(super) fn month(text: &str) -> &'static str {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let number = text
        .rsplit('-')
        .next()
        .and_then(|number| number.parse().ok());
    let index = number.and_then(|number: usize| number.checked_sub(1));
    index
        .and_then(|index| NAMES.get(index))
        .copied()
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_share_the_height_and_one_that_is_not_nothing_is_seen() {
        let series = |name, class, values: &[u64]| Series {
            name,
            class,
            values: values.to_vec(),
        };
        let drawn = columns(
            "Who came",
            &["Jan", "Feb", "Mar"],
            &[
                series("new", "one", &[0, 1, u64::MAX]),
                series("lost", "two", &[0, u64::MAX / 2, 0]),
            ],
        );
        let drawn = drawn.into_string();
        assert_eq!(drawn.matches("<rect ").count(), 6);
        let tall: Vec<&str> = drawn
            .split(" height=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        assert_eq!(tall, ["0", "1", "180", "0", "89", "0"]);
        assert!(drawn.contains("viewBox=\"0 0 144 208\""), "{drawn}");
        assert!(
            drawn.contains("aria-label=\"Who came: new and lost, as in"),
            "{drawn}"
        );
        assert!(!drawn.contains("style"), "{drawn}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let drawn = columns("Nobody", &[], &[]).into_string();
        assert!(drawn.contains("viewBox=\"0 0 0 208\""), "{drawn}");
        assert!(bar(0, 0).into_string().contains("width=\"0\""));
        assert!(bar(7, 7).into_string().contains("width=\"100\""));
        let both = pair(4, 1, 8).into_string();
        assert!(both.contains("class=\"one\" width=\"50\""), "{both}");
        assert!(
            both.contains("class=\"two\" width=\"12\" y=\"4\""),
            "{both}"
        );
    }

    #[test]
    fn months_go_by_three_letters() {
        assert_eq!(month("2026-03"), "Mar");
        assert_eq!(month("2026-12"), "Dec");
        for none in ["", "2026-13", "2026-00", "x"] {
            assert_eq!(month(none), "");
        }
    }
}
