//! The promises kept with BTCPay Server: a server with its adapter, which runs the
//! schedule itself, over HTTP against a fake of BTCPay's side, on both stores.

mod away;
mod due;
mod ended;
mod foreign;
mod handed;
mod links;
mod lost;
mod order;
mod outage;
mod promised;
mod queued;
mod rates;
mod reminders;
mod renewals;
mod returned;
mod shop;
mod signed;
mod unusual;
