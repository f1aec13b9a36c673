//! The route of each name, computed again whenever the models or graphs of a service change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Cause, Error};
use crate::graph::{Graph, GraphSpec};
use crate::metrics::{RouteStats, StatsRegistry};
use crate::models::model::Model;
use crate::models::route_query::RouteQuery;
use crate::models::version;
use crate::request::content::InputForm;
use crate::text::{quoted, shown};
use crate::traffic::{Entry, Mirror, Split};

/// What requests for several models in a row are counted as.
const DEFAULT_NAME: &str = "default";

/// What a request passes through: one model, several in a row, or a graph.
#[derive(Clone, Debug)]
pub struct Route(Arc<Path>);

/// What the holders of a route share.
#[derive(Debug)]
struct Path {
    /// The models in order; never empty.
    models: Box<[Arc<Model>]>,
    /// What is measured of the requests that take it.
    stats: Arc<RouteStats>,
    /// How the models are connected; `None` when each takes the output of the one before it.
    graph: Option<Graph>,
    /// Where copies of requests go.
    mirror: Option<Mirror>,
}

impl Route {
    fn chain(models: impl Into<Box<[Arc<Model>]>>, stats: Arc<RouteStats>) -> Self {
        let (models, graph, mirror) = (models.into(), None, None);
        Self(Arc::new(Path { models, stats, graph, mirror }))
    }

    fn through_graph(graph: Graph, stats: Arc<RouteStats>) -> Self {
        let (models, graph, mirror) = (graph.models().into(), Some(graph), None);
        Self(Arc::new(Path { models, stats, graph, mirror }))
    }

    /// The same route, of whose requests copies go to another version.
    pub(crate) fn mirrored(&self, mirror: Mirror) -> Self {
        let (models, stats) = (self.0.models.clone(), Arc::clone(&self.0.stats));
        Self(Arc::new(Path { models, stats, graph: None, mirror: Some(mirror) }))
    }

    /// What is measured of the requests that take it.
    pub fn stats(&self) -> &Arc<RouteStats> {
        &self.0.stats
    }

    /// The models in order.
    pub fn models(&self) -> &[Arc<Model>] {
        &self.0.models
    }

    /// The graph, if it is one.
    pub fn graph(&self) -> Option<&Graph> {
        self.0.graph.as_ref()
    }

    /// Where copies of its requests go.
    pub(crate) fn mirror(&self) -> Option<&Mirror> {
        self.0.mirror.as_ref()
    }

    /// The version of its first model.
    pub(crate) fn version(&self) -> Option<&str> {
        self.models().first().map(|model| model.spec().version.as_str())
    }

    /// The priority of a request among those of all routes. A client can only overtake others by the
    /// priorities that the models of its route have; without any, all requests are equal.
    pub(crate) fn admission_priority(&self, priority: u8) -> u8 {
        let levels = self.0.models.iter().map(|model| model.spec().batching.priority_levels).max();
        let least_urgent = u8::try_from(levels.unwrap_or(1).saturating_sub(1)).unwrap_or(u8::MAX);
        u8::MAX - (least_urgent - priority.min(least_urgent))
    }

    /// The mean duration of the latest requests, once they run; nodes of a graph may run in parallel.
    pub(crate) fn latency(&self) -> Duration {
        let each = self.0.models.iter().map(|model| model.latency());
        if self.0.graph.is_some() { each.max().unwrap_or_default() } else { each.sum() }
    }

    /// YAML text that describes it.
    pub fn metadata(&self) -> &str {
        let first = self.0.models.first().map(|model| model.spec().metadata.as_str());
        self.graph().map(|graph| graph.spec().metadata.as_str()).or(first).unwrap_or_default()
    }

    /// The form that it takes its input in.
    pub fn form(&self) -> InputForm {
        let first = self.0.models.first().map(|model| model.spec().form);
        self.graph().map(Graph::form).or(first).unwrap_or(InputForm::Tensors)
    }

    /// Whether it takes tensors as they are, although its form is that of messages.
    pub fn takes_tensors_too(&self) -> bool {
        let first = self.0.models.first().filter(|_| self.graph().is_none());
        first.is_some_and(|model| model.takes_tensors_too())
    }
}

/// The models and graphs that are registered: the source of all routes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    /// The models under their `name-version`.
    pub(crate) models: BTreeMap<String, Arc<Model>>,
    /// The graphs under their names.
    pub(crate) graphs: BTreeMap<String, GraphSpec>,
    /// What runs a request that names no model.
    pub(crate) default: Option<DefaultRoute>,
    /// How requests for a name are divided among its versions, by the name.
    pub(crate) traffic: BTreeMap<String, Entry>,
    /// Changes of the traffic so far.
    pub(crate) traffic_revision: u64,
    /// Counters by name; they outlive models and graphs that are replaced.
    pub(crate) stats: Arc<StatsRegistry>,
}

impl Catalog {
    /// Whether a model is a version that gets copies, or nothing, in place of requests: clients can do
    /// without it.
    pub(crate) fn is_spare(&self, model: &Model) -> bool {
        let spec = model.spec();
        self.traffic.get(&spec.name).is_some_and(|entry| entry.is_spare(&spec.version))
    }

    /// The revision of a change of the traffic.
    pub(crate) fn next_traffic_revision(&mut self) -> u64 {
        self.traffic_revision += 1;
        self.traffic_revision
    }
}

/// What runs a request that names no model.
#[derive(Clone, Debug)]
pub(crate) enum DefaultRoute {
    /// Models by their names, in order.
    Chain(Vec<String>),
    /// A graph by its name.
    Graph(String),
}

/// A route, or why there is none at present.
type Routed = Result<Route, Error>;

/// The route of each name.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// Every model under its `name-version`.
    by_key: HashMap<String, Route>,
    /// The versions of each model under its bare name, the latest last; never empty.
    by_name: HashMap<String, Vec<Route>>,
    /// The names whose requests are divided among versions.
    splits: HashMap<String, Split>,
    /// The name that requests without one stand for, if its requests are divided.
    default_split: Option<String>,
    /// The keys of versions that clients get only by naming them.
    spare: HashSet<String>,
    /// Graphs under their names.
    graphs: BTreeMap<String, Routed>,
    /// The route of a request that names no model.
    default: Option<Routed>,
}

impl Routes {
    /// Computes the routes. A graph that lacks a model has none until the model is registered.
    ///
    /// # Errors
    /// `InvalidArgument` when a name stands for two things or something does not fit.
    pub(crate) fn compute(catalog: &Catalog) -> Result<Self, Error> {
        let mut routes = Self::default();
        for (key, model) in &catalog.models {
            routes.add(key, model, catalog.stats.route(key));
            if catalog.is_spare(model) {
                routes.spare.insert(key.clone());
            }
        }
        for (name, entry) in &catalog.traffic {
            routes.splits.extend(routes.split(entry).map(|split| (name.clone(), split)));
        }
        for (name, spec) in &catalog.graphs {
            if routes.find_model(name).is_some() {
                return Err(Error::invalid(format!("graph '{name}': the name is taken")));
            }
            let found = Graph::new(spec.clone(), &catalog.stats, |name| routes.model(name));
            let found = found.map(|graph| Route::through_graph(graph, catalog.stats.route(name)));
            let what = format!("graph '{name}'");
            routes.graphs.insert(name.clone(), wait_for_models(&what, found)?);
        }
        routes.default = match &catalog.default {
            None => None,
            Some(DefaultRoute::Graph(name)) => routes.graphs.get(name).cloned(),
            Some(DefaultRoute::Chain(names)) => {
                if let [only] = names.as_slice() {
                    routes.default_split = routes.splits.contains_key(only).then(|| only.clone());
                }
                let chain = routes.chain(names, &catalog.stats);
                Some(wait_for_models("the default graph", chain)?)
            }
        };
        Ok(routes)
    }

    /// The route of a request.
    ///
    /// # Errors
    /// `NotFound` with the names that exist; `Unavailable` for a graph that lacks a model;
    /// `InvalidArgument` for a version without a model.
    pub(crate) fn resolve(&self, query: &RouteQuery<'_>) -> Routed {
        // Protobuf clients send an empty text for "no version".
        let Some(version) = query.version.filter(|version| !version.is_empty()) else {
            let default = || self.default_split.as_deref().unwrap_or_default();
            let name = if query.model.is_empty() { default() } else { query.model };
            return match self.split_of(name) {
                Some(split) => Ok(split.choose(query).clone()),
                None => self.find(query.model),
            };
        };
        if query.model.is_empty() {
            let version = quoted(version);
            return Err(Error::invalid(format!("version {version} needs the name of a model")));
        }
        let found =
            self.versions(query.model).iter().find(|route| route.version() == Some(version));
        found.cloned().ok_or_else(|| self.not_found(&format!("{}-{version}", query.model)))
    }

    /// The versions of a model, the latest last.
    pub(crate) fn versions(&self, name: &str) -> &[Route] {
        self.by_name.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The route for a name, "" meaning the default graph.
    ///
    /// # Errors
    /// `NotFound` with the names there are; `Unavailable` for a graph that lacks a model.
    pub(crate) fn find(&self, name: &str) -> Routed {
        if name.is_empty() {
            return self.default.clone().unwrap_or_else(|| Err(self.not_found(name)));
        }
        if let Some(route) = self.find_model(name) {
            return Ok(route.clone());
        }
        if self.by_name.contains_key(name) {
            let text = format!("no version of model {} that has a weight is loaded", shown(name));
            return Err(Error::new(Cause::Unavailable, text));
        }
        self.graphs.get(name).cloned().unwrap_or_else(|| Err(self.not_found(name)))
    }

    /// The model that a name stands for.
    ///
    /// # Errors
    /// `NotFound` with the names there are.
    pub(crate) fn model(&self, name: &str) -> Result<Arc<Model>, Error> {
        let route = self.find_model(name).ok_or_else(|| self.not_found(name))?;
        Ok(Arc::clone(&route.models()[0]))
    }

    /// Why a graph, or the default one, has no route; `None` when all have one.
    pub(crate) fn broken(&self) -> Option<&Error> {
        let all = self.graphs.values().chain(&self.default);
        all.filter_map(|routed| routed.as_ref().err()).next()
    }

    /// Models in a row; requests for the only one count as if they had named it.
    fn chain(&self, names: &[String], stats: &StatsRegistry) -> Routed {
        let models: Vec<_> = names.iter().map(|name| self.model(name)).collect::<Result<_, _>>()?;
        let name = match models.as_slice() {
            [only] => only.key(),
            _ => DEFAULT_NAME,
        };
        let stats = stats.route(name);
        Ok(Route::chain(models, stats))
    }

    fn add(&mut self, key: &str, model: &Arc<Model>, stats: Arc<RouteStats>) {
        let route = Route::chain([Arc::clone(model)], stats);
        let versions = self.by_name.entry(model.spec().name.clone()).or_default();
        let added = &model.spec().version;
        let later = |other: &Route| {
            other.version().is_some_and(|other| version::compare(other, added).is_ge())
        };
        let position = versions.iter().position(later).unwrap_or(versions.len());
        versions.insert(position, route.clone());
        self.by_key.insert(key.to_owned(), route);
    }

    /// How the requests for a name are divided; `None` when one route has them all.
    fn split_of(&self, name: &str) -> Option<&Split> {
        self.splits.get(name).filter(|_| !self.by_key.contains_key(name))
    }

    /// The versions that share the requests for a name, with where their copies go. Versions that
    /// are not loaded leave their share to the others.
    fn split(&self, entry: &Entry) -> Option<Split> {
        let versions = self.versions(&entry.spec.model);
        let find = |version: &str| versions.iter().find(|route| route.version() == Some(version));
        let shadow = entry.shadow.as_ref();
        let mirror = shadow.and_then(|shadow| {
            let model = Arc::clone(find(&shadow.spec().version)?.models().first()?);
            Some(Mirror { shadow: Arc::clone(shadow), model })
        });
        let shares = entry.weights.iter().filter_map(|(version, weight)| {
            let route = find(version)?;
            let other = mirror.as_ref().filter(|mirror| mirror.shadow.spec().version != version);
            Some((other.map_or_else(|| route.clone(), |one| route.mirrored(one.clone())), weight))
        });
        Split::new(shares.collect(), entry.spec.sticky_header.as_deref())
    }

    /// The route of a model by its key, or of the main version of a name.
    fn find_model(&self, name: &str) -> Option<&Route> {
        let main = || self.split_of(name).map(Split::main);
        // A shadow, or a version that was rolled back, gets none of the requests of others.
        let is_spare =
            |route: &Route| route.models().iter().any(|one| self.spare.contains(one.key()));
        let latest = || self.by_name.get(name)?.iter().rev().find(|route| !is_spare(route));
        self.by_key.get(name).or_else(main).or_else(latest)
    }

    fn not_found(&self, name: &str) -> Error {
        let mut keys: Vec<_> = self.by_key.keys().map(String::as_str).collect();
        keys.extend(self.graphs.keys().map(String::as_str));
        keys.sort_unstable();
        let known = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
        let message = if name.is_empty() {
            format!("no model named and no default graph is set; models: {known}")
        } else {
            format!("Model {} not found; models: {known}", shown(name))
        };
        Error::new(Cause::NotFound, message)
    }
}

/// Keeps a missing model as the reason why there is no route; other errors stay errors.
fn wait_for_models(what: &str, found: Result<Route, Error>) -> Result<Routed, Error> {
    match found {
        Err(error) if error.cause() == Cause::NotFound => {
            Ok(Err(Error::new(Cause::Unavailable, format!("{what}: {}", error.message()))))
        }
        Err(error) => Err(error),
        Ok(route) => Ok(Ok(route)),
    }
}
