//! The deployable: configuration, wiring, HTTP API, pages and command line.
//!
//! [`api_routes`] is the whole HTTP API and nests in any application built on
//! the same web framework; [`http::serve`] is the server loop. Decides nothing:
//! rules are the engine's, rows the store's.

mod api;
mod auth;
mod claims;
pub mod cli;
pub mod config;
mod database;
mod desk;
mod documents;
mod drawn_keys;
mod host;
pub mod http;
mod letters;
mod license;
mod links;
mod lock;
mod mail;
mod migrations;
mod notify;
mod pages;
mod problem;
mod providers;
mod quote_token;
mod renewal_link;
mod renewing;
mod reports;
mod sandbox;
mod sessions;
mod site;
mod state;
mod telemetry;
mod wiring;

pub use api::{api_routes, openapi_document};
pub use documents::Seller;
pub use host::HostCaller;
pub use letters::{Language, Letter, LetterOptions, TemplateProblem, Templates, TemplatesError};
pub use license::TokenSigner;
#[cfg(feature = "smtp")]
pub use mail::Smtp;
pub use mail::{FileOutbox, NoSender, Sender};
pub use pages::page_routes;
pub use state::{
    ApiOptions, AppState, DEFAULT_BODY_LIMIT, DEFAULT_BODY_TIMEOUT, DEFAULT_LINK_LIFETIME,
    DEFAULT_SESSION_LIFETIME, RateOptions,
};
