//! Which of two tokens an application keeps: the one that it holds, or the one that it was
//! offered in its place.
//!
//! Knows neither files nor servers: whatever was answered is a text here, and is not believed.

use crate::claims::Claims;
use crate::key_set::KeySet;
use crate::verify::{Expected, VerifyError, of_expected, verify};

/// Why the token that is held stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSuccessor {
    /// What was offered is not good: garbage, made up, changed, somebody else's, or over.
    #[error("no good token was offered")]
    NotGood(#[source] VerifyError),
    /// It is a good token, and of another license than the one that is held.
    #[error("offered token is of another license")]
    OtherLicense,
    /// It is a good token of this license, and was signed before the one that is held.
    #[error("offered token is older")]
    Older,
}

/// Decides at `now`, in Unix seconds, whether `offered` is to be kept in place of `held`, and
/// tells what it says if so. On any error `held` stays as it is.
///
/// `offered` must be good: [`verify`] accepts it. Where `held` is genuine, ended or not, `offered`
/// must be of the same license too, and not older ([`Claims::serial`], then [`Claims::iat`]); the
/// clock has no say in that, or one turned back would let an older token in. A `held` that is
/// damaged, not as `expected`, or of a key that is not in the set has nothing to defend. So has an
/// empty one.
///
/// # Errors
///
/// [`NoSuccessor`]: why `held` stays.
pub fn successor(
    held: &str,
    offered: &str,
    keys: &KeySet,
    expected: &Expected<'_>,
    now: i64,
) -> Result<Claims, NoSuccessor> {
    let next = verify(offered, keys, expected, now).map_err(NoSuccessor::NotGood)?;
    let Ok(held) = of_expected(held, keys, expected) else {
        return Ok(next);
    };
    if next.jti != held.jti {
        return Err(NoSuccessor::OtherLicense);
    }
    if (next.serial, next.iat) < (held.serial, held.iat) {
        return Err(NoSuccessor::Older);
    }
    Ok(next)
}
