//! The operations of a route: one for each method.

use serde_json::{Value, json};

use crate::app::App;
use crate::call::access::Policy;
use crate::frontends::openapi::document::{BEARER, is_restricted};
use crate::frontends::shared::endpoint::{Endpoint, Methods};
use crate::frontends::shared::front_end::FrontEnd;

/// Headers that all inference requests may have.
const OF_INFERENCE: [&str; 3] = ["Timeout", "Priority", "BatchKey"];
/// Parameters of paths that are described among the components.
const PATH_PARAMETERS: [&str; 1] = ["action"];

/// Describes routes.
pub(super) struct Operations<'a> {
    app: &'a App,
}

/// What a method of a route does.
struct Operation<'a> {
    front_end: &'static dyn FrontEnd,
    endpoint: &'a Endpoint,
    path: &'a str,
    is_post: bool,
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
        let operation = |is_post: bool| {
            let policy = match endpoint.post_policy {
                Some(policy) if is_post => policy,
                _ => endpoint.policy,
            };
            self.describe(&Operation { front_end, endpoint, path, is_post, policy })
        };
        match endpoint.methods {
            // What all methods of a route refuse alike is described once.
            Methods::Get | Methods::Any => json!({"get": operation(false)}),
            // PUT is the same as POST.
            Methods::Post | Methods::PostOrPut => json!({"post": operation(true)}),
            Methods::GetOrPost => json!({"get": operation(false), "post": operation(true)}),
        }
    }

    fn describe(&self, operation: &Operation<'_>) -> Value {
        let description = &operation.endpoint.description;
        let mut value = json!({
            "operationId": operation.id(),
            "summary": description.summary,
            "tags": [operation.front_end.name()],
            "parameters": operation.parameters(),
            "responses": operation.responses(),
        });
        if let Some(body) = description.takes.filter(|_| operation.is_post) {
            value["requestBody"] = component("requestBodies", body);
        }
        if is_restricted(self.app, operation.policy) {
            let scope = match operation.policy {
                Policy::Public => json!([]),
                Policy::Infer => json!(["infer"]),
                Policy::Read => json!(["read"]),
                Policy::Admin => json!(["admin"]),
            };
            value["security"] = json!([{BEARER: scope}]);
        } else if operation.policy == Policy::Admin {
            value["description"] = "Only for clients on the machine of the service.".into();
        }
        value
    }
}

impl Operation<'_> {
    /// A name that no other operation has.
    fn id(&self) -> String {
        let method = if self.is_post { "post" } else { "get" };
        format!("{method} {}", self.path)
    }

    fn parameters(&self) -> Vec<Value> {
        let mut parameters: Vec<Value> = names_in(self.path).map(path_parameter).collect();
        let own = self.endpoint.description.parameters.iter();
        parameters.extend(own.map(|name| component("parameters", name)));
        if self.policy == Policy::Infer {
            parameters.extend(OF_INFERENCE.map(|name| component("parameters", name)));
        }
        parameters
    }

    fn responses(&self) -> Value {
        let returns = self.endpoint.description.returns;
        let success = returns.map_or_else(
            || json!({"description": "Success."}),
            |name| component("responses", name),
        );
        let error = component("responses", self.front_end.error_response());
        let mut responses = json!({"default": error});
        match returns {
            Some("SwitchingProtocols") => responses["101"] = success,
            _ => responses["200"] = success,
        }
        if self.endpoint.description.parameters.contains(&"IfNoneMatch") {
            responses["304"] = component("responses", "NotModified");
        }
        responses
    }
}

/// A reference to a component.
pub(super) fn component(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

fn path_parameter(name: &str) -> Value {
    if PATH_PARAMETERS.contains(&name) {
        return component("parameters", &format!("path.{name}"));
    }
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
