//! What is measured of the requests that take one route.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::metrics::exemplars::Exemplars;
use crate::metrics::histogram::Histogram;
use crate::metrics::outcomes::Outcomes;
use crate::metrics::stage::RequestStage;

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1 or HTTP/2.
    Http,
    /// gRPC.
    Grpc,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Http, Self::Grpc];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }
}

/// What is measured of the requests for one model or graph.
#[derive(Debug)]
pub struct RouteStats {
    /// The model's `name-version`, the graph's name, or "" for requests that found neither.
    pub name: Arc<str>,
    /// In the order of [`Protocol::ALL`].
    by_protocol: [RequestStats; Protocol::ALL.len()],
}

impl RouteStats {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), by_protocol: Default::default() }
    }

    /// What came by one protocol.
    pub fn of(&self, protocol: Protocol) -> &RequestStats {
        &self.by_protocol[protocol as usize]
    }
}

/// Counters on the way of every request; any thread may add and read without waiting.
#[derive(Debug, Default)]
pub struct RequestStats {
    /// How requests ended.
    pub outcomes: Outcomes,
    /// From the head of the request to the end of its answer.
    pub duration: Histogram,
    /// From the head of the request to the first chunk of its answer, if it came in chunks.
    pub first_chunk: Histogram,
    /// In the order of [`RequestStage::ALL`].
    stages: [Histogram; RequestStage::ALL.len()],
    /// Bytes of bodies of requests.
    pub received_bytes: Sum,
    /// Bytes of bodies of answers.
    pub sent_bytes: Sum,
    /// Chunks of answers.
    pub chunks: Sum,
    /// Some of the latest requests behind `duration`.
    pub exemplars: Exemplars,
}

impl RequestStats {
    /// How long one step took in all requests that had it.
    pub fn stage(&self, stage: RequestStage) -> &Histogram {
        &self.stages[stage as usize]
    }

    /// Counts one step of a request.
    pub fn add_stage(&self, stage: RequestStage, length: Duration) {
        self.stage(stage).add(length);
    }
}

/// A sum that only grows.
#[derive(Debug, Default)]
pub struct Sum(AtomicU64);

impl Sum {
    /// Adds to it.
    pub fn add(&self, amount: u64) {
        if amount > 0 {
            self.0.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// The sum now.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
