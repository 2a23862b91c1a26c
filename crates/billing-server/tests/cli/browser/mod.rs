//! The pages, in a real browser: what somebody at a screen, a keyboard or a screen reader meets.
//!
//! Needs `BILLING_TEST_CHROMEDRIVER`, which `cargo xtask test` sets; `skip` skips.

mod admin;
mod buys;
mod chromium;
mod pages;
mod portal;
mod scheme;
mod wire;
