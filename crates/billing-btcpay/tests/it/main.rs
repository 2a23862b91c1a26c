//! The adapter against a fake BTCPay Server that keeps books.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod flows;
#[cfg(test)]
mod key;
#[cfg(test)]
mod making;
#[cfg(test)]
mod pooled;
#[cfg(test)]
mod rig;
