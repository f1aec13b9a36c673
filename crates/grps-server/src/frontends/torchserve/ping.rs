//! `/ping`: the health of the service.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::admin::readiness::unready_reason;
use crate::call::call::Call;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response::respond;
use crate::frontends::torchserve::error::{JSON, pretty};
use crate::net::http::reply_body::ReplyBody;

/// 200 when the service is ready, otherwise 500, as TorchServe does.
pub(super) async fn ping(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    let (code, status) = status(&call);
    respond(code, JSON, pretty(&status))
}

/// Whether the service is ready.
pub(super) fn status(call: &Call) -> (StatusCode, Value) {
    let (code, status) = match unready_reason(&call.app.engine) {
        None => (StatusCode::OK, "Healthy"),
        Some(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Unhealthy"),
    };
    (code, json!({ "status": status }))
}
