//! A batch in the hands of an instance: its joined input, its replies, and its requests one by one.
//!
//! Python threads, the link to a worker process and native instances all run batches by this type.

use std::sync::Arc;
use std::time::Instant;

use crate::error::{Cause, Error};
use crate::request::content::{Content, InputForm};
use crate::request::timeline::{CallTimings, Timeline};
use crate::scheduling::batching::{Batch, BatchPolicy, Parts};
use crate::scheduling::entry::Entry;
use crate::scheduling::instance_health::Heartbeat;
use crate::scheduling::running_request::RunningRequest;
use crate::tensor::tensor::Tensor;

/// Requests that an instance runs at once; at least one.
#[derive(Debug)]
pub struct RunningBatch {
    /// How many requests there are.
    count: usize,
    /// The requests that an outcome can be sent to.
    requests: Requests,
    /// The joined input; `None` for messages, for requests that do not fit together, and once an
    /// instance has taken it.
    tensors: Option<Vec<Tensor>>,
    /// Each request's part of the outputs; `None` when the only request gets all of them.
    parts: Option<Parts>,
    /// The form that the model takes its input in.
    form: InputForm,
    /// How the requests were gathered.
    policy: Arc<BatchPolicy>,
    /// The heartbeat of the instance.
    heartbeat: Heartbeat,
    /// What is noted of each request, from the begin of the batch on.
    timings: CallTimings,
}

/// Requests are shared only when something looks at single ones; most batches of tensors are
/// replied to as a whole.
#[derive(Debug)]
enum Requests {
    /// As they came from the queue; empty once they were replied to as a whole.
    Entries(Vec<Entry>),
    /// Shared with the batches of single requests, and with user code.
    Shared(Vec<Arc<RunningRequest>>),
}

impl RunningBatch {
    /// Takes a batch over and joins its tensors. Requests that do not fit together after all have no
    /// joined input: they can be run one by one.
    pub fn new(mut batch: Batch, form: InputForm) -> Self {
        let joined = (form == InputForm::Tensors).then(|| batch.join().ok()).flatten();
        let (tensors, parts) = joined.map(|joined| (joined.tensors, joined.parts)).unzip();
        Self {
            count: batch.entries.len(),
            tensors,
            parts: parts.flatten(),
            form,
            policy: Arc::clone(batch.policy()),
            heartbeat: batch.heartbeat().clone(),
            timings: batch.timings(),
            requests: Requests::Entries(batch.entries),
        }
    }

    /// The number of requests.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no requests; there is always one.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first request, for logs; `None` once the batch was replied to as a whole.
    pub fn first(&self) -> Option<&Arc<Timeline>> {
        match &self.requests {
            Requests::Entries(entries) => entries.first().map(|entry| &entry.timeline),
            Requests::Shared(requests) => requests.first().map(|request| request.timeline()),
        }
    }

    /// The requests in their order; none once the batch was replied to as a whole.
    pub fn requests(&mut self) -> &[Arc<RunningRequest>] {
        if let Requests::Entries(entries) = &mut self.requests {
            let entries = std::mem::take(entries).into_iter();
            let shared = entries.map(|entry| {
                Arc::new(RunningRequest::new(entry, self.heartbeat.clone(), self.timings))
            });
            self.requests = Requests::Shared(shared.collect());
        }
        match &self.requests {
            Requests::Shared(requests) => requests,
            Requests::Entries(_) => &[],
        }
    }

    /// Rows that every output must have; `None` when the only request gets the outputs as they are.
    pub fn rows(&self) -> Option<usize> {
        self.parts.as_ref().map(|parts| parts.rows)
    }

    /// Each request's part of the outputs; `None` when the only request gets all of them.
    pub fn parts(&self) -> Option<&Parts> {
        self.parts.as_ref()
    }

    /// The joined input, the rows of all requests in the model's order.
    pub fn tensors(&self) -> Option<&[Tensor]> {
        self.tensors.as_deref()
    }

    /// Makes each joined tensor the only owner of its memory, so that an instance may take the
    /// memory over and write into it.
    pub fn own_input(&mut self) {
        let tensors = self.tensors.take();
        self.tensors = tensors.map(|all| all.into_iter().map(Tensor::into_owned).collect());
    }

    /// Takes the joined input.
    pub fn take_tensors(&mut self) -> Option<Vec<Tensor>> {
        self.tensors.take()
    }

    /// Whether a client waits for one of the replies.
    pub fn is_wanted(&self) -> bool {
        match &self.requests {
            Requests::Entries(entries) => entries.iter().any(|entry| !entry.reply.is_closed()),
            Requests::Shared(requests) => requests.iter().any(|request| !request.is_cancelled()),
        }
    }

    /// Sends every open request its rows of the outputs.
    ///
    /// # Errors
    /// `ModelFailed` when an output has other rows than the input; no request is replied to then.
    pub fn reply_tensors(&mut self, outputs: Vec<Tensor>) -> Result<(), Error> {
        let shares = match &self.parts {
            Some(parts) => parts.share(&outputs)?,
            None => vec![outputs],
        };
        self.reply_shares(shares);
        Ok(())
    }

    /// Sends every open request its outputs, which are in the order of the requests.
    pub fn reply_shares(&mut self, shares: Vec<Vec<Tensor>>) {
        match &mut self.requests {
            Requests::Entries(entries) => {
                for (entry, share) in std::mem::take(entries).into_iter().zip(shares) {
                    entry.reply.send_timed(Ok(Content::Tensors(share)), self.timings);
                }
            }
            Requests::Shared(requests) => {
                for (request, share) in requests.iter().zip(shares) {
                    request.reply(Ok(Content::Tensors(share)));
                }
            }
        }
    }

    /// Fails every open request.
    pub fn fail(&mut self, cause: Cause, message: &str) {
        for request in self.requests() {
            let id = request.timeline().id();
            request.reply(Err(Error::new(cause, format!("{message} (request id {id})"))));
        }
    }

    /// The open requests, each as a batch of its own: a batch that failed as a whole is run again by
    /// them, so that a bad request fails alone.
    ///
    /// # Errors
    /// `Internal` when the input of a request was taken, as that of an only request is.
    pub fn singles(&mut self) -> Result<Vec<Self>, Error> {
        if self.count == 1 && self.form == InputForm::Tensors {
            return Err(input_was_taken());
        }
        let open: Vec<_> =
            self.requests().iter().filter(|request| request.is_open()).cloned().collect();
        // Each of them is new work for the instance.
        self.beat();
        open.into_iter().map(|request| self.single(request)).collect()
    }

    fn single(&self, request: Arc<RunningRequest>) -> Result<Self, Error> {
        let joined = match self.form {
            InputForm::Message => None,
            InputForm::Tensors => {
                let content = request.take_content();
                Some(self.policy.join_one(content.ok_or_else(input_was_taken)?)?)
            }
        };
        let (tensors, parts) = joined.map(|joined| (joined.tensors, joined.parts)).unzip();
        Ok(Self {
            count: 1,
            requests: Requests::Shared(vec![request]),
            tensors,
            parts: parts.flatten(),
            form: self.form,
            policy: Arc::clone(&self.policy),
            heartbeat: self.heartbeat.clone(),
            timings: self.timings,
        })
    }

    /// Gives a sign of life of the instance.
    pub fn beat(&self) {
        self.heartbeat.refresh(Instant::now());
    }

    /// Continues in another instance, with its heartbeat.
    pub fn resume(&mut self, heartbeat: &Heartbeat) {
        self.heartbeat = heartbeat.clone();
        for request in self.requests() {
            request.resume(heartbeat);
        }
        self.heartbeat.beat(Instant::now());
    }
}

fn input_was_taken() -> Error {
    Error::new(Cause::Internal, "the input was taken already")
}

#[cfg(test)]
#[path = "running_batch_tests.rs"]
mod tests;
