//! The HTTP API over a store in memory and the sandbox: every route, and every
//! way in which it refuses.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod admin_bounds;
#[cfg(test)]
mod admin_refused;
#[cfg(test)]
mod another;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod auth;
#[cfg(test)]
mod bent;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod cancels;
#[cfg(test)]
mod catalog;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod checkouts;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod customers;
#[cfg(test)]
mod document;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod events;
#[cfg(test)]
mod events_out;
#[cfg(test)]
mod forecasts;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod gates;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod licenses;
#[cfg(test)]
mod log;
#[cfg(test)]
mod long;
#[cfg(test)]
mod mailed;
#[cfg(test)]
mod me;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod opened;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod owed;
#[cfg(test)]
mod owned;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod pauses;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod portal;
#[cfg(test)]
mod portal_refused;
#[cfg(test)]
mod quotes;
#[cfg(test)]
mod refunds;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod solved;
#[cfg(test)]
mod terms;
#[cfg(test)]
mod upgrades;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod wire;
