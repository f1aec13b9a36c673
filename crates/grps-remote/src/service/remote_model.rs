//! A model of this service that other services run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use grps_server::codec::proto::ModelFacts;
use parking_lot::Mutex;

/// A model of this service that other services run.
#[derive(Debug)]
pub(crate) struct RemoteModel {
    /// Its name and version in this service, for errors.
    pub(crate) own_key: String,
    /// Its name in the other service.
    pub(crate) key: String,
    /// Its bit among the models of the service.
    pub(crate) bit: u64,
    /// What the first endpoint told of it.
    facts: Mutex<Option<Told>>,
    /// Usual size of a response.
    response_bytes: AtomicUsize,
    is_closed: AtomicBool,
}

/// What an endpoint told of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) facts: ModelFacts,
    /// The endpoint.
    pub(crate) address: String,
}

impl RemoteModel {
    /// A model that no endpoint has told anything of.
    pub(crate) fn new(own_key: String, key: String, bit: u64) -> Self {
        let (facts, response_bytes, is_closed) = Default::default();
        Self { own_key, key, bit, facts, response_bytes, is_closed }
    }

    /// What the first endpoint has told, which is this one if it is the first.
    pub(crate) fn told(&self, facts: &ModelFacts, address: &str) -> Told {
        let mut told = self.facts.lock();
        let first = || Told { facts: facts.clone(), address: address.to_owned() };
        told.get_or_insert_with(first).clone()
    }

    /// What an endpoint has told of it; `None` when none has.
    pub(crate) fn facts(&self) -> Option<ModelFacts> {
        self.facts.lock().as_ref().map(|told| told.facts.clone())
    }

    /// Notes the size of a response.
    pub(crate) fn note_response(&self, bytes: usize) {
        let before = self.response_bytes.load(Ordering::Relaxed);
        let mean = before - before / 8 + bytes / 8;
        self.response_bytes.store(mean, Ordering::Relaxed);
    }

    /// The usual size of a response.
    pub(crate) fn response_bytes(&self) -> usize {
        self.response_bytes.load(Ordering::Relaxed)
    }

    /// Takes no more calls.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    /// Whether it takes no more calls.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}
