//! Errors in the shapes of the two APIs.

use grps_core::{Cause, Error};
use grps_openai::{ApiError, ErrorKind};
use http::{HeaderValue, Response, StatusCode};

use crate::frontends::openai::api::Api;
use crate::frontends::shared::response::{JSON, add_retry_after, respond as respond_with};
use crate::net::http::reply_body::ReplyBody;

/// Clients of OpenAI try again by themselves unless this says that it is useless.
const SHOULD_RETRY: &str = "x-should-retry";

/// What went wrong with a request, for the log and for the client.
#[derive(Debug)]
pub(super) enum Fault {
    /// A field of the request is wrong.
    Request(ApiError),
    /// The service or the model failed, or refused it.
    Engine(Error),
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        Self::Request(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl Fault {
    /// The same in the form that is logged and counted.
    pub(super) fn error(&self) -> Error {
        match self {
            Self::Engine(error) => error.clone(),
            Self::Request(error) => Error::new(cause_of(error.kind()), error.message()),
        }
    }

    /// The response to the client.
    pub(super) fn response(&self, api: Api) -> Response<ReplyBody> {
        match self {
            Self::Engine(error) => api.failure(error),
            Self::Request(error) => api.refusal(error),
        }
    }
}

/// The error as the APIs have it.
pub(super) fn of_engine(error: &Error) -> ApiError {
    let kind = match error.cause() {
        Cause::InvalidArgument | Cause::UnsupportedMediaType | Cause::Unsupported => {
            ErrorKind::InvalidRequest
        }
        Cause::Unauthenticated => ErrorKind::Authentication,
        Cause::PermissionDenied => ErrorKind::Permission,
        Cause::NotFound => ErrorKind::NotFound,
        Cause::MethodNotAllowed => ErrorKind::MethodNotAllowed,
        Cause::TooLarge => ErrorKind::TooLarge,
        Cause::QueueFull | Cause::RateLimited => ErrorKind::RateLimited,
        Cause::Cancelled | Cause::ModelFailed | Cause::Internal => ErrorKind::Server,
        Cause::Unavailable => ErrorKind::Unavailable,
        Cause::RequestTimeout | Cause::DeadlineExceeded => ErrorKind::Timeout,
    };
    ApiError::new(kind, error.message())
}

fn cause_of(kind: ErrorKind) -> Cause {
    match kind {
        ErrorKind::InvalidRequest => Cause::InvalidArgument,
        ErrorKind::Authentication => Cause::Unauthenticated,
        ErrorKind::Permission => Cause::PermissionDenied,
        ErrorKind::NotFound => Cause::NotFound,
        ErrorKind::MethodNotAllowed => Cause::MethodNotAllowed,
        ErrorKind::TooLarge => Cause::TooLarge,
        ErrorKind::RateLimited => Cause::QueueFull,
        ErrorKind::Server => Cause::Internal,
        ErrorKind::Unavailable => Cause::Unavailable,
        ErrorKind::Timeout => Cause::DeadlineExceeded,
    }
}

/// The response to a request that failed, by an error of the engine if it is one.
pub(super) fn respond(api: Api, error: &ApiError, engine: Option<&Error>) -> Response<ReplyBody> {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match api {
        Api::Message => error.anthropic_body(),
        Api::Chat | Api::Completion | Api::Response => error.openai_body(),
    };
    let mut response = respond_with(status, JSON, body);
    if !engine.is_some_and(|error| add_retry_after(&mut response, error)) {
        response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    response
}
