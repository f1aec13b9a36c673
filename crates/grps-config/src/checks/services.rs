//! Rules for services and for models that run in them.

use std::collections::HashMap;

use crate::checks::Checked;
use crate::graphs::Fail;
use crate::suggest::hint;
use crate::text::quoted;
use crate::types::{EndpointSource, EndpointsConfig, ModelConfig, RemoteConfig, ServiceConfig};

/// Most addresses of a service.
const MAX_ADDRESSES: usize = 256;
/// What an API server begins with: a token is sent to it.
const API_SERVERS: [&str; 3] = ["https://", "http://127.0.0.1:", "http://localhost:"];

/// Checks the services of a configuration.
pub(crate) fn check_services(services: &[ServiceConfig], fail: Fail<'_>) -> Checked {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (index, service) in services.iter().enumerate() {
        let at = format!("services[{index}]");
        if let Some(first) = seen.insert(&service.name, index) {
            let text = format!("service {} is already services[{first}]", quoted(&service.name));
            return Err(fail(&format!("{at}.name"), &text));
        }
        check_endpoints(&service.endpoints, &format!("{at}.endpoints"), fail)?;
        let Some(tls) = &service.tls else { continue };
        let (missing, given) = match (&tls.certificate, &tls.key) {
            (Some(_), None) => ("key", "certificate"),
            (None, Some(_)) => ("certificate", "key"),
            _ => continue,
        };
        let text = format!("needed because there is a {given}");
        return Err(fail(&format!("{at}.tls.{missing}"), &text));
    }
    Ok(())
}

/// The name of a source, what it needs and what it may have besides.
fn keys_of(
    source: EndpointSource,
) -> (&'static str, &'static [&'static str], &'static [&'static str]) {
    match source {
        EndpointSource::Static => ("static", &["addresses"], &[]),
        EndpointSource::Dns => ("dns", &["host", "port"], &[]),
        EndpointSource::Kubernetes => {
            ("kubernetes", &["service", "port"], &["namespace", "api_server"])
        }
        EndpointSource::Ray => ("ray", &[], &[]),
    }
}

fn check_endpoints(endpoints: &EndpointsConfig, at: &str, fail: Fail<'_>) -> Checked {
    let is_given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let given = [
        ("addresses", !endpoints.addresses.is_empty()),
        ("host", is_given(&endpoints.host)),
        ("port", endpoints.port.is_some()),
        ("service", is_given(&endpoints.service)),
        ("namespace", is_given(&endpoints.namespace)),
        ("api_server", is_given(&endpoints.api_server)),
    ];
    let (source, needed, more) = keys_of(endpoints.source);
    for key in needed {
        if given.contains(&(*key, false)) {
            let text = format!("needed because source is {}", quoted(source));
            return Err(fail(&format!("{at}.{key}"), &text));
        }
    }
    for (key, is_given) in given {
        if is_given && !needed.contains(&key) && !more.contains(&key) {
            let text = format!("has no effect with source {}; leave it out", quoted(source));
            return Err(fail(&format!("{at}.{key}"), &text));
        }
    }
    check_addresses(&endpoints.addresses, at, fail)?;
    let api = endpoints.api_server.as_deref().filter(|api| !api.is_empty()).unwrap_or("https://");
    if !API_SERVERS.iter().any(|start| api.starts_with(start)) {
        let text =
            format!("{}: a token is sent to it; use https, or http on this machine", quoted(api));
        return Err(fail(&format!("{at}.api_server"), &text));
    }
    Ok(())
}

fn check_addresses(addresses: &[String], at: &str, fail: Fail<'_>) -> Checked {
    let count = addresses.len();
    if count > MAX_ADDRESSES {
        let text = format!("{count} are too many, {MAX_ADDRESSES} are allowed");
        return Err(fail(&format!("{at}.addresses"), &text));
    }
    for (index, address) in addresses.iter().enumerate() {
        let fault = if !is_address(address) {
            "is no address such as 10.0.0.5:7080"
        } else if addresses.iter().take(index).any(|earlier| earlier == address) {
            "is listed twice"
        } else {
            continue;
        };
        let text = format!("{} {fault}", quoted(address));
        return Err(fail(&format!("{at}.addresses[{index}]"), &text));
    }
    Ok(())
}

fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let is_port = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inner) => {
            !inner.is_empty()
                && inner.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        }
        None => {
            (1..=255).contains(&host.len())
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        }
    };
    is_host && is_port && port.parse::<u32>().is_ok_and(|port| (1..=65_535).contains(&port))
}

/// Checks a model that runs in another service.
pub(crate) fn check_remote(
    model: &ModelConfig,
    remote: &RemoteConfig,
    at: &str,
    services: &[ServiceConfig],
    fail: Fail<'_>,
) -> Checked {
    let names: Vec<&str> = services.iter().map(|service| &*service.name).collect();
    let name = &*remote.service;
    if !names.contains(&name) {
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let text = format!(
            "service {} is not declared in 'services'{}; declared: {known}",
            quoted(name),
            hint(name, names.iter().copied())
        );
        return Err(fail(&format!("{at}.remote.service"), &text));
    }
    let is_given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let has_items = |map: &Option<serde_json::Map<String, serde_json::Value>>| {
        map.as_ref().is_some_and(|map| !map.is_empty())
    };
    let own = [
        ("inferer_type", model.inferer_type != "remote"),
        ("inferer_name", is_given(&model.inferer_name)),
        ("inferer_path", is_given(&model.inferer_path)),
        ("inferer_args", has_items(&model.inferer_args)),
        ("converter_type", is_given(&model.converter_type)),
        ("converter_name", is_given(&model.converter_name)),
        ("converter_path", is_given(&model.converter_path)),
        ("converter_args", has_items(&model.converter_args)),
        ("device", is_given(&model.device)),
        ("inp_device", is_given(&model.inp_device)),
        ("batching", model.batching.is_some()),
        ("max_threads", model.max_threads.is_some()),
        ("warm_up_requests", !model.warm_up_requests.is_empty()),
    ];
    match own.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((key, _)) => {
            let text = "has no effect with 'remote'; set it in the other service";
            Err(fail(&format!("{at}.{key}"), text))
        }
    }
}
