//! The PostgreSQL store, held to the contract of every store and to its own promises.

#[cfg(test)]
mod notices;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod support;
#[cfg(test)]
mod upgrade;

#[cfg(test)]
mod contract {
    billing_testkit::store_contract!(crate::support::fresh());
}
