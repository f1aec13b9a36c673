//! The interface of front ends.

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::frontends::shared::endpoint::Endpoint;
use crate::net::connection_protocol::ConnectionProtocol;
use crate::net::http::reply_body::ReplyBody;

/// A front end: the routes of one protocol, and its encoding of errors.
pub(crate) trait FrontEnd: Send + Sync {
    /// The name in logs.
    fn name(&self) -> &'static str;

    /// The HTTP routes for a service with these settings.
    fn endpoints(&self, settings: &Settings) -> Vec<Endpoint>;

    /// Encodes an error as the response to a request.
    fn error(&self, error: &Error) -> Response<ReplyBody>;

    /// The name of its errors among the responses of the components that describe the service.
    fn error_response(&self) -> &'static str {
        "GrpsError"
    }

    /// What the paths of this front end begin with, if it encodes the errors for all of them.
    fn path_prefix(&self) -> Option<&'static str> {
        None
    }

    /// Whether this front end serves gRPC, including requests that match no route.
    fn is_grpc(&self) -> bool {
        false
    }

    /// The protocol of its connections, if it does not use HTTP.
    fn connection_protocol(&self) -> Option<Box<dyn ConnectionProtocol>> {
        None
    }
}
