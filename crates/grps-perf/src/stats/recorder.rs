//! The measurements of one thread. Those of all threads can be merged.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::error::PlanError;
use crate::exchange::failure::{Class, Failure};
use crate::exchange::watch::Watch;

/// Digits of durations that are kept.
const DIGITS: u8 = 3;
/// Bits of durations that are kept in the intervals of a second.
const INTERVAL_BITS: u32 = 7;
/// Most seconds that are kept apart; later ones count as the last.
const MOST_INTERVALS: usize = 24 * 3600;

/// Durations in nanoseconds.
#[derive(Clone)]
pub(crate) struct Durations(pub(crate) Histogram<u64>);

impl Durations {
    fn new() -> Result<Self, PlanError> {
        Histogram::new(DIGITS).map(Self).map_err(|error| PlanError::invalid(error.to_string()))
    }

    fn add(&mut self, duration: Duration) {
        // The histogram grows as it has to, up to durations of centuries.
        let _ = self.0.record(nanos(duration).max(1));
    }

    fn merge(&mut self, other: &Self) {
        let _ = self.0.add(&other.0);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Failures of one class.
#[derive(Debug, Clone)]
pub(crate) struct Failures {
    pub(crate) count: u64,
    /// The text of the first.
    pub(crate) text: String,
}

/// What ended in one second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interval {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) chunks: u64,
    /// Latencies of those that succeeded, in microseconds and rounded down, with their counts.
    pub(crate) counts: BTreeMap<u64, u64>,
}

/// What ended in the time in which requests are sent, those of the warm-up included: with them, the
/// beginning of that time is like the rest of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Window {
    pub(crate) succeeded: u64,
    pub(crate) chunks: u64,
    pub(crate) tokens: u64,
}

/// A request that has ended.
pub(crate) struct Ended<'a> {
    /// When it was to be sent.
    pub(crate) intended: Instant,
    /// When it was sent.
    pub(crate) sent: Instant,
    /// When it ended.
    pub(crate) ended: Instant,
    pub(crate) watch: &'a Watch,
    pub(crate) result: Result<(), Failure>,
    /// Whether it belongs to the warm-up.
    pub(crate) is_warmup: bool,
}

/// All measurements.
#[derive(Clone)]
pub(crate) struct Recorder {
    /// When measuring begins: at the end of the warm-up.
    begin: Instant,
    /// When the last request is sent, if a time says that.
    end: Option<Instant>,
    pub(crate) window: Window,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) not_sent: u64,
    pub(crate) chunks: u64,
    pub(crate) tokens: u64,
    pub(crate) bytes: u64,
    /// Time from the begin to the end of the latest request.
    pub(crate) elapsed: Duration,
    pub(crate) latency: Durations,
    pub(crate) failed_latency: Durations,
    pub(crate) first: Durations,
    pub(crate) gap: Durations,
    pub(crate) lateness: Durations,
    pub(crate) failures: BTreeMap<Class, Failures>,
    pub(crate) intervals: Vec<Interval>,
}

impl Recorder {
    /// Makes an empty one.
    ///
    /// # Errors
    ///
    /// The histograms can't be made.
    pub(crate) fn new(begin: Instant, end: Option<Instant>) -> Result<Self, PlanError> {
        Ok(Self {
            begin,
            end,
            window: Window::default(),
            succeeded: 0,
            failed: 0,
            not_sent: 0,
            chunks: 0,
            tokens: 0,
            bytes: 0,
            elapsed: Duration::ZERO,
            latency: Durations::new()?,
            failed_latency: Durations::new()?,
            first: Durations::new()?,
            gap: Durations::new()?,
            lateness: Durations::new()?,
            failures: BTreeMap::new(),
            intervals: Vec::new(),
        })
    }

    /// Counts a request that was not sent, as too many were open.
    pub(crate) fn add_not_sent(&mut self) {
        self.not_sent += 1;
    }

    /// Adds a request that has ended.
    pub(crate) fn add(&mut self, ended: Ended<'_>) {
        self.add_to_window(&ended);
        if ended.is_warmup {
            return;
        }
        let latency = ended.ended.saturating_duration_since(ended.intended);
        let since_begin = ended.ended.saturating_duration_since(self.begin);
        self.elapsed = self.elapsed.max(since_begin);
        self.lateness.add(ended.sent.saturating_duration_since(ended.intended));
        self.bytes += ended.watch.bytes as u64;
        self.chunks += ended.watch.chunks;
        self.tokens += ended.watch.tokens;
        if let Some(first) = ended.watch.first {
            self.first.add(first.saturating_duration_since(ended.intended));
        }
        ended.watch.gaps.iter().for_each(|gap| self.gap.add(*gap));
        let chunks = ended.watch.chunks;
        let interval = self.interval(since_begin);
        interval.chunks += chunks;
        match ended.result {
            Ok(()) => {
                interval.succeeded += 1;
                *interval.counts.entry(rounded(latency)).or_default() += 1;
                self.succeeded += 1;
                self.latency.add(latency);
            }
            Err(failure) => {
                interval.failed += 1;
                self.failed += 1;
                self.failed_latency.add(latency);
                self.add_failure(failure);
            }
        }
    }

    fn add_to_window(&mut self, ended: &Ended<'_>) {
        let is_inside = ended.ended >= self.begin && self.end.is_some_and(|end| ended.ended <= end);
        if is_inside {
            self.window.succeeded += u64::from(ended.result.is_ok());
            self.window.chunks += ended.watch.chunks;
            self.window.tokens += ended.watch.tokens;
        }
    }

    fn add_failure(&mut self, failure: Failure) {
        let first = Failures { count: 0, text: failure.text };
        self.failures.entry(failure.class).or_insert(first).count += 1;
    }

    fn interval(&mut self, since_begin: Duration) -> &mut Interval {
        let second = usize::try_from(since_begin.as_secs()).unwrap_or(usize::MAX);
        let second = second.min(MOST_INTERVALS - 1);
        if self.intervals.len() <= second {
            self.intervals.resize_with(second + 1, Interval::default);
        }
        &mut self.intervals[second]
    }

    /// Adds the measurements of another thread.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.window.succeeded += other.window.succeeded;
        self.window.chunks += other.window.chunks;
        self.window.tokens += other.window.tokens;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.not_sent += other.not_sent;
        self.chunks += other.chunks;
        self.tokens += other.tokens;
        self.bytes += other.bytes;
        self.elapsed = self.elapsed.max(other.elapsed);
        self.latency.merge(&other.latency);
        self.failed_latency.merge(&other.failed_latency);
        self.first.merge(&other.first);
        self.gap.merge(&other.gap);
        self.lateness.merge(&other.lateness);
        for (class, theirs) in &other.failures {
            let none = Failures { count: 0, text: theirs.text.clone() };
            self.failures.entry(*class).or_insert(none).count += theirs.count;
        }
        if self.intervals.len() < other.intervals.len() {
            self.intervals.resize_with(other.intervals.len(), Interval::default);
        }
        for (ours, theirs) in self.intervals.iter_mut().zip(&other.intervals) {
            ours.merge(theirs);
        }
    }
}

impl Interval {
    fn merge(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.chunks += other.chunks;
        for (value, count) in &other.counts {
            *self.counts.entry(*value).or_default() += count;
        }
    }
}

/// Microseconds of which only the first bits are kept.
fn rounded(duration: Duration) -> u64 {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let dropped = (u64::BITS - micros.leading_zeros()).saturating_sub(INTERVAL_BITS);
    micros >> dropped << dropped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(recorder: &mut Recorder, at_ms: u64, latency_ms: u64, result: Result<(), Failure>) {
        let ended = recorder.begin + Duration::from_millis(at_ms);
        let intended = ended - Duration::from_millis(latency_ms);
        let watch = Watch::new(0);
        let (sent, is_warmup) = (intended, false);
        recorder.add(Ended { intended, sent, ended, watch: &watch, result, is_warmup });
    }

    #[test]
    fn threads_are_merged() {
        let begin = Instant::now() + Duration::from_secs(10);
        let end = begin + Duration::from_secs(1);
        let mut first = Recorder::new(begin, Some(end)).unwrap();
        let mut second = first.clone();
        add(&mut first, 500, 5, Ok(()));
        add(&mut first, 1001, 5, Ok(()));
        add(&mut second, 700, 7, Ok(()));
        add(&mut second, 2500, 9, Err(Failure::new(Class::Http(503), "full")));
        add(&mut second, 2600, 9, Err(Failure::new(Class::Http(503), "later")));
        first.merge(&second);
        assert_eq!((first.succeeded, first.failed), (3, 2));
        assert_eq!(first.window.succeeded, 2);
        assert_eq!(first.elapsed, Duration::from_millis(2600));
        let failures = &first.failures[&Class::Http(503)];
        assert_eq!((failures.count, &*failures.text), (2, "full"));
        let seconds: Vec<_> =
            first.intervals.iter().map(|second| (second.succeeded, second.failed)).collect();
        assert_eq!(seconds, [(2, 0), (1, 0), (0, 2)]);
        assert_eq!(first.latency.0.len(), 3);
        assert!((first.latency.0.max() as f64 / 7e6 - 1.0).abs() < 0.001);
    }

    #[test]
    fn intervals_keep_seven_bits() {
        assert_eq!(rounded(Duration::from_micros(127)), 127);
        assert_eq!(rounded(Duration::from_micros(1023)), 1016);
        assert_eq!(rounded(Duration::ZERO), 0);
    }
}
