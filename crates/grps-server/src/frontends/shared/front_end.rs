//! What a protocol is to the server.

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::frontends::shared::endpoint::Endpoint;
use crate::net::connection_protocol::ConnectionProtocol;
use crate::net::reply_body::ReplyBody;

/// A protocol of clients: its routes, and its encoding of errors.
pub(crate) trait FrontEnd: Send + Sync {
    /// Its name in logs.
    fn name(&self) -> &'static str;

    /// Its routes over HTTP, for a service with these settings.
    fn endpoints(&self, settings: &Settings) -> Vec<Endpoint>;

    /// Encodes an error of a request to one of its routes.
    fn error(&self, error: &Error) -> Response<ReplyBody>;

    /// Whether requests over gRPC that match no route are answered by it.
    fn is_grpc(&self) -> bool {
        false
    }

    /// The protocol of its connections, if it does not use HTTP.
    fn connection_protocol(&self) -> Option<Box<dyn ConnectionProtocol>> {
        None
    }
}
