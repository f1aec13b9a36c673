//! Timeline of one request: its identifier, its arrival, and the duration of each stage.

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

/// Maximum length of an identifier; longer ones are truncated.
const MAX_ID_BYTES: usize = 128;
/// Maximum length of an identifier that is stored without an allocation.
const SHORT_ID_BYTES: usize = 38;

/// Timeline of one request: created when its head arrives, extended by every stage.
#[derive(Debug)]
pub struct Timeline {
    id: RequestId,
    /// Trace context of the request; `None` without tracing.
    trace: Option<TraceContext>,
    /// When the head arrived.
    began: Instant,
    /// Locked for a few instructions by each stage.
    record: Mutex<RequestRecord>,
}

/// The stages and model calls of a request so far.
#[derive(Clone, Debug, Default)]
pub struct RequestRecord {
    /// Start and duration of each stage, in the order of [`RequestStage::ALL`].
    stages: [Option<(Instant, Duration)>; RequestStage::ALL.len()],
    /// End of the last stage that [`Timeline::note_stage_end`] has recorded.
    last_end: Option<Instant>,
    /// Model calls, in the order of their ends.
    pub calls: SmallVec<[CallRecord; 1]>,
    /// What other services have measured of those that they ran.
    pub remotes: Vec<RemoteRecord>,
}

impl RequestRecord {
    /// Start and duration of a stage; `None` when the request has not passed it.
    pub fn stage(&self, stage: RequestStage) -> Option<(Instant, Duration)> {
        self.stages[stage as usize]
    }
}

/// What another service has measured of a call that it ran.
#[derive(Clone, Debug)]
pub struct RemoteRecord {
    /// The `name-version` of the model in this service.
    pub model: Arc<str>,
    /// The endpoint that ran it.
    pub endpoint: Arc<str>,
    /// When the call was sent.
    pub sent: Instant,
    /// Time from there to its response.
    pub took: Duration,
    /// Its steps in the syntax of `Server-Timing`, as the other service has sent them.
    pub steps: Box<str>,
}

/// Record of one model call.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// The model's `name-version`.
    pub model: Arc<str>,
    /// The graph node that made the call, if any.
    pub node: Option<Arc<str>>,
    /// Why the call failed; `None` for a success.
    pub failure: Option<Cause>,
    /// Times of its stages.
    pub times: CallTimes,
}

/// Times of a call that an instance ran.
#[derive(Clone, Copy, Debug)]
pub struct CallTimes {
    /// When the call entered the queue.
    pub began: Instant,
    /// What the instance measured.
    pub timings: CallTimings,
}

impl CallTimes {
    /// Time from the queue to the output of the instance.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.waited_ns() + self.timings.ran_ns)
    }

    /// Duration of each stage in chronological order; their sum is the whole duration.
    pub fn stages(&self) -> [(CallStage, Duration); CallStage::ALL.len()] {
        let timings = &self.timings;
        let waited_ns = self.waited_ns();
        let batch_wait_ns = timings.idle_ns.min(waited_ns);
        let rest_ns = timings.ran_ns.saturating_sub(timings.preprocess_ns + timings.infer_ns);
        // Time without a mark belongs to the model, unless the end of the model's run is marked.
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

    /// The part of the model's run until a sequence of steps has its first output; zero for other
    /// runs.
    pub fn prefill(&self) -> Duration {
        Duration::from_nanos(self.timings.first_output_ns)
    }

    fn waited_ns(&self) -> u64 {
        nanos(self.timings.taken.saturating_duration_since(self.began))
    }
}

/// What an instance measures of a request that it runs; small, because the reply carries it.
#[derive(Clone, Copy, Debug)]
pub struct CallTimings {
    /// When the instance took the request.
    taken: Instant,
    /// How long the instance was idle before, if the policy lets it wait to fill a batch.
    idle_ns: u64,
    /// Time of the converter before the model.
    preprocess_ns: u64,
    /// Run time of the model; 0 when its end is not marked.
    infer_ns: u64,
    /// Time of the first output of a sequence of steps, since `taken`; 0 when there is none.
    first_output_ns: u64,
    /// Time of the last mark, since `taken`.
    last_ns: u64,
    /// Time of the output, since `taken`.
    ran_ns: u64,
    /// The batch of the request.
    pub batch: BatchInfo,
}

/// Size of a batch, as each of its requests records it.
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchInfo {
    /// Number of requests.
    pub requests: u32,
    /// Number of rows.
    pub rows: u32,
    /// Why the batch was not larger; `None` for a full batch, or when the model does not batch.
    pub reason: Option<Reason>,
    /// Steps that the request has taken; 0 when the model makes none.
    pub steps: u32,
}

impl BatchInfo {
    pub(crate) fn of(requests: usize, rows: usize, reason: Option<Reason>) -> Self {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { requests: count(requests), rows: count(rows), reason, steps: 0 }
    }
}

impl CallTimings {
    /// Starts when an instance takes a request. `idle_since` is when the instance became idle, if
    /// the policy lets it wait to fill a batch.
    pub fn begin(taken: Instant, idle_since: Option<Instant>, batch: BatchInfo) -> Self {
        let idle = idle_since.map(|idle| taken.saturating_duration_since(idle));
        Self {
            taken,
            idle_ns: idle.map_or(0, nanos),
            preprocess_ns: 0,
            infer_ns: 0,
            first_output_ns: 0,
            last_ns: 0,
            ran_ns: 0,
            batch,
        }
    }

    /// Records the end of a stage of user code; stages can alternate.
    pub fn mark(&mut self, stage: CallStage, now: Instant) {
        let now_ns = self.since_taken(now);
        let spent_ns = now_ns.saturating_sub(self.last_ns);
        self.last_ns = now_ns;
        match stage {
            CallStage::Preprocess => self.preprocess_ns += spent_ns,
            // Never 0, which stands for a run without a mark.
            CallStage::Infer => self.infer_ns += spent_ns.max(1),
            CallStage::Queue | CallStage::BatchWait | CallStage::Postprocess => {}
        }
    }

    /// Records the first output of a sequence of steps.
    pub(crate) fn mark_first_output(&mut self, now: Instant) {
        self.first_output_ns = self.since_taken(now);
    }

    /// Sets the times that an instance in another process has measured.
    pub fn set_spent(&mut self, preprocess: Duration, infer: Duration) {
        (self.preprocess_ns, self.infer_ns) = (nanos(preprocess), nanos(infer));
    }

    /// Records the time of the output.
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
    /// Creates the timeline of a request that arrives now.
    pub fn new(id: &str, trace: Option<TraceContext>) -> Self {
        let (began, record) = (Instant::now(), Mutex::default());
        Self { id: RequestId::new(id), trace, began, record }
    }

    /// Identifier that the response and every log line of the request contain.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Trace context of the request.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    /// When the head of the request arrived.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Records a stage that started at `began` and has just ended.
    pub fn note_stage(&self, stage: RequestStage, began: Instant) {
        let duration = began.elapsed();
        self.record.lock().stages[stage as usize] = Some((began, duration));
    }

    /// Records a stage that has just ended. It started at the end of the last stage, or with the
    /// request.
    pub fn note_stage_end(&self, stage: RequestStage) {
        let now = Instant::now();
        let mut record = self.record.lock();
        let began = record.last_end.replace(now).unwrap_or(self.began);
        record.stages[stage as usize] = Some((began, now.saturating_duration_since(began)));
    }

    /// Runs `work` and records it as a stage.
    pub fn measure<T>(&self, stage: RequestStage, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let output = work();
        self.note_stage(stage, began);
        output
    }

    pub(crate) fn note_call(&self, call: CallRecord) {
        self.record.lock().calls.push(call);
    }

    /// Adds what another service has measured of a call that it ran.
    pub fn note_remote(&self, remote: RemoteRecord) {
        self.record.lock().remotes.push(remote);
    }

    /// Returns a copy of the stages and model calls so far.
    pub fn record(&self) -> RequestRecord {
        self.record.lock().clone()
    }

    /// Passes the stages and model calls so far to `read`, without a copy.
    pub fn with_record<T>(&self, read: impl FnOnce(&RequestRecord) -> T) -> T {
        read(&self.record.lock())
    }
}

/// Identifier of a request; a short one, such as a generated one, needs no allocation.
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

    fn durations_ms(times: &CallTimes) -> Vec<u128> {
        times.stages().iter().map(|(_, duration)| duration.as_millis()).collect()
    }

    #[test]
    fn long_identifiers_are_truncated() {
        for id in ["", "abc", &"x".repeat(MAX_ID_BYTES)] {
            assert_eq!(Timeline::new(id, None).id(), id);
        }
        let long = format!("{}\u{e9}", "x".repeat(MAX_ID_BYTES - 1));
        assert_eq!(Timeline::new(&long, None).id(), "x".repeat(MAX_ID_BYTES - 1));
    }

    #[test]
    fn the_stages_of_a_call_add_up_to_its_duration() {
        let began = Instant::now();
        let mut timings = CallTimings::begin(began + 3 * MS, None, BatchInfo::default());
        let plain = CallTimes { began, timings: timings.ended(began + 10 * MS) };
        assert_eq!(durations_ms(&plain), [3, 0, 0, 7, 0]);

        timings.mark(CallStage::Preprocess, began + 5 * MS);
        timings.mark(CallStage::Infer, began + 9 * MS);
        let converted = CallTimes { began, timings: timings.ended(began + 10 * MS) };
        assert_eq!(durations_ms(&converted), [3, 0, 2, 4, 1]);
        let sum: Duration = converted.stages().iter().map(|(_, duration)| *duration).sum();
        assert_eq!(sum, converted.duration());
    }

    #[test]
    fn time_in_the_queue_and_time_to_fill_the_batch_are_separate() {
        let began = Instant::now();
        for (idle_since, queue, batch_wait) in [(-5i32, 0, 8), (2, 2, 6), (8, 8, 0)] {
            let idle = match u32::try_from(idle_since) {
                Ok(after) => began + after * MS,
                Err(_) => began - idle_since.unsigned_abs() * MS,
            };
            let timings = CallTimings::begin(began + 8 * MS, Some(idle), BatchInfo::default());
            let times = CallTimes { began, timings: timings.ended(began + 9 * MS) };
            assert_eq!(durations_ms(&times), [queue, batch_wait, 0, 1, 0]);
        }
    }

    #[test]
    fn alternating_stages_add_up() {
        let began = Instant::now();
        let mut timings = CallTimings::begin(began, None, BatchInfo::default());
        for round in 0..3u32 {
            timings.mark(CallStage::Infer, began + (3 * round + 2) * MS);
            timings.mark(CallStage::Postprocess, began + (3 * round + 3) * MS);
        }
        let timings = timings.ended(began + 9 * MS);
        assert_eq!(durations_ms(&CallTimes { began, timings }), [0, 0, 0, 6, 3]);
    }
}
