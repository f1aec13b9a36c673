//! Addresses of endpoints: a host and a port.

use grps_core::quoted;
use grps_server::MAX_ADDRESS_BYTES;

/// Checks an address such as `10.0.0.5:7080`, `host:7080` or `[::1]:7080`.
///
/// # Errors
/// What is wrong with it, as a line.
pub(crate) fn check(address: &str) -> Result<(), String> {
    let wrong = || format!("{} is no address such as 10.0.0.5:7080", quoted(address));
    if address.len() > MAX_ADDRESS_BYTES {
        return Err(format!("an address is longer than {MAX_ADDRESS_BYTES} bytes"));
    }
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    if !is_port || port.parse::<u16>().ok().is_none_or(|port| port == 0) {
        return Err(wrong());
    }
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_name(host),
    };
    if is_host { Ok(()) } else { Err(wrong()) }
}

fn is_name(host: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !host.is_empty() && host.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["10.0.0.5:7080", "a-b.c_d:1", "[::1]:65535"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let long = format!("{}:1", "a".repeat(MAX_ADDRESS_BYTES - 2));
        assert_eq!(check(&long), Ok(()));
        assert!(check(&format!("a{long}")).unwrap_err().contains("longer than"));
        for bad in ["", ":1", "a", "a:", "a:0", "a:65536", "a:+1", "::1:80", "a/b:1", "http://a:1"]
        {
            assert!(check(bad).unwrap_err().contains("is no address"), "{bad}");
        }
    }
}
