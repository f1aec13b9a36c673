//! Calls over `baidu_std`: a packet each way.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::exchange::connection::Reading;
use crate::exchange::failure::{Class, Failure, MOST_BODY_BYTES};
use crate::exchange::prepared::Prepared;
use crate::exchange::socket::Socket;
use crate::exchange::watch::Watch;
use crate::exchange::wire::{self, Fields, Value};

const MAGIC: &[u8] = b"PRPC";
const HEAD_BYTES: usize = 12;
const RESPONSE: u64 = 2;
const CODE: u64 = 1;
const TEXT: u64 = 2;

/// Sends a packet and reads the one that answers it.
///
/// # Errors
///
/// The connection or the response reports a failure.
pub(crate) async fn exchange(
    socket: &mut Socket,
    request: &Prepared,
    reading: Reading,
    watch: &mut Watch,
) -> Result<(), Failure> {
    socket.write_all(&request.body).await.map_err(|error| ended(&error))?;
    let mut head = [0; HEAD_BYTES];
    socket.read_exact(&mut head).await.map_err(|error| ended(&error))?;
    let (body_bytes, meta_bytes) = sizes(&head)?;
    watch.add_bytes(body_bytes)?;
    let mut body = vec![0; body_bytes.min(meta_bytes.saturating_add(MOST_BODY_BYTES))];
    socket.read_exact(&mut body).await.map_err(|error| ended(&error))?;
    skip(socket, body_bytes - body.len()).await?;
    let (meta, message) = body.split_at_checked(meta_bytes).unwrap_or_default();
    check(meta)?;
    if reading.grps_status { wire::check_grps_status(message) } else { Ok(()) }
}

/// Bytes of the packet after its head, and of the meta that begins them.
fn sizes(head: &[u8; HEAD_BYTES]) -> Result<(usize, usize), Failure> {
    let [a, b, c, d, sizes @ ..] = *head;
    let [e, f, g, h, i, j, k, l] = sizes;
    let body = u32::from_be_bytes([e, f, g, h]);
    let meta = u32::from_be_bytes([i, j, k, l]);
    if [a, b, c, d] != MAGIC || meta > body {
        return Err(Failure::new(Class::Unreadable, "the server does not speak bRPC"));
    }
    let size = |bytes: u32| usize::try_from(bytes).unwrap_or(usize::MAX);
    Ok((size(body), size(meta)))
}

async fn skip(socket: &mut Socket, mut bytes: usize) -> Result<(), Failure> {
    let mut part = vec![0; bytes.min(16 * 1024)];
    while bytes > 0 {
        let size = bytes.min(part.len());
        let count = socket.read(&mut part[..size]).await.map_err(|error| ended(&error))?;
        if count == 0 {
            return Err(ended(&std::io::ErrorKind::UnexpectedEof.into()));
        }
        bytes -= count;
    }
    Ok(())
}

fn check(meta: &[u8]) -> Result<(), Failure> {
    for (field, value) in Fields(meta) {
        if let (RESPONSE, Value::Bytes(response)) = (field, value) {
            let (code, text) = wire::code_and_text(response, CODE, TEXT);
            if code != 0 {
                return Err(Failure::new(Class::Brpc(code), text));
            }
        }
    }
    Ok(())
}

fn ended(error: &std::io::Error) -> Failure {
    Failure::new(Class::Connection, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_packet_is_checked() {
        assert_eq!(sizes(b"PRPC\0\0\x01\0\0\0\0\x02").unwrap(), (256, 2));
        assert!(sizes(b"HTTP\0\0\x01\0\0\0\0\x02").is_err());
        assert!(sizes(b"PRPC\0\0\0\x01\0\0\0\x02").is_err());
    }

    #[test]
    fn an_error_code_is_a_failure() {
        // response { error_code: 1004, error_text: "no key" }
        let failure = check(b"\x12\x0b\x08\xec\x07\x12\x06no key").unwrap_err();
        assert_eq!((failure.class, &*failure.text), (Class::Brpc(1004), "no key"));
        assert!(check(b"\x12\x00\x20\x01").is_ok());
    }
}
