//! The host's own authentication, where the routes are mounted into another
//! application. Knows no credential: a host says whom it let in.

use billing_domain::ids::CustomerId;
use billing_engine::CustomerRef;
use billing_ports::store::{Locator, Scope};
use poem::Request;
use poem::http::{HeaderValue, header};

use crate::auth::{Caller, Operator};
use crate::problem::Problem;
use crate::state::AppState;

/// Who calls, as the host's own middleware found out. It puts this into the
/// request's data before the routes see the request:
/// `request.set_data(HostCaller::customer("user-17"))`. Such a request needs no
/// key and no session of ours; a credential that it also carries is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostCaller {
    /// One of the host's users; may do what a billing session of this customer
    /// may. Who is not a customer yet is answered 404 `customer_not_found`.
    Customer(CustomerRef),
    /// One of the host's staff; may do what an operator's key may.
    Operator {
        /// Who it is, for the journal.
        name: String,
        /// How much it may do.
        scope: Scope,
    },
}

impl HostCaller {
    /// The user whose customer carries `reference` as the host's name for it.
    #[must_use]
    pub fn customer(reference: impl Into<String>) -> Self {
        Self::Customer(CustomerRef::External(reference.into()))
    }
}

/// Stands where a credential would, so that routes which ask for one let the host's callers in.
const VOUCHED: HeaderValue = HeaderValue::from_static("Bearer host");

/// Whom the host let in. `None`: it says nothing, and credentials count.
pub(crate) async fn vouched(
    state: &AppState,
    request: &mut Request,
) -> Result<Option<Caller>, Problem> {
    let Some(host) = request.data::<HostCaller>().cloned() else {
        return Ok(None);
    };
    request.headers_mut().insert(header::AUTHORIZATION, VOUCHED);
    Ok(Some(match host {
        HostCaller::Operator { name, scope } => Caller::Key(Operator {
            actor: name.clone(),
            name,
            scope,
        }),
        HostCaller::Customer(of) => Caller::Session(customer(state, of).await?),
    }))
}

async fn customer(state: &AppState, of: CustomerRef) -> Result<CustomerId, Problem> {
    let found = match of {
        CustomerRef::Id(id) => Some(id),
        CustomerRef::External(name) => {
            let store = state.store()?;
            store.find(&Locator::ExternalRef(name)).await?
        }
    };
    found.ok_or_else(Problem::customer_not_found)
}
