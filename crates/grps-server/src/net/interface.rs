//! Settings of the ways into a service, besides its addresses.

use std::net::IpAddr;
use std::str::FromStr;

use crate::net::http::cors::Cors;
use crate::net::tls::tls::Tls;

/// Settings of the ways into a service.
#[derive(Clone, Debug, Default)]
pub struct InterfaceSettings {
    /// TLS on the ports; `None` without. Unix sockets are plain.
    pub tls: Option<Tls>,
    /// Addresses of proxies that begin each connection with a header of the PROXY protocol.
    pub proxies: Vec<Network>,
    /// The pages of other sites that may read responses; `None` for none.
    pub cors: Option<Cors>,
    /// When responses are compressed.
    pub compression: CompressionSettings,
    /// Further names of the service where it listens on a loopback address; `*` is every name.
    pub hosts: Vec<String>,
}

/// When responses are compressed.
#[derive(Clone, Copy, Debug)]
pub struct CompressionSettings {
    /// Whether responses over HTTP are compressed for clients that accept it.
    pub http: bool,
    /// Whether responses over gRPC are compressed for clients that accept it; otherwise only for
    /// those that compress their requests.
    pub grpc: bool,
    /// Smaller responses are sent as they are.
    pub min_bytes: usize,
}

impl Default for CompressionSettings {
    fn default() -> Self {
        Self { http: true, grpc: false, min_bytes: 8192 }
    }
}

/// A range of IP addresses, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    /// Whether an address is one of the range.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix_bits).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix_bits).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("'{text}' is not an IP address or a range such as 10.0.0.0/8");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| fault())?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            None => all,
            Some(digits) => digits.parse().ok().filter(|bits| *bits <= all).ok_or_else(fault)?,
        };
        Ok(Self { address, prefix_bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_range_contains_its_addresses() {
        assert!(contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("10.1.2.3", "10.1.2.3") && !contains("10.1.2.3", "10.1.2.4"));
        assert!(contains("10.1.2.3", "::ffff:10.1.2.3"));
        assert!(contains("0.0.0.0/0", "192.0.2.1") && !contains("0.0.0.0/0", "::2"));
        assert!(contains("fd00::/8", "fd12::1") && !contains("fd00::/8", "fe80::1"));
        assert!(contains("::/0", "fe80::1"));
    }

    #[test]
    fn malformed_ranges_are_refused() {
        for text in ["", "10.0.0/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "a/8", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
