//! The engine on a store in memory, with a clock moved by hand: every promise
//! of its rooms, one file each.

mod backoff;
mod catalogs;
mod checkout;
mod commands;
mod due;
mod gate;
mod intake;
mod notifier;
mod rig;
mod worker;
