//! The counters of all models, nodes and routes by name. They outlive what they count: a model that
//! is loaded anew goes on with its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::metrics::calls::CallStats;
use crate::metrics::requests::RouteStats;

/// The counters of one service.
#[derive(Debug)]
pub struct StatsRegistry {
    /// Requests that found no route.
    unrouted: Arc<RouteStats>,
    routes: Mutex<BTreeMap<String, Arc<RouteStats>>>,
    models: Mutex<BTreeMap<String, Arc<CallStats>>>,
    /// By graph and node.
    nodes: Mutex<BTreeMap<(String, String), Arc<CallStats>>>,
}

impl Default for StatsRegistry {
    fn default() -> Self {
        let (routes, models, nodes) = Default::default();
        Self { unrouted: Arc::new(RouteStats::new("")), routes, models, nodes }
    }
}

impl StatsRegistry {
    /// The counters of requests that found no route.
    pub fn unrouted(&self) -> &Arc<RouteStats> {
        &self.unrouted
    }

    /// The counters of the requests for a model or graph.
    pub(crate) fn route(&self, name: &str) -> Arc<RouteStats> {
        let mut routes = self.routes.lock();
        let found = routes.get(name).cloned();
        found.unwrap_or_else(|| {
            let made = Arc::new(RouteStats::new(name));
            routes.insert(name.to_owned(), Arc::clone(&made));
            made
        })
    }

    /// The counters of the calls of a model.
    pub(crate) fn model(&self, key: &str) -> Arc<CallStats> {
        Arc::clone(self.models.lock().entry(key.to_owned()).or_default())
    }

    /// The counters of the calls that a node of a graph makes.
    pub(crate) fn node(&self, graph: &str, node: &str) -> Arc<CallStats> {
        Arc::clone(self.nodes.lock().entry((graph.to_owned(), node.to_owned())).or_default())
    }

    /// All routes that were ever there, and the one of requests that found none.
    pub fn routes(&self) -> Vec<Arc<RouteStats>> {
        let routes = self.routes.lock();
        routes.values().chain([&self.unrouted]).cloned().collect()
    }

    /// All models that were ever there, by `name-version`.
    pub fn models(&self) -> Vec<(String, Arc<CallStats>)> {
        let models = self.models.lock();
        models.iter().map(|(key, stats)| (key.clone(), Arc::clone(stats))).collect()
    }

    /// All nodes that were ever there, by graph and node.
    pub fn nodes(&self) -> Vec<((String, String), Arc<CallStats>)> {
        let nodes = self.nodes.lock();
        nodes.iter().map(|(key, stats)| (key.clone(), Arc::clone(stats))).collect()
    }
}
