//! The client at the other end of a connection.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Address of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerAddress {
    /// A TCP connection.
    Tcp(SocketAddr),
}

/// The other end of a connection: its address and its verified identity.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    address: PeerAddress,
    /// The name that the transport has verified, such as the subject of a client certificate;
    /// `None` where the transport verifies no name.
    identity: Option<Arc<str>>,
}

impl Peer {
    /// Creates a peer without a verified identity.
    pub(crate) fn new(address: PeerAddress) -> Self {
        Self { address, identity: None }
    }

    /// The verified name.
    pub(crate) fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// Sets the verified name.
    pub(crate) fn set_identity(&mut self, identity: Arc<str>) {
        self.identity = Some(identity);
    }

    /// The IP address; loopback for peers that reach the service without a network.
    pub(crate) fn ip(&self) -> IpAddr {
        match self.address {
            PeerAddress::Tcp(address) => address.ip(),
        }
    }

    /// Address and port; port 0 where the transport has none.
    pub(crate) fn socket_address(&self) -> SocketAddr {
        match self.address {
            PeerAddress::Tcp(address) => address,
        }
    }

    /// Whether the peer runs on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.ip().to_canonical().is_loopback()
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::new(PeerAddress::Tcp(address))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.identity, self.address) {
            (Some(identity), PeerAddress::Tcp(address)) => write!(f, "{identity}@{address}"),
            (None, PeerAddress::Tcp(address)) => address.fmt(f),
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
    fn a_verified_identity_is_shown() {
        let mut peer = Peer::default();
        assert_eq!(peer.to_string(), "127.0.0.1:0");
        peer.identity = Some("client".into());
        assert_eq!(peer.to_string(), "client@127.0.0.1:0");
    }
}
