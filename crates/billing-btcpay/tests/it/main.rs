//! The adapter against a fake BTCPay Server that keeps books.

mod contract;
mod doctor;
mod flows;
mod making;
mod rig;
