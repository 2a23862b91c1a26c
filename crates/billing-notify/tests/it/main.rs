//! The sender against receivers on loopback: what they get, how often, and what becomes of a
//! delivery and of its receiver.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod running;
#[cfg(test)]
mod sending;
