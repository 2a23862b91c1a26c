//! Who looks at the dashboard, and what an operator does there.
//!
//! A session is looked up in the store each time, together with its key: it is over at once when
//! it was ended, and when its key was revoked or rotated, wherever that was done.

use std::sync::Arc;

use billing_domain::catalog::{Catalog, CatalogRevision};
use billing_domain::time::Timestamp;
use billing_engine::{Billing, EngineError};
use billing_ports::Store;
use billing_ports::store::{OperatorKey, Scope};
use maud::{Markup, html};
use poem::{Body, Request};

use crate::api::MAX_TEXT;
use crate::auth::{OPERATOR_PREFIX, allowed, hash};
use crate::http::{is_reason, recording};
use crate::pages::Pages;
use crate::pages::cookie::OPERATOR;
use crate::pages::form::{Form, Proof};
use crate::problem::Problem;
use crate::state::AppState;

/// What the token of a form is made of beside the session's secret.
const MEANT_FOR: &[u8] = b"billing admin form 1";

/// An operator with a session.
pub(super) struct Operator<'a> {
    pub(super) pages: &'a Pages,
    pub(super) key: OperatorKey,
    /// The session's secret.
    token: String,
}

/// What an operator does: a form of its own, and an engine that keeps who asked and why.
pub(super) struct Acting {
    pub(super) state: AppState,
    pub(super) form: Form,
    /// Who acts, for the journal.
    pub(super) actor: String,
}

impl<'a> Operator<'a> {
    /// Who sends a request.
    ///
    /// # Errors
    ///
    /// 401 without a session that is good; 404 where billing is switched off; 503.
    pub(super) async fn of(pages: &'a Pages, request: &Request) -> Result<Self, Problem> {
        let store = pages.state.store()?;
        let now = pages.state.clock()?.now();
        let token = OPERATOR
            .sent(request, &pages.public_url)
            .filter(|token| token.starts_with(OPERATOR_PREFIX))
            .ok_or_else(Problem::unauthorized)?;
        let found = store.find_operator_session(hash(token), now).await?;
        let key = found.ok_or_else(Problem::unauthorized)?;
        Ok(Self {
            pages,
            key,
            token: token.to_owned(),
        })
    }

    pub(super) fn state(&self) -> &'a AppState {
        &self.pages.state
    }

    pub(super) fn billing(&self) -> &'a Billing {
        &self.pages.state.billing
    }

    /// The store.
    ///
    /// # Errors
    ///
    /// 404 where billing is switched off.
    pub(super) fn store(&self) -> Result<&'a Arc<dyn Store>, Problem> {
        self.pages.state.store()
    }

    /// The present instant.
    ///
    /// # Errors
    ///
    /// 404 where billing is switched off.
    pub(super) fn now(&self) -> Result<Timestamp, Problem> {
        Ok(self.pages.state.clock()?.now())
    }

    /// What is sold. `None`: no catalog was applied yet.
    ///
    /// # Errors
    ///
    /// 503.
    pub(super) async fn catalog(&self) -> Result<Option<Arc<CatalogRevision>>, Problem> {
        match self.billing().catalog().await {
            Ok(revision) => Ok(Some(revision)),
            Err(EngineError::NoCatalog) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether its key may decide what is decided here: whoever may not gets no buttons.
    pub(super) fn may_act(&self) -> bool {
        self.key.scope >= Scope::Admin
    }

    fn seal(&self) -> Proof<'_> {
        Proof {
            secret: &self.token,
            meant_for: MEANT_FOR,
        }
    }

    /// The hidden field without which no form of this operator's is taken.
    pub(super) fn proof(&self) -> Markup {
        self.seal().field()
    }

    /// Reads a form of this operator's own.
    ///
    /// # Errors
    ///
    /// As [`Proof::form`].
    pub(super) async fn form(&self, request: &Request, body: Body) -> Result<Form, Problem> {
        self.seal().form(self.pages, request, body).await
    }

    /// Reads a form that changes something, with its reason.
    ///
    /// # Errors
    ///
    /// As [`Proof::form`]; 403 where the key may not, 400 without a reason.
    pub(super) async fn acts(&self, request: &Request, body: Body) -> Result<Acting, Problem> {
        let form = self.form(request, body).await?;
        let by = allowed(self.key.clone().into(), Scope::Admin)?;
        let reason = form.field(REASON).filter(|text| is_reason(text));
        let reason = reason.ok_or_else(|| {
            Problem::field(REASON, format!("must be one text of 1 to {MAX_TEXT} bytes"))
        })?;
        let actor = by.actor.clone();
        let state = recording(self.state(), by, request, Some(reason.to_owned()))?;
        Ok(Acting { state, form, actor })
    }

    /// Ends the session.
    ///
    /// # Errors
    ///
    /// 503, and it goes on.
    pub(super) async fn leave(self) -> Result<(), Problem> {
        self.store()?
            .end_operator_session(hash(&self.token))
            .await?;
        tracing::info!(key = %self.key.id, "operator signed out");
        Ok(())
    }
}

/// The field that says why.
const REASON: &str = "reason";

/// The fields of a form that changes something: its token, and why. `id` tells the forms of one
/// page apart.
pub(super) fn reasoned(operator: &Operator<'_>, id: &str) -> Markup {
    html! {
        (operator.proof())
        label for=(id) { "Reason, which is kept" }
        input id=(id) type="text" name=(REASON) required maxlength=(MAX_TEXT) autocomplete="off";
    }
}

/// A plan's name as people read it; its key where no catalog knows it.
pub(super) fn plan_name(catalog: Option<&Catalog>, key: &str) -> String {
    let plan = catalog.and_then(|catalog| catalog.plan(key));
    plan.map_or(key, |plan| plan.name.as_str()).to_owned()
}
