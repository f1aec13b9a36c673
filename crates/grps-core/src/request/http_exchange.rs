//! Customized HTTP as plain data: the request as it came, and the reply that user code sets.
//!
//! The front end of customized HTTP makes an exchange and attaches it to the request; instances,
//! in threads and in worker processes, read it and set the reply.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

/// An HTTP request that user code reads, and the reply that it sets.
#[derive(Debug)]
pub struct HttpExchange {
    /// The request as it came.
    request: RawHttpRequest,
    /// What user code replied; `None` until then.
    reply: Mutex<Option<HttpReply>>,
    /// Whether a part of the body was sent; the status and the headers are then settled.
    begun: AtomicBool,
}

/// An HTTP request as it came.
#[derive(Clone, Debug)]
pub struct RawHttpRequest {
    /// Whether the client requested a stream. The reply to any other request can still be one.
    pub streaming: bool,
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
}

/// An HTTP reply of user code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// Status code.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

impl HttpExchange {
    /// An exchange without a reply.
    pub fn new(request: RawHttpRequest) -> Self {
        Self { request, reply: Mutex::new(None), begun: AtomicBool::new(false) }
    }

    /// The request as it came.
    pub fn request(&self) -> &RawHttpRequest {
        &self.request
    }

    /// Sets the reply, replacing an earlier one; nothing happens once its body has begun.
    pub fn set_reply(&self, reply: HttpReply) {
        if !self.begun.load(Ordering::Acquire) {
            *self.reply.lock() = Some(reply);
        }
    }

    /// Notes that a part of the body is about to be sent.
    pub fn begin_body(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// Takes the reply; `None` when user code has set none.
    pub fn take_reply(&self) -> Option<HttpReply> {
        self.reply.lock().take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_reply_is_taken_once() {
        let exchange = HttpExchange::new(RawHttpRequest {
            streaming: false,
            method: "GET".into(),
            path: "/".into(),
            query: String::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            peer: ([127, 0, 0, 1], 1).into(),
        });
        assert_eq!(exchange.take_reply(), None);
        let reply = |status| HttpReply { status, headers: Vec::new(), body: Bytes::new() };
        exchange.set_reply(reply(200));
        exchange.set_reply(reply(404));
        assert_eq!(exchange.take_reply(), Some(reply(404)));
        assert_eq!(exchange.take_reply(), None);

        exchange.set_reply(reply(201));
        exchange.begin_body();
        exchange.set_reply(reply(404));
        assert_eq!(exchange.take_reply(), Some(reply(201)));
    }
}
