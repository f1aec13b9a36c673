//! The routes to the methods of a gRPC service.

use std::future::ready;

use grps_core::{Cause, Error};
use http::Response;

use crate::call::access::Policy;
use crate::call::call::Call;
use crate::call::status::rpc_failure;
use crate::frontends::shared::endpoint::{Endpoint, HttpRequest, Methods};
use crate::frontends::shared::grpc::response::failed;
use crate::net::http::reply_body::ReplyBody;

/// A service, by its full name.
pub(crate) struct Service(pub(crate) &'static str);

impl Service {
    /// The route to a method.
    pub(crate) fn method<F, R>(&self, name: &str, policy: Policy, handler: F) -> Endpoint
    where
        F: Fn(Call, HttpRequest) -> R + Send + Sync + 'static,
        R: Future<Output = Response<ReplyBody>> + Send + 'static,
    {
        Endpoint::new(Methods::Post, format!("/{}/{name}", self.0), policy, handler)
    }

    /// The route to a method that is refused; `instead` says why, or what to call.
    pub(crate) fn refused(&self, name: &str, instead: &str) -> Endpoint {
        let text = format!("{name} is not supported: {instead}");
        let error = Error::new(Cause::Unsupported, text);
        // Only the refusal can be read.
        self.method(name, Policy::Read, move |_, _| ready(failed(rpc_failure(&error))))
    }
}
