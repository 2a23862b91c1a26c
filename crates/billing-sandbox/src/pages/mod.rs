//! The pages where a buyer pays.

use poem::Route;

use crate::sandbox::Sandbox;

/// The sandbox's pages, to be mounted where `public_url` says.
pub fn routes(_sandbox: &Sandbox) -> Route {
    Route::new()
}
