//! The operations of a route: one for each method.

use serde_json::{Map, Value, json};

use crate::app::App;
use crate::call::access::Policy;
use crate::frontends::openapi::document::{CERTIFICATE, KEYS, is_restricted};
use crate::frontends::openapi::errors::{Errors, error_form};
use crate::frontends::shared::endpoint::{Endpoint, Methods};
use crate::frontends::shared::front_end::FrontEnd;

/// What all inference requests may have besides their parameters. It is prose, since most clients
/// that are generated need none of it.
const OF_INFERENCE: &str = "Takes the headers `Timeout`, `Priority` and `BatchKey` of \
                            `#/components/parameters`.";

/// Describes routes.
pub(super) struct Operations<'a> {
    app: &'a App,
}

/// What a method of a route does.
struct Operation<'a> {
    front_end: &'static dyn FrontEnd,
    endpoint: &'a Endpoint,
    path: &'a str,
    method: &'static str,
    policy: Policy,
}

impl<'a> Operations<'a> {
    pub(super) fn new(app: &'a App) -> Self {
        Self { app }
    }

    /// The operations of a route by method. The methods of `path` are those of the endpoint.
    pub(super) fn of_route(
        &self,
        front_end: &'static dyn FrontEnd,
        endpoint: &Endpoint,
        path: &str,
    ) -> Value {
        let methods: &[&str] = match endpoint.methods {
            Methods::Get => &["get"],
            Methods::Post => &["post"],
            Methods::Put => &["put"],
            Methods::PostOrPut => &["post", "put"],
            Methods::GetOrPost => &["get", "post"],
            // What all methods of a route refuse alike is left out.
            Methods::Any => &[],
        };
        let operation = |&method: &&'static str| {
            let policy = match endpoint.post_policy {
                Some(policy) if method == "post" => policy,
                _ => endpoint.policy,
            };
            let operation = Operation { front_end, endpoint, path, method, policy };
            (method.to_owned(), self.describe(&operation))
        };
        methods.iter().map(operation).collect::<Map<_, _>>().into()
    }

    fn describe(&self, operation: &Operation<'_>) -> Value {
        let description = &operation.endpoint.description;
        let mut value = json!({
            "operationId": operation.id(),
            "summary": description.summary,
            "tags": [operation.front_end.name()],
            "parameters": self.parameters(operation),
            "responses": self.responses(operation),
        });
        if let Some(body) = operation.takes() {
            value["requestBody"] = component("requestBodies", body);
        }
        if operation.policy == Policy::Infer {
            value["description"] = OF_INFERENCE.into();
        }
        if is_restricted(self.app, operation.policy) {
            value["security"] = self.security(operation.policy);
        } else if operation.policy == Policy::Admin {
            value["description"] = "Only for clients on the machine of the service.".into();
        }
        value
    }

    /// The ways to call a route that only known callers may call, with the scope that it needs.
    fn security(&self, policy: Policy) -> Value {
        let scope = match policy {
            Policy::Public => json!([]),
            Policy::Infer => json!(["infer"]),
            Policy::Read => json!(["read"]),
            Policy::Admin => json!(["admin"]),
        };
        let certificate = self.app.auth.knows_certificates().then_some(CERTIFICATE);
        KEYS.into_iter().chain(certificate).map(|name| json!({name: scope})).collect()
    }

    fn parameters(&self, operation: &Operation<'_>) -> Vec<Value> {
        let of_path = |name: &str| match name {
            // What changes the service has no examples of models, which tools would run.
            "model" if operation.policy == Policy::Admin => path_parameter(name),
            "action" | "model" => component("parameters", &format!("path.{name}")),
            name => path_parameter(name),
        };
        let mut parameters: Vec<Value> = names_in(operation.path).map(of_path).collect();
        let own = operation.endpoint.description.parameters.iter();
        parameters.extend(own.map(|name| component("parameters", name)));
        parameters
    }

    fn responses(&self, operation: &Operation<'_>) -> Value {
        let description = &operation.endpoint.description;
        let errors = Errors {
            form: error_form(operation.front_end, operation.endpoint),
            path: operation.path,
            policy: operation.policy,
            is_restricted: is_restricted(self.app, operation.policy),
            has_body: operation.takes().is_some(),
        };
        let mut responses = errors.responses();
        responses["200"] = description.returns.map_or_else(
            || json!({"description": "Success."}),
            |name| component("responses", name),
        );
        if description.parameters.contains(&"IfNoneMatch") {
            responses["304"] = component("responses", "NotModified");
        }
        responses
    }
}

impl Operation<'_> {
    /// The name of the body among those of the components.
    fn takes(&self) -> Option<&'static str> {
        self.endpoint.description.takes.filter(|_| self.method != "get")
    }

    /// A name that no other operation has.
    fn id(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A reference to a component.
pub(super) fn component(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

pub(super) fn path_parameter(name: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}})
}

/// The names of the parameters of a path.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// The path of a route as the document has it. Braces that are part of a path are encoded.
pub(super) fn template_of(pattern: &str) -> String {
    pattern.replace("{{", "%7B").replace("}}", "%7D").replace("{*", "{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_templates() {
        let path = template_of("/a/{b}/{*c}");
        assert_eq!(path, "/a/{b}/{c}");
        assert_eq!(names_in(&path).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(template_of("/a/{{b}}"), "/a/%7Bb%7D");
        assert_eq!(names_in("/a/%7Bb%7D").count(), 0);
    }
}
