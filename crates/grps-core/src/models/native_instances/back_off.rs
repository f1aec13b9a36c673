//! How long to wait before something that failed is tried again; as `grps/server/models/backoff.py`.

use std::time::{Duration, Instant};

/// The first delay.
const FIRST: Duration = Duration::from_millis(100);
/// The longest delay.
const LONGEST: Duration = Duration::from_secs(30);
/// What ran this long before it failed counts as having been well.
const STEADY: Duration = Duration::from_secs(60);

/// Delays that double from failure to failure.
#[derive(Debug)]
pub struct BackOff {
    /// The delay after the next failure.
    next: Duration,
    /// When what is watched began to run.
    began: Instant,
}

impl BackOff {
    /// Nothing has failed; what is watched begins to run now.
    pub fn new(now: Instant) -> Self {
        Self { next: FIRST, began: now }
    }

    /// Notes that what is watched runs again.
    pub fn begin(&mut self, now: Instant) {
        self.began = now;
    }

    /// How long to wait after one more failure.
    pub fn delay(&mut self, now: Instant) -> Duration {
        if now.saturating_duration_since(self.began) >= STEADY {
            self.next = FIRST;
        }
        let delay = self.next;
        self.next = LONGEST.min(2 * delay);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_until_it_ran_well() {
        let mut now = Instant::now();
        let mut back_off = BackOff::new(now);
        assert_eq!(back_off.delay(now), FIRST);
        assert_eq!(back_off.delay(now), 2 * FIRST);
        for _ in 0..10 {
            back_off.delay(now);
        }
        assert_eq!(back_off.delay(now), LONGEST);
        back_off.begin(now);
        now += STEADY;
        assert_eq!(back_off.delay(now), FIRST);
    }
}
