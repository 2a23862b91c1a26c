//! Promises to holders of retired prices, and what foresees and checks them:
//! forecasts, price migrations, audits, edits of the catalog.
//!
//! One program, so that the subjects share their helpers and are linked once.

#[cfg(test)]
mod audits;
#[cfg(test)]
mod beside;
#[cfg(test)]
mod common;
#[cfg(test)]
mod drifts;
#[cfg(test)]
mod edits;
#[cfg(test)]
mod foresight;
#[cfg(test)]
mod lives;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod provider_run;
#[cfg(test)]
mod rejoining;
#[cfg(test)]
mod upcoming;
