//! What the request of a sequence has, besides what every request has.

use std::sync::OnceLock;

use grps_core::{Elements, Error, Tensor};

use crate::plugins::abi::TensorView;
use crate::plugins::view::{Strings, view_of};

/// The request of a sequence. Any thread may look at it until the function of the plugin returns.
#[derive(Debug, Default)]
pub(crate) struct SequenceRun {
    /// Its inputs; none once it has begun.
    inputs: Vec<SeenTensor>,
    /// Outputs of earlier steps, if it begins again.
    earlier: Vec<SeenTensor>,
    /// What the plugin has failed it with.
    failure: OnceLock<Error>,
}

/// A tensor that a plugin may look at.
#[derive(Debug)]
struct SeenTensor {
    tensor: Tensor,
    /// Its strings, once the plugin has looked at them.
    strings: OnceLock<Strings>,
}

impl SequenceRun {
    pub(crate) fn new(inputs: Vec<Tensor>, earlier: Vec<Tensor>) -> Self {
        let seen = |tensors: Vec<Tensor>| tensors.into_iter().map(SeenTensor::new).collect();
        Self { inputs: seen(inputs), earlier: seen(earlier), failure: OnceLock::new() }
    }

    /// Drops what only `begin` may look at.
    pub(crate) fn forget_inputs(&mut self) {
        (self.inputs, self.earlier) = (Vec::new(), Vec::new());
    }

    /// Notes that the plugin has failed it.
    pub(crate) fn note_failure(&self, error: Error) {
        // The first one counts.
        let _ = self.failure.set(error);
    }

    /// What the plugin has failed it with.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failure.get().cloned()
    }

    /// The number of its inputs, or of outputs of earlier steps.
    pub(crate) fn count(&self, of_inputs: bool) -> usize {
        self.tensors(of_inputs).len()
    }

    /// A view of one of them; `None` when there are not as many.
    pub(crate) fn view(&self, of_inputs: bool, index: usize) -> Option<TensorView> {
        self.tensors(of_inputs).get(index).map(SeenTensor::view)
    }

    fn tensors(&self, of_inputs: bool) -> &[SeenTensor] {
        if of_inputs { &self.inputs } else { &self.earlier }
    }
}

impl SeenTensor {
    fn new(tensor: Tensor) -> Self {
        Self { tensor, strings: OnceLock::new() }
    }

    fn view(&self) -> TensorView {
        let strings = match self.tensor.elements() {
            Elements::String(strings) => Some(self.strings.get_or_init(|| Strings::of(strings))),
            _ => None,
        };
        view_of(&self.tensor, strings)
    }
}
