//! Invoices as documents that people keep: HTML to read and print, PDF to file.
//!
//! The same invoice gives the same bytes: nothing in a document is of the moment at which
//! it was made. Knows no route, and decides nothing about money.

mod html;
mod pdf;
mod sheet;

pub(crate) use html::{content_policy, html};
pub(crate) use pdf::pdf;
pub use sheet::Seller;
pub(crate) use sheet::Sheet;
