//! Predict calls over WebSocket: a message is a request, and its chunks come back as messages.

mod handshake;
mod messages;
mod session;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::frontends::FrontEnd;
use crate::frontends::grps_http::encode;
use crate::frontends::shared::endpoint::{Endpoint, Methods};
use crate::net::http::reply_body::ReplyBody;

const PATH: &str = "/grps/v1/infer/predict/ws";

/// Predict calls over WebSocket.
pub(crate) struct WebSocket;

impl FrontEnd for WebSocket {
    fn name(&self) -> &'static str {
        "websocket"
    }

    fn endpoints(&self, settings: &Settings) -> Vec<Endpoint> {
        // User code that reads the bodies of predict calls has no form for messages.
        if settings.custom_code_owns_predict() {
            return Vec::new();
        }
        let endpoint = Endpoint::new(Methods::Get, PATH, Policy::Infer, handshake::open);
        let endpoint = endpoint.with_many_requests().left_out();
        vec![endpoint.summary("Opens a WebSocket for predict calls")]
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        encode::failure(error)
    }
}
