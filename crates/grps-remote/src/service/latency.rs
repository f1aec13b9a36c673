//! The recent duration of calls, which fades while there are none.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Time after which a value counts for a third: an endpoint that was slow is tried again after a while.
const FADE: Duration = Duration::from_secs(10);
/// How much of a new value counts at once.
const SHARE: f64 = 0.2;
/// Shorter calls count as this.
const SHORTEST_S: f64 = 1e-6;

/// The recent duration of calls. It is a geometric mean: one call that took a hundred times longer
/// must not keep calls away from an endpoint, and one that is always slower is known by its ratio.
#[derive(Debug, Default)]
pub(crate) struct Latency(Mutex<Option<Mean>>);

#[derive(Clone, Copy, Debug)]
struct Mean {
    /// The natural logarithm of seconds.
    log: f64,
    at: Instant,
}

impl Mean {
    fn faded(self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.at);
        self.log - age.as_secs_f64() / FADE.as_secs_f64()
    }
}

impl Latency {
    /// Notes a call.
    pub(crate) fn add(&self, duration: Duration, now: Instant) {
        let log = duration.as_secs_f64().max(SHORTEST_S).ln();
        let mut mean = self.0.lock();
        let before = mean.map_or(log, |mean| mean.faded(now));
        *mean = Some(Mean { log: before + (log - before) * SHARE, at: now });
    }

    /// The duration in seconds; `None` before the first call.
    pub(crate) fn seconds(&self, now: Instant) -> Option<f64> {
        self.0.lock().map(|mean| mean.faded(now).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(latency: &Latency, now: Instant) -> f64 {
        latency.seconds(now).unwrap() * 1e3
    }

    #[test]
    fn one_long_call_counts_little_and_several_in_full() {
        let (latency, start) = (Latency::default(), Instant::now());
        assert_eq!(latency.seconds(start), None);
        latency.add(Duration::from_millis(1), start);
        assert!((ms(&latency, start) - 1.0).abs() < 1e-9);
        latency.add(Duration::from_millis(100), start);
        assert!((2.0..3.0).contains(&ms(&latency, start)), "{}", ms(&latency, start));
        for _ in 0..20 {
            latency.add(Duration::from_millis(100), start);
        }
        assert!(ms(&latency, start) > 90.0);
        latency.add(Duration::ZERO, start);
        assert!(ms(&latency, start) > 0.0);
    }

    #[test]
    fn it_fades_while_there_are_no_calls() {
        let (latency, start) = (Latency::default(), Instant::now());
        latency.add(Duration::from_millis(50), start);
        assert!((ms(&latency, start + FADE) - 50.0 / 1f64.exp()).abs() < 1e-6);
        assert!(ms(&latency, start + 10 * FADE) < 0.01);
    }
}
