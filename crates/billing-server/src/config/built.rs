//! Which providers the program was built with. A configuration that asks for
//! one of the others is refused.

/// Providers by their cargo features, a field each.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of one provider whether it is built in; together they are no state"
)]
pub(super) struct Built {
    pub(super) btcpay: bool,
    pub(super) paddle: bool,
    pub(super) sandbox: bool,
    pub(super) stripe: bool,
}

impl Built {
    /// This program.
    pub(super) const THIS: Self = Self {
        btcpay: cfg!(feature = "btcpay"),
        paddle: cfg!(feature = "paddle"),
        sandbox: cfg!(feature = "sandbox"),
        stripe: cfg!(feature = "stripe"),
    };
}
