//! Rules for the ways into a service.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use crate::checks::Checked;
use crate::error::ConfigError;
use crate::graphs::Fail;
use crate::routes::path_fault;
use crate::schema::Schema;
use crate::text::quoted;
use crate::types::{ClientAuth, CorsConfig, CustomizedRoutes, InterfaceConfig, ServerConfig};

/// Checks the customized routes.
pub(crate) fn check_custom_routes(
    config: &ServerConfig,
    schema: &Schema,
    fail: Fail<'_>,
) -> Checked {
    let switches =
        [("tfserving", config.tfserving.enabled), ("torchserve", config.torchserve.enabled)];
    let protocols: Vec<&str> =
        switches.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name).collect();
    let key = "interface.customized_predict_http";
    let is_list =
        matches!(config.interface.customized_predict_http, Some(CustomizedRoutes::Several(_)));
    let mut seen = HashSet::new();
    for (index, route) in config.interface.customized_routes().iter().enumerate() {
        let here = if is_list { format!("{key}[{index}]") } else { key.to_owned() };
        let Some(path) = &route.path else {
            if is_list {
                return Err(fail(&here, "the route needs a path"));
            }
            continue;
        };
        if let Some(fault) = path_fault(path, &protocols, schema) {
            return Err(fail(&format!("{here}.path"), &fault));
        }
        if !seen.insert(path) {
            let text = format!("{} is the path of an earlier route", quoted(path));
            return Err(fail(&format!("{here}.path"), &text));
        }
    }
    Ok(())
}

/// Checks TLS, names, proxies and other sites.
pub(crate) fn check_ways_in(interface: &InterfaceConfig, fail: Fail<'_>) -> Checked {
    if let Some(tls) = &interface.tls
        && tls.client_ca.is_none()
    {
        let text = "has no effect without client_ca; add that";
        if tls.client_auth == ClientAuth::Optional {
            return Err(fail("interface.tls.client_auth", text));
        }
        if tls.client_crl.is_some() {
            return Err(fail("interface.tls.client_crl", text));
        }
    }
    for (index, host) in interface.hosts.iter().enumerate() {
        if host != "*" && !is_host_name(host) {
            let text = format!(
                "{} is not a host name; write one without scheme and port, or '*'",
                quoted(host)
            );
            return Err(fail(&format!("interface.hosts[{index}]"), &text));
        }
    }
    if let Some(proxies) = &interface.proxy_protocol {
        if proxies.trusted.is_empty() {
            let text = "at least one address is needed";
            return Err(fail("interface.proxy_protocol.trusted", text));
        }
        for (index, network) in proxies.trusted.iter().enumerate() {
            check_network(network, &format!("interface.proxy_protocol.trusted[{index}]"), fail)?;
        }
    }
    interface.cors.as_ref().map_or(Ok(()), |cors| check_cors(cors, fail))
}

fn check_cors(cors: &CorsConfig, fail: Fail<'_>) -> Checked {
    if cors.origins.is_empty() {
        return Err(fail("interface.cors.origins", "at least one origin is needed"));
    }
    let is_for_all = cors.origins.iter().any(|origin| origin == "*");
    if is_for_all && cors.origins.len() > 1 {
        let text = "'*' stands for all origins; leave out the others";
        return Err(fail("interface.cors.origins", text));
    }
    if is_for_all && cors.credentials {
        let text = "browsers refuse credentials for '*'; list the origins instead";
        return Err(fail("interface.cors.credentials", text));
    }
    Ok(())
}

fn is_host_name(host: &str) -> bool {
    let is_edge = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let bytes = host.as_bytes();
    let is_within = bytes.iter().all(|byte| is_edge(byte) || matches!(byte, b'.' | b'-'));
    let are_edges = bytes.first().is_some_and(is_edge) && bytes.last().is_some_and(is_edge);
    is_within && are_edges && bytes.len() <= 253
}

fn check_network(network: &str, at: &str, fail: Fail<'_>) -> Checked {
    let wrong = |fault: &str| {
        let text = format!("{fault}; write an address or a range such as 10.0.0.0/8");
        fail(at, &text)
    };
    let unlike = format!("{} does not appear to be an IPv4 or IPv6 network", quoted(network));
    let (address, prefix) = network.split_once('/').unwrap_or((network, ""));
    if address.contains('%') || prefix.contains('/') {
        return Err(ConfigError::NeedsPython(format!("{at}: {unlike}")));
    }
    let address: IpAddr = address.parse().map_err(|_| wrong(&unlike))?;
    if !network.contains('/') {
        return Ok(());
    }
    if prefix.parse::<Ipv4Addr>().is_ok() {
        return Err(ConfigError::NeedsPython(format!("{at}: {network} is a range by its mask")));
    }
    let (bits, value) = match address {
        IpAddr::V4(address) => (32, u128::from(address.to_bits()) << 96),
        IpAddr::V6(address) => (128, address.to_bits()),
    };
    let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let length = prefix.parse::<u32>().ok().filter(|length| is_number && *length <= bits);
    let length = length.ok_or_else(|| wrong(&unlike))?;
    if length < 128 && value << length != 0 {
        return Err(wrong(&format!("{network} has host bits set")));
    }
    Ok(())
}
