//! Read-ahead for HTTP/2 connections.
//!
//! The HTTP/2 library reads the head and the body of each frame separately, about 8 KiB at a time.
//! Read-ahead saves a large message most of these system calls.

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};

use crate::net::rewind::Rewind;

/// Size of the read-ahead buffer.
const AHEAD_BYTES: usize = 128 * 1024;

/// A connection that starts to read ahead when the client has sent more than one read returns.
#[derive(Debug)]
pub(crate) enum ReadAhead {
    /// Reads without a buffer, which is enough for small messages.
    Plain(Rewind),
    /// Reads through a buffer.
    Buffered(BufReader<Rewind>),
    /// Temporary state during the change.
    Changing,
}

impl ReadAhead {
    /// Creates a connection without read-ahead.
    pub(crate) fn new(stream: Rewind) -> Self {
        Self::Plain(stream)
    }

    fn start_buffering(&mut self) {
        if let Self::Plain(stream) = mem::replace(self, Self::Changing) {
            *self = Self::Buffered(BufReader::with_capacity(AHEAD_BYTES, stream));
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Rewind>> {
        match self {
            Self::Plain(stream) => Ok(Pin::new(stream)),
            Self::Buffered(reader) => Ok(Pin::new(reader.get_mut())),
            Self::Changing => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl AsyncRead for ReadAhead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Self::Buffered(reader) = &mut *self {
            return Pin::new(reader).poll_read(context, buffer);
        }
        let outcome = self.stream()?.poll_read(context, buffer);
        if outcome.is_ready() && buffer.remaining() == 0 {
            self.start_buffering();
        }
        outcome
    }
}

impl AsyncWrite for ReadAhead {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::net::transport::Transport;

    #[tokio::test]
    async fn read_ahead_starts_with_large_data() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let accepted = Transport::tcp(listener.accept().await.unwrap().0, Duration::from_secs(10));
        let mut server = ReadAhead::new(Rewind::new(bytes::Bytes::new(), accepted));
        let sent: Vec<u8> = (0..400_000u32).map(|number| number as u8).collect();

        client.write_all(&sent[..10]).await.unwrap();
        let mut received = vec![0; 64];
        assert_eq!(server.read(&mut received).await.unwrap(), 10);
        assert!(matches!(server, ReadAhead::Plain(_)));
        received.truncate(10);

        let rest = sent.clone();
        let sending = tokio::spawn(async move {
            client.write_all(&rest[10..]).await.unwrap();
            client
        });
        let mut buffer = [0; 100];
        while received.len() < sent.len() {
            let count = server.read(&mut buffer).await.unwrap();
            received.extend_from_slice(&buffer[..count]);
        }
        assert!(matches!(server, ReadAhead::Buffered(_)));
        assert_eq!(received, sent);

        server.write_all(b"output").await.unwrap();
        let mut client = sending.await.unwrap();
        let mut output = [0; 6];
        client.read_exact(&mut output).await.unwrap();
        assert_eq!(&output, b"output");
        drop(client);
        assert_eq!(server.read(&mut buffer).await.unwrap(), 0);
    }
}
