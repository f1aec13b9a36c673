//! A batch while a plugin runs it, and what becomes of its requests afterwards.

use std::cell::{OnceCell, RefCell};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use grps_core::{
    Cause, Content, Elements, Error, Failure, NativeBatch, NativeRequest, NestedCalls, Outputs,
    Session, Tensor,
};

use crate::plugins::abi::{CLIENT_LEFT, ERROR, NOT_STREAMING, OK, TensorView};
use crate::plugins::failure::{ErrorSlot, failure_of, is_plain};
use crate::plugins::http::Http;
use crate::plugins::outputs::OutputList;
use crate::plugins::steps::SequenceRun;
use crate::plugins::view::{Strings, view_of};

/// Requests that an inferer runs at once: `grps_batch`. Plugins see it from one thread.
pub(crate) struct BatchRun<'a> {
    /// The requests.
    batch: RefCell<&'a mut dyn NativeBatch>,
    /// Their joined inputs.
    inputs: Vec<Input>,
    /// Whether the inferer takes the messages of single requests.
    takes_messages: bool,
    /// What it calls other models by.
    calls: Arc<NestedCalls>,
    /// How many requests there are.
    pub(crate) count: usize,
    /// Rows that every output must have; `None` when the only request gets the outputs as they are.
    pub(crate) rows: Option<usize>,
    /// Outputs of all requests.
    pub(crate) outputs: OutputList,
    /// The requests one by one, once the plugin has looked at one.
    requests: OnceCell<Vec<RequestRun>>,
    /// Why the run fails.
    errors: Arc<ErrorSlot>,
}

/// One request of a batch: `grps_request`. Any thread may use it.
pub(crate) struct RequestRun {
    /// The request.
    pub(crate) request: Arc<dyn NativeRequest>,
    /// Its encoded `GrpsMessage`; `None` for an inferer that takes tensors.
    pub(crate) message: Option<Bytes>,
    /// Its rows in the inputs; `None` when they are not known.
    pub(crate) rows: Option<Range<usize>>,
    /// Its own answer, or its next chunk.
    pub(crate) outputs: OutputList,
    /// Whether it got a chunk.
    pub(crate) has_chunks: AtomicBool,
    /// Its HTTP request, once the plugin has looked at it, and what became of the response.
    pub(crate) http: Http,
    /// What it calls other models by.
    pub(crate) calls: Arc<NestedCalls>,
    /// Keeps user data where the request has no next model.
    pub(crate) session: Session,
    /// Why the run of the batch fails.
    pub(crate) errors: Arc<ErrorSlot>,
    /// What the request of a step model has besides; `None` for one of a batch.
    pub(crate) sequence: Option<SequenceRun>,
}

struct Input {
    tensor: Tensor,
    /// Its strings, once the plugin has looked at them.
    strings: OnceCell<Strings>,
}

impl<'a> BatchRun<'a> {
    /// Takes the inputs of a batch.
    ///
    /// # Errors
    /// `InvalidArgument` when the requests do not fit together: they are run one by one then.
    pub(crate) fn new(
        batch: &'a mut dyn NativeBatch,
        takes_messages: bool,
        calls: &Arc<NestedCalls>,
    ) -> Result<Self, Error> {
        let tensors = match batch.take_tensors() {
            None if !takes_messages => return Err(Error::invalid("the inputs can't be joined")),
            tensors => tensors.unwrap_or_default(),
        };
        let input = |tensor| Input { tensor, strings: OnceCell::new() };
        let errors = Arc::<ErrorSlot>::default();
        Ok(Self {
            inputs: tensors.into_iter().map(input).collect(),
            takes_messages,
            calls: Arc::clone(calls),
            count: batch.len(),
            rows: batch.rows(),
            batch: RefCell::new(batch),
            outputs: OutputList::new(&errors),
            requests: OnceCell::new(),
            errors,
        })
    }

    /// Where failures of the run are noted.
    pub(crate) fn errors(&self) -> &ErrorSlot {
        &self.errors
    }

    /// How many inputs there are.
    pub(crate) fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// A view of an input; `None` when there are not as many.
    pub(crate) fn input(&self, index: usize) -> Option<TensorView> {
        let input = self.inputs.get(index)?;
        let strings = match input.tensor.elements() {
            Elements::String(strings) => Some(input.strings.get_or_init(|| Strings::of(strings))),
            _ => None,
        };
        Some(view_of(&input.tensor, strings))
    }

    /// A single request; `None` when there are not as many.
    pub(crate) fn request(&self, index: usize) -> Option<&RequestRun> {
        self.requests.get_or_init(|| self.look_at_requests()).get(index)
    }

    fn look_at_requests(&self) -> Vec<RequestRun> {
        let mut batch = self.batch.borrow_mut();
        let requests = batch.requests().into_iter().enumerate();
        let first = self.inputs.first().and_then(|input| input.tensor.shape().first().copied());
        let run = |(index, request): (usize, Arc<dyn NativeRequest>)| RequestRun {
            message: request.message(),
            request,
            rows: match self.rows {
                Some(_) => batch.request_rows(index),
                None => Some(0..first.unwrap_or_default()),
            },
            outputs: OutputList::of_request(&self.errors),
            has_chunks: AtomicBool::new(false),
            http: Http::default(),
            session: Session::default(),
            calls: Arc::clone(&self.calls),
            errors: Arc::clone(&self.errors),
            sequence: None,
        };
        requests.map(run).collect()
    }

    /// Sends what the plugin has left, and returns the outputs of the batch.
    ///
    /// # Errors
    /// What failed; requests that have no reply are open then.
    pub(crate) fn finish(self) -> Result<Outputs, Failure> {
        let sent = match self.errors.take() {
            Some(failure) => Err(failure),
            None => self.send(),
        };
        match sent {
            Ok(Some(outputs)) => Ok(Outputs::Tensors(outputs)),
            Ok(None) => {
                let requests = self.batch.into_inner().requests();
                let waits =
                    |request: &Arc<dyn NativeRequest>| request.is_open() && !request.is_cancelled();
                if requests.iter().any(waits) {
                    return Err(Error::new(Cause::ModelFailed, "infer returned no output").into());
                }
                Ok(Outputs::Replied)
            }
            Err(failure) => {
                self.fail_streams(&failure);
                Err(failure)
            }
        }
    }

    /// Replies to requests that have outputs of their own; returns those of the batch.
    fn send(&self) -> Result<Option<Vec<Tensor>>, Failure> {
        let outputs = match self.outputs.take()? {
            Some(Content::Tensors(_)) if self.takes_messages => {
                let message = "an inferer that takes messages has outputs of single requests only";
                return Err(Error::new(Cause::ModelFailed, message).into());
            }
            Some(Content::Tensors(outputs)) => Some(outputs),
            _ => None,
        };
        for request in self.requests.get().into_iter().flatten() {
            request.finish()?;
        }
        Ok(outputs)
    }

    /// Fails the requests that got chunks, which must not get them once more when the requests of the
    /// batch are run one by one.
    fn fail_streams(&self, failure: &Failure) {
        let Failure::Run(error) = failure else { return };
        for request in self.requests.get().into_iter().flatten() {
            if request.has_chunks.load(Ordering::Acquire) && request.request.is_open() {
                request.request.reply(Err(request.described(error.clone())));
            }
        }
    }
}

impl RequestRun {
    /// Fails the request alone.
    pub(crate) fn fail(&self, number: i32, message: String) {
        let failure = failure_of(number, message);
        if let Some(sequence) = &self.sequence {
            sequence.note_failure(match &failure {
                Failure::Run(error) => error.clone(),
                Failure::Instance(reason) => Error::new(Cause::ModelFailed, reason.clone()),
            });
        }
        match failure {
            Failure::Run(error) if is_plain(number) => {
                self.log(&error);
                self.request.reply(Err(error));
            }
            Failure::Run(error) => {
                self.request.reply(Err(self.described(error)));
            }
            broken @ Failure::Instance(_) => self.errors.note(broken),
        }
    }

    /// The error as the client gets it: with the identifier by which the log names it.
    fn described(&self, error: Error) -> Error {
        if error.cause() == Cause::InvalidArgument {
            return error;
        }
        self.log(&error);
        Error::new(error.cause(), format!("{error} (request id {})", self.request.id()))
    }

    fn log(&self, error: &Error) {
        tracing::error!(request = self.request.id(), %error, "a request failed");
    }

    /// Sends its outputs as a chunk; returns a `grps_status`.
    pub(crate) fn send_chunk(&self) -> i32 {
        if !self.request.is_streaming() {
            return NOT_STREAMING;
        }
        match self.outputs.take() {
            Ok(None) => {
                self.errors.note_wrong_call("send_chunk is called without outputs of the request");
                ERROR
            }
            Ok(Some(outputs)) => {
                self.has_chunks.store(true, Ordering::Release);
                let receives = self.request.send_chunk(outputs);
                if receives { OK } else { CLIENT_LEFT }
            }
            Err(error) => {
                self.errors.note(error.into());
                ERROR
            }
        }
    }

    /// Replies by its own outputs, or ends its stream; does nothing for a request without either.
    fn finish(&self) -> Result<(), Error> {
        let outputs = self.outputs.take()?;
        if self.request.http_request().is_some() {
            return self.finish_http(outputs);
        }
        if !self.has_chunks.load(Ordering::Acquire) {
            if let Some(outputs) = outputs {
                self.request.reply(Ok(outputs));
            }
            return Ok(());
        }
        if let Some(outputs) = outputs {
            self.request.send_chunk(outputs);
        }
        self.request.finish();
        Ok(())
    }
}
