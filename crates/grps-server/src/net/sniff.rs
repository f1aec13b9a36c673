//! Detects the protocol of a connection by its first bytes.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;

use crate::net::connection_protocol::{ConnectionProtocol, Recognition};
use crate::net::transport::Transport;

/// Maximum number of bytes that are read to select a protocol.
const MAX_START_BYTES: usize = 64;

/// Reads until one of `protocols` recognises the first bytes; returns the protocol and the bytes.
/// The last protocol is the fallback.
///
/// # Errors
/// `UnexpectedEof` when the client disconnects first, or the error of the transport.
pub(crate) async fn sniff<'a>(
    transport: &mut Transport,
    protocols: &'a [Box<dyn ConnectionProtocol>],
) -> io::Result<(&'a dyn ConnectionProtocol, Bytes)> {
    let mut start = BytesMut::with_capacity(MAX_START_BYTES);
    loop {
        // Reads no more than needed: the protocol reads large data without a copy.
        let missing = (MAX_START_BYTES - start.len()) as u64;
        if (&mut *transport).take(missing).read_buf(&mut start).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let is_full = start.len() >= MAX_START_BYTES;
        if let Some(protocol) = select(protocols, &start, is_full) {
            return Ok((protocol, start.freeze()));
        }
    }
}

/// The protocol of a connection that starts like this; `None` while more bytes are needed.
fn select<'a>(
    protocols: &'a [Box<dyn ConnectionProtocol>],
    start: &[u8],
    is_full: bool,
) -> Option<&'a dyn ConnectionProtocol> {
    for protocol in protocols {
        match protocol.recognise(start) {
            Recognition::Yes => return Some(&**protocol),
            Recognition::NeedsMore if !is_full => return None,
            Recognition::NeedsMore | Recognition::No => {}
        }
    }
    protocols.last().map(|last| &**last)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::app::tests::settings;
    use crate::frontends::FRONT_ENDS;
    use crate::frontends::shared::router::Router;
    use crate::net::http::http1::Http1;
    use crate::net::http::http2::Http2;

    fn protocols() -> Vec<Box<dyn ConnectionProtocol>> {
        let router = Arc::new(Router::new(&[], &settings()));
        let http2 = Box::new(Http2 { router: Arc::clone(&router) });
        let own = FRONT_ENDS.iter().filter_map(|front_end| front_end.connection_protocol());
        own.chain([http2 as Box<dyn ConnectionProtocol>, Box::new(Http1 { router })]).collect()
    }

    fn select_name(start: &[u8]) -> Option<&'static str> {
        select(&protocols(), start, false).map(ConnectionProtocol::name)
    }

    #[test]
    fn the_first_different_byte_selects_the_protocol() {
        assert_eq!(select_name(b"GET / HTTP/1.1\r\n"), Some("http/1.1"));
        assert_eq!(select_name(b"P"), None);
        assert_eq!(select_name(b"PO"), Some("http/1.1"));
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        for end in 1..preface.len() {
            assert_eq!(select_name(&preface[..end]), None, "{end}");
        }
        assert_eq!(select_name(preface), Some("h2"));
        assert_eq!(select_name(&[preface.as_slice(), b"more"].concat()), Some("h2"));
        assert_eq!(select_name(b"PRI * HTTP/2.0\r\n\r\nSN"), Some("http/1.1"));
        assert_eq!(select_name(b"PRP"), None);
        assert_eq!(select_name(b"PRPC"), Some("baidu_std"));
        assert_eq!(select_name(b"PRPX"), Some("http/1.1"));
    }

    const STARTS: [&[u8]; 5] = [
        b"",
        b"PRPC\0\0\0\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HTTP/1.1",
        b"\x16\x03",
    ];

    proptest! {
        /// However the first bytes are cut, the same protocol is selected, and one always is.
        #[test]
        fn cuts_do_not_change_the_protocol(
            start in 0usize..STARTS.len(),
            kept in 0usize..30,
            more in proptest::collection::vec(any::<u8>(), 0..MAX_START_BYTES),
        ) {
            let protocols = protocols();
            let known = STARTS[start];
            let mut bytes = [&known[..kept.min(known.len())], &more].concat();
            bytes.truncate(MAX_START_BYTES);
            let name = |end: usize, is_full| {
                select(&protocols, &bytes[..end], is_full).map(ConnectionProtocol::name)
            };
            let whole = name(bytes.len(), true);
            prop_assert!(whole.is_some());
            let selected: Vec<_> = (1..=bytes.len()).filter_map(|end| name(end, false)).collect();
            prop_assert!(selected.iter().all(|selected| Some(*selected) == whole));
        }
    }
}
