//! What native code implements to run a step model, what it sees of the sequences, and the loop of
//! its instance.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::error::{Cause, Error};
use crate::models::native_instances::inferer::NativeRequest;
use crate::models::native_instances::run::text;
use crate::request::content::Content;
use crate::scheduling::steps::plan::Plan;
use crate::scheduling::steps::policy::Preemption;
use crate::scheduling::steps::step_item::StepItem;
use crate::scheduling::steps::step_puller::{StepOutcome, StepPuller};
use crate::tensor::tensor::Tensor;

/// One loaded copy of a step model in native code.
///
/// One thread loads it, runs it and drops it. It releases the sequences that it holds when it is
/// dropped.
pub trait NativeStepModel {
    /// Makes a step, and gives `source` what it returned or which rows failed.
    ///
    /// # Errors
    /// Why the copy is unusable. The sequences that it holds fail, and another copy is loaded.
    fn run(&mut self, step: &Step, source: &mut dyn StepSource) -> Result<(), String>;
}

/// Loads one copy of a step model, in the thread that will run it; fails with the cause as one line.
pub type LoadStepModel = Arc<dyn Fn() -> Result<Box<dyn NativeStepModel>, String> + Send + Sync>;

/// What an instance does in one step, in the order of the fields; see [`Plan`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Sequences that ended: the row they had, if they had one, and their number.
    pub ended: Vec<(Option<usize>, u64)>,
    /// Rows whose state is saved, with the numbers of their sequences.
    pub saved: Vec<(usize, u64)>,
    /// Rows whose state is dropped.
    pub dropped: Vec<usize>,
    /// Rows that go to another place, all at once: from, to.
    pub moves: Vec<(usize, usize)>,
    /// Rows whose sequence begins; [`StepSource::begin`] has the request.
    pub begun: Vec<usize>,
    /// Rows that get their saved state back, with the numbers of their sequences.
    pub restored: Vec<(usize, u64)>,
    /// Rows that are prefilled, and which positions.
    pub prefill: Vec<(usize, Range<usize>)>,
    /// So many rows are stepped, from the first on.
    pub running: usize,
}

/// A sequence that begins.
pub struct BegunSequence {
    /// Its request.
    pub request: Arc<dyn NativeRequest>,
    /// Its input.
    pub inputs: Vec<Tensor>,
    /// Outputs of the steps that it made before it lost its state.
    pub outputs: Vec<Tensor>,
}

/// Where an instance of a step model gets its steps from, in the server or in a worker process.
pub trait StepSource {
    /// Waits for a step; `None` when the service or the instance stops.
    fn next(&mut self) -> Option<Step>;

    /// The sequence that begins in a row. It is asked for once.
    ///
    /// # Errors
    /// It can't begin; its request is to be failed with this.
    fn begin(&mut self, row: usize) -> Result<BegunSequence, Error>;

    /// Takes over what the rows of the step returned.
    ///
    /// # Errors
    /// Something of it does not go with the rows, which have failed then.
    fn finish(&mut self, outcome: StepOutcome) -> Result<(), Error>;

    /// Fails the requests of rows; the step is not made then.
    fn fail_rows(&mut self, failed: Vec<(usize, Error)>);
}

/// Makes steps until the service or the instance stops.
///
/// # Errors
/// Why the copy is unusable; the requests of its last step have failed with that.
pub fn run_steps(
    source: &mut dyn StepSource,
    model: &mut dyn NativeStepModel,
) -> Result<(), String> {
    while let Some(step) = source.next() {
        let run = catch_unwind(AssertUnwindSafe(|| model.run(&step, source)));
        let outcome = run.unwrap_or_else(|panic| Err(format!("it panicked: {}", text(&*panic))));
        if let Err(reason) = outcome {
            let error = Error::new(Cause::ModelFailed, reason.clone());
            let begun = step.begun.iter().copied().filter(|row| *row >= step.running);
            let rows = (0..step.running).chain(begun);
            source.fail_rows(rows.map(|row| (row, error.clone())).collect());
            return Err(reason);
        }
    }
    Ok(())
}

impl StepSource for StepPuller {
    fn next(&mut self) -> Option<Step> {
        self.next_plan().map(Step::from)
    }

    fn begin(&mut self, row: usize) -> Result<BegunSequence, Error> {
        let lost = || Error::new(Cause::Internal, "a sequence that begins has no request");
        let sequence = self.rows().get(row).ok_or_else(lost)?;
        let running = sequence.item.running().ok_or_else(lost)?;
        let request = Arc::clone(&running.request);
        // One that loses its state begins again with the same input.
        let keeps = self.policy().preemption == Preemption::Recompute;
        let content = if keeps { request.content() } else { request.take_content() };
        let Some(Content::Tensors(inputs)) = content else {
            return Err(Error::invalid("a step model takes tensors"));
        };
        let outputs = if sequence.preempted > 0 { running.outputs()? } else { Vec::new() };
        Ok(BegunSequence { request, inputs, outputs })
    }

    fn finish(&mut self, outcome: StepOutcome) -> Result<(), Error> {
        self.finish_step(outcome)
    }

    fn fail_rows(&mut self, failed: Vec<(usize, Error)>) {
        for (row, error) in failed {
            Self::fail_rows(self, [row], &error);
        }
    }
}

impl From<Plan<StepItem>> for Step {
    fn from(plan: Plan<StepItem>) -> Self {
        Self {
            ended: plan.ended.iter().map(|one| (one.row, one.sequence.number)).collect(),
            saved: plan.saved,
            dropped: plan.dropped,
            moves: plan.moves,
            begun: plan.begun,
            restored: plan.restored,
            prefill: plan.prefill,
            running: plan.running,
        }
    }
}
