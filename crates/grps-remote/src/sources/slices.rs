//! EndpointSlices of Kubernetes, as far as they say where a service is.

use std::collections::{BTreeMap, BTreeSet};

use grps_server::MAX_ENDPOINTS;
use serde_json::Value;

/// Addresses that are ready, of one slice.
pub(super) type Slice = Vec<String>;

/// The version of a list, and its slices by their names.
pub(super) fn read_list(list: &Value) -> (String, BTreeMap<String, Slice>) {
    let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    // It goes into the query of a URI.
    let version: String = version.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    let items = list["items"].as_array().into_iter().flatten();
    (version, items.filter_map(read_slice).collect())
}

/// What an event of a watch changes: a slice by its name, `None` for one that is deleted. `None` as a
/// whole when it changes nothing.
///
/// # Errors
/// The watch has ended by an error.
pub(super) fn read_event(event: &Value) -> Result<Option<(String, Option<Slice>)>, String> {
    let object = &event["object"];
    match event["type"].as_str().unwrap_or_default() {
        "ADDED" | "MODIFIED" => Ok(read_slice(object).map(|(name, slice)| (name, Some(slice)))),
        "DELETED" => Ok(read_slice(object).map(|(name, _)| (name, None))),
        "ERROR" => {
            let message = object["message"].as_str().unwrap_or("no reason given");
            Err(format!("the watch of the API server ended: {}", grps_core::excerpt(message, 200)))
        }
        // A bookmark, or what later versions add.
        _ => Ok(None),
    }
}

fn read_slice(slice: &Value) -> Option<(String, Slice)> {
    let name = slice["metadata"]["name"].as_str()?.to_owned();
    let endpoints = slice["endpoints"].as_array().into_iter().flatten();
    let ready = endpoints.filter(|one| {
        let conditions = &one["conditions"];
        // What is not said of readiness means ready.
        conditions["ready"].as_bool().unwrap_or(true)
            && !conditions["terminating"].as_bool().unwrap_or(false)
    });
    let is_wide = slice["addressType"].as_str() == Some("IPv6");
    // All addresses of one endpoint lead to the same pod.
    let addresses = ready.filter_map(|one| one["addresses"][0].as_str());
    let host = |address: &str| if is_wide { format!("[{address}]") } else { address.to_owned() };
    Some((name, addresses.take(MAX_ENDPOINTS).map(host).collect()))
}

/// The endpoints of all slices, each once.
pub(super) fn addresses(slices: &BTreeMap<String, Slice>, port: u16) -> Vec<String> {
    let hosts: BTreeSet<&String> = slices.values().flatten().collect();
    let all = hosts.into_iter().map(|host| format!("{host}:{port}"));
    all.filter(|address| crate::service::address::check(address).is_ok())
        .take(MAX_ENDPOINTS)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(name: &str, endpoints: &Value) -> Value {
        json!({"metadata": {"name": name}, "addressType": "IPv4", "endpoints": endpoints})
    }

    #[test]
    fn only_ready_endpoints_count() {
        let endpoints = json!([
            {"addresses": ["10.0.0.1"], "conditions": {"ready": true}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": false}},
            {"addresses": ["10.0.0.3"]},
            {"addresses": ["10.0.0.4"], "conditions": {"ready": true, "terminating": true}},
            {"addresses": []},
            {"addresses": ["a b"]},
        ]);
        let six = json!({"metadata": {"name": "b"}, "addressType": "IPv6", "endpoints": [
            {"addresses": ["fd00::1"]},
        ]});
        let twice = slice("c", &json!([{"addresses": ["10.0.0.1"]}]));
        let list = json!({
            "metadata": {"resourceVersion": "42&x=y"},
            "items": [slice("a", &endpoints), six, twice, {"metadata": {}}],
        });
        let (version, slices) = read_list(&list);
        assert_eq!(version, "42xy");
        let expected = ["10.0.0.1:7080", "10.0.0.3:7080", "[fd00::1]:7080"];
        assert_eq!(addresses(&slices, 7080), expected);
        assert_eq!(read_list(&json!([])).1.len(), 0);
    }

    #[test]
    fn events_add_change_and_remove() {
        let one = slice("a", &json!([{"addresses": ["10.0.0.1"]}]));
        let event = |kind: &str| read_event(&json!({"type": kind, "object": one}));
        let added = Some(("a".to_owned(), Some(vec!["10.0.0.1".to_owned()])));
        assert_eq!(event("ADDED"), Ok(added.clone()));
        assert_eq!(event("MODIFIED"), Ok(added));
        assert_eq!(event("DELETED"), Ok(Some(("a".to_owned(), None))));
        assert_eq!(event("BOOKMARK"), Ok(None));
        let gone = json!({"type": "ERROR", "object": {"code": 410, "message": "too old"}});
        assert!(read_event(&gone).unwrap_err().contains("too old"));
    }

    #[test]
    fn endpoints_are_bounded() {
        let endpoints: Vec<_> = (0..300)
            .map(|host| json!({"addresses": [format!("10.0.{}.{}", host / 250, host % 250)]}))
            .collect();
        let (_, slices) = read_list(&json!({"items": [slice("a", &json!(endpoints))]}));
        assert_eq!(addresses(&slices, 1).len(), MAX_ENDPOINTS);
    }
}
