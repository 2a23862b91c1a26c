//! Every promise, end to end: stories on a calendar, embedding, simulation, and
//! what providers tell in any order.
//!
//! One binary for all of them. The rig gives an engine on any store with the
//! sandbox as its provider and a clock that the test moves.

#[cfg(test)]
mod convergence;
#[cfg(test)]
mod embedding;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod simulation;
