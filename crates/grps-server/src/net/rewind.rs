//! A transport whose first bytes are read a second time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::transport::Transport;

/// A transport, and the bytes that protocol detection has read from it.
#[derive(Debug)]
pub(crate) struct Rewind {
    /// Bytes that are read before the transport; empty afterwards.
    start: Bytes,
    transport: Transport,
}

impl Rewind {
    /// Creates a stream that reads `start` first, then `transport`.
    pub(crate) fn new(start: Bytes, transport: Transport) -> Self {
        Self { start, transport }
    }

    /// The bytes that are read before the transport.
    pub(crate) fn start(&self) -> &[u8] {
        &self.start
    }

    /// See [`Transport::poll_closed`].
    pub(crate) fn poll_closed(&self, context: &mut Context<'_>) -> io::Result<bool> {
        self.transport.poll_closed(context)
    }
}

impl AsyncRead for Rewind {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.start.is_empty() {
            return Pin::new(&mut self.transport).poll_read(context, buffer);
        }
        let count = self.start.len().min(buffer.remaining());
        buffer.put_slice(self.start.get(..count).unwrap_or_default());
        self.start.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewind {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn the_start_is_read_before_the_rest() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let server = Transport::tcp(listener.accept().await.unwrap().0, Duration::from_secs(10));
        let mut rewound = Rewind::new(Bytes::from_static(b"abcd"), server);
        client.write_all(b"efg").await.unwrap();
        let mut read = [0; 3];
        rewound.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"abc");
        let mut rest = [0; 4];
        rewound.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"defg");
        rewound.write_all(b"back").await.unwrap();
        client.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"back");
    }
}
