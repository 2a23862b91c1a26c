//! How somebody looks at a page: the width of the screen, light or dark.

use serde_json::{Value, json};

/// A phone's width and a desk's, in CSS pixels.
pub(super) const WIDTHS: [u32; 2] = [390, 1280];
/// What is seen at once, in CSS pixels; pictures are of whole pages.
const HEIGHT: u32 = 844;

/// What the customer's system asks pages to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scheme {
    Light,
    Dark,
}

/// Every way in which a page is looked at.
pub(super) fn all() -> impl Iterator<Item = (u32, Scheme)> {
    let both = [Scheme::Light, Scheme::Dark];
    WIDTHS
        .into_iter()
        .flat_map(move |width| both.map(|scheme| (width, scheme)))
}

impl Scheme {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(super) fn asked(self) -> Value {
        json!({ "features": [{ "name": "prefers-color-scheme", "value": self.name() }] })
    }
}

/// A screen of this width.
pub(super) fn screen(width: u32) -> Value {
    json!({ "width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": false })
}
