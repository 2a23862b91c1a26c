//! What recurs, who came and who left: the reports as charts, each with its table.

use billing_domain::catalog::Catalog;
use billing_domain::money::{Money, MoneyError};
use billing_domain::report::{Churn, Cohort, Figures, Recurring};
use maud::{Markup, html};
use poem::http::StatusCode;

use super::chart::{self, Series};
use super::operator::plan_name;
use crate::api::recurring_totals;
use crate::pages::describe;
use crate::problem::Problem;

/// Months of the charts: a year back, and the present one.
pub(super) const MONTHS: u16 = 13;

/// What the figures come to.
pub(super) struct Revenue {
    pub(super) totals: Vec<Money>,
    pub(super) subscriptions: u64,
    rows: Vec<Recurring>,
    churn: Vec<Churn>,
    cohorts: Vec<Cohort>,
}

impl Revenue {
    /// Worked out from `figures`.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when a sum does not fit.
    pub(super) fn of(figures: &Figures) -> Result<Self, MoneyError> {
        let rows = figures.recurring()?;
        let held = rows.iter().map(|row| row.subscriptions);
        Ok(Self {
            totals: recurring_totals(&rows)?,
            subscriptions: held.fold(0, u64::saturating_add),
            churn: figures.churn(MONTHS)?,
            cohorts: figures.cohorts(MONTHS),
            rows,
        })
    }

    /// What recurs in a month, by plan and price.
    pub(super) fn recurring(&self, catalog: Option<&Catalog>) -> Markup {
        let largest = |of: Money| {
            let alike = self.rows.iter().map(|row| row.amount);
            let alike = alike.filter(|amount| amount.currency == of.currency);
            alike.map(size).max().unwrap_or(0)
        };
        html! {
            section class="card" aria-labelledby="recurring" {
                h2 id="recurring" { "Monthly recurring revenue, by price" }
                @if self.rows.is_empty() { p { "Nothing recurs yet." } } @else {
                    table {
                        caption class="unseen" { "What recurs in a month, by plan and price" }
                        thead {
                            tr {
                                th scope="col" { "Plan" }
                                th scope="col" { "Price" }
                                th scope="col" class="money" { "In a month" }
                                th scope="col" { span class="unseen" { "Bar" } }
                                th scope="col" class="money" { "Paid" }
                                th scope="col" class="money" { "Owing" }
                                th scope="col" class="money" { "Ending" }
                                th scope="col" class="money" { "Trial" }
                                th scope="col" class="money" { "Paused" }
                            }
                        }
                        tbody {
                            @for row in &self.rows {
                                tr {
                                    th scope="row" { bdi { (plan_name(catalog, row.plan.as_str())) } }
                                    td data-name="Price" {
                                        @match &row.price {
                                            Some(key) => { (key) }
                                            None => "none",
                                        }
                                        ", per " (row.interval)
                                    }
                                    td data-name="In a month" class="money" { (describe::money(row.amount)) }
                                    td class="bars" { (chart::bar(size(row.amount), largest(row.amount))) }
                                    td data-name="Paid" class="money" { (row.subscriptions) }
                                    td data-name="Owing" class="money" { (row.past_due) }
                                    td data-name="Ending" class="money" { (row.ending) }
                                    td data-name="Trial" class="money" { (row.trialing) }
                                    td data-name="Paused" class="money" { (row.paused) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Who came and who left, month by month.
    pub(super) fn churn(&self) -> Markup {
        let months: Vec<String> = self.churn.iter().map(|row| row.month.to_string()).collect();
        let labels: Vec<&str> = months.iter().map(|text| chart::month(text)).collect();
        let values = |of: fn(&Churn) -> u64| self.churn.iter().map(of).collect();
        let series = [
            Series {
                name: "new",
                class: "one",
                values: values(|row| row.all.new),
            },
            Series {
                name: "lost",
                class: "two",
                values: values(|row| row.all.lost),
            },
        ];
        html! {
            section class="card" aria-labelledby="churn" {
                h2 id="churn" { "New and lost, by month" }
                (chart::columns("Subscriptions by month", &labels, &series))
                table {
                    caption class="unseen" { "Who came and who left, by month, the present one first" }
                    thead {
                        tr {
                            th scope="col" { "Month" }
                            th scope="col" class="money" { "At its start" }
                            th scope="col" class="money" { "New" }
                            th scope="col" class="money" { "Lost" }
                            th scope="col" class="money" { "At its end" }
                            th scope="col" class="money" { "Churn" }
                            th scope="col" class="money" { "New a month" }
                            th scope="col" class="money" { "Lost a month" }
                        }
                    }
                    tbody {
                        @for (row, month) in self.churn.iter().zip(&months).rev() {
                            tr {
                                th scope="row" { (month) }
                                td data-name="At its start" class="money" { (row.all.at_start) }
                                td data-name="New" class="money" { (row.all.new) }
                                td data-name="Lost" class="money" { (row.all.lost) }
                                td data-name="At its end" class="money" { (row.all.at_end()) }
                                td data-name="Churn" class="money" { (percent(row.all.basis_points())) }
                                td data-name="New a month" class="money" { (amounts(&row.all.new_recurring)) }
                                td data-name="Lost a month" class="money" { (amounts(&row.all.lost_recurring)) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Of those who began in a month, how many are left.
    pub(super) fn cohorts(&self) -> Markup {
        let began = self.cohorts.iter().filter(|cohort| cohort.began > 0);
        html! {
            section class="card" aria-labelledby="cohorts" {
                h2 id="cohorts" { "Who stayed" }
                table {
                    caption class="unseen" { "Those who began in a month, and how many are left, newest first" }
                    thead {
                        tr {
                            th scope="col" { "Began in" }
                            th scope="col" class="money" { "Began" }
                            th scope="col" class="money" { "A month later" }
                            th scope="col" class="money" { "Left now" }
                            th scope="col" { span class="unseen" { "Bar" } }
                        }
                    }
                    tbody {
                        @for cohort in began.rev() {
                            @let left = cohort.left.last().copied().unwrap_or(0);
                            tr {
                                th scope="row" { (cohort.month) }
                                td data-name="Began" class="money" { (cohort.began) }
                                td data-name="A month later" class="money" {
                                    @match cohort.left.get(1) {
                                        Some(left) => { (left) }
                                        None => "not yet",
                                    }
                                }
                                td data-name="Left now" class="money" { (left) }
                                td class="bars" { (chart::bar(left, cohort.began)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Amounts of several currencies in one place.
pub(super) fn amounts(of: &[Money]) -> String {
    if of.is_empty() {
        return "0".to_owned();
    }
    let words: Vec<String> = of.iter().map(|money| describe::money(*money)).collect();
    words.join(", ")
}

/// Basis points as people read them: `2.05 %`. Of nobody: a dash.
pub(super) fn percent(basis_points: Option<u64>) -> String {
    let Some(points) = basis_points else {
        return "–".to_owned();
    };
    let whole = points.checked_div(100).unwrap_or(0);
    let rest = points.checked_rem(100).unwrap_or(0);
    format!("{whole}.{rest:02} %")
}

/// What is answered where a sum does not fit.
pub(super) fn unfit(error: MoneyError) -> Problem {
    tracing::error!(%error, "a report does not fit");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the figures do not fit",
    )
}

fn size(money: Money) -> u64 {
    money.amount.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_as_people_write_them() {
        for (points, text) in [
            (Some(0), "0.00 %"),
            (Some(205), "2.05 %"),
            (Some(10_000), "100.00 %"),
            (None, "–"),
        ] {
            assert_eq!(percent(points), text);
        }
        let usd = "usd".parse().unwrap();
        assert_eq!(amounts(&[]), "0");
        assert_eq!(
            amounts(&[Money::new(1250, usd), Money::new(-5, usd)]),
            "$12.50, −$0.05"
        );
    }
}
