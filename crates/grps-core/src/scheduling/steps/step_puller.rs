//! An instance's end of the queue of a step model: it gets plans, and gives back what its steps
//! returned.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Cause, Error};
use crate::scheduling::instance_health::Heartbeat;
use crate::scheduling::steps::cache_use::CacheNote;
use crate::scheduling::steps::lost_sequences::LostSequences;
use crate::scheduling::steps::plan::{Ended, Plan, StepReason};
use crate::scheduling::steps::policy::{Preemption, StepPolicy};
use crate::scheduling::steps::scheduler::StepScheduler;
use crate::scheduling::steps::sequence::{EndReason, Sequence};
use crate::scheduling::steps::step_item::StepItem;
use crate::scheduling::steps::step_queue::StepQueue;
use crate::tensor::tensor::Tensor;

/// How often an instance looks again that holds sequences of slow clients only.
const LOOK: Duration = Duration::from_millis(2);
/// How long another wait lasts; only a bound on how late a closed queue is noticed.
const WAIT: Duration = Duration::from_secs(60);

/// What one step returned.
#[derive(Debug, Default)]
pub struct StepOutcome {
    /// Outputs, whose first dimension is the rows of the step, or the sum of their lengths.
    pub outputs: Vec<Tensor>,
    /// So many rows of the outputs belong to each row of the step; one each when empty.
    pub lengths: Vec<usize>,
    /// Which rows have finished; none when empty.
    pub finished: Vec<bool>,
    /// Rows that failed.
    pub failed: Vec<(usize, Error)>,
    /// Bytes of the states of the rows, unchanged where `None`, and all unchanged when empty.
    pub state_bytes: Vec<Option<usize>>,
    /// Share of the instance's cache that is in use; `None` if it does not say it.
    pub cache_usage: Option<f32>,
}

/// An instance's end of the queue; dropping it detaches the instance and fails what it holds.
#[derive(Debug)]
pub struct StepPuller {
    queue: Arc<StepQueue>,
    scheduler: StepScheduler<StepItem>,
    heartbeat: Heartbeat,
    stopped: Arc<Stopped>,
    /// When the step began that is made; `None` between steps.
    began: Option<Instant>,
    /// Why the last plan has no more rows.
    reason: StepReason,
    /// Saved sequences of this instance that the counters contain.
    suspended: usize,
    /// What the counters contain of its cache.
    cache: CacheNote,
    /// Why the instance failed; `None` when it ends in order.
    failure: Option<String>,
}

/// Stops one instance while the others continue.
#[derive(Clone, Debug)]
pub struct StepStopper {
    queue: Arc<StepQueue>,
    stopped: Arc<Stopped>,
}

/// How far an instance is stopped.
#[derive(Debug, Default)]
struct Stopped {
    /// It takes nothing more.
    taking: AtomicBool,
    /// It does not go on with what it holds, either.
    working: AtomicBool,
}

impl StepStopper {
    /// Lets the instance finish what it holds and take nothing more.
    pub fn stop(&self) {
        self.set(&self.stopped.taking);
    }

    /// Ends the instance before its next step, since what runs its steps has ended.
    pub fn abandon(&self) {
        self.set(&self.stopped.working);
    }

    fn set(&self, flag: &AtomicBool) {
        let state = self.queue.state.lock();
        flag.store(true, Ordering::Release);
        drop(state);
        self.queue.changed.notify_all();
    }
}

impl StepPuller {
    pub(crate) fn new(queue: Arc<StepQueue>, heartbeat: Heartbeat) -> Self {
        let scheduler = StepScheduler::new(Arc::clone(queue.policy()));
        queue.counts.slots.fetch_add(queue.policy().max_slots, Ordering::Relaxed);
        Self {
            queue,
            scheduler,
            heartbeat,
            stopped: Arc::default(),
            began: None,
            reason: StepReason::NothingWaits,
            suspended: 0,
            cache: CacheNote::default(),
            failure: None,
        }
    }

    /// What stops this instance alone.
    pub fn stopper(&self) -> StepStopper {
        StepStopper { queue: Arc::clone(&self.queue), stopped: Arc::clone(&self.stopped) }
    }

    /// The sequences with a slot, in the order of their rows.
    pub fn rows(&self) -> &[Sequence<StepItem>] {
        self.scheduler.rows()
    }

    /// So many rows are stepped by the last plan, from the first on.
    pub fn running(&self) -> usize {
        self.scheduler.running()
    }

    /// How its sequences are scheduled.
    pub fn policy(&self) -> &StepPolicy {
        self.queue.policy()
    }

    /// Whether it holds no sequence, with or without a slot.
    pub fn is_idle(&self) -> bool {
        self.scheduler.is_idle()
    }

    /// Takes all sequences away, as their states are lost. Those of the rows `not_begun` have none:
    /// they wait for any instance, unless that has happened to them before.
    pub fn lose(&mut self, not_begun: &[usize]) -> LostSequences {
        let held = self.rows().len();
        self.count_held(held, 0, 0);
        let (mut again, mut lost) = (Vec::new(), Vec::new());
        for (row, sequence) in self.scheduler.take_all().into_iter().enumerate() {
            let is_begun = row >= held || !not_begun.contains(&row);
            let place = if is_begun || sequence.is_returned { &mut lost } else { &mut again };
            place.push(sequence);
        }
        lost.extend(self.queue.put_back(again));
        LostSequences::new(&self.queue, lost)
    }

    /// Detaches an instance that has failed.
    pub fn fail(mut self, reason: String) {
        self.failure = Some(reason);
    }

    /// Waits until there is something to do. `None` when the service or the instance stops; it holds
    /// nothing then, unless it was abandoned.
    pub fn next_plan(&mut self) -> Option<Plan<StepItem>> {
        self.rest();
        let queue = Arc::clone(&self.queue);
        let mut state = queue.state.lock();
        loop {
            if self.stopped.working.load(Ordering::Acquire) {
                return None;
            }
            let is_stopped = self.stopped.taking.load(Ordering::Acquire);
            if is_stopped {
                self.scheduler.stop_taking();
            }
            let now = Instant::now();
            let held = self.scheduler.rows().len();
            let mut plan = self.scheduler.plan(now, &mut state.waiting);
            if !plan.is_empty() {
                drop(state);
                if !plan.dropped.is_empty() {
                    // They wait again, and an idle instance may have room for them.
                    queue.changed.notify_all();
                }
                self.begin(now, &mut plan, held);
                return Some(plan);
            }
            let is_idle = self.scheduler.is_idle();
            if is_idle && (is_stopped || (state.closed && state.waiting.len() == 0)) {
                return None;
            }
            let wait = if is_idle { WAIT } else { LOOK };
            queue.changed.wait_for(&mut state, wait);
        }
    }

    /// Takes over what the rows of the last plan returned, and replies to what has ended.
    ///
    /// # Errors
    /// Something of it does not go with the rows; every row of the step has failed then.
    pub fn finish_step(&mut self, outcome: StepOutcome) -> Result<(), Error> {
        let rows = self.scheduler.running();
        if let Some(error) = wrong_rows(&outcome, rows) {
            self.fail_rows(0..rows, &error);
            return Err(error);
        }
        for (row, error) in &outcome.failed {
            self.fail_rows(*row..*row + 1, error);
        }
        self.scheduler.note_step();
        // Counted before clients are replied to, so that they find their steps counted.
        self.count_step(&outcome, rows);
        let now = Instant::now();
        let keeps = self.queue.policy().preemption == Preemption::Recompute;
        let mut next = 0;
        for (row, sequence) in self.scheduler.rows_mut().iter_mut().take(rows).enumerate() {
            let of_row = next..next + outcome.lengths.get(row).copied().unwrap_or(1);
            next = of_row.end;
            if sequence.end == Some(EndReason::Failed) {
                continue;
            }
            if let Some(Some(bytes)) = outcome.state_bytes.get(row) {
                sequence.need.state_bytes = *bytes;
            }
            let outputs = outcome.outputs.iter().filter_map(|output| output.rows(of_row.clone()));
            let outputs: Vec<Tensor> = outputs.collect();
            if !outputs.is_empty() && !of_row.is_empty() {
                let since = now.saturating_duration_since(sequence.last_output);
                let is_first = !std::mem::replace(&mut sequence.has_output, true);
                self.queue.counts.add_output(since, is_first);
                sequence.last_output = now;
                if is_first && let Some(running) = sequence.item.running() {
                    running.mark_first_output(now);
                }
            }
            let steps = sequence.steps;
            let Some(running) = sequence.item.running_mut() else { continue };
            let is_finished = outcome.finished.get(row) == Some(&true);
            let end = if is_finished { Some(EndReason::Finished) } else { sequence.end };
            match running.add(outputs, keeps, end) {
                Ok(end) => sequence.end = end,
                Err(error) => {
                    running.fail(error);
                    sequence.end = Some(EndReason::Failed);
                    continue;
                }
            }
            if let Some(end) = sequence.end {
                running.finish(steps, end);
            }
        }
        Ok(())
    }

    /// Fails the requests of rows; their sequences end before the next step.
    pub fn fail_rows(&mut self, rows: impl IntoIterator<Item = usize>, error: &Error) {
        for row in rows {
            self.scheduler.end(row, EndReason::Failed);
            if let Some(running) = self.rows().get(row).and_then(|row| row.item.running()) {
                running.fail(error.clone());
            }
        }
    }

    /// Makes running requests of those that begin, and counts the plan.
    fn begin(&mut self, now: Instant, plan: &mut Plan<StepItem>, held: usize) {
        self.heartbeat.beat(now);
        self.began = Some(now);
        let rows = self.scheduler.rows().len();
        let (mut begun, mut prompt_tokens) = (0, 0);
        for row in &plan.begun {
            if let Some(sequence) = self.scheduler.rows_mut().get_mut(*row) {
                if sequence.item.running().is_none() {
                    begun += 1;
                    prompt_tokens += sequence.need.prompt_tokens;
                }
                sequence.item.begin(now, &self.heartbeat, rows);
            }
        }
        self.reason = plan.reason;
        let counts = &self.queue.counts;
        counts.add_begun(begun, prompt_tokens);
        for Ended { sequence, reason, .. } in &plan.ended {
            // What left while it waited for its first slot had not begun.
            if sequence.item.running().is_some() {
                counts.add_ended(*reason);
            }
        }
        counts.add_preempted(plan.saved.len() + plan.dropped.len());
        counts.add_prefilled(plan.prefill.iter().map(|(_, positions)| positions.len()).sum());
        self.count_held(held, rows, self.scheduler.suspended());
    }

    /// Counts what the rows of a step returned.
    fn count_step(&mut self, outcome: &StepOutcome, rows: usize) {
        let counts = &self.queue.counts;
        let (mut stepped, mut output_rows) = (0, 0);
        for (row, sequence) in self.scheduler.rows().iter().take(rows).enumerate() {
            if sequence.end != Some(EndReason::Failed) {
                stepped += 1;
                output_rows += outcome.lengths.get(row).copied().unwrap_or(1);
            }
        }
        counts.add_step(stepped, self.reason);
        counts.add_output_rows(output_rows);
        if outcome.cache_usage.is_some() {
            counts.cache.note(&mut self.cache, outcome.cache_usage);
        }
    }

    /// Counts slots in use and saved sequences.
    fn count_held(&mut self, before: usize, rows: usize, suspended: usize) {
        let counts = &self.queue.counts;
        counts.slots_in_use.fetch_add(rows, Ordering::Relaxed);
        counts.slots_in_use.fetch_sub(before, Ordering::Relaxed);
        counts.suspended.fetch_add(suspended, Ordering::Relaxed);
        counts.suspended.fetch_sub(self.suspended, Ordering::Relaxed);
        self.suspended = suspended;
    }

    /// Notes that the step is over.
    fn rest(&mut self) {
        if let Some(began) = self.began.take() {
            *self.queue.worked.lock() += began.elapsed();
            self.heartbeat.rest();
        }
    }
}

/// An outcome that does not go with the rows of the step.
fn wrong_rows(outcome: &StepOutcome, rows: usize) -> Option<Error> {
    let failed = |text: String| Some(Error::new(Cause::ModelFailed, text));
    let finished = outcome.finished.len();
    if finished != 0 && finished != rows {
        return failed(format!(
            "a step of {rows} rows says of {finished} whether they have finished"
        ));
    }
    let sizes = outcome.state_bytes.len();
    if sizes != 0 && sizes != rows {
        return failed(format!("a step of {rows} rows has the bytes of {sizes} states"));
    }
    let lengths = outcome.lengths.len();
    if lengths != 0 && lengths != rows {
        return failed(format!("a step of {rows} rows has the lengths of {lengths} outputs"));
    }
    if let Some((row, _)) = outcome.failed.iter().find(|(row, _)| *row >= rows) {
        return failed(format!("a step of {rows} rows says that row {row} has failed"));
    }
    let wanted = match lengths {
        0 => rows,
        _ => outcome.lengths.iter().fold(0, |sum: usize, length| sum.saturating_add(*length)),
    };
    let output = outcome.outputs.iter().find(|output| output.shape().first() != Some(&wanted))?;
    let (name, shape) = (output.name(), output.shape());
    failed(format!("output '{name}' of a step has shape {shape:?}, not {wanted} rows"))
}

impl Drop for StepPuller {
    fn drop(&mut self) {
        self.rest();
        let reason = self.failure.take();
        self.queue.counts.cache.note(&mut self.cache, None);
        let lost = self.lose(&[]);
        self.queue.counts.slots.fetch_sub(self.queue.policy().max_slots, Ordering::Relaxed);
        match &reason {
            Some(reason) => lost.fail(reason),
            None => drop(lost),
        }
        self.queue.health.detach(&self.heartbeat, reason);
        self.queue.pullers.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
#[path = "step_puller_tests.rs"]
mod tests;
