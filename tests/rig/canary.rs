//! The canary of the rigs: what each of them is made of, besides what a test adds.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use billing_testkit::Canary;

/// What licenses are signed with in the rigs, as bytes that are all alike.
const SEEDS: [[u8; 32]; 2] = [[3; 32], [4; 32]];

/// Watches over these besides what every rig is made of.
pub(crate) fn canary(fixed: &[&'static str]) -> Canary {
    for seed in SEEDS {
        Canary::used(&format!("{:02x}", seed[0]).repeat(seed.len()));
        Canary::used(URL_SAFE_NO_PAD.encode(seed).trim_end_matches('='));
    }
    let all = [super::KEY, super::SECRET, super::OLD_SECRET];
    Canary::over(all.into_iter().chain(fixed.iter().copied()))
}
