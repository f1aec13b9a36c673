//! The routes of a name whose requests are divided among versions.

use crate::models::route_query::RouteQuery;
use crate::models::routes::Route;
use crate::traffic::place::place_of;

/// The versions of a name that get requests, with their weights.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    /// Routes and their weights, which are above 0; never empty.
    shares: Vec<(Route, f64)>,
    /// The attribute whose value decides for a request that has it, in lower case.
    sticky: Option<String>,
}

impl Split {
    /// The versions that are served; `None` when no version with a weight is.
    pub(crate) fn new(shares: Vec<(Route, f64)>, sticky: Option<&str>) -> Option<Self> {
        let shares: Vec<_> = shares.into_iter().filter(|(_, weight)| *weight > 0.0).collect();
        (!shares.is_empty()).then(|| Self { shares, sticky: sticky.map(str::to_ascii_lowercase) })
    }

    /// The route of a request: by its key if it has one, else by its draw. What is no request gets
    /// the main version.
    pub(crate) fn choose(&self, query: &RouteQuery<'_>) -> &Route {
        let key = self.sticky.as_deref().and_then(|name| (query.attributes)(name));
        match (key.filter(|key| !key.is_empty()), query.draw) {
            (Some(key), _) => self.of_key(key),
            (None, Some(draw)) => self.at(draw),
            (None, None) => self.main(),
        }
    }

    /// The version with the largest weight, the first of several.
    pub(crate) fn main(&self) -> &Route {
        let largest = |best: usize, index: usize| {
            if self.shares[index].1 > self.shares[best].1 { index } else { best }
        };
        &self.shares[(0..self.shares.len()).fold(0, largest)].0
    }

    /// The version at a place from 0 up to 1, in the order of the versions.
    fn at(&self, draw: f64) -> &Route {
        let sum: f64 = self.shares.iter().map(|(_, weight)| weight).sum();
        let mut left = draw * sum;
        for (route, weight) in &self.shares {
            if left < *weight {
                return route;
            }
            left -= weight;
        }
        &self.shares[self.shares.len() - 1].0
    }

    /// The version of a key, by weighted rendezvous hashing: each version has a score for the key,
    /// and the smallest wins. A larger weight only makes the own score smaller, so a version that
    /// grows keeps its keys and takes some of others.
    fn of_key(&self, key: &str) -> &Route {
        let score = |(route, weight): &(Route, f64)| {
            -place_of(key, route.version().unwrap_or_default()).ln() / weight
        };
        let mut best = (&self.shares[0].0, score(&self.shares[0]));
        for share in &self.shares[1..] {
            let own = score(share);
            if own < best.1 {
                best = (&share.0, own);
            }
        }
        best.0
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
