//! The statuses of HTTP, gRPC and GRPS messages for each cause of an error.

use std::collections::BTreeMap;
use std::time::Duration;

use grps_core::metrics::OutcomeCounts;
use grps_core::{Cause, Error};
use http::StatusCode;
use tonic::Code;
use tonic::metadata::MetadataValue;

use crate::codec::Status;

/// When a client can retry where nothing is known, as after a full queue.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Says that a model has run before the request was refused; for other services that call this one.
pub const BEGUN: &str = "grps-begun";

/// The HTTP status and the gRPC code of a cause.
fn table(cause: Cause) -> (StatusCode, Code) {
    match cause {
        Cause::InvalidArgument => (StatusCode::BAD_REQUEST, Code::InvalidArgument),
        Cause::Unauthenticated => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
        Cause::PermissionDenied => (StatusCode::FORBIDDEN, Code::PermissionDenied),
        Cause::NotFound => (StatusCode::NOT_FOUND, Code::NotFound),
        Cause::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented),
        Cause::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded),
        Cause::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted),
        Cause::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument),
        Cause::QueueFull => (StatusCode::TOO_MANY_REQUESTS, Code::ResourceExhausted),
        Cause::RateLimited => (StatusCode::TOO_MANY_REQUESTS, Code::ResourceExhausted),
        Cause::Cancelled => (client_closed_request(), Code::Cancelled),
        Cause::ModelFailed | Cause::Internal => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal),
        Cause::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
        Cause::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, Code::DeadlineExceeded),
        Cause::Unsupported => (StatusCode::NOT_IMPLEMENTED, Code::Unimplemented),
    }
}

/// The HTTP status of an error: user code's own, else that of the cause.
pub(crate) fn http_status(error: &Error) -> StatusCode {
    let own = error.status().and_then(|status| StatusCode::from_u16(status).ok());
    own.unwrap_or_else(|| table(error.cause()).0)
}

/// The HTTP status of an outcome, which metrics use for every protocol.
pub(crate) fn http_status_of(failure: Option<Cause>) -> StatusCode {
    failure.map_or(StatusCode::OK, |cause| table(cause).0)
}

/// Outcomes by HTTP status, always including 200; several causes can share a status.
pub(crate) fn counts_by_status(outcomes: &OutcomeCounts) -> BTreeMap<StatusCode, u64> {
    let mut counts = BTreeMap::from([(StatusCode::OK, outcomes.succeeded)]);
    for cause in Cause::ALL {
        let count = outcomes.failed_for(cause);
        if count > 0 {
            *counts.entry(http_status_of(Some(cause))).or_default() += count;
        }
    }
    counts
}

/// The GRPS status of an error; its code equals the HTTP status.
pub(crate) fn grps_status(error: &Error) -> Status {
    Status::failure(i32::from(http_status(error).as_u16()), error.message())
}

/// Whether an error is one of the model call: the rpc itself succeeds and the status is in its message,
/// as clients of upstream expect.
pub(crate) fn is_in_message(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::InvalidArgument
            | Cause::PermissionDenied
            | Cause::NotFound
            | Cause::ModelFailed
            | Cause::Internal
    )
}

/// The time after which the same request may succeed; `None` if it does not help to wait.
pub(crate) fn retry_after(error: &Error) -> Option<Duration> {
    matches!(error.cause(), Cause::QueueFull | Cause::RateLimited | Cause::Unavailable)
        .then(|| error.retry_after().unwrap_or(RETRY_AFTER))
}

/// The gRPC status of an error that ends the call itself; `None` if it [`is_in_message`].
pub(crate) fn rpc_status(error: &Error) -> Option<tonic::Status> {
    (!is_in_message(error.cause())).then(|| rpc_failure(error))
}

/// The gRPC status of an error, for protocols whose clients expect one for every failure.
pub(crate) fn rpc_failure(error: &Error) -> tonic::Status {
    let mut status = tonic::Status::new(table(error.cause()).1, error.message());
    if let Some(after) = retry_after(error) {
        // The counterpart of the HTTP header Retry-After.
        let ms = after.as_nanos().div_ceil(1_000_000);
        let after = MetadataValue::from(u32::try_from(ms).unwrap_or(u32::MAX));
        status.metadata_mut().insert("grpc-retry-pushback-ms", after);
    }
    if error.has_begun() {
        status.metadata_mut().insert(BEGUN, MetadataValue::from_static("1"));
    }
    status
}

/// 499 Client Closed Request; the `http` crate has no constant for it.
fn client_closed_request() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grps_code_equals_the_http_status() {
        for (cause, code) in [
            (Cause::InvalidArgument, 400),
            (Cause::Unauthenticated, 401),
            (Cause::QueueFull, 429),
            (Cause::RateLimited, 429),
            (Cause::Cancelled, 499),
            (Cause::ModelFailed, 500),
            (Cause::DeadlineExceeded, 504),
            (Cause::Unsupported, 501),
        ] {
            let error = Error::new(cause, "x");
            assert_eq!(http_status(&error).as_u16(), code);
            assert_eq!(grps_status(&error).code, i32::from(code));
        }
    }

    #[test]
    fn user_code_chooses_the_status_of_a_refusal() {
        let refused = Error::refused("x", 422);
        assert_eq!(http_status(&refused).as_u16(), 422);
        assert_eq!(grps_status(&refused).code, 422);
        assert_eq!(refused.cause(), Cause::InvalidArgument);
        assert!(rpc_status(&refused).is_none());
        // Only refusals of the client: anything else is an invalid argument.
        assert_eq!(http_status(&Error::refused("x", 200)).as_u16(), 400);
    }

    #[test]
    fn model_failures_end_with_grpc_ok() {
        assert!(rpc_status(&Error::new(Cause::ModelFailed, "x")).is_none());
        let status = rpc_status(&Error::new(Cause::QueueFull, "x")).unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "1000");
        let known =
            Error::new(Cause::RateLimited, "x").with_retry_after(Duration::from_micros(2001));
        let status = rpc_status(&known).unwrap();
        assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "3");
        let never = Error::invalid("x").with_retry_after(Duration::from_secs(1));
        assert!(retry_after(&never).is_none());
    }
}
