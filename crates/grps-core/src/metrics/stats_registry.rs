//! The counters of all models, nodes and routes by name. A reloaded model keeps its counters.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::metrics::calls::CallStats;
use crate::metrics::requests::RouteStats;

/// All counters of one service by name.
#[derive(Debug)]
pub struct StatsRegistry {
    /// Counters for requests that matched no route.
    unrouted: Arc<RouteStats>,
    /// By name of the model or graph.
    routes: Mutex<BTreeMap<String, Arc<RouteStats>>>,
    /// By `name-version`.
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
    /// The counters for requests that matched no route.
    pub fn unrouted(&self) -> &Arc<RouteStats> {
        &self.unrouted
    }

    /// The counters for the requests of a model or graph.
    pub(crate) fn route(&self, name: &str) -> Arc<RouteStats> {
        let mut routes = self.routes.lock();
        let existing = routes.get(name).cloned();
        existing.unwrap_or_else(|| {
            let stats = Arc::new(RouteStats::new(name));
            routes.insert(name.to_owned(), Arc::clone(&stats));
            stats
        })
    }

    /// The counters for the calls of a model.
    pub(crate) fn model(&self, key: &str) -> Arc<CallStats> {
        Arc::clone(self.models.lock().entry(key.to_owned()).or_default())
    }

    /// The counters for the calls of a graph node.
    pub(crate) fn node(&self, graph: &str, node: &str) -> Arc<CallStats> {
        Arc::clone(self.nodes.lock().entry((graph.to_owned(), node.to_owned())).or_default())
    }

    /// All routes since the start, and the counters for requests that matched no route.
    pub fn routes(&self) -> Vec<Arc<RouteStats>> {
        let routes = self.routes.lock();
        routes.values().chain([&self.unrouted]).cloned().collect()
    }

    /// All models since the start, by `name-version`.
    pub fn models(&self) -> Vec<(String, Arc<CallStats>)> {
        let models = self.models.lock();
        models.iter().map(|(key, stats)| (key.clone(), Arc::clone(stats))).collect()
    }

    /// All nodes since the start, by graph and node.
    pub fn nodes(&self) -> Vec<((String, String), Arc<CallStats>)> {
        let nodes = self.nodes.lock();
        nodes.iter().map(|(key, stats)| (key.clone(), Arc::clone(stats))).collect()
    }
}
