//! The program itself: what it prints, what it answers, what it leaves behind.
//!
//! Every test runs the real binary in a folder of its own; servers listen on a
//! loopback port that the system chooses.

#[cfg(test)]
mod books;
#[cfg(test)]
mod far;
#[cfg(test)]
mod http;
#[cfg(test)]
mod reconcile;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod server;
#[cfg(test)]
mod untold;

#[cfg(test)]
mod audit;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod catalog;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod config;
#[cfg(test)]
mod delivered;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod doctor_btcpay;
#[cfg(test)]
mod doctor_providers;
#[cfg(test)]
mod forecast;
#[cfg(test)]
mod help;
#[cfg(test)]
mod import;
#[cfg(test)]
mod import_far;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod killed;
#[cfg(test)]
#[cfg(unix)]
mod license_file;
#[cfg(test)]
#[cfg(unix)]
mod licenses;
#[cfg(test)]
mod lock;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod migrate_prices;
#[cfg(test)]
mod paddle_page;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod prorate;
#[cfg(test)]
mod provider_docs;
#[cfg(test)]
mod refused_key;
#[cfg(test)]
mod replay_far;
#[cfg(test)]
mod resend;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod walk;
