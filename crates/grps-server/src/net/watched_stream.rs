//! A stream that detects that the client has disconnected while nothing is read.
//!
//! hyper stops reading when its buffer contains the start of the next request. Without this stream,
//! the disconnect of a client with a pipelined request would go unnoticed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::rewind::Rewind;

/// A connection whose flushes fail once the client has closed its side.
///
/// hyper flushes at every wake-up, and the check of the socket registers the next wake-up. Data
/// beyond hyper's buffer hides the disconnect until it is read.
#[derive(Debug)]
pub(crate) struct WatchedStream(Rewind);

impl WatchedStream {
    /// Creates a watched stream.
    pub(crate) fn new(stream: Rewind) -> Self {
        Self(stream)
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.0.poll_closed(context)? {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
