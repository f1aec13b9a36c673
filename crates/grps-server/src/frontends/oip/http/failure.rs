//! Errors in the form of the protocol: `{"error": "..."}` and a status that its clients know.

use grps_core::{Cause, Error};
use http::{Response, StatusCode};

use crate::call::status::http_status;
use crate::codec::json;
use crate::frontends::oip::http::reply::JSON;
use crate::frontends::shared::response;
use crate::net::http::reply_body::ReplyBody;

/// The response to an error.
pub(super) fn failure(error: &Error) -> Response<ReplyBody> {
    let mut response = response::failure(error, JSON, text(error));
    *response.status_mut() = status(error);
    response
}

/// An error as a JSON object.
pub(super) fn text(error: &Error) -> Vec<u8> {
    let mut text = b"{\"error\":".to_vec();
    json::encode_string(&mut text, error.message());
    text.push(b'}');
    text
}

/// The status of an error: 503 for all that clients may try again.
fn status(error: &Error) -> StatusCode {
    match error.cause() {
        Cause::QueueFull | Cause::Unavailable | Cause::DeadlineExceeded => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => http_status(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_those_that_clients_know() {
        for (cause, code) in [
            (Cause::InvalidArgument, 400),
            (Cause::NotFound, 404),
            (Cause::QueueFull, 503),
            (Cause::Unavailable, 503),
            (Cause::DeadlineExceeded, 503),
            (Cause::Unsupported, 501),
            (Cause::ModelFailed, 500),
            (Cause::Internal, 500),
        ] {
            assert_eq!(status(&Error::new(cause, "x")).as_u16(), code);
        }
        assert_eq!(text(&Error::invalid("a \"b\"")), b"{\"error\":\"a \\\"b\\\"\"}");
    }
}
