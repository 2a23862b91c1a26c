//! Lines of money as a table, each with the sentence by which it can be worked again.

use billing_domain::catalog::Catalog;
use billing_domain::line::{Line, LineKind};
use billing_domain::money::Money;
use maud::{Markup, html};

use super::facts::plan;
use crate::api::views::explanation;
use crate::pages::describe;

/// The lines, and what they come to.
pub(super) fn table(catalog: &Catalog, lines: &[Line], total: (&str, Money)) -> Markup {
    let (word, sum) = total;
    html! {
        table {
            caption class="unseen" { "How it comes about" }
            thead {
                tr {
                    th scope="col" { "What" }
                    th scope="col" { "How it comes about" }
                    th scope="col" class="money" { "Amount" }
                }
            }
            tbody {
                @for line in lines {
                    tr {
                        th scope="row" { (what(catalog, line)) }
                        td data-name="How" { (explanation(line)) }
                        td data-name="Amount" class="money" { (describe::money(line.amount)) }
                    }
                }
            }
            tfoot {
                tr {
                    th scope="row" colspan="2" { (word) }
                    td class="money" { strong { (describe::money(sum)) } }
                }
            }
        }
    }
}

fn what(catalog: &Catalog, line: &Line) -> Markup {
    let word = match line.kind {
        LineKind::Plan => "Price",
        LineKind::Discount => "Discount",
        LineKind::Unused => "Unused time, given back",
        LineKind::Begins => "The rest of the time",
        LineKind::Difference => "The difference",
        LineKind::Balance => "Your balance",
        LineKind::Carried => "Carried to the next invoice",
        LineKind::Usage => "Use beyond the included",
        LineKind::SpendingLimit => "Beyond your spending limit, not charged",
    };
    html! {
        (word)
        @if let Some(key) = &line.plan { ": " (plan(catalog, key.as_str())) }
        @if line.quantity > 1 { " × " (line.quantity) }
    }
}
