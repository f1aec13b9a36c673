//! Batches from the queue of a model in this process, for a native instance in a thread.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::Error;
use crate::models::native_instances::inferer::{BatchSource, NativeBatch, NativeRequest};
use crate::request::content::{Content, InputForm};
use crate::request::http_exchange::{HttpReply, RawHttpRequest};
use crate::request::request::Session;
use crate::request::timeline::Timeline;
use crate::scheduling::puller::{Pulled, Puller};
use crate::scheduling::running_batch::RunningBatch;
use crate::scheduling::running_request::RunningRequest;
use crate::tensor::tensor::Tensor;

/// How long one wait lasts; only a bound on how late a closed queue is noticed.
const WAIT: Duration = Duration::from_secs(60);

/// Pulls the batches of one instance.
pub(crate) struct QueueSource {
    /// The instance's end of the queue.
    puller: Puller,
    /// The form that the model takes its input in.
    form: InputForm,
}

impl QueueSource {
    pub(crate) fn new(puller: Puller, form: InputForm) -> Self {
        Self { puller, form }
    }

    /// Detaches an instance that has failed.
    pub(crate) fn fail(self, reason: String) {
        self.puller.fail(reason);
    }
}

impl BatchSource for QueueSource {
    fn next(&mut self) -> Option<Box<dyn NativeBatch>> {
        loop {
            match self.puller.pull(WAIT) {
                Pulled::Batch(batch) => return Some(Box::new(RunningBatch::new(batch, self.form))),
                Pulled::Nothing => {}
                Pulled::Closed => return None,
            }
        }
    }
}

impl NativeBatch for RunningBatch {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn rows(&self) -> Option<usize> {
        Self::rows(self)
    }

    fn take_tensors(&mut self) -> Option<Vec<Tensor>> {
        Self::take_tensors(self)
    }

    fn request_rows(&self, index: usize) -> Option<Range<usize>> {
        self.parts()?.cuts.get(index).map(|cut| cut.rows.clone())
    }

    fn requests(&mut self) -> Vec<Arc<dyn NativeRequest>> {
        let requests = Self::requests(self).iter();
        requests.cloned().map(|request| request as Arc<dyn NativeRequest>).collect()
    }

    fn reply_tensors(&mut self, outputs: Vec<Tensor>) -> Result<(), Error> {
        Self::reply_tensors(self, outputs)
    }

    fn singles(&mut self) -> Result<Vec<Box<dyn NativeBatch>>, Error> {
        let singles = Self::singles(self)?.into_iter();
        Ok(singles.map(|single| -> Box<dyn NativeBatch> { Box::new(single) }).collect())
    }
}

impl NativeRequest for RunningRequest {
    fn id(&self) -> &str {
        self.timeline().id()
    }

    fn message(&self) -> Option<Bytes> {
        Self::message(self)
    }

    fn is_cancelled(&self) -> bool {
        Self::is_cancelled(self)
    }

    fn deadline(&self) -> Option<Instant> {
        Self::deadline(self)
    }

    fn is_open(&self) -> bool {
        Self::is_open(self)
    }

    fn is_streaming(&self) -> bool {
        Self::is_streaming(self) && self.http_request().is_none_or(|request| request.streaming)
    }

    fn http_request(&self) -> Option<&RawHttpRequest> {
        self.exchange().map(|exchange| exchange.request())
    }

    fn set_http_reply(&self, reply: HttpReply) {
        if let Some(exchange) = self.exchange() {
            exchange.set_reply(reply);
        }
    }

    fn session(&self) -> Option<&Session> {
        Self::session(self)
    }

    fn timeline(&self) -> Option<&Arc<Timeline>> {
        Some(Self::timeline(self))
    }

    fn begin_wait(&self) {
        self.heartbeat().wait();
    }

    fn end_wait(&self) {
        self.heartbeat().waited(Instant::now());
    }

    fn is_left_elsewhere(&self) -> bool {
        Self::session(self).is_some_and(|session| session.lock().elsewhere)
    }

    fn send_chunk(&self, chunk: Content) -> bool {
        if let Some(exchange) = self.exchange() {
            exchange.begin_body();
        }
        Self::send_chunk(self, chunk)
    }

    fn end_stream(&self) {
        Self::end_stream(self);
    }

    fn reply(&self, outcome: Result<Content, Error>) -> bool {
        Self::reply(self, outcome)
    }
}
