//! `health/live`, `health/ready` and `models/M/ready`.

use grps_core::Error;
use http::Response;
use serde_json::{Value, json};

use crate::call::call::Call;
use crate::frontends::oip::http::failure::failure;
use crate::frontends::oip::http::reply;
use crate::frontends::oip::service::health::{check_model, check_service};
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::http::reply_body::ReplyBody;

/// The process responds.
pub(super) async fn live(_: Call, _: HttpRequest) -> Response<ReplyBody> {
    reply::json(json!({"live": true}).to_string())
}

/// Whether the service is ready.
pub(super) async fn ready(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    report(check_service(&call.app), json!({"live": true}))
}

/// Whether a model is ready.
pub(super) async fn model_ready(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let (model, version) = model_of(&request);
    report(check_model(&call.app, model, version), json!({"name": model}))
}

/// The model and the version of a path; the version is empty if there is none.
pub(super) fn model_of(request: &HttpRequest) -> (&str, &str) {
    let parameter = |index: usize| request.parameters.get(index).map_or("", String::as_str);
    (parameter(0), parameter(1))
}

/// Some clients read the status, others the JSON, which also has the reason.
fn report(outcome: Result<(), Error>, mut fields: Value) -> Response<ReplyBody> {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("ready".to_owned(), outcome.is_ok().into());
        if let Err(error) = &outcome {
            fields.insert("error".to_owned(), error.message().into());
        }
    }
    let mut reply = reply::json(fields.to_string());
    if let Err(error) = &outcome {
        *reply.status_mut() = failure(error).status();
    }
    reply
}
