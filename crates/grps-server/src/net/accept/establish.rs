//! What comes before the protocol of a connection: the header of a proxy, and TLS.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::net::accept::proxy_protocol;
use crate::net::interface::InterfaceSettings;
use crate::net::listener::CLOSE_GRACE;
use crate::net::peer::Peer;
use crate::net::transport::Transport;

/// The first byte of every TLS connection.
const HANDSHAKE: u8 = 0x16;
/// How much of a refused connection is read so that its client gets the response.
const MAX_DISCARDED_BYTES: u64 = 64 * 1024;

const NO_TLS: &str = "This port uses TLS: send the request to https:// instead of http://\n";
const NO_HEADER: &str = "This port takes connections from a proxy, which must send a header of the \
    PROXY protocol first\n";

/// Reads the header of a trusted proxy and does the TLS handshake; `peer` becomes who is at the other
/// end. A connection that begins otherwise gets an answer in HTTP. The caller limits the time.
///
/// # Errors
/// Why the connection can't be served.
pub(crate) async fn establish(
    transport: &mut Transport,
    peer: &mut Peer,
    settings: &InterfaceSettings,
) -> io::Result<()> {
    // Unix sockets have neither.
    let Some(stream) = transport.tcp_stream() else { return Ok(()) };
    if settings.proxies.iter().any(|proxy| proxy.contains(peer.ip())) {
        match proxy_protocol::read(stream, peer).await {
            Ok(client) => *peer = client,
            Err(error) => {
                if error.kind() == io::ErrorKind::InvalidData {
                    answer(stream, NO_HEADER).await;
                }
                return Err(transport.close(error));
            }
        }
    }
    let Some(tls) = &settings.tls else { return Ok(()) };
    let Some(stream) = transport.tcp_stream() else { return Ok(()) };
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
        _ if first != [HANDSHAKE] => {
            answer(stream, NO_TLS).await;
            return Err(transport.close(io::Error::other("the client does not use TLS")));
        }
        _ => {}
    }
    let identity = transport.start_tls(tls).await?;
    *peer = peer.clone().with_identity(identity.map(Arc::from));
    Ok(())
}

/// Sends a response in HTTP/1.1, which most clients show.
async fn answer(stream: &mut TcpStream, text: &str) {
    let length = text.len();
    let response = format!(
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\
         content-length: {length}\r\n\r\n{text}"
    );
    let answered = async {
        stream.write_all(response.as_bytes()).await?;
        stream.shutdown().await?;
        // A connection that is closed with unread bytes is reset, and the response is lost.
        tokio::io::copy(&mut stream.take(MAX_DISCARDED_BYTES), &mut tokio::io::sink()).await
    };
    // The client may have disconnected already.
    let _ = timeout(CLOSE_GRACE, answered).await;
}
