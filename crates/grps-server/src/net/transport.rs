//! The byte stream of a connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::net::write_timeout::WriteTimeout;

/// A write may wait for so many times the timeout of a client that reads nothing. A client that
/// reads a few bytes at a time frees no room in the socket's buffer for as long.
const SLOW_TIMEOUTS: u32 = 4;

/// The byte stream of one connection. Writes fail when the client does not read.
#[derive(Debug)]
pub(crate) struct Transport {
    socket: Socket,
    writes: WriteTimeout,
}

/// The socket of a transport. A new kind of transport is a variant of it.
#[derive(Debug)]
enum Socket {
    /// Plain TCP.
    Tcp(TcpStream),
}

impl Transport {
    /// Creates a TCP transport that sends small writes without delay. The system ends the connection
    /// when the client has acknowledged or read nothing for `stall_timeout`.
    pub(crate) fn tcp(stream: TcpStream, stall_timeout: Duration) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "can't set TCP_NODELAY");
        }
        let timeout_ms = u32::try_from(stall_timeout.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) = set_tcp_user_timeout(&stream, timeout_ms) {
            tracing::debug!(%error, "can't set TCP_USER_TIMEOUT");
        }
        let writes = WriteTimeout::new(stall_timeout.saturating_mul(SLOW_TIMEOUTS));
        Self { socket: Socket::Tcp(stream), writes }
    }

    /// Whether the peer has closed its side, as far as this is visible without reading. The task is
    /// woken when this may have changed.
    pub(crate) fn poll_closed(&self, context: &mut Context<'_>) -> io::Result<bool> {
        let mut byte = [0];
        let peeked = match &self.socket {
            Socket::Tcp(stream) => stream.poll_peek(context, &mut ReadBuf::new(&mut byte)),
        };
        match peeked {
            Poll::Ready(Ok(count)) => Ok(count == 0),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(false),
        }
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, buffer)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = self.stream().poll_write(context, bytes);
        self.writes.watch(context, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = self.stream().poll_write_vectored(context, slices);
        self.writes.watch(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Tcp(stream) => stream.is_write_vectored(),
        }
    }
}
