//! What routes take and return for each model that is served.

use grps_core::{Route, RouteQuery};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::frontends::openapi::schema::{any_of, named};
use crate::frontends::shared::description::{Description, ServedModel, TypedForms};

/// The name of the default route in the names of schemas, if it is no model or graph of its own.
const DEFAULT: &str = "default";
const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// The models and graphs that clients can name, and the default route.
pub(super) struct Models {
    served: Vec<Served>,
}

/// A model or graph.
struct Served {
    /// `name-version` of a model, the name of a graph.
    key: String,
    /// The name in paths; `None` when it can't be in a path.
    name: Option<String>,
    /// `None` for a graph.
    version: Option<String>,
    /// Whether the name alone means this one.
    is_latest: bool,
    is_default: bool,
    route: Route,
}

impl Models {
    pub(super) fn new(app: &App) -> Self {
        let registry = app.engine.registry();
        let resolve = |name: &str| registry.resolve(&RouteQuery::named(name)).ok();
        let default = resolve("");
        let mut served = Vec::new();
        for model in registry.models() {
            let (key, spec) = (model.key(), model.spec());
            let Some(route) = resolve(key) else { continue };
            let latest = resolve(&spec.name);
            served.push(Served {
                key: key.to_owned(),
                name: in_path(&spec.name).then(|| spec.name.clone()),
                version: in_path(&spec.version).then(|| spec.version.clone()),
                is_latest: latest.is_some_and(|latest| is_only(&latest, key)),
                is_default: default.as_ref().is_some_and(|default| is_only(default, key)),
                route,
            });
        }
        for (spec, route) in registry.graphs() {
            let Ok(route) = route else { continue };
            let own = default.as_ref().and_then(Route::graph);
            served.push(Served {
                key: spec.name.clone(),
                name: in_path(&spec.name).then(|| spec.name.clone()),
                version: None,
                is_latest: true,
                is_default: own.is_some_and(|graph| graph.spec().name == spec.name),
                route,
            });
        }
        if let Some(route) = default.filter(|_| !served.iter().any(|one| one.is_default)) {
            let (key, is_default) = (DEFAULT.to_owned(), true);
            let (name, version, is_latest) = (None, None, false);
            served.push(Served { key, name, version, is_latest, is_default, route });
        }
        Self { served }
    }

    /// The names of models and graphs, as examples.
    pub(super) fn names(&self) -> Value {
        let latest = self.served.iter().filter(|one| one.is_latest);
        let names = latest.filter_map(|one| one.name.as_deref());
        names.map(|name| (name.to_owned(), json!({"value": name}))).collect::<Map<_, _>>().into()
    }

    /// The path of each model that a path stands for, with what it takes and returns.
    pub(super) fn with_own_paths(
        &self,
        path: &str,
        typed: TypedForms,
        schemas: &mut Value,
    ) -> Vec<(String, Forms)> {
        let has_version = path.contains("{version}");
        let mut paths = Vec::new();
        for served in &self.served {
            let Some(name) = &served.name else { continue };
            let own_path = path.replace("{model}", name);
            let own_path = match &served.version {
                Some(version) if has_version => own_path.replace("{version}", version),
                _ if !has_version && served.is_latest => own_path,
                _ => continue,
            };
            let mut forms = Forms::default();
            forms.add(served, typed, schemas);
            paths.push((own_path, forms));
        }
        paths
    }

    /// What a path takes and returns that all models share.
    pub(super) fn with_one_path(&self, typed: TypedForms, schemas: &mut Value) -> Forms {
        let mut forms = Forms::default();
        for served in &self.served {
            forms.add(served, typed, schemas);
        }
        forms
    }
}

impl Served {
    /// What people call it.
    fn title(&self) -> &str {
        if self.version.is_some() { &self.key } else { self.name.as_deref().unwrap_or(DEFAULT) }
    }

    /// What the body of a request may call it.
    fn names(&self) -> Vec<String> {
        let own = self.version.as_ref().map(|_| self.key.clone());
        let bare = self.name.clone().filter(|_| self.is_latest);
        own.into_iter().chain(bare).collect()
    }
}

/// The bodies and responses of one or several models.
#[derive(Default)]
pub(super) struct Forms {
    requests: Vec<Value>,
    bytes: Vec<Value>,
    responses: Vec<Value>,
    examples: Map<String, Value>,
}

impl Forms {
    /// Adds a model, with its schemas among those of the components.
    fn add(&mut self, served: &Served, typed: TypedForms, schemas: &mut Value) {
        let model = ServedModel { route: &served.route, names: served.names() };
        let forms = (typed.describe)(&model);
        let base = format!("{}.{}", component_name(&served.key), typed.kind);
        let bytes = forms.takes_bytes.then(|| named("Bytes"));
        for (end, schema, refs) in [
            ("request", forms.request, &mut self.requests),
            ("bytes", bytes.map(|schema| json!({"allOf": [schema]})), &mut self.bytes),
            ("response", Some(forms.response), &mut self.responses),
        ] {
            let Some(mut schema) = schema else { continue };
            let name = format!("{base}.{end}");
            refs.push(named(&name));
            // Beside a reference, a title is one of this schema alone.
            schema["title"] = served.title().into();
            if served.is_default && end != "response" {
                // No keyword says it of a body.
                schema["x-default"] = true.into();
            }
            schemas[name] = schema;
        }
        if let Some(example) = forms.example {
            self.examples.insert(component_name(&served.key), json!({"value": example}));
        }
    }

    /// Makes an operation take and return what the models do.
    pub(super) fn apply(&self, operation: &mut Value, components: &Value, route: &Description) {
        if self.responses.is_empty() {
            return;
        }
        if let Some(name) = route.takes {
            let mut body = components["requestBodies"][name].clone();
            if let Some(content) = body["content"].as_object_mut() {
                self.apply_to_bodies(content);
            }
            operation["requestBody"] = body;
        }
        if let Some(name) = route.returns {
            let mut response = components["responses"][name].clone();
            // A stream has events, which no schema describes.
            if let Some(json) = response["content"].get_mut(JSON) {
                json["schema"] = any_of(self.responses.clone());
            }
            operation["responses"]["200"] = response;
        }
    }
}

impl Forms {
    fn apply_to_bodies(&self, content: &mut Map<String, Value>) {
        if self.requests.is_empty() {
            content.remove(JSON);
        } else {
            content[JSON]["schema"] = any_of(self.requests.clone());
            if !self.examples.is_empty() {
                content[JSON]["examples"] = self.examples.clone().into();
            }
        }
        if let Some(bytes) = content.get_mut(BYTES).filter(|_| !self.bytes.is_empty()) {
            let elements = bytes["schema"].take();
            bytes["schema"] = any_of([elements].into_iter().chain(self.bytes.clone()).collect());
        }
    }
}

/// Whether a route is this model alone.
fn is_only(route: &Route, key: &str) -> bool {
    let [only] = route.models() else { return false };
    route.graph().is_none() && only.key() == key
}

/// Whether a name is the same in a path.
fn in_path(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    !name.is_empty() && name.bytes().all(is_plain)
}

/// The name of a component, which has letters, digits, `.`, `-` and `_`.
fn component_name(key: &str) -> String {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "._-".contains(one);
    key.chars().map(|one| if is_plain(one) { one } else { '_' }).collect()
}
