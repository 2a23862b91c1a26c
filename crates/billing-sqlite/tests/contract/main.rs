//! The SQLite store, held to the contract of every store and to its own promises.

#[cfg(test)]
mod folder;
#[cfg(test)]
mod group_commit;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod upgrade;

#[cfg(test)]
mod in_a_file {
    billing_testkit::store_contract!(crate::rig::file());
}

#[cfg(test)]
mod in_memory {
    billing_testkit::store_contract!(crate::rig::memory());
}
