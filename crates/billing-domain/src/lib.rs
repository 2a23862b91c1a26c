//! The rules of subscription billing: pure values and decisions.
