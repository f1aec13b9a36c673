//! Methods that run no model; their errors are statuses in the message.

use std::borrow::Cow;
use std::pin::Pin;

use bytes::Bytes;
use http::Response;
use tonic::server::UnaryService;

use crate::call::call::Call;
use crate::frontends::grps_grpc::service::{open, too_large_as_exhausted};
use crate::frontends::shared::endpoint::{Endpoint, HttpRequest, Methods};
use crate::frontends::shared::messages::control::Control;
use crate::frontends::shared::messages::predict::takes_raw;
use crate::net::http::reply_body::ReplyBody;

/// The endpoint of a method at `path`.
pub(super) fn endpoint(path: Cow<'static, str>, method: Control) -> Endpoint {
    let respond = move |call: Call, request: HttpRequest| async move {
        let is_service = takes_raw(&request.parts.headers);
        let respond = move |call: &Call, sent: &Bytes| match is_service {
            true => Ok(method.respond_to_service(call, sent)),
            false => Ok(method.respond(call, sent)),
        };
        serve(call, request, respond).await
    };
    let endpoint = Endpoint::new(Methods::Post, path, method.policy(), respond);
    if method.is_vital() { endpoint.vital() } else { endpoint }
}

/// Reads the message of a request and responds with the result of `method`.
pub(super) async fn serve<M>(call: Call, request: HttpRequest, method: M) -> Response<ReplyBody>
where
    M: Fn(&Call, &Bytes) -> Result<Bytes, tonic::Status> + Send + Sync + 'static,
{
    let limit = call.app.settings.max_request_bytes;
    let (mut grpc, request) = match open(&call, request).await {
        Ok(opened) => opened,
        Err(status) => return too_large_as_exhausted(status.into_http(), limit),
    };
    let response = grpc.unary(MethodCall { call, method }, request).await;
    too_large_as_exhausted(response, limit)
}

/// A call of one method, as a tonic service.
struct MethodCall<M> {
    call: Call,
    method: M,
}

impl<M> UnaryService<Bytes> for MethodCall<M>
where
    M: Fn(&Call, &Bytes) -> Result<Bytes, tonic::Status>,
{
    type Response = Bytes;
    type Future =
        Pin<Box<dyn Future<Output = Result<tonic::Response<Bytes>, tonic::Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let outcome = (self.method)(&self.call, request.get_ref());
        Box::pin(std::future::ready(outcome.map(tonic::Response::new)))
    }
}
