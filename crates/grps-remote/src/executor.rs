//! The executor of a model that another service runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use grps_core::{Call, Cause, Error, Executor, PendingReply, Submission};
use grps_server::codec::proto::ModelFacts;

use crate::run::run;
use crate::service::remote_model::RemoteModel;
use crate::service::service::Service;

/// Time between two looks while a service is waited for.
const LOOK: Duration = Duration::from_millis(5);

/// Runs the calls of a model in another service.
#[derive(Debug)]
pub struct RemoteExecutor {
    remote: Remote,
}

/// A model and the service that runs it.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    pub(crate) service: Arc<Service>,
    pub(crate) model: Arc<RemoteModel>,
    /// How long calls have run, in nanoseconds.
    pub(crate) busy_ns: Arc<AtomicU64>,
}

impl RemoteExecutor {
    /// An executor of a model of a service.
    pub(crate) fn new(service: Arc<Service>, model: Arc<RemoteModel>) -> Self {
        Self { remote: Remote { service, model, busy_ns: Arc::default() } }
    }

    /// What the first endpoint tells of the model, once one takes calls; `None` when none does in
    /// time. It blocks the thread.
    pub fn wait_for_facts(&self, limit: Duration) -> Option<ModelFacts> {
        let end = Instant::now() + limit;
        loop {
            let facts = self.remote.model.facts();
            if facts.is_some() && self.trouble().is_none() {
                return facts;
            }
            if Instant::now() >= end {
                return None;
            }
            std::thread::sleep(LOOK.min(limit));
        }
    }
}

impl Executor for RemoteExecutor {
    fn submit(&self, call: Call) -> Submission {
        if self.is_closed() {
            let text = format!("model '{}' takes no more requests", self.remote.model.own_key);
            return Submission::refused(Error::new(Cause::Unavailable, text));
        }
        Submission::Pending(PendingReply::running(run(self.remote.clone(), call)))
    }

    fn trouble(&self) -> Option<String> {
        let Remote { service, model, .. } = &self.remote;
        service.trouble(model).map(|trouble| format!("model {}: {trouble}", model.own_key))
    }

    fn close(&self) {
        let Remote { service, model, .. } = &self.remote;
        model.close();
        service.remove_model(model);
    }

    fn is_closed(&self) -> bool {
        self.remote.model.is_closed()
    }

    fn takes_any_form(&self) -> bool {
        true
    }

    fn instances(&self) -> usize {
        let bit = self.remote.model.bit;
        self.remote.service.endpoints().iter().filter(|one| one.takes(bit)).count()
    }

    fn busy_time(&self) -> Duration {
        Duration::from_nanos(self.remote.busy_ns.load(Ordering::Relaxed))
    }
}
