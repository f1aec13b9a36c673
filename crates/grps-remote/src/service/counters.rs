//! Why endpoints are ejected, and how often.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why an endpoint gets no calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It can't be connected to.
    Connect,
    /// It answers no ping.
    Keepalive,
    /// Its connection was lost, and it can't be connected to again.
    Connection,
    /// It takes no requests for now.
    Unavailable,
    /// Its connections break under calls.
    Failures,
    /// It runs another version of GRPS.
    Version,
    /// Its model has other inputs or outputs.
    Signature,
    /// It does not have the model.
    Model,
}

impl Reason {
    const ALL: [Self; 8] = [
        Self::Connect,
        Self::Keepalive,
        Self::Connection,
        Self::Unavailable,
        Self::Failures,
        Self::Version,
        Self::Signature,
        Self::Model,
    ];

    /// The name in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Keepalive => "keepalive",
            Self::Connection => "connection",
            Self::Unavailable => "unavailable",
            Self::Failures => "failures",
            Self::Version => "version",
            Self::Signature => "signature",
            Self::Model => "model",
        }
    }

    /// Whether it is refused for what it is rather than for how it does.
    pub(crate) fn is_refusal(self) -> bool {
        matches!(self, Self::Version | Self::Signature | Self::Model)
    }
}

/// What is counted of a service.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Calls that were sent.
    pub(crate) requests: AtomicU64,
    /// Calls that were sent once more.
    pub(crate) retries: AtomicU64,
    /// Calls that were not, as too many had been.
    pub(crate) refused_retries: AtomicU64,
    ejections: [AtomicU64; Reason::ALL.len()],
}

impl Counters {
    /// Counts an ejection.
    pub(crate) fn count_ejection(&self, reason: Reason) {
        if let Some(count) = self.ejections.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The ejections by the names of their reasons.
    pub(crate) fn ejections(&self) -> Vec<(&'static str, u64)> {
        let counts = self.ejections.iter().map(|count| count.load(Ordering::Relaxed));
        Reason::ALL.iter().map(|reason| reason.name()).zip(counts).collect()
    }
}
