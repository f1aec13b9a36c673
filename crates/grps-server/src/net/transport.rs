//! The byte stream of a connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::sockopt::set_tcp_user_timeout;
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use crate::net::tls::identity::name_of;
use crate::net::tls::tls::Tls;
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
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
    /// A Unix socket.
    Unix(UnixStream),
    /// A connection whose TLS handshake runs or has failed.
    Closed,
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

    /// Creates a transport over a Unix socket.
    pub(crate) fn unix(stream: UnixStream, stall_timeout: Duration) -> Self {
        let writes = WriteTimeout::new(stall_timeout.saturating_mul(SLOW_TIMEOUTS));
        Self { socket: Socket::Unix(stream), writes }
    }

    /// The TCP connection before TLS; `None` for another socket.
    pub(crate) fn tcp_stream(&mut self) -> Option<&mut TcpStream> {
        match &mut self.socket {
            Socket::Tcp(stream) => Some(stream),
            Socket::Tls(_) | Socket::Unix(_) | Socket::Closed => None,
        }
    }

    /// Does the TLS handshake of a TCP connection; returns the name in the client's certificate. The
    /// caller limits its time.
    ///
    /// # Errors
    /// What the client did wrong; the connection is closed then.
    pub(crate) async fn start_tls(&mut self, tls: &Tls) -> io::Result<Option<String>> {
        let Socket::Tcp(stream) = std::mem::replace(&mut self.socket, Socket::Closed) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let stream = tls.accept(stream).await?;
        let certificates = stream.get_ref().1.peer_certificates();
        let name = certificates.and_then(<[_]>::first).and_then(|first| name_of(first));
        self.socket = Socket::Tls(Box::new(stream));
        Ok(name)
    }

    /// Closes the connection because of an error.
    pub(crate) fn close(&mut self, error: io::Error) -> io::Error {
        self.socket = Socket::Closed;
        error
    }

    /// Whether the peer has closed its side, as far as this is visible without reading. The task is
    /// woken when this may have changed.
    pub(crate) fn poll_closed(&self, context: &mut Context<'_>) -> io::Result<bool> {
        let stream = match &self.socket {
            Socket::Tcp(stream) => stream,
            Socket::Tls(stream) => stream.get_ref().0,
            Socket::Unix(stream) => return poll_unix_closed(stream, context),
            Socket::Closed => return Ok(true),
        };
        let mut byte = [0];
        match stream.poll_peek(context, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(count)) => Ok(count == 0),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(false),
        }
    }
}

/// As [`Transport::poll_closed`], for a Unix socket, which tokio can't peek at.
fn poll_unix_closed(stream: &UnixStream, context: &mut Context<'_>) -> io::Result<bool> {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    let peek = || Ok(recv(stream, &mut [0u8; 1][..], flags)?.0);
    loop {
        if stream.poll_read_ready(context)?.is_pending() {
            return Ok(false);
        }
        // What would block resets the readiness, and the next round registers the task.
        match stream.try_io(Interest::READABLE, peek) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            peeked => return peeked.map(|count| count == 0),
        }
    }
}

/// Calls a method of the stream of a socket.
macro_rules! on_stream {
    ($socket:expr, $method:ident($($argument:expr),*)) => {
        match &mut $socket {
            Socket::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Socket::Tls(stream) => Pin::new(&mut **stream).$method($($argument),*),
            Socket::Unix(stream) => Pin::new(stream).$method($($argument),*),
            Socket::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_stream!(self.socket, poll_read(context, buffer))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = on_stream!(self.socket, poll_write(context, bytes));
        self.writes.watch(context, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = on_stream!(self.socket, poll_flush(context));
        match self.socket {
            // TLS keeps written bytes until the socket takes them.
            Socket::Tls(_) => self.writes.watch(context, outcome),
            _ => outcome,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self.socket, poll_shutdown(context))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = on_stream!(self.socket, poll_write_vectored(context, slices));
        self.writes.watch(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Tcp(stream) => stream.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
            Socket::Unix(stream) => stream.is_write_vectored(),
            Socket::Closed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// Whether the peer has closed its side, once the transport is ready.
    async fn is_closed(transport: &Transport) -> bool {
        poll_fn(|context| Poll::Ready(transport.poll_closed(context).unwrap())).await
    }

    #[tokio::test]
    async fn the_end_of_a_unix_socket_is_seen_without_reading() {
        let (mut client, server) = UnixStream::pair().unwrap();
        let mut server = Transport::unix(server, TIMEOUT);
        assert!(!is_closed(&server).await);
        client.write_all(b"ab").await.unwrap();
        assert!(!is_closed(&server).await);
        let mut read = [0; 2];
        server.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"ab");
        assert!(!is_closed(&server).await);
        server.write_all(b"cd").await.unwrap();
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"cd");
        drop(client);
        let closed = poll_fn(|context| match server.poll_closed(context) {
            Ok(false) => Poll::Pending,
            other => Poll::Ready(other),
        });
        assert!(tokio::time::timeout(TIMEOUT, closed).await.unwrap().unwrap());
    }

    #[tokio::test]
    async fn a_closed_transport_takes_nothing() {
        let (client, server) = UnixStream::pair().unwrap();
        let mut server = Transport::unix(server, TIMEOUT);
        let error = server.close(io::Error::other("a reason"));
        assert_eq!(error.to_string(), "a reason");
        assert!(server.write_all(b"a").await.is_err());
        assert!(is_closed(&server).await);
        drop(client);
    }
}
