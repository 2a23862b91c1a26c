//! The program itself: what it prints, what it answers, what it leaves behind.
//!
//! Every test runs the real binary in a folder of its own; servers listen on a
//! loopback port that the system chooses.

mod http;
mod rig;
mod server;

mod catalog;
mod clock;
mod config;
mod deploy;
mod doctor;
mod help;
mod keys;
mod lock;
mod migrate;
mod pages;
mod terminal;
mod walk;
