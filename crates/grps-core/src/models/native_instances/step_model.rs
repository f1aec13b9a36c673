//! What native code implements to run a step model, and the loop of its instance.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::models::native_instances::run::text;
use crate::scheduling::steps::plan::Plan;
use crate::scheduling::steps::step_item::StepItem;
use crate::scheduling::steps::step_puller::StepPuller;

/// One loaded copy of a step model in native code.
///
/// One thread loads it, runs it and drops it. It releases the sequences that it holds when it is
/// dropped.
pub trait NativeStepModel {
    /// Does what a plan says, and gives the puller what the step returned or which rows failed.
    ///
    /// # Errors
    /// Why the copy is unusable. The puller fails what it holds, and another copy is loaded.
    fn run(&mut self, plan: Plan<StepItem>, puller: &mut StepPuller) -> Result<(), String>;
}

/// Loads one copy of a step model, in the thread that will run it; fails with the cause as one line.
pub type LoadStepModel = Arc<dyn Fn() -> Result<Box<dyn NativeStepModel>, String> + Send + Sync>;

/// Runs plans until the service or the instance stops.
///
/// # Errors
/// Why the instance must be started again.
pub(crate) fn run_steps(
    puller: &mut StepPuller,
    model: &mut dyn NativeStepModel,
) -> Result<(), String> {
    while let Some(plan) = puller.next_plan() {
        let run = catch_unwind(AssertUnwindSafe(|| model.run(plan, puller)));
        run.unwrap_or_else(|panic| Err(format!("it panicked: {}", text(&*panic))))?;
    }
    Ok(())
}
