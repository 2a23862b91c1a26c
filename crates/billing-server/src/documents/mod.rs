//! Invoices as documents that people keep: HTML to read and print, PDF to file.
//!
//! The same invoice gives the same bytes, as long as seller, buyer, product and plans are
//! called the same: those are of now, and nothing else is of the moment at which a document
//! is made. Knows no route, and decides nothing about money.

mod html;
mod pdf;
mod sheet;

pub(crate) use html::{content_policy, html};
pub(crate) use pdf::pdf;
pub use sheet::Seller;
pub(crate) use sheet::Sheet;
