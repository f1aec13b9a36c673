//! Errors of bRPC: a code and a text. The codes are those of `brpc/errno.proto`.

use grps_core::{Cause, Error};
use http::StatusCode;

/// No such service.
pub(super) const NO_SERVICE: i32 = 1001;
/// No such method.
pub(super) const NO_METHOD: i32 = 1002;
/// The request is malformed or asks for what is not supported.
pub(super) const BAD_REQUEST: i32 = 1003;
/// The credentials are missing or wrong.
pub(super) const AUTHENTICATION: i32 = 1004;
/// The deadline passed.
pub(super) const TIMEOUT: i32 = 1008;
/// The service failed.
pub(super) const INTERNAL: i32 = 2001;
/// The response can't be sent.
pub(super) const BAD_RESPONSE: i32 = 2002;
/// The service takes no requests now: clients try another one.
pub(super) const LOGGING_OFF: i32 = 2003;
/// A limit of the service is reached.
pub(super) const LIMIT: i32 = 2004;

/// Why a call failed as a whole. Failures of a model call are statuses in the message instead.
#[derive(Debug)]
pub(super) struct RpcError {
    /// The code on the wire.
    pub(super) code: i32,
    /// The cause and the text.
    pub(super) error: Error,
}

impl RpcError {
    /// A request that is malformed.
    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Error::invalid(text).into()
    }
}

impl From<Error> for RpcError {
    fn from(error: Error) -> Self {
        Self { code: code_of(error.cause()), error }
    }
}

/// The code of a cause.
pub(super) fn code_of(cause: Cause) -> i32 {
    match cause {
        Cause::InvalidArgument
        | Cause::TooLarge
        | Cause::UnsupportedMediaType
        | Cause::MethodNotAllowed => BAD_REQUEST,
        Cause::Unauthenticated | Cause::PermissionDenied => AUTHENTICATION,
        Cause::NotFound | Cause::Unsupported => NO_METHOD,
        Cause::RequestTimeout | Cause::DeadlineExceeded => TIMEOUT,
        Cause::QueueFull | Cause::RateLimited => LIMIT,
        Cause::Unavailable => LOGGING_OFF,
        Cause::Cancelled | Cause::ModelFailed | Cause::Internal => INTERNAL,
    }
}

/// The HTTP status of a code.
pub(super) fn http_status(code: i32) -> StatusCode {
    match code {
        NO_SERVICE | NO_METHOD => StatusCode::NOT_FOUND,
        BAD_REQUEST => StatusCode::BAD_REQUEST,
        AUTHENTICATION => StatusCode::UNAUTHORIZED,
        LOGGING_OFF | LIMIT => StatusCode::SERVICE_UNAVAILABLE,
        TIMEOUT => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_have_the_codes_of_brpc() {
        for (cause, code, status) in [
            (Cause::NotFound, 1002, 404),
            (Cause::InvalidArgument, 1003, 400),
            (Cause::TooLarge, 1003, 400),
            (Cause::PermissionDenied, 1004, 401),
            (Cause::DeadlineExceeded, 1008, 504),
            (Cause::ModelFailed, 2001, 500),
            (Cause::Unavailable, 2003, 503),
            (Cause::QueueFull, 2004, 503),
        ] {
            assert_eq!(code_of(cause), code, "{cause:?}");
            assert_eq!(http_status(code).as_u16(), status, "{cause:?}");
        }
        assert_eq!(http_status(NO_SERVICE), StatusCode::NOT_FOUND);
        assert_eq!(http_status(BAD_RESPONSE), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
