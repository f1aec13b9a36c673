//! The result of a run, as JSON has it.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::stats::recorder::{Interval, Recorder};

/// The result of a run. Durations are in nanoseconds unless their name says otherwise.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Seconds from the end of the warm-up to the end of the last request.
    pub elapsed_s: f64,
    /// Seconds of the whole run.
    pub wall_s: f64,
    /// CPU seconds of the threads that sent.
    pub cpu_s: f64,
    /// CPU seconds of the busiest of them.
    pub busiest_cpu_s: f64,
    /// Their number.
    pub threads: usize,
    /// What throughput is computed of.
    pub window: WindowReport,
    /// Requests of the whole run, with those of the warm-up.
    pub begun: u64,
    /// Requests whose response was a success.
    pub succeeded: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests that were not sent, as too many were open.
    pub not_sent: u64,
    /// Requests that were open when the run was stopped.
    pub unfinished: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// Bytes of the bodies of responses.
    pub response_bytes: u64,
    /// Chunks of streams.
    pub chunks: u64,
    /// Tokens that the server counted.
    pub tokens: u64,
    /// Latencies of successes: from the intended time in an open loop, else from sending.
    pub latency: Values,
    /// The same of failures.
    pub failed_latency: Values,
    /// Times to the first chunk.
    pub first: Values,
    /// Times between chunks.
    pub gap: Values,
    /// How much later than intended requests were sent.
    pub lateness: Values,
    /// Failures by their classes.
    pub errors: Vec<ErrorReport>,
    /// Seconds since the end of the warm-up.
    pub intervals: Vec<IntervalReport>,
}

/// What ended in a time: with a duration, the one in which requests were sent, the end of which
/// does not wait for the last; otherwise the time until the last has ended.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct WindowReport {
    /// The time.
    pub seconds: f64,
    /// Successes.
    pub succeeded: u64,
    /// Chunks of the requests that ended.
    pub chunks: u64,
    /// Their tokens.
    pub tokens: u64,
}

/// A distribution.
#[derive(Debug, Clone, Serialize)]
pub struct Values {
    /// Number of values.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub deviation: f64,
    /// The smallest value.
    pub min: u64,
    /// The largest value.
    pub max: u64,
    /// Values with their counts, ascending.
    pub counts: Vec<(u64, u64)>,
}

/// Failures of one class.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorReport {
    /// The class.
    pub status: String,
    /// How many.
    pub count: u64,
    /// The text of the first.
    pub text: String,
}

/// What ended in one second.
#[derive(Debug, Clone, Serialize)]
pub struct IntervalReport {
    /// Successes.
    pub succeeded: u64,
    /// Failures.
    pub failed: u64,
    /// Chunks of the requests that ended.
    pub chunks: u64,
    /// Latencies of successes in microseconds with their counts, ascending.
    pub counts: Vec<(u64, u64)>,
}

/// What is not in the measurements of the threads.
pub(crate) struct Totals {
    /// The time in which requests were sent, if the plan limits it.
    pub(crate) sending_s: Option<f64>,
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: Vec<f64>,
    pub(crate) begun: u64,
    pub(crate) unfinished: u64,
    pub(crate) connections: u64,
}

impl Report {
    pub(crate) fn new(all: &Recorder, totals: &Totals) -> Self {
        let errors = all.failures.iter().map(|(class, failures)| ErrorReport {
            status: class.to_string(),
            count: failures.count,
            text: failures.text.clone(),
        });
        Self {
            elapsed_s: all.elapsed.as_secs_f64(),
            wall_s: totals.wall_s,
            cpu_s: totals.cpu_s.iter().sum(),
            busiest_cpu_s: totals.cpu_s.iter().copied().fold(0.0, f64::max),
            threads: totals.cpu_s.len(),
            window: WindowReport::new(all, totals.sending_s),
            begun: totals.begun,
            succeeded: all.succeeded,
            failed: all.failed,
            not_sent: all.not_sent,
            unfinished: totals.unfinished,
            connections: totals.connections,
            response_bytes: all.bytes,
            chunks: all.chunks,
            tokens: all.tokens,
            latency: Values::new(&all.latency.0),
            failed_latency: Values::new(&all.failed_latency.0),
            first: Values::new(&all.first.0),
            gap: Values::new(&all.gap.0),
            lateness: Values::new(&all.lateness.0),
            errors: errors.collect(),
            intervals: all.intervals.iter().map(IntervalReport::new).collect(),
        }
    }
}

impl WindowReport {
    fn new(all: &Recorder, sending_s: Option<f64>) -> Self {
        let window = all.window;
        match sending_s {
            Some(seconds) if window.succeeded > 0 && seconds > 0.0 => Self {
                seconds,
                succeeded: window.succeeded,
                chunks: window.chunks,
                tokens: window.tokens,
            },
            // Every request took longer than the time: there is only the whole.
            _ => Self {
                seconds: all.elapsed.as_secs_f64(),
                succeeded: all.succeeded,
                chunks: all.chunks,
                tokens: all.tokens,
            },
        }
    }
}

impl Values {
    fn new(histogram: &Histogram<u64>) -> Self {
        let counts = histogram
            .iter_recorded()
            .map(|step| {
                (histogram.median_equivalent(step.value_iterated_to()), step.count_at_value())
            })
            .collect();
        Self {
            count: histogram.len(),
            mean: histogram.mean(),
            deviation: histogram.stdev(),
            min: histogram.min(),
            max: histogram.max(),
            counts,
        }
    }
}

impl IntervalReport {
    fn new(interval: &Interval) -> Self {
        Self {
            succeeded: interval.succeeded,
            failed: interval.failed,
            chunks: interval.chunks,
            counts: interval.counts.iter().map(|(value, count)| (*value, *count)).collect(),
        }
    }
}
