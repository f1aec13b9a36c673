//! A call of another model that a plugin makes for a request.

use std::sync::Arc;

use grps_core::{Cause, Content, Elements, Error, NativeRequest, NestedCalls, Tensor};

use crate::plugins::abi::{CALL_FAILED, CLIENT_LEFT, OK, TensorView};
use crate::plugins::batch_run::RequestRun;
use crate::plugins::failure::ErrorSlot;
use crate::plugins::outputs::OutputList;
use crate::plugins::view::{Strings, view_of};

/// `GRPS_FAILED`.
const FAILED: i32 = 1;

/// A call: `grps_call`. The plugin uses it from one thread at a time, and frees it.
pub(crate) struct CallRun {
    /// The request that it is part of.
    request: Arc<dyn NativeRequest>,
    /// What it is made by.
    calls: Arc<NestedCalls>,
    /// The called model.
    model: String,
    /// Its inputs, until it runs.
    pub(crate) inputs: OutputList,
    /// What became of it; `None` until it has run.
    outcome: Option<Result<Content, Error>>,
    /// The strings of its outputs, as plugins see them.
    strings: Vec<Option<Strings>>,
    /// Where wrong calls are noted.
    pub(crate) errors: Arc<ErrorSlot>,
}

impl CallRun {
    /// A call of a model.
    pub(crate) fn new(request: &RequestRun, model: &str) -> Self {
        Self {
            request: Arc::clone(&request.request),
            calls: Arc::clone(&request.calls),
            model: model.to_owned(),
            inputs: OutputList::of_request(&request.errors),
            outcome: None,
            strings: Vec::new(),
            errors: Arc::clone(&request.errors),
        }
    }

    /// Runs it; returns a `grps_status`.
    pub(crate) fn run(&mut self) -> Result<i32, String> {
        if self.outcome.is_some() {
            return Err("the call has run already".to_owned());
        }
        let inputs = self.inputs.take().map_err(|error| error.message().to_owned())?;
        let inputs = inputs.ok_or("the call has no inputs")?;
        let outcome = self.calls.run(&*self.request, &self.model, inputs);
        let status = match &outcome {
            Ok(_) => OK,
            Err(error) if error.cause() == Cause::Cancelled => CLIENT_LEFT,
            Err(_) => CALL_FAILED,
        };
        self.outcome = Some(outcome);
        let strings = self.outputs().iter().map(|output| match output.elements() {
            Elements::String(strings) => Some(Strings::of(strings)),
            _ => None,
        });
        self.strings = strings.collect();
        Ok(status)
    }

    /// Its outputs, if they are tensors.
    pub(crate) fn outputs(&self) -> &[Tensor] {
        match &self.outcome {
            Some(Ok(Content::Tensors(outputs))) => outputs,
            _ => &[],
        }
    }

    /// A view of an output; `None` when there are not as many.
    pub(crate) fn output(&self, index: usize) -> Option<TensorView> {
        let strings = self.strings.get(index).and_then(Option::as_ref);
        Some(view_of(self.outputs().get(index)?, strings))
    }

    /// The message that it returned.
    pub(crate) fn message(&self) -> Option<&[u8]> {
        match &self.outcome {
            Some(Ok(Content::Message(message))) => Some(message),
            _ => None,
        }
    }

    /// Why it failed: a number of `grps_failure` or an HTTP status, and a message.
    pub(crate) fn failure(&self) -> Option<(i32, &str)> {
        let error = self.outcome.as_ref()?.as_ref().err()?;
        let number = match error.cause() {
            Cause::InvalidArgument => error.status().map_or(400, i32::from),
            Cause::NotFound => 404,
            _ => FAILED,
        };
        Some((number, error.message()))
    }
}
