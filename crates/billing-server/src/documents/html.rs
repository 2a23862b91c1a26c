//! An invoice as one HTML page that needs nothing else: its style is in it, and prints.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, PreEscaped, html as markup};
use ring::digest::{SHA256, digest};

use super::sheet::Sheet;

/// How it looks, on screens and on paper.
const STYLE: &str = "\
body{font:11pt/1.45 system-ui,sans-serif;color:#111;background:#fff;max-width:46rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}\
h1{font-size:1.3rem;margin:2rem 0 1rem}\
address{font-style:normal}\
.parties{display:flex;gap:2rem;justify-content:space-between}\
.parties>*{flex:1}\
h2{font-size:.8rem;text-transform:uppercase;letter-spacing:.05em;color:#555;margin:0}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}\
dt{color:#555}dd{margin:0}\
table{width:100%;border-collapse:collapse;margin:1.5rem 0}\
th,td{text-align:start;vertical-align:top;padding:.4rem 0;border-bottom:1px solid #ccc}\
.amount{text-align:end;white-space:nowrap;padding-inline-start:1rem}\
small{color:#555;display:block}\
tfoot th,tfoot td{border-bottom:0;font-weight:600}\
@page{margin:18mm}\
@media print{body{margin:0;max-width:none;padding:0}tr{break-inside:avoid}}";

/// The page.
pub(crate) fn html(sheet: &Sheet) -> String {
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (sheet.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    div class="parties" {
                        address {
                            h2 { "From" }
                            strong dir="auto" { (sheet.seller.name) }
                            @for line in &sheet.seller.lines { div dir="auto" { (line) } }
                        }
                        address {
                            h2 { "To" }
                            @for line in &sheet.buyer { div dir="auto" { (line) } }
                        }
                    }
                    h1 { (sheet.title) }
                    dl {
                        @for (label, value) in &sheet.facts {
                            dt { (label) }
                            dd { (value) }
                        }
                    }
                    table {
                        thead {
                            tr {
                                th scope="col" { "What" }
                                th scope="col" class="amount" { "Amount" }
                            }
                        }
                        tbody {
                            @for row in &sheet.rows {
                                tr {
                                    td {
                                        span dir="auto" { (row.what) }
                                        small { (row.explanation) }
                                    }
                                    td class="amount" { (row.amount) }
                                }
                            }
                        }
                        tfoot {
                            @for (label, amount) in &sheet.totals {
                                tr {
                                    th scope="row" { (label) }
                                    td class="amount" { (amount) }
                                }
                            }
                        }
                    }
                    @for note in &sheet.notes { p dir="auto" { (note) } }
                }
            }
        }
    };
    page.into_string()
}

/// What the page may load and do: nothing but its own style, known by its hash.
pub(crate) fn content_policy() -> String {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}
