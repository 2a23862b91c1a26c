//! Proration: what other systems publish, and what holds for every change.

#[cfg(test)]
mod common;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod table;
