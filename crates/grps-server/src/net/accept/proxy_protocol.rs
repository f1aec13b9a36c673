//! The PROXY protocol, versions 1 and 2: a proxy says which client it forwards.
//!
//! Only connections from trusted addresses have such a header, and all of them must: a service that
//! guessed would let clients choose their own address.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::net::peer::{Peer, PeerAddress};

/// The first bytes of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The first bytes of version 1.
const TEXT_START: &[u8] = b"PROXY ";
/// Longest line of version 1, as its description says.
const MAX_LINE_BYTES: usize = 107;
/// Longest rest of a header of version 2: addresses and additional fields.
const MAX_REST_BYTES: usize = 4096;
/// Version 2 with a connection of the proxy itself, and with one of a client.
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// Reads the header of a connection from the proxy `peer`; returns the client.
///
/// # Errors
/// `InvalidData` when there is no header or a malformed one; the error of the stream.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin), peer: &Peer) -> io::Result<Peer> {
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    if start == *SIGNATURE {
        return read_binary(stream, peer).await;
    }
    if start.starts_with(TEXT_START) {
        return read_line(stream, &start, peer).await;
    }
    Err(io::ErrorKind::InvalidData.into())
}

async fn read_binary(stream: &mut (impl AsyncRead + Unpin), peer: &Peer) -> io::Result<Peer> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [command, family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_REST_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match (command, family) {
        (LOCAL, _) => Ok(peer.clone()),
        (PROXY, TCP_OVER_IPV4) => source::<4, 8>(&rest).map(proxied),
        (PROXY, TCP_OVER_IPV6) => source::<16, 32>(&rest).map(proxied),
        // A connection that has no address.
        (PROXY, _) => Ok(proxied(peer.socket_address())),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The source in the addresses of a header: two addresses of `N` bytes, at `PORT` the two ports.
fn source<const N: usize, const PORT: usize>(rest: &[u8]) -> io::Result<SocketAddr>
where
    IpAddr: From<[u8; N]>,
{
    let address = rest.first_chunk::<N>();
    let port = rest.get(PORT..).and_then(|ports| ports.first_chunk::<4>());
    let (Some(address), Some([high, low, ..])) = (address, port) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    Ok(SocketAddr::new(IpAddr::from(*address), u16::from_be_bytes([*high, *low])))
}

async fn read_line(
    stream: &mut (impl AsyncRead + Unpin),
    start: &[u8],
    peer: &Peer,
) -> io::Result<Peer> {
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= MAX_LINE_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        line.push(stream.read_u8().await?);
    }
    parse_line(&line, peer).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Parses `PROXY TCP4 SOURCE DESTINATION PORT PORT`, or `PROXY UNKNOWN` and anything.
fn parse_line(line: &[u8], peer: &Peer) -> Option<Peer> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix("PROXY ")?.strip_suffix("\r\n")?;
    let mut words = text.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(proxied(peer.socket_address()));
    }
    let address: IpAddr = words.next()?.parse().ok()?;
    let destination: IpAddr = words.next()?.parse().ok()?;
    let port = words.next()?.parse().ok()?;
    let _: u16 = words.next()?.parse().ok()?;
    let fits = match family {
        "TCP4" => address.is_ipv4() && destination.is_ipv4(),
        "TCP6" => address.is_ipv6() && destination.is_ipv6(),
        _ => false,
    };
    (fits && words.next().is_none()).then(|| proxied(SocketAddr::new(address, port)))
}

fn proxied(address: SocketAddr) -> Peer {
    Peer::new(PeerAddress::Proxied(address))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is read of a header that `GET` follows: the peer, and how much is left.
    fn read_all(bytes: &[u8]) -> io::Result<(String, bool, usize)> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let whole = [bytes, b"GET"].concat();
        let mut rest = &*whole;
        let peer = runtime.block_on(read(&mut rest, &Peer::default()))?;
        Ok((peer.to_string(), peer.is_local(), rest.len()))
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, rest].concat()
    }

    const IPV4: [u8; 12] = [192, 0, 2, 1, 10, 0, 0, 1, 0x30, 0x39, 0, 80];

    #[test]
    fn version_2_names_the_client() {
        let read = read_all(&binary(PROXY, TCP_OVER_IPV4, &IPV4)).unwrap();
        assert_eq!(read, ("192.0.2.1:12345".to_owned(), false, 3));
        let more = [&IPV4[..], &[4, 0, 1, 0]].concat();
        let read = read_all(&binary(PROXY, TCP_OVER_IPV4, &more)).unwrap();
        assert_eq!(read, ("192.0.2.1:12345".to_owned(), false, 3));
        let mut ipv6 = [0; 36];
        (ipv6[15], ipv6[33]) = (1, 7);
        let read = read_all(&binary(PROXY, TCP_OVER_IPV6, &ipv6)).unwrap();
        assert_eq!(read, ("[::1]:7".to_owned(), false, 3));
    }

    #[test]
    fn a_connection_of_the_proxy_itself_is_its_own() {
        let read = read_all(&binary(LOCAL, 0, &[])).unwrap();
        assert_eq!(read, ("127.0.0.1:0".to_owned(), true, 3));
        let read = read_all(&binary(PROXY, 0, &[])).unwrap();
        assert_eq!(read, ("127.0.0.1:0".to_owned(), false, 3));
    }

    #[test]
    fn version_1_names_the_client() {
        for (line, expected) in [
            ("PROXY TCP4 192.0.2.1 10.0.0.1 12345 80\r\n", "192.0.2.1:12345"),
            ("PROXY TCP6 2001:db8::1 ::1 1 80\r\n", "[2001:db8::1]:1"),
            ("PROXY UNKNOWN\r\n", "127.0.0.1:0"),
            ("PROXY UNKNOWN a b c\r\n", "127.0.0.1:0"),
        ] {
            assert_eq!(read_all(line.as_bytes()).unwrap(), (expected.to_owned(), false, 3));
        }
    }

    #[test]
    fn headers_are_limited() {
        let rest = [&IPV4[..], &[0; MAX_REST_BYTES - 12]].concat();
        assert!(read_all(&binary(PROXY, TCP_OVER_IPV4, &rest)).is_ok());
        assert!(read_all(&binary(PROXY, TCP_OVER_IPV4, &[&rest[..], &[0]].concat())).is_err());
        let line = |length: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(length - 16));
        assert!(read_all(line(MAX_LINE_BYTES).as_bytes()).is_ok());
        assert!(read_all(line(MAX_LINE_BYTES + 1).as_bytes()).is_err());
    }

    #[test]
    fn other_starts_are_refused() {
        for bytes in [
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            binary(0x31, TCP_OVER_IPV4, &IPV4),
            binary(0x22, TCP_OVER_IPV4, &IPV4),
            binary(PROXY, TCP_OVER_IPV4, &IPV4[..11]),
            binary(PROXY, TCP_OVER_IPV6, &IPV4),
            b"PROXY TCP4 ::1 ::1 1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 10.0.0.1 1 65536\r\n".to_vec(),
            b"PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n".to_vec(),
        ] {
            assert!(read_all(&bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn garbage_never_makes_a_local_client(
            command: u8, family: u8, rest in proptest::collection::vec(any::<u8>(), 0..64)
        ) {
            if let Ok((_, is_local, _)) = read_all(&binary(command, family, &rest)) {
                prop_assert!(!is_local || command == LOCAL);
            }
            let line = [TEXT_START, &rest, b"\r\n\r\n"].concat();
            if let Ok((_, is_local, _)) = read_all(&line) {
                prop_assert!(!is_local);
            }
        }
    }
}
