//! The recent duration of calls, which fades while there are none.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Time after which a value counts for a third: an endpoint that was slow is tried again after a while.
const FADE: Duration = Duration::from_secs(2);
/// How much of a new value counts at once.
const SHARE: f64 = 0.2;

/// The recent duration of calls.
#[derive(Debug, Default)]
pub(crate) struct Latency(Mutex<Option<Mean>>);

#[derive(Clone, Copy, Debug)]
struct Mean {
    seconds: f64,
    at: Instant,
}

impl Mean {
    fn faded(self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.at);
        self.seconds * (-age.as_secs_f64() / FADE.as_secs_f64()).exp()
    }
}

impl Latency {
    /// Notes a call.
    pub(crate) fn add(&self, duration: Duration, now: Instant) {
        let seconds = duration.as_secs_f64();
        let mut mean = self.0.lock();
        let before = mean.map_or(seconds, |mean| mean.faded(now));
        let seconds = before + (seconds - before) * SHARE;
        *mean = Some(Mean { seconds, at: now });
    }

    /// The duration in seconds; `None` before the first call.
    pub(crate) fn seconds(&self, now: Instant) -> Option<f64> {
        self.0.lock().map(|mean| mean.faded(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_count_bit_by_bit_and_fade() {
        let (latency, start) = (Latency::default(), Instant::now());
        assert_eq!(latency.seconds(start), None);
        latency.add(Duration::from_millis(10), start);
        assert!((latency.seconds(start).unwrap() - 0.01).abs() < 1e-9);
        latency.add(Duration::from_millis(110), start);
        assert!((latency.seconds(start).unwrap() - 0.03).abs() < 1e-9);
        let later = latency.seconds(start + 10 * FADE).unwrap();
        assert!(later < 0.0001, "{later}");
    }
}
