//! The models a service serves, by name, and its default graph.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::content::InputForm;
use crate::error::{Cause, Error};
use crate::graph::{Graph, GraphSpec};
use crate::model::Model;

/// What a request passes through: one model, several in a row, or a graph.
#[derive(Clone, Debug)]
pub struct Route {
    /// The models in order; never empty.
    models: Arc<[Arc<Model>]>,
    /// How they hang together, unless each works on what the one before it answered.
    graph: Option<Arc<Graph>>,
}

impl Route {
    fn row(models: impl Into<Arc<[Arc<Model>]>>) -> Self {
        Self { models: models.into(), graph: None }
    }

    fn of_graph(graph: Graph) -> Self {
        Self { models: graph.models().into(), graph: Some(Arc::new(graph)) }
    }

    /// The models in order.
    pub fn models(&self) -> &[Arc<Model>] {
        &self.models
    }

    /// The graph, if it is one.
    pub fn graph(&self) -> Option<&Graph> {
        self.graph.as_deref()
    }

    /// YAML text that tells what it is.
    pub fn metadata(&self) -> &str {
        let first = self.models.first().map(|model| model.spec().metadata.as_str());
        self.graph().map(|graph| graph.spec().metadata.as_str()).or(first).unwrap_or_default()
    }

    /// The form in which it takes its request.
    pub fn form(&self) -> InputForm {
        let first = self.models.first().map(|model| model.spec().form);
        self.graph().map(Graph::form).or(first).unwrap_or(InputForm::Tensors)
    }
}

/// Models by `name-version`, by bare name, and the default graph.
#[derive(Debug, Default)]
pub struct Registry {
    routes: RwLock<Routes>,
}

#[derive(Debug, Default)]
struct Routes {
    /// Every model under its `name-version`.
    by_key: HashMap<String, Route>,
    /// The latest version of each model under its bare name.
    latest: HashMap<String, Route>,
    /// Graphs under their names.
    graphs: HashMap<String, Route>,
    /// What answers a request that names no model.
    default: Option<Route>,
}

impl Registry {
    /// Adds a model.
    ///
    /// # Errors
    /// `InvalidArgument` when the same name and version is registered already.
    pub fn add(&self, model: Model) -> Result<Arc<Model>, Error> {
        let mut routes = self.routes.write();
        if routes.by_key.contains_key(model.key()) {
            return Err(Error::invalid(format!("model '{}' is registered twice", model.key())));
        }
        let model = Arc::new(model);
        let route = Route::row([Arc::clone(&model)]);
        let name = model.spec().name.clone();
        let newest = routes.latest.get(&name).is_none_or(|latest| {
            let version = &latest.models()[0].spec().version;
            compare_versions(&model.spec().version, version) == Ordering::Greater
        });
        if newest {
            routes.latest.insert(name, route.clone());
        }
        routes.by_key.insert(model.key().to_owned(), route);
        Ok(model)
    }

    /// Sets the models a request without a model name passes through, in order.
    ///
    /// # Errors
    /// `NotFound` when one of them is not registered, `InvalidArgument` when there is none.
    pub fn set_default(&self, names: &[String]) -> Result<(), Error> {
        let mut models = Vec::with_capacity(names.len());
        for name in names {
            models.extend_from_slice(self.route(name)?.models());
        }
        if models.is_empty() {
            return Err(Error::invalid("the default graph has no model"));
        }
        self.routes.write().default = Some(Route::row(models));
        Ok(())
    }

    /// Adds a graph of registered models, which clients ask for as for a model; `default` also
    /// answers requests that name none.
    ///
    /// # Errors
    /// `NotFound` for an unknown model, `InvalidArgument` when the name is taken or something does
    /// not fit.
    pub fn add_graph(&self, spec: GraphSpec, default: bool) -> Result<(), Error> {
        let find = |name: &str| self.route(name).map(|route| Arc::clone(&route.models()[0]));
        let name = spec.name.clone();
        let route = Route::of_graph(Graph::new(spec, find)?);
        let mut routes = self.routes.write();
        let taken = routes.by_key.contains_key(&name) || routes.latest.contains_key(&name);
        if taken || routes.graphs.contains_key(&name) {
            return Err(Error::invalid(format!("graph '{name}': the name is taken")));
        }
        if default {
            routes.default = Some(route.clone());
        }
        routes.graphs.insert(name, route);
        Ok(())
    }

    /// The route to a model by `name-version` or bare name, or the default graph for "".
    ///
    /// # Errors
    /// `NotFound` with the names there are.
    pub fn route(&self, name: &str) -> Result<Route, Error> {
        let routes = self.routes.read();
        let found = if name.is_empty() {
            routes.default.as_ref()
        } else {
            let models = routes.by_key.get(name).or_else(|| routes.latest.get(name));
            models.or_else(|| routes.graphs.get(name))
        };
        found.cloned().ok_or_else(|| routes.not_found(name))
    }

    /// All models, sorted by `name-version`.
    pub fn models(&self) -> Vec<Arc<Model>> {
        let routes = self.routes.read();
        let mut models: Vec<_> =
            routes.by_key.values().map(|route| Arc::clone(&route.models()[0])).collect();
        models.sort_by(|a, b| a.key().cmp(b.key()));
        models
    }

    /// A model that is registered but has no instance alive.
    pub fn without_instance(&self) -> Option<Arc<Model>> {
        let routes = self.routes.read();
        let mut models = routes.by_key.values().map(|route| &route.models()[0]);
        models.find(|model| model.queue().pullers() == 0).cloned()
    }
}

impl Routes {
    fn not_found(&self, name: &str) -> Error {
        let mut keys: Vec<_> = self.by_key.keys().map(String::as_str).collect();
        keys.extend(self.graphs.keys().map(String::as_str));
        keys.sort_unstable();
        let known = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
        let message = if name.is_empty() {
            format!("no model named and no default graph is set; models: {known}")
        } else {
            format!("Model {name} not found; models: {known}")
        };
        Error::new(Cause::NotFound, message)
    }
}

/// Compares versions by their dot-separated parts, numbers as numbers: 1.10.0 is after 1.9.0.
fn compare_versions(left: &str, right: &str) -> Ordering {
    let mut left_parts = left.split('.');
    let mut right_parts = right.split('.');
    loop {
        match (left_parts.next(), right_parts.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match compare_parts(a, b) {
                Ordering::Equal => {}
                order => return order,
            },
        }
    }
}

fn compare_parts(left: &str, right: &str) -> Ordering {
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => left.cmp(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::InputForm;
    use crate::model::ModelSpec;

    fn model(name: &str, version: &str) -> Model {
        Model::new(ModelSpec::new(name, version, InputForm::Tensors))
    }

    fn key(registry: &Registry, name: &str) -> String {
        registry.route(name).unwrap().models()[0].key().to_owned()
    }

    #[test]
    fn a_bare_name_means_the_latest_version() {
        let registry = Registry::default();
        for version in ["1.9.0", "1.10.0", "1.2"] {
            registry.add(model("m", version)).unwrap();
        }
        assert_eq!(key(&registry, "m"), "m-1.10.0");
        assert_eq!(key(&registry, "m-1.9.0"), "m-1.9.0");
    }

    #[test]
    fn unknown_names_list_the_known_ones() {
        let registry = Registry::default();
        registry.add(model("b", "1")).unwrap();
        registry.add(model("a", "1")).unwrap();
        let error = registry.route("nope").unwrap_err();
        assert_eq!(error.cause(), Cause::NotFound);
        assert_eq!(error.message(), "Model nope not found; models: a-1, b-1");
        assert_eq!(registry.route("").unwrap_err().cause(), Cause::NotFound);
    }

    #[test]
    fn the_same_version_twice_is_refused() {
        let registry = Registry::default();
        registry.add(model("m", "1")).unwrap();
        assert!(registry.add(model("m", "1")).is_err());
    }

    #[test]
    fn the_default_graph_keeps_its_order() {
        let registry = Registry::default();
        registry.add(model("a", "1")).unwrap();
        registry.add(model("b", "1")).unwrap();
        registry.set_default(&["b-1".into(), "a-1".into()]).unwrap();
        let route = registry.route("").unwrap();
        let keys: Vec<_> = route.models().iter().map(|model| model.key()).collect();
        assert_eq!(keys, ["b-1", "a-1"]);
        assert!(registry.set_default(&[]).is_err());
        assert!(registry.set_default(&["c-1".into()]).is_err());
    }

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(compare_versions("1.10", "1.9"), Ordering::Greater);
        assert_eq!(compare_versions("1.0", "1.0.1"), Ordering::Less);
        assert_eq!(compare_versions("1.0.rc1", "1.0.rc1"), Ordering::Equal);
    }
}
