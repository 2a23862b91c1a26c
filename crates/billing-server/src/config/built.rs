//! What the program was built with: providers, and mail by SMTP. A configuration
//! that asks for one of the others is refused.

/// Cargo features, a field each.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of one feature whether it is built in; together they are no state"
)]
pub(super) struct Built {
    pub(super) btcpay: bool,
    pub(super) paddle: bool,
    pub(super) sandbox: bool,
    pub(super) smtp: bool,
    pub(super) stripe: bool,
}

impl Built {
    /// This program.
    pub(super) const THIS: Self = Self {
        btcpay: cfg!(feature = "btcpay"),
        paddle: cfg!(feature = "paddle"),
        sandbox: cfg!(feature = "sandbox"),
        smtp: cfg!(feature = "smtp"),
        stripe: cfg!(feature = "stripe"),
    };
}
