//! Custom HTTP: the raw request, and the response that user code sets.

use std::net::SocketAddr;

use bytes::Bytes;
use parking_lot::Mutex;

/// An HTTP request for user code that writes the response itself.
#[derive(Debug)]
pub struct HttpExchange {
    /// Method, such as `POST`.
    pub method: String,
    /// Path as sent, percent-encoded.
    pub path: String,
    /// Query as sent, without the question mark.
    pub query: String,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Bytes,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// The response of user code; `None` until it is set.
    pub(crate) reply: Mutex<Option<HttpReply>>,
}

impl HttpExchange {
    /// Sets the response; a later one replaces it.
    pub fn reply(&self, reply: HttpReply) {
        *self.reply.lock() = Some(reply);
    }
}

/// An HTTP response of user code.
#[derive(Clone, Debug)]
pub struct HttpReply {
    /// Status code.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}
