//! bRPC: `GrpsBrpcService` over `baidu_std`, and over HTTP in the style of bRPC.

mod chunks;
mod compression;
mod connection;
mod errors;
mod exchange;
mod frame;
mod http_style;
mod meta;
mod methods;
mod outgoing;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::Endpoint;
use crate::net::connection_protocol::ConnectionProtocol;
use crate::net::http::reply_body::ReplyBody;

/// bRPC.
pub(crate) struct Brpc;

impl FrontEnd for Brpc {
    fn name(&self) -> &'static str {
        "brpc"
    }

    fn endpoints(&self, settings: &Settings) -> Vec<Endpoint> {
        http_style::endpoints(settings)
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        http_style::failure(error)
    }

    fn error_response(&self) -> &'static str {
        "TextError"
    }

    fn connection_protocol(&self) -> Option<Box<dyn ConnectionProtocol>> {
        Some(Box::new(connection::BaiduStd))
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
