//! Native code of one model that runs another model of the service.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::Engine;
use crate::error::{Cause, Error};
use crate::models::native_instances::inferer::NativeRequest;
use crate::request::content::Content;
use crate::request::request::{Request, SchedulingOptions};

/// How often a waiting call looks whether its client has left.
const LOOK: Duration = Duration::from_millis(20);

/// What the inferers of one model call other models by.
#[derive(Debug)]
pub struct NestedCalls {
    /// `name-version` of the model that calls.
    caller: Arc<str>,
    /// The models that it may call; empty until the model is served.
    engine: OnceLock<Weak<Engine>>,
}

impl NestedCalls {
    /// Calls of a model, by its `name-version`.
    pub fn new(caller: &str) -> Self {
        Self { caller: caller.into(), engine: OnceLock::new() }
    }

    /// Lets the model call those of an engine, which serves it.
    pub fn connect(&self, engine: &Arc<Engine>) {
        // A model is served by one engine.
        let _ = self.engine.set(Arc::downgrade(engine));
    }

    /// Runs another model for a request and waits for the output: tensors for tensors. It takes no
    /// second permit, has the deadline of the request, and ends when its client leaves.
    ///
    /// # Errors
    /// The error of the call; `Cancelled` when nobody waits any more.
    pub fn run(
        &self,
        request: &dyn NativeRequest,
        model: &str,
        content: Content,
    ) -> Result<Content, Error> {
        let timeline = request.timeline().ok_or_else(|| {
            let message = "a model with isolation: process can't call other models; use a graph, or \
                           isolation: thread";
            Error::new(Cause::ModelFailed, message)
        })?;
        let ended = || Error::new(Cause::Unavailable, "the service does not serve its models");
        let engine = self.engine.get().and_then(Weak::upgrade).ok_or_else(ended)?;
        let runtime = engine.runtime().ok_or_else(ended)?.clone();
        let deadline = request.deadline().map(Instant::from_std);
        let options = SchedulingOptions { deadline, ..SchedulingOptions::default() };
        let timeline = Arc::clone(timeline);
        let nested = Request { timeline, content, options, attachment: None };
        let (caller, model) = (Arc::clone(&self.caller), model.to_owned());
        let (sender, outcome) = sync_channel(1);
        let call = runtime.spawn(async move {
            // Nobody receives it when the client has left.
            let _ = sender.send(engine.infer_from(&caller, &model, nested).await);
        });
        request.begin_wait();
        let outcome = loop {
            match outcome.recv_timeout(LOOK) {
                Ok(outcome) => break outcome,
                Err(RecvTimeoutError::Timeout) if !request.is_cancelled() => {}
                Err(_) => {
                    call.abort();
                    break Err(Error::new(Cause::Cancelled, "the client has left"));
                }
            }
        };
        request.end_wait();
        outcome
    }
}
