//! The pages, in a real browser: what somebody at a screen, a keyboard or a screen reader meets.
//!
//! Needs `BILLING_TEST_CHROMEDRIVER`, which `cargo xtask test` sets; `skip` skips. Tests whose
//! names begin with `pages_of_` keep pictures, on request.

mod admin;
mod admin_pages;
mod buys;
mod chromium;
mod harbor;
mod held;
mod keyboard;
mod keys;
mod looks;
mod names;
mod paddle;
mod pages;
mod portal;
mod portal_pages;
mod renewal;
mod scheme;
mod scriptless;
mod standing;
mod wire;
