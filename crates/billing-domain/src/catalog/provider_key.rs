//! The key of a payment provider, as in `stripe`.
//!
//! Deliberately no list of providers: an embedding application brings its own
//! adapters under keys of its own.

super::keys::string_keys! {
    /// The key under which a payment provider's adapter is known.
    ProviderKey;
}
