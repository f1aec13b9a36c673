//! Where a Python instance of a step model gets its plans from.

use std::sync::Arc;
use std::time::Duration;

use grps_core::{
    Cause, Content, Error, Plan, Preemption, RunningRequest, StepItem, StepOutcome, StepPuller,
    StepRequest, StepStopper,
};
use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::instances::entry::Entry;
use crate::instances::tensor;
use crate::instances::tensor::{NamedArray, Output};
use crate::instances::worker::{Link, Lost};
use crate::text::LossyText;

/// A row that failed: its number, the text, and the HTTP status if user code refused the request.
type FailedRow = (usize, LossyText, Option<u16>);

/// An instance's end of the queue of its step model.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct StepChannel {
    /// `None` once the instance has detached.
    puller: Mutex<Option<StepPuller>>,
    /// Ends the wait of `next`, which holds the puller.
    stopper: StepStopper,
    /// Whether a sequence may lose its state and begin again.
    keeps_inputs: bool,
    /// Longest silence of a worker process that makes a step; `None` for no limit.
    hang_timeout: Option<Duration>,
}

impl StepChannel {
    pub(crate) fn new(puller: StepPuller, hang_timeout: Option<Duration>) -> Self {
        let stopper = puller.stopper();
        let keeps_inputs = puller.policy().preemption == Preemption::Recompute;
        Self { puller: Mutex::new(Some(puller)), stopper, keeps_inputs, hang_timeout }
    }

    fn with<T>(&self, work: impl FnOnce(&mut StepPuller) -> T) -> PyResult<T> {
        let mut puller = self.puller.lock();
        let puller = puller.as_mut();
        puller.map(work).ok_or_else(|| PyRuntimeError::new_err("the instance has detached"))
    }
}

/// What an instance does in one step; see `Plan` of the core.
#[pyclass(frozen, get_all, module = "grps._core")]
pub(crate) struct StepPlan {
    /// Sequences that ended: the row they had, if they had one, their number, and why.
    ended: Vec<(Option<usize>, u64, &'static str)>,
    /// Rows whose state is saved, and the numbers of their sequences.
    saved: Vec<(usize, u64)>,
    /// Rows whose state is dropped.
    dropped: Vec<usize>,
    /// Rows that go to another place, all at once: from, to.
    moves: (Vec<usize>, Vec<usize>),
    /// Rows whose sequence begins, with the request.
    begun: Vec<(usize, Py<BegunSequence>)>,
    /// Rows that get their saved state back, with the numbers of their sequences.
    restored: Vec<(usize, u64)>,
    /// Rows that are prefilled: row, first position, position behind the last.
    prefill: Vec<(usize, usize, usize)>,
    /// So many rows are stepped, from the first on.
    running: usize,
}

/// A sequence that begins.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct BegunSequence {
    request: Arc<RunningRequest>,
    /// Whether it may begin again, and needs its input then.
    keeps: bool,
    /// Its request.
    #[pyo3(get)]
    entry: Py<Entry>,
    /// Whether it began before and lost its state.
    #[pyo3(get)]
    again: bool,
    /// Outputs of the steps that it made before.
    #[pyo3(get)]
    outputs: Py<PyAny>,
}

#[pymethods]
impl BegunSequence {
    /// The input as (name, array) pairs, each of which owns its memory.
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Vec<NamedArray<'py>>> {
        let content = if self.keeps { self.request.content() } else { self.request.take_content() };
        match content {
            Some(Content::Tensors(tensors)) => tensor::to_numpy(py, tensors),
            Some(_) => Err(PyRuntimeError::new_err("the input is a message")),
            None => Err(PyRuntimeError::new_err("the input was taken already")),
        }
    }
}

#[pymethods]
impl StepChannel {
    /// Waits, without the GIL, for something to do; None when the service or the instance stops.
    fn next(&self, py: Python<'_>) -> PyResult<Option<StepPlan>> {
        let plan = py.detach(|| self.with(StepPuller::next_plan))?;
        plan.map(|plan| self.translate(py, plan)).transpose()
    }

    /// Takes over what the rows of the last plan returned: named arrays with one row for each, or
    /// as many as `lengths` says, and which of them have finished (no element: none); and the share
    /// of the model's cache that is in use, if it says it.
    #[expect(clippy::too_many_arguments, reason = "they are the fields of an outcome")]
    fn finish(
        &self,
        py: Python<'_>,
        outputs: Vec<Output<'_>>,
        finished: Vec<bool>,
        failed: Vec<FailedRow>,
        state_bytes: Vec<usize>,
        lengths: Vec<usize>,
        cache_usage: Option<f32>,
    ) -> PyResult<()> {
        let outputs = tensor::from_numpy(&outputs)?;
        let failed = failed.into_iter().map(|(row, text, status)| (row, error_of(text, status)));
        let failed = failed.collect();
        let state_bytes = state_bytes.into_iter().map(Some).collect();
        let outcome = StepOutcome { outputs, lengths, finished, failed, state_bytes, cache_usage };
        // Streams leave without the GIL.
        let done = py.detach(|| self.with(|puller| puller.finish_step(outcome)))?;
        done.map_err(|error| tensor::invalid(&error))
    }

    /// Fails the requests of rows.
    fn fail_rows(&self, failed: Vec<FailedRow>) -> PyResult<()> {
        self.with(|puller| {
            for (row, text, status) in failed {
                puller.fail_rows([row], &error_of(text, status));
            }
        })
    }

    /// Makes steps with a worker process, without the GIL. Returns None when the service or the
    /// instance has stopped, else the sequences that the worker held. What it had not begun waits for
    /// any instance, so there is never something to begin with.
    #[pyo3(signature = (link, again=None))]
    fn serve(&self, py: Python<'_>, link: &Link, again: Option<&Lost>) -> PyResult<Option<Lost>> {
        if again.is_some() {
            return Err(PyValueError::new_err(
                "a worker can't go on with sequences of another one",
            ));
        }
        let hang_timeout = self.hang_timeout;
        let serve = |puller: &mut StepPuller| link.link.serve_steps(puller, hang_timeout);
        let lost = py.detach(|| self.with(serve))?;
        Ok(lost.map(Lost::of_steps))
    }

    /// Ends `serve`, as the worker has ended: what it holds is lost.
    fn abandon(&self) {
        self.stopper.abandon();
    }

    /// Ends the instance after what it holds; what waits is left to other instances.
    fn stop(&self) {
        self.stopper.stop();
    }

    /// Detaches the instance from its model; `down` says why, if it should not have ended.
    #[pyo3(signature = (down=None))]
    fn detach(&self, down: Option<LossyText>) {
        match (self.puller.lock().take(), down) {
            (Some(puller), Some(reason)) => puller.fail(reason.into()),
            (puller, _) => drop(puller),
        }
    }
}

impl StepChannel {
    fn translate(&self, py: Python<'_>, plan: Plan<StepItem>) -> PyResult<StepPlan> {
        let begun = plan.begun.iter().map(|row| {
            let request = |puller: &mut StepPuller| {
                let sequence = puller.rows().get(*row)?;
                let running = sequence.item.running()?;
                let again = sequence.preempted > 0;
                Some((Arc::clone(&running.request), again, outputs_of(running, again)))
            };
            let gone = || PyRuntimeError::new_err("a sequence that begins has no request");
            let (request, again, outputs) = self.with(request)?.ok_or_else(gone)?;
            let keeps = self.keeps_inputs;
            let outputs: Vec<NamedArray<'_>> = tensor::to_numpy(py, outputs)?;
            let outputs = outputs.into_pyobject(py)?.into_any().unbind();
            let entry = Py::new(py, Entry::new(Arc::clone(&request)))?;
            let sequence = BegunSequence { request, keeps, entry, again, outputs };
            Ok((*row, Py::new(py, sequence)?))
        });
        let begun = begun.collect::<PyResult<_>>()?;
        let ended = plan.ended.iter();
        let ended = ended.map(|one| (one.row, one.sequence.number, one.reason.name())).collect();
        let ranges = plan.prefill.into_iter();
        Ok(StepPlan {
            ended,
            saved: plan.saved,
            dropped: plan.dropped,
            moves: plan.moves.into_iter().unzip(),
            begun,
            restored: plan.restored,
            prefill: ranges.map(|(row, at)| (row, at.start, at.end)).collect(),
            running: plan.running,
        })
    }
}

fn outputs_of(running: &StepRequest, again: bool) -> Vec<grps_core::Tensor> {
    let outputs = again.then(|| running.outputs().ok()).flatten();
    outputs.unwrap_or_default()
}

fn error_of(text: LossyText, status: Option<u16>) -> Error {
    match status {
        Some(status) => Error::refused(String::from(text), status),
        None => Error::new(Cause::ModelFailed, String::from(text)),
    }
}
