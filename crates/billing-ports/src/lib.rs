//! The doors of the billing engine: what a store, a provider, a clock must do.
