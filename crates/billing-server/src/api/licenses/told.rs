//! Answers that nobody on the way may store, and that are made anew whenever they
//! are asked for.

use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::ToJSON;

use crate::api::keep_private;
use crate::http::Anew;

/// 200, for whoever asked and as of now.
pub(crate) struct Told<T>(pub(crate) T);

impl<T: ToJSON> IntoResponse for Told<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.0).into_response();
        response.set_data(Anew);
        keep_private(&mut response);
        response
    }
}

impl<T: ToJSON> ApiResponse for Told<T> {
    fn meta() -> MetaResponses {
        <Json<T> as ApiResponse>::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
