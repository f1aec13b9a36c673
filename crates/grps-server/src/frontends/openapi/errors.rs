//! The errors of operations: which statuses a request may get, and the responses with them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::call::access::Policy;
use crate::frontends::openapi::operations::component;
use crate::frontends::shared::endpoint::Endpoint;
use crate::frontends::shared::front_end::FrontEnd;

/// What each status means, for all front ends.
const STATUSES: [(u16, &str); 13] = [
    (400, "The request is invalid."),
    (401, "The request has no valid key."),
    (403, "The caller may not call this route."),
    (404, "What the request names does not exist."),
    (408, "The body did not arrive in time."),
    (413, "The body is too large."),
    (415, "The type or the coding of the body is not supported."),
    (429, "The queue is full, or the limit of the caller is reached."),
    (499, "The client has cancelled the request."),
    (500, "The model failed."),
    (501, "The model or the service does not support this."),
    (503, "The service or the model is not ready."),
    (504, "The deadline of the request has passed."),
];

/// What an operation is, as far as its errors depend on it.
pub(super) struct Errors<'a> {
    /// The name of their form among the responses of the components.
    pub(super) form: &'static str,
    pub(super) path: &'a str,
    pub(super) policy: Policy,
    /// Whether only known callers may call.
    pub(super) is_restricted: bool,
    pub(super) has_body: bool,
}

impl Errors<'_> {
    /// The responses by status, and the one to any other failure.
    pub(super) fn responses(&self) -> Value {
        let mut responses = json!({"default": component("responses", self.form)});
        for (status, _) in STATUSES.into_iter().filter(|(status, _)| self.may_have(*status)) {
            responses[status.to_string()] = component("responses", &name(self.form, status));
        }
        responses
    }

    fn may_have(&self, status: u16) -> bool {
        let infers = self.policy == Policy::Infer;
        match status {
            400 => true,
            401 => self.is_restricted,
            403 => self.is_restricted || self.policy == Policy::Admin,
            404 => infers || self.path.contains('{'),
            408 | 413 | 415 => self.has_body,
            429 => infers || self.is_restricted,
            503 => infers || self.policy == Policy::Public,
            _ => infers,
        }
    }
}

/// The form of the errors of a route.
pub(super) fn error_form(front_end: &dyn FrontEnd, endpoint: &Endpoint) -> &'static str {
    endpoint.description.fails.unwrap_or_else(|| front_end.error_response())
}

/// The responses of each status in these forms, by their names.
pub(super) fn error_responses(
    responses: &Value,
    forms: &BTreeSet<&'static str>,
) -> Vec<(String, Value)> {
    let of_form = |form: &&'static str| {
        let form = *form;
        STATUSES.into_iter().map(move |(status, description)| {
            let mut response = responses[form].clone();
            response["description"] = description.into();
            if let Some(headers) = headers_of(status) {
                response["headers"] = headers;
            }
            (name(form, status), response)
        })
    };
    forms.iter().flat_map(of_form).collect()
}

fn name(form: &str, status: u16) -> String {
    format!("{form}.{status}")
}

fn headers_of(status: u16) -> Option<Value> {
    match status {
        401 => Some(json!({"WWW-Authenticate": {"schema": {"const": "Bearer"}}})),
        429 | 503 => Some(json!({"Retry-After": {
            "description": "Seconds after which the same request may succeed.",
            "schema": {"type": "integer", "minimum": 0},
        }})),
        _ => None,
    }
}
