//! The description of the service in OpenAPI 3.1, at `/openapi.json`. It is made of what the routes say
//! of themselves, and of the signatures of the models that are served at the time of the request.

mod document;
mod errors;
mod models;
mod operations;
pub(crate) mod schema;
mod serve;
#[cfg(test)]
mod tests;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::frontends::FrontEnd;
use crate::frontends::grps_http::encode;
use crate::frontends::shared::endpoint::{Endpoint, Methods};
use crate::net::http::reply_body::ReplyBody;

/// The description of the service.
pub(crate) struct OpenApi;

impl FrontEnd for OpenApi {
    fn name(&self) -> &'static str {
        "openapi"
    }

    fn endpoints(&self, _: &Settings) -> Vec<Endpoint> {
        let endpoint = Endpoint::new(Methods::Get, "/openapi.json", Policy::Read, serve::serve);
        vec![
            endpoint
                .summary("The description of the service in OpenAPI 3.1")
                .query(&["IfNoneMatch"])
                .returns("OpenApi"),
        ]
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        encode::failure(error)
    }
}
