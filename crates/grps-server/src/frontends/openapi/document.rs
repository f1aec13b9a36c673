//! The document: its head, the paths of all front ends, and the components that they refer to.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::app::App;
use crate::call::access::Policy;
use crate::frontends::FRONT_ENDS;
use crate::frontends::openapi::errors::{error_form, error_responses};
use crate::frontends::openapi::models::{Forms, Models};
use crate::frontends::openapi::operations::{Operations, path_parameter, template_of};
use crate::frontends::openapi::schema::deep_lists;
use crate::frontends::shared::endpoint::Endpoint;
use crate::frontends::shared::front_end::FrontEnd;

/// The schemas, parameters, bodies and responses that routes name.
pub(super) const COMPONENTS: &str = include_str!("components.json");
/// The names of the ways to send a key.
pub(super) const KEYS: [&str; 2] = ["bearer", "apiKey"];
/// The name of the way to be known by a client certificate.
pub(super) const CERTIFICATE: &str = "certificate";

/// Describes the service as it is.
pub(super) fn describe(app: &App) -> Value {
    let models = Models::new(app);
    let mut document = Document {
        operations: Operations::new(app),
        paths: Map::new(),
        error_forms: BTreeSet::new(),
        components: components(app, &models),
        models,
    };
    let mut tags = Vec::new();
    for front_end in served(app) {
        let endpoints = front_end.endpoints(&app.settings);
        for endpoint in endpoints.iter().filter(|endpoint| !endpoint.description.is_left_out) {
            document.add(*front_end, endpoint);
        }
        tags.push(json!({"name": front_end.name()}));
    }
    let responses = error_responses(&document.components["responses"], &document.error_forms);
    for (name, response) in responses {
        document.components["responses"][name] = response;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "GRPS",
            "summary": "A service of models",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "tags": tags,
        "paths": document.paths,
        "components": document.components,
    })
}

/// The front ends that serve HTTP.
fn served(app: &App) -> impl Iterator<Item = &'static &'static dyn FrontEnd> {
    let settings = &app.settings.front_ends;
    let is_served = |front_end: &&&'static dyn FrontEnd| {
        !front_end.is_grpc() && !settings.is_off(front_end.name())
    };
    FRONT_ENDS.iter().filter(is_served)
}

fn components(app: &App, models: &Models) -> Value {
    let mut components: Value = serde_json::from_str(COMPONENTS).unwrap_or_default();
    let mut model = path_parameter("model");
    model["examples"] = models.names();
    components["parameters"]["path.model"] = model;
    for (name, schema) in deep_lists() {
        components["schemas"][name] = schema;
    }
    let [bearer, api_key] = KEYS;
    components["securitySchemes"] = json!({
        bearer: {
            "type": "http",
            "scheme": "bearer",
            "description": "A key or token of `auth`, or the admin token.",
        },
        api_key: {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "The same in another header.",
        },
    });
    if app.auth.knows_certificates() {
        let description = "A client certificate that `auth.certificates` lists.";
        components["securitySchemes"][CERTIFICATE] =
            json!({"type": "mutualTLS", "description": description});
    }
    components
}

/// A document that is being made.
struct Document<'a> {
    operations: Operations<'a>,
    models: Models,
    paths: Map<String, Value>,
    components: Value,
    /// The forms of errors that operations refer to.
    error_forms: BTreeSet<&'static str>,
}

impl Document<'_> {
    /// Adds a route, and one of each model where they differ. A path that another front end serves is
    /// left out.
    fn add(&mut self, front_end: &'static dyn FrontEnd, endpoint: &Endpoint) {
        let path = template_of(&endpoint.pattern);
        if self.paths.contains_key(&path) {
            return;
        }
        self.error_forms.insert(error_form(front_end, endpoint));
        let mut item = self.operations.of_route(front_end, endpoint, &path);
        if let Some(typed) = endpoint.description.typed {
            let schemas = &mut self.components["schemas"];
            if path.contains("{model}") {
                for (own_path, forms) in self.models.with_own_paths(&path, typed, schemas) {
                    let mut own = self.operations.of_route(front_end, endpoint, &own_path);
                    apply(&forms, &mut own, &self.components, endpoint);
                    self.paths.insert(own_path, own);
                }
            } else {
                let forms = self.models.with_one_path(typed, schemas);
                apply(&forms, &mut item, &self.components, endpoint);
            }
        }
        self.paths.insert(path, item);
    }
}

/// Makes the operations of a path that run a model take and return what the models do.
fn apply(forms: &Forms, item: &mut Value, components: &Value, endpoint: &Endpoint) {
    for method in ["post", "put"] {
        if let Some(operation) = item.get_mut(method) {
            forms.apply(operation, components, &endpoint.description);
        }
    }
}

/// Whether a service lets only known callers use routes of a policy.
pub(super) fn is_restricted(app: &App, policy: Policy) -> bool {
    match policy {
        Policy::Public => false,
        Policy::Infer | Policy::Read => app.auth.is_required(),
        Policy::Admin => app.auth.is_required() || app.auth.has_admin_token(),
    }
}
