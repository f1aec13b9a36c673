//! A socket that notices the end of its client while nobody reads from it.
//!
//! hyper stops reading when it holds the beginning of a next request, so that a client that had
//! pipelined one could leave unseen while its first request runs.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::rewind::Rewind;

/// A connection whose flushes fail once the client has closed its side.
///
/// hyper flushes whenever it is woken; the look at the socket asks for the next wake-up. What
/// a client has sent beyond hyper's buffer hides its leaving until that is read.
#[derive(Debug)]
pub(crate) struct WatchedStream(Rewind);

impl WatchedStream {
    /// Watches a connection.
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
