//! Limits how often one line is logged.
//!
//! [`super::log_rate`] lets two hundred equal records through at once. A refused connection costs its
//! client nothing and its line says nothing new, so one in ten seconds is enough.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Shortest time between two lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// Decides whether a line that clients can cause at any rate is logged; counts those left out.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the last line was logged.
    logged: Option<Instant>,
    /// Lines left out since then.
    left_out: u64,
}

impl LogLimit {
    /// Whether a line is logged now, with the number of lines left out before it.
    pub(crate) fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock();
        if state.logged.is_some_and(|logged| now.saturating_duration_since(logged) < INTERVAL) {
            state.left_out += 1;
            return None;
        }
        state.logged = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_left_out_and_counted() {
        let (limit, began) = (LogLimit::default(), Instant::now());
        assert_eq!(limit.admit_at(began), Some(0));
        assert_eq!(limit.admit_at(began), None);
        assert_eq!(limit.admit_at(began + INTERVAL / 2), None);
        assert_eq!(limit.admit_at(began + INTERVAL), Some(2));
        assert_eq!(limit.admit_at(began + INTERVAL), None);
    }
}
