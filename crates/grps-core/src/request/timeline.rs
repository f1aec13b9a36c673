//! One request on its way: who it is, when it came, and what each step took.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::error::Cause;
use crate::metrics::{CallStage, RequestStage};
use crate::nanos::nanos;
use crate::request::trace_context::TraceContext;
use crate::scheduling::batching::Reason;

/// Bytes of an identifier; what is longer is cut.
const MAX_ID_BYTES: usize = 128;
/// Bytes of an identifier that is kept in place.
const SHORT_ID_BYTES: usize = 38;

/// One request: made when its head has come, and told by every step.
#[derive(Debug)]
pub struct Timeline {
    id: RequestId,
    /// Its place in a trace; `None` when nobody traces it.
    trace: Option<TraceContext>,
    began: Instant,
    /// Locked for a few instructions at each step.
    steps: Mutex<StageRecord>,
}

/// What a request went through until now.
#[derive(Clone, Debug, Default)]
pub struct StageRecord {
    /// When each step began and how long it took, in the order of [`RequestStage::ALL`].
    stages: [Option<(Instant, Duration)>; RequestStage::ALL.len()],
    /// When the last step ended that was told by [`Timeline::lap`].
    lapped: Option<Instant>,
    /// Its calls of models, in the order of their ends.
    pub calls: SmallVec<[CallNote; 1]>,
}

impl StageRecord {
    /// When a step began and how long it took; `None` when the request had none.
    pub fn stage(&self, stage: RequestStage) -> Option<(Instant, Duration)> {
        self.stages[stage as usize]
    }
}

/// One call of a model.
#[derive(Clone, Debug)]
pub struct CallNote {
    /// The model's `name-version`.
    pub model: Arc<str>,
    /// The node that called, if the request went through a graph.
    pub node: Option<Arc<str>>,
    /// Why it failed.
    pub failure: Option<Cause>,
    /// What happened when.
    pub times: CallTimes,
}

/// What happened when in a call that an instance has answered.
#[derive(Clone, Copy, Debug)]
pub struct CallTimes {
    /// When it was put into the queue.
    pub began: Instant,
    /// What the instance noted.
    pub timings: CallTimings,
}

impl CallTimes {
    /// From the queue to the instance's answer.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.waited_ns() + self.timings.ran_ns)
    }

    /// How long each step took, in the order of time: together the whole duration.
    pub fn stages(&self) -> [(CallStage, Duration); CallStage::ALL.len()] {
        let timings = &self.timings;
        let waited_ns = self.waited_ns();
        let batch_wait_ns = timings.idle_ns.min(waited_ns);
        let rest_ns = timings.ran_ns.saturating_sub(timings.preprocess_ns + timings.infer_ns);
        // What no mark tells of is the model's, unless the model's end was marked.
        let (infer_ns, postprocess_ns) =
            if timings.infer_ns == 0 { (rest_ns, 0) } else { (timings.infer_ns, rest_ns) };
        [
            (CallStage::Queue, waited_ns - batch_wait_ns),
            (CallStage::BatchWait, batch_wait_ns),
            (CallStage::Preprocess, timings.preprocess_ns),
            (CallStage::Infer, infer_ns),
            (CallStage::Postprocess, postprocess_ns),
        ]
        .map(|(stage, ns)| (stage, Duration::from_nanos(ns)))
    }

    fn waited_ns(&self) -> u64 {
        nanos(self.timings.taken.saturating_duration_since(self.began))
    }
}

/// What an instance notes of a request that it runs; small, as it travels with the answer.
#[derive(Clone, Copy, Debug)]
pub struct CallTimings {
    /// When it took the request.
    taken: Instant,
    /// How long it had waited for a batch, if its policy lets it wait for company.
    idle_ns: u64,
    /// The converter's work before the model.
    preprocess_ns: u64,
    /// The model's work, if its end was marked.
    infer_ns: u64,
    /// When the last step was marked, since `taken`.
    last_ns: u64,
    /// When it answered, since `taken`.
    ran_ns: u64,
    /// The batch that the request ran in.
    pub batch: BatchNote,
}

/// The batch that a request ran in.
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchNote {
    /// Requests in it.
    pub requests: u32,
    /// Their rows together.
    pub rows: u32,
    /// Why there were not more; `None` for a full batch, or where there are no batches.
    pub reason: Option<Reason>,
}

impl BatchNote {
    pub(crate) fn of(requests: usize, rows: usize, reason: Option<Reason>) -> Self {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { requests: count(requests), rows: count(rows), reason }
    }
}

impl CallTimings {
    /// Begins when an instance takes a request; `idle_since` is when it began to wait for a batch,
    /// if it may have waited for company.
    pub fn begin(taken: Instant, idle_since: Option<Instant>, batch: BatchNote) -> Self {
        let idle = idle_since.map(|idle| taken.saturating_duration_since(idle));
        Self {
            taken,
            idle_ns: idle.map_or(0, nanos),
            preprocess_ns: 0,
            infer_ns: 0,
            last_ns: 0,
            ran_ns: 0,
            batch,
        }
    }

    /// Notes the end of a step that user code has; steps may alternate.
    pub fn mark(&mut self, stage: CallStage, now: Instant) {
        let now_ns = self.since_taken(now);
        let spent_ns = now_ns.saturating_sub(self.last_ns);
        self.last_ns = now_ns;
        match stage {
            CallStage::Preprocess => self.preprocess_ns += spent_ns,
            // A model that took no time at all has still ended.
            CallStage::Infer => self.infer_ns += spent_ns.max(1),
            CallStage::Queue | CallStage::BatchWait | CallStage::Postprocess => {}
        }
    }

    /// Takes over what an instance in another process has noted.
    pub fn set_spent(&mut self, preprocess: Duration, infer: Duration) {
        (self.preprocess_ns, self.infer_ns) = (nanos(preprocess), nanos(infer));
    }

    /// Notes the answer.
    #[must_use]
    pub fn ended(mut self, now: Instant) -> Self {
        self.ran_ns = self.since_taken(now);
        self
    }

    fn since_taken(&self, moment: Instant) -> u64 {
        nanos(moment.saturating_duration_since(self.taken))
    }
}

impl Timeline {
    /// Begins now.
    pub fn new(id: &str, trace: Option<TraceContext>) -> Self {
        let (began, steps) = (Instant::now(), Mutex::default());
        Self { id: RequestId::new(id), trace, began, steps }
    }

    /// Identifier that appears in the answer and in every log line about the request.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Its place in a trace.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    /// When it came.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Notes a step that began at a moment and has just ended.
    pub fn note(&self, stage: RequestStage, began: Instant) {
        let length = began.elapsed();
        self.steps.lock().stages[stage as usize] = Some((began, length));
    }

    /// Notes a step that began where the last one ended, or with the request; it has just ended.
    pub fn lap(&self, stage: RequestStage) {
        let now = Instant::now();
        let mut steps = self.steps.lock();
        let began = steps.lapped.replace(now).unwrap_or(self.began);
        steps.stages[stage as usize] = Some((began, now.saturating_duration_since(began)));
    }

    /// Does a step and notes how long it took.
    pub fn measure<T>(&self, stage: RequestStage, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.note(stage, began);
        done
    }

    pub(crate) fn note_call(&self, call: CallNote) {
        self.steps.lock().calls.push(call);
    }

    /// What it went through until now.
    pub fn steps(&self) -> StageRecord {
        self.steps.lock().clone()
    }

    /// Looks at what it went through until now, without copying it.
    pub fn with_steps<T>(&self, look: impl FnOnce(&StageRecord) -> T) -> T {
        look(&self.steps.lock())
    }
}

/// A short text; one that is made here needs no memory of its own.
#[derive(Clone)]
enum RequestId {
    Short { bytes: [u8; SHORT_ID_BYTES], length: u8 },
    Long(Box<str>),
}

impl RequestId {
    fn new(text: &str) -> Self {
        let mut length = text.len().min(MAX_ID_BYTES);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        let text = text.get(..length).unwrap_or_default();
        let mut bytes = [0; SHORT_ID_BYTES];
        match bytes.get_mut(..length) {
            Some(target) => {
                target.copy_from_slice(text.as_bytes());
                Self::Short { bytes, length: u8::try_from(length).unwrap_or_default() }
            }
            None => Self::Long(text.into()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Short { bytes, length } => {
                let bytes = bytes.get(..usize::from(*length)).unwrap_or_default();
                str::from_utf8(bytes).unwrap_or_default()
            }
            Self::Long(text) => text,
        }
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn lengths(times: &CallTimes) -> Vec<u128> {
        times.stages().iter().map(|(_, length)| length.as_millis()).collect()
    }

    #[test]
    fn identifiers_are_kept_up_to_their_limit() {
        for id in ["", "abc", &"x".repeat(MAX_ID_BYTES)] {
            assert_eq!(Timeline::new(id, None).id(), id);
        }
        let long = format!("{}\u{e9}", "x".repeat(MAX_ID_BYTES - 1));
        assert_eq!(Timeline::new(&long, None).id(), "x".repeat(MAX_ID_BYTES - 1));
    }

    #[test]
    fn the_steps_of_a_call_add_up() {
        let began = Instant::now();
        let mut timings = CallTimings::begin(began + 3 * MS, None, BatchNote::default());
        let plain = CallTimes { began, timings: timings.ended(began + 10 * MS) };
        assert_eq!(lengths(&plain), [3, 0, 0, 7, 0]);

        timings.mark(CallStage::Preprocess, began + 5 * MS);
        timings.mark(CallStage::Infer, began + 9 * MS);
        let converted = CallTimes { began, timings: timings.ended(began + 10 * MS) };
        assert_eq!(lengths(&converted), [3, 0, 2, 4, 1]);
        let sum: Duration = converted.stages().iter().map(|(_, length)| *length).sum();
        assert_eq!(sum, converted.duration());
    }

    #[test]
    fn waiting_for_company_is_not_waiting_for_an_instance() {
        let began = Instant::now();
        for (idle_since, queue, batch_wait) in [(-5i32, 0, 8), (2, 2, 6), (8, 8, 0)] {
            let idle = match u32::try_from(idle_since) {
                Ok(after) => began + after * MS,
                Err(_) => began - idle_since.unsigned_abs() * MS,
            };
            let timings = CallTimings::begin(began + 8 * MS, Some(idle), BatchNote::default());
            let times = CallTimes { began, timings: timings.ended(began + 9 * MS) };
            assert_eq!(lengths(&times), [queue, batch_wait, 0, 1, 0]);
        }
    }

    #[test]
    fn steps_that_alternate_add_up() {
        let began = Instant::now();
        let mut timings = CallTimings::begin(began, None, BatchNote::default());
        for turn in 0..3u32 {
            timings.mark(CallStage::Infer, began + (3 * turn + 2) * MS);
            timings.mark(CallStage::Postprocess, began + (3 * turn + 3) * MS);
        }
        let timings = timings.ended(began + 9 * MS);
        assert_eq!(lengths(&CallTimes { began, timings }), [0, 0, 0, 6, 3]);
    }
}
