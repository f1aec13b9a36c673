//! The standard health service: `grpc.health.v1.Health/Check`.

use bytes::Bytes;
use grps_core::Engine;
use http::Response;
use tonic::Status;

use crate::admin::readiness::unready_reason;
use crate::call::call::Call;
use crate::frontends::grps_grpc::control::serve;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::http::reply_body::ReplyBody;

const SERVING: Bytes = Bytes::from_static(&[0x08, 1]);
const NOT_SERVING: Bytes = Bytes::from_static(&[0x08, 2]);
const SERVICES: [&[u8]; 2] = [b"grps.protos.v1.GrpsService", b"grpc.health.v1.Health"];

/// Serves `Check`.
pub(super) async fn check(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, sent| check_response(sent, &call.app.engine)).await
}

/// Answers a `HealthCheckRequest`, whose only field is the service's name.
fn check_response(request: &[u8], engine: &Engine) -> Result<Bytes, Status> {
    let service = match request {
        [] => request,
        [0x0A, length, name @ ..] if usize::from(*length) == name.len() => name,
        _ => return Err(Status::invalid_argument("malformed HealthCheckRequest")),
    };
    if !service.is_empty() && !SERVICES.contains(&service) {
        return Err(Status::not_found("unknown service"));
    }
    Ok(if unready_reason(engine).is_none() { SERVING } else { NOT_SERVING })
}
