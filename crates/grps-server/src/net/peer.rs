//! The client at the other end of a connection.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use parking_lot::Mutex;

/// The address that is passed on for a peer of a Unix socket.
const UNIX: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// Address of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerAddress {
    /// A TCP connection.
    Tcp(SocketAddr),
    /// A client of a trusted proxy, which has sent the client's address.
    Proxied(SocketAddr),
    /// A Unix socket.
    Unix,
}

/// The other end of a connection: its address, its verified identity, and who calls.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    address: PeerAddress,
    /// The name that the transport has verified, such as the subject of a client certificate;
    /// `None` where the transport verifies no name.
    identity: Option<Arc<str>>,
    /// Whether only this machine reaches the socket that the peer has connected to, so that pages in
    /// its browsers are the only strangers.
    is_on_loopback: bool,
    /// The host that the latest requests of the connection named, once it has been checked.
    host: Arc<Mutex<Vec<u8>>>,
    /// The name of the caller of a request, for logs; `None` where nobody asked for it.
    caller: Option<Arc<str>>,
}

impl Peer {
    /// Creates a peer without a verified identity.
    pub(crate) fn new(address: PeerAddress) -> Self {
        Self { address, identity: None, is_on_loopback: false, host: Arc::default(), caller: None }
    }

    /// The same peer with a name that the transport has verified.
    pub(crate) fn with_identity(self, identity: Option<Arc<str>>) -> Self {
        Self { identity, ..self }
    }

    /// The same peer, connected to a socket with this address.
    pub(crate) fn connected_to(self, socket: IpAddr) -> Self {
        Self { is_on_loopback: socket.to_canonical().is_loopback(), ..self }
    }

    /// Whether the socket that the peer has connected to is on a loopback address.
    pub(crate) fn is_on_loopback(&self) -> bool {
        self.is_on_loopback
    }

    /// Whether the latest checked request of the connection named this host.
    pub(crate) fn has_named(&self, host: &[u8]) -> bool {
        !host.is_empty() && *self.host.lock() == host
    }

    /// Notes a host that was checked.
    pub(crate) fn note_host(&self, host: &[u8]) {
        host.clone_into(&mut self.host.lock());
    }

    /// Sets the name of the caller of a request. What the transport has verified stays as it is.
    pub(crate) fn set_caller(&mut self, caller: Arc<str>) {
        self.caller = Some(caller);
    }

    /// The name that the transport has verified.
    pub(crate) fn identity(&self) -> Option<&Arc<str>> {
        self.identity.as_ref()
    }

    /// The IP address; loopback for peers that reach the service without a network.
    pub(crate) fn ip(&self) -> IpAddr {
        self.socket_address().ip()
    }

    /// Address and port; port 0 where the transport has none.
    pub(crate) fn socket_address(&self) -> SocketAddr {
        match self.address {
            PeerAddress::Tcp(address) | PeerAddress::Proxied(address) => address,
            PeerAddress::Unix => UNIX,
        }
    }

    /// Whether the peer runs on this machine. A loopback address that a proxy sends is one of the
    /// proxy's machine.
    pub(crate) fn is_local(&self) -> bool {
        match self.address {
            PeerAddress::Tcp(address) => address.ip().to_canonical().is_loopback(),
            PeerAddress::Proxied(_) => false,
            PeerAddress::Unix => true,
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::new(PeerAddress::Tcp(address))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.caller.as_ref().or(self.identity.as_ref()) {
            write!(f, "{name}@")?;
        }
        match self.address {
            PeerAddress::Tcp(address) | PeerAddress::Proxied(address) => address.fmt(f),
            PeerAddress::Unix => f.write_str("unix"),
        }
    }
}

impl Default for Peer {
    fn default() -> Self {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_local() {
        for (address, local) in [
            ("127.0.0.1:1", true),
            ("127.8.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("192.0.2.1:1", false),
            ("[::ffff:192.0.2.1]:1", false),
        ] {
            let peer = Peer::from(address.parse::<SocketAddr>().unwrap());
            assert_eq!(peer.is_local(), local, "{address}");
        }
    }

    #[test]
    fn the_latest_host_of_a_connection_is_known_to_all_its_requests() {
        let peer = Peer::default();
        assert!(!peer.has_named(b"") && !peer.has_named(b"a"));
        peer.clone().note_host(b"a");
        assert!(peer.has_named(b"a") && !peer.has_named(b"ab"));
        peer.note_host(b"b");
        assert!(!peer.has_named(b"a") && !peer.has_named(b""));
    }

    #[test]
    fn a_proxied_peer_is_never_local_and_one_of_a_unix_socket_is() {
        let address = "127.0.0.1:1".parse().unwrap();
        assert!(!Peer::new(PeerAddress::Proxied(address)).is_local());
        let unix = Peer::new(PeerAddress::Unix);
        assert!(unix.is_local() && unix.ip().is_loopback());
        assert_eq!(unix.to_string(), "unix");
    }

    #[test]
    fn a_verified_identity_is_shown() {
        let peer = Peer::default();
        assert_eq!(peer.to_string(), "127.0.0.1:0");
        let peer = peer.with_identity(Some("client".into()));
        assert_eq!(peer.to_string(), "client@127.0.0.1:0");
        assert_eq!(&**peer.identity().unwrap(), "client");
        let mut called = peer;
        called.set_caller("team".into());
        assert_eq!(called.to_string(), "team@127.0.0.1:0");
        assert_eq!(&**called.identity().unwrap(), "client");
    }
}
