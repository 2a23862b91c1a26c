//! The engine on a store in memory, with a clock moved by hand: every promise
//! of its rooms, one file each.

#[cfg(test)]
mod backoff;
#[cfg(test)]
mod cancels;
#[cfg(test)]
mod catalogs;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod checkout;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod due;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod hints;
#[cfg(test)]
mod imports;
mod intake;
#[cfg(test)]
mod licenses;
mod listed;
#[cfg(test)]
mod mirrored;
#[cfg(test)]
mod negotiated;
#[cfg(test)]
mod notifier;
#[cfg(test)]
mod pauses;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod reconcile;
#[cfg(test)]
mod refunds;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod worker;
