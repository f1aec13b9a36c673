//! Errors as TorchServe writes them: `{"code": 404, "type": "ModelNotFoundException", ...}`.

use grps_core::{Cause, Error};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::call::status::http_status;
use crate::frontends::shared::response;
use crate::net::http::reply_body::ReplyBody;

/// The content type that TorchServe sends.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The response to a request for what is not served here.
pub(super) fn not_served(message: &str) -> Response<ReplyBody> {
    let body = json!({"code": 404, "type": "ResourceNotFoundException", "message": message});
    response::respond(StatusCode::NOT_FOUND, JSON, pretty(&body))
}

/// The response to a failed request.
pub(super) fn failure(error: &Error) -> Response<ReplyBody> {
    response::failure(error, JSON, text(error))
}

/// The body of that response.
pub(super) fn text(error: &Error) -> Vec<u8> {
    let code = http_status(error).as_u16();
    let exception = exception(error.cause());
    pretty(&json!({"code": code, "type": exception, "message": error.message()}))
}

/// JSON as TorchServe writes it: on several lines.
pub(super) fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}").into_bytes()
}

/// TorchServe's name of a cause.
fn exception(cause: Cause) -> &'static str {
    match cause {
        Cause::InvalidArgument | Cause::TooLarge | Cause::UnsupportedMediaType => {
            "BadRequestException"
        }
        Cause::Unauthenticated | Cause::PermissionDenied => "InvalidKeyException",
        Cause::NotFound => "ModelNotFoundException",
        Cause::MethodNotAllowed | Cause::Unsupported => "MethodNotAllowedException",
        Cause::QueueFull | Cause::RateLimited | Cause::Unavailable => "ServiceUnavailableException",
        Cause::RequestTimeout | Cause::DeadlineExceeded => "RequestTimeoutException",
        Cause::Cancelled | Cause::ModelFailed | Cause::Internal => "InternalServerException",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_a_code_a_type_and_a_message() {
        let text = text(&Error::new(Cause::NotFound, "no model \"m\""));
        let expected = concat!(
            "{\n  \"code\": 404,\n  \"type\": \"ModelNotFoundException\",\n",
            "  \"message\": \"no model \\\"m\\\"\"\n}"
        );
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn the_code_is_the_status_that_user_code_chose() {
        let text = text(&Error::refused("no", 422));
        assert!(String::from_utf8(text).unwrap().contains("\"code\": 422"));
    }
}
