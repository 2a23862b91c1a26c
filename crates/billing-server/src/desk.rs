//! What letters are written with and sent by. Knows no letter.

use std::sync::Arc;

use billing_ports::{Clock, IdSource, Store};

use crate::letters::LinkLetters;
use crate::mail::Post;
use crate::state::{ApiOptions, AppState};

/// What the writers of letters share. Holds no engine, which holds them.
pub(crate) struct Desk {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) options: Arc<ApiOptions>,
    pub(crate) post: Post,
    pub(crate) links: Arc<LinkLetters>,
}

impl Desk {
    /// As `state` mails. `None`: billing is switched off.
    pub(crate) fn of(state: &AppState) -> Option<Self> {
        let billing = &state.billing;
        Some(Self {
            store: Arc::clone(billing.store()?),
            clock: Arc::clone(billing.clock()?),
            ids: Arc::clone(&state.ids),
            options: Arc::clone(&state.options),
            post: state.post.clone(),
            links: Arc::clone(&state.link_letters),
        })
    }
}
