//! Memory store, manual clock, seeded ids, provider fakes and the contract suites.
