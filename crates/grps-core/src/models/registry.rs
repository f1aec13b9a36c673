//! The models and graphs of a service, by name; all of them may change while it runs.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::error::{Cause, Error};
use crate::graph::GraphSpec;
use crate::metrics::StatsRegistry;
use crate::models::model::Model;
use crate::models::route_query::RouteQuery;
use crate::models::routes::{Catalog, DefaultRoute, Route, Routes};
use crate::text::shown;
use crate::traffic::Draws;

/// Models by `name-version` and by bare name, graphs, and the default graph.
///
/// A model that is replaced or removed goes on for the requests that have their route already; its
/// executor closes when the last of them has its response.
#[derive(Debug, Default)]
pub struct Registry {
    /// The models and graphs that are registered; locked for the whole of a change.
    pub(crate) catalog: Mutex<Catalog>,
    /// The route of each name.
    routes: RwLock<Routes>,
    /// Places requests among the versions of a name.
    draws: Draws,
}

impl Registry {
    /// Adds a model.
    ///
    /// # Errors
    /// `InvalidArgument` when the same name and version is registered already.
    pub fn add(&self, mut model: Model) -> Result<Arc<Model>, Error> {
        model.count_in(self.stats().model(model.key()));
        let model = Arc::new(model);
        self.change(|catalog| {
            let key = model.key().to_owned();
            if catalog.models.insert(key, Arc::clone(&model)).is_some() {
                return Err(Error::invalid(format!("model '{}' is registered twice", model.key())));
            }
            Ok(())
        })?;
        Ok(model)
    }

    /// Adds a model, in place of an earlier one of the same name and version, which is returned.
    ///
    /// # Errors
    /// `InvalidArgument` when a graph does not fit together with it; nothing changes then.
    pub fn put(&self, mut model: Model) -> Result<Option<Arc<Model>>, Error> {
        model.count_in(self.stats().model(model.key()));
        self.change(|catalog| Ok(catalog.models.insert(model.key().to_owned(), Arc::new(model))))
    }

    /// Removes a model by its `name-version`. Graphs that need it are unavailable until it is back.
    ///
    /// # Errors
    /// `NotFound` with the names that exist.
    pub fn remove(&self, key: &str) -> Result<Arc<Model>, Error> {
        self.change(|catalog| {
            let known = || catalog.models.keys().cloned().collect::<Vec<_>>().join(", ");
            let missing = format!("Model {} not found; models: {}", shown(key), known());
            catalog.models.remove(key).ok_or_else(|| Error::new(Cause::NotFound, missing))
        })
    }

    /// Sets the models a request without a model name passes through, in order.
    ///
    /// # Errors
    /// `Unavailable` when one of them is not registered, `InvalidArgument` when there is none.
    pub fn set_default(&self, names: &[String]) -> Result<(), Error> {
        if names.is_empty() {
            return Err(Error::invalid("the default graph has no model"));
        }
        self.change(|catalog| {
            catalog.default = Some(DefaultRoute::Chain(names.to_vec()));
            Routes::compute(catalog)?.find("").map(|_| ())
        })
    }

    /// Adds a graph of registered models, which clients name as they name a model, in place of an
    /// earlier one of the same name. With `default` it also runs the requests that name no model.
    ///
    /// # Errors
    /// `Unavailable` for an unknown model, `InvalidArgument` when the name is taken or something
    /// does not fit.
    pub fn put_graph(&self, spec: GraphSpec, default: bool) -> Result<(), Error> {
        self.change(|catalog| {
            let name = spec.name.clone();
            if default {
                catalog.default = Some(DefaultRoute::Graph(name.clone()));
            }
            catalog.graphs.insert(name.clone(), spec);
            Routes::compute(catalog)?.find(&name).map(|_| ())
        })
    }

    /// The route of a request.
    ///
    /// # Errors
    /// `NotFound` with the names that exist; `Unavailable` for a graph that lacks a model.
    pub fn resolve(&self, query: &RouteQuery<'_>) -> Result<Route, Error> {
        self.routes.read().resolve(query)
    }

    /// The place of the next request, for [`RouteQuery::draw`].
    pub fn next_draw(&self) -> f64 {
        self.draws.next()
    }

    /// The versions of a model by its name without one, the latest last; none of a graph.
    pub fn versions(&self, name: &str) -> Vec<Route> {
        self.routes.read().versions(name).to_vec()
    }

    /// What is measured of all models and routes, the removed ones included.
    pub fn stats(&self) -> Arc<StatsRegistry> {
        Arc::clone(&self.catalog.lock().stats)
    }

    /// The graphs by name, each with its route or why it has none.
    pub fn graphs(&self) -> Vec<(GraphSpec, Result<Route, Error>)> {
        let catalog = self.catalog.lock();
        let routes = self.routes.read();
        catalog.graphs.values().map(|spec| (spec.clone(), routes.find(&spec.name))).collect()
    }

    /// All models, sorted by `name-version`.
    pub fn models(&self) -> Vec<Arc<Model>> {
        self.catalog.lock().models.values().cloned().collect()
    }

    /// What keeps the service from running requests, as one line; `None` when nothing does.
    pub fn trouble(&self) -> Option<String> {
        if let Some(error) = self.routes.read().broken() {
            return Some(error.message().to_owned());
        }
        let catalog = self.catalog.lock();
        let needed = catalog.models.values().filter(|model| !catalog.is_spare(model));
        needed.into_iter().find_map(|model| model.executor().trouble())
    }

    /// Makes a change and swaps the routes, or leaves all as it was.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Catalog) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.change_then(change, |_| {})
    }

    /// As [`Registry::change`]; `then` runs once the change is made, and before another one is.
    pub(crate) fn change_then<T>(
        &self,
        change: impl FnOnce(&mut Catalog) -> Result<T, Error>,
        then: impl FnOnce(&T),
    ) -> Result<T, Error> {
        let mut catalog = self.catalog.lock();
        let mut next = catalog.clone();
        let outcome = change(&mut next)?;
        let routes = Routes::compute(&next)?;
        // Dropped outside the locks: dropping the last reference to a model closes its executor.
        let old_routes = std::mem::replace(&mut *self.routes.write(), routes);
        let old_catalog = std::mem::replace(&mut *catalog, next);
        then(&outcome);
        drop(catalog);
        drop((old_routes, old_catalog));
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::model_spec::ModelSpec;
    use crate::request::content::InputForm;

    fn model(name: &str, version: &str) -> Model {
        Model::pulled(ModelSpec::new(name, version, InputForm::Tensors)).0
    }

    fn key(registry: &Registry, name: &str) -> String {
        registry.resolve(&RouteQuery::named(name)).unwrap().models()[0].key().to_owned()
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
    fn a_version_that_is_named_apart_is_that_version_of_the_model() {
        let registry = Registry::default();
        for (name, version) in [("m", "1"), ("m", "2"), ("m", "10"), ("m-2", "7")] {
            registry.add(model(name, version)).unwrap();
        }
        let find = |model, version| {
            let query = RouteQuery { version, ..RouteQuery::named(model) };
            registry.resolve(&query).map(|route| route.models()[0].key().to_owned())
        };
        assert_eq!(find("m", Some("2")).unwrap(), "m-2");
        // Protobuf clients send an empty text for "no version".
        assert_eq!(find("m", Some("")).unwrap(), "m-10");
        assert_eq!(find("m", None).unwrap(), "m-10");
        assert_eq!(find("m-2", Some("7")).unwrap(), "m-2-7");
        let missing = find("m", Some("3")).unwrap_err();
        assert_eq!(missing.cause(), Cause::NotFound);
        assert!(missing.message().starts_with("Model m-3 not found; models: m-1, "), "{missing}");
        assert_eq!(find("m-1", Some("1")).unwrap_err().cause(), Cause::NotFound);
        assert_eq!(find("", Some("1")).unwrap_err().cause(), Cause::InvalidArgument);
    }

    #[test]
    fn unknown_names_list_the_known_ones() {
        let registry = Registry::default();
        registry.add(model("b", "1")).unwrap();
        registry.add(model("a", "1")).unwrap();
        let error = registry.resolve(&RouteQuery::named("nope")).unwrap_err();
        assert_eq!(error.cause(), Cause::NotFound);
        assert_eq!(error.message(), "Model nope not found; models: a-1, b-1");
        assert_eq!(registry.resolve(&RouteQuery::named("")).unwrap_err().cause(), Cause::NotFound);
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
        let route = registry.resolve(&RouteQuery::named("")).unwrap();
        let keys: Vec<_> = route.models().iter().map(|model| model.key()).collect();
        assert_eq!(keys, ["b-1", "a-1"]);
        assert!(registry.set_default(&[]).is_err());
        assert!(registry.set_default(&["c-1".into()]).is_err());
    }

    #[test]
    fn a_model_is_replaced_and_its_executor_closes_after_the_last_request() {
        let registry = Registry::default();
        registry.add(model("m", "1")).unwrap();
        registry.set_default(&["m".into()]).unwrap();
        let running = registry.resolve(&RouteQuery::named("")).unwrap();
        let old = Arc::clone(running.models()[0].executor());
        let replaced = registry.put(model("m", "1")).unwrap();
        assert!(Arc::ptr_eq(replaced.unwrap().executor(), &old));
        assert!(!Arc::ptr_eq(
            registry.resolve(&RouteQuery::named("m-1")).unwrap().models()[0].executor(),
            &old
        ));
        assert!(!Arc::ptr_eq(
            registry.resolve(&RouteQuery::named("")).unwrap().models()[0].executor(),
            &old
        ));
        assert!(!old.is_closed());
        drop(running);
        assert!(old.is_closed());
    }

    #[test]
    fn without_the_latest_version_the_one_before_it_is_the_latest() {
        let registry = Registry::default();
        for version in ["1", "2"] {
            registry.add(model("m", version)).unwrap();
        }
        registry.remove("m-2").unwrap();
        assert_eq!(key(&registry, "m"), "m-1");
        assert_eq!(registry.remove("m-2").unwrap_err().cause(), Cause::NotFound);
    }

    #[test]
    fn a_graph_waits_for_a_model_that_is_taken_away() {
        let registry = Registry::default();
        registry.add(model("a", "1")).unwrap();
        registry.set_default(&["a".into()]).unwrap();
        registry.remove("a-1").unwrap();
        let error = registry.resolve(&RouteQuery::named("")).unwrap_err();
        assert_eq!(error.cause(), Cause::Unavailable);
        assert!(error.message().contains("the default graph: Model a not found"), "{error}");
        assert_eq!(registry.trouble().as_deref(), Some(error.message()));
        registry.put(model("a", "2")).unwrap();
        assert_eq!(key(&registry, ""), "a-2");
    }
}
