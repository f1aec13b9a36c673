//! Which protocol a connection speaks, by its first bytes.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;

use crate::net::connection_protocol::{ConnectionProtocol, Recognition};
use crate::net::transport::Transport;

/// Bytes that decide between all protocols.
const MAX_START_BYTES: usize = 64;

/// Reads until one of `protocols` recognises the first bytes; returns it with what was read. The
/// last protocol serves what none of the others recognises.
///
/// # Errors
/// `UnexpectedEof` when the client leaves before; the transport's error.
pub(crate) async fn sniff<'a>(
    transport: &mut Transport,
    protocols: &'a [Box<dyn ConnectionProtocol>],
) -> io::Result<(&'a dyn ConnectionProtocol, Bytes)> {
    let mut start = BytesMut::with_capacity(MAX_START_BYTES);
    loop {
        // Never more than decides: what is large is read by its protocol, without a copy.
        let left = (MAX_START_BYTES - start.len()) as u64;
        if (&mut *transport).take(left).read_buf(&mut start).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let full = start.len() >= MAX_START_BYTES;
        if let Some(protocol) = decide(protocols, &start, full) {
            return Ok((protocol, start.freeze()));
        }
    }
}

/// The protocol of a connection that starts like this; `None` while more bytes are needed.
fn decide<'a>(
    protocols: &'a [Box<dyn ConnectionProtocol>],
    start: &[u8],
    full: bool,
) -> Option<&'a dyn ConnectionProtocol> {
    for protocol in protocols {
        match protocol.recognise(start) {
            Recognition::Yes => return Some(&**protocol),
            Recognition::NeedsMore if !full => return None,
            Recognition::NeedsMore | Recognition::No => {}
        }
    }
    protocols.last().map(|last| &**last)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::tests::settings;
    use crate::frontends::shared::router::Router;
    use crate::net::http1::Http1;
    use crate::net::http2::Http2;

    fn name(start: &[u8]) -> Option<&'static str> {
        let router = Arc::new(Router::new(&[], &settings()));
        let http2 = Http2 { router: Arc::clone(&router) };
        let protocols: [Box<dyn ConnectionProtocol>; 2] =
            [Box::new(http2), Box::new(Http1 { router })];
        decide(&protocols, start, false).map(ConnectionProtocol::name)
    }

    #[test]
    fn the_first_byte_that_differs_decides() {
        assert_eq!(name(b"GET / HTTP/1.1\r\n"), Some("http/1.1"));
        assert_eq!(name(b"P"), None);
        assert_eq!(name(b"PO"), Some("http/1.1"));
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        for end in 1..preface.len() {
            assert_eq!(name(&preface[..end]), None, "{end}");
        }
        assert_eq!(name(preface), Some("h2"));
        assert_eq!(name(&[preface.as_slice(), b"more"].concat()), Some("h2"));
        assert_eq!(name(b"PRI * HTTP/2.0\r\n\r\nSN"), Some("http/1.1"));
    }
}
