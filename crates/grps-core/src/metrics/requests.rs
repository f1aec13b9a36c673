//! Counters for the requests of one route.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::metrics::exemplars::Exemplars;
use crate::metrics::histogram::Histogram;
use crate::metrics::outcomes::Outcomes;
use crate::metrics::stage::RequestStage;

/// The protocol of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1 or HTTP/2.
    Http,
    /// gRPC.
    Grpc,
    /// bRPC's `baidu_std`.
    Brpc,
}

impl Protocol {
    /// All protocols.
    pub const ALL: [Self; 3] = [Self::Http, Self::Grpc, Self::Brpc];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Brpc => "brpc",
        }
    }
}

/// Counters for the requests of one model or graph.
#[derive(Debug)]
pub struct RouteStats {
    /// The model's `name-version`, the graph's name, or "" for requests that matched no route.
    pub name: Arc<str>,
    /// Counters in the order of [`Protocol::ALL`].
    by_protocol: [RequestStats; Protocol::ALL.len()],
}

impl RouteStats {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), by_protocol: Default::default() }
    }

    /// The counters for one protocol.
    pub fn for_protocol(&self, protocol: Protocol) -> &RequestStats {
        &self.by_protocol[protocol as usize]
    }
}

/// Counters for requests; any thread can add and read without waiting.
#[derive(Debug, Default)]
pub struct RequestStats {
    /// Requests by outcome.
    pub outcomes: Outcomes,
    /// Time from the head of a request to the end of its response.
    pub duration: Histogram,
    /// Time from the head of a request to the first chunk of its response, for streams.
    pub first_chunk: Histogram,
    /// Durations in the order of [`RequestStage::ALL`].
    stages: [Histogram; RequestStage::ALL.len()],
    /// Bytes of request bodies.
    pub received_bytes: Sum,
    /// Bytes of response bodies.
    pub sent_bytes: Sum,
    /// Chunks of responses.
    pub chunks: Sum,
    /// Recent requests for the buckets of `duration`.
    pub exemplars: Exemplars,
}

impl RequestStats {
    /// Durations of one stage, over all requests with this stage.
    pub fn stage(&self, stage: RequestStage) -> &Histogram {
        &self.stages[stage as usize]
    }

    /// Counts one stage of a request.
    pub fn add_stage(&self, stage: RequestStage, duration: Duration) {
        self.stage(stage).add(duration);
    }
}

/// A sum that never decreases.
#[derive(Debug, Default)]
pub struct Sum(AtomicU64);

impl Sum {
    /// Adds an amount.
    pub fn add(&self, amount: u64) {
        if amount > 0 {
            self.0.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// Returns the current sum.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
