//! Keeping the sandbox away from real money. Knows only the names of accounts.

use billing_domain::provider::ProviderAccount;

/// Why the sandbox refuses to run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "run the sandbox beside the live provider {live}: anybody could buy with a test card; \
     allow it explicitly or remove one of them"
)]
pub struct GuardError {
    /// The first live account that was found.
    pub live: ProviderAccount,
}

/// Refuses to run beside a live provider, unless `allow` says so.
///
/// # Errors
///
/// [`GuardError`] naming the first of `live_providers`, unless there is none or `allow` is set.
pub fn guard(live_providers: &[ProviderAccount], allow: bool) -> Result<(), GuardError> {
    match live_providers.first() {
        Some(live) if !allow => Err(GuardError { live: live.clone() }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_provider_is_refused_unless_allowed() {
        let live: ProviderAccount = "stripe/eu".parse().unwrap();
        assert_eq!(guard(&[], false), Ok(()));
        assert_eq!(guard(std::slice::from_ref(&live), true), Ok(()));
        assert_eq!(
            guard(std::slice::from_ref(&live), false),
            Err(GuardError { live })
        );
    }
}
