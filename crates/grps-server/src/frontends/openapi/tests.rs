//! The document of a service without models, and what all routes say of themselves.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::app::tests::{app, settings};
use crate::auth::settings::AuthSettings;
use crate::frontends::FRONT_ENDS;
use crate::frontends::openapi::document::{COMPONENTS, describe};

#[test]
fn every_http_route_describes_itself() {
    let front_ends = FRONT_ENDS.iter().filter(|front_end| !front_end.is_grpc());
    for endpoint in front_ends.flat_map(|front_end| front_end.endpoints(&settings())) {
        let summary = endpoint.description.summary;
        assert!(!summary.is_empty() && !summary.ends_with('.'), "{}: summary", endpoint.pattern);
    }
}

/// All references in a document.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = describe(&app());
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    assert!(serde_json::from_str::<Value>(COMPONENTS).unwrap()["schemas"].is_object());
}

#[test]
fn routes_say_which_scope_they_need() {
    let app = app();
    let security = |document: &Value, path: &str, method: &str| {
        document["paths"][path][method]["security"].clone()
    };
    let open = describe(&app);
    assert!(security(&open, "/metrics", "get").is_null());
    app.set_callers(&AuthSettings::default()).unwrap();
    let document = describe(&app);
    for (path, method, scope) in [
        ("/metrics", "get", "read"),
        ("/grps/v1/infer/predict", "post", "infer"),
        ("/v2/logging", "get", "read"),
        ("/v2/logging", "post", "admin"),
    ] {
        let expected = serde_json::json!([{"bearer": [scope]}, {"apiKey": [scope]}]);
        assert_eq!(security(&document, path, method), expected, "{path}");
        let responses = &document["paths"][path][method]["responses"];
        assert!(["401", "403", "429"].iter().all(|status| responses[status].is_object()), "{path}");
    }
    assert!(security(&document, "/v2/health/live", "get").is_null());
    assert!(document["paths"]["/v2/health/live"]["get"]["responses"]["401"].is_null());
}
