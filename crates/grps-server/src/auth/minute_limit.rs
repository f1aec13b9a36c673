//! A limit of requests or tokens in a minute: a token bucket, which may owe tokens.
//!
//! The rate of a second is limited without a lock, by one request at a time; see `limiter`. Here, many
//! tokens are used at once, and some after the fact.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The minute in nanoseconds.
const MINUTE_NS: u64 = 60_000_000_000;

/// A limit of so many in a minute. What is used is given back evenly: the whole limit may be used at
/// once, and is there again a minute later.
#[derive(Debug)]
pub(crate) struct MinuteLimit {
    limit: u64,
    began: Instant,
    used: Mutex<Used>,
}

/// What is used of a limit.
#[derive(Debug, Default)]
struct Used {
    /// In parts of one, of which a minute in nanoseconds has as many. It may be above the limit.
    parts: u128,
    /// When that was so, in nanoseconds since the limit began.
    at_ns: u64,
}

/// How a limit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LimitState {
    /// So many in a minute.
    pub(crate) limit: u64,
    /// So many are left.
    pub(crate) remaining: u64,
    /// Time until none is used.
    pub(crate) reset: Duration,
}

impl MinuteLimit {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, began: Instant::now(), used: Mutex::default() }
    }

    /// The limit.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Uses so many if they are left.
    ///
    /// # Errors
    /// The time after which they may be.
    pub(super) fn take(&self, count: u64) -> Result<(), Duration> {
        self.take_at(self.now_ns(), count)
    }

    /// Uses so many, whether they are left or not.
    pub(super) fn charge(&self, count: u64) {
        self.charge_at(self.now_ns(), count);
    }

    /// How it stands.
    pub(super) fn state(&self) -> LimitState {
        self.state_at(self.now_ns())
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn take_at(&self, now_ns: u64, count: u64) -> Result<(), Duration> {
        let mut used = self.used.lock();
        used.give_back(self.limit, now_ns);
        let wanted = used.parts.saturating_add(parts(count));
        let excess = wanted.saturating_sub(parts(self.limit));
        if excess > 0 {
            return Err(self.time_of(excess));
        }
        used.parts = wanted;
        Ok(())
    }

    fn charge_at(&self, now_ns: u64, count: u64) {
        let mut used = self.used.lock();
        used.give_back(self.limit, now_ns);
        used.parts = used.parts.saturating_add(parts(count));
    }

    fn state_at(&self, now_ns: u64) -> LimitState {
        let mut used = self.used.lock();
        used.give_back(self.limit, now_ns);
        let left = parts(self.limit).saturating_sub(used.parts) / u128::from(MINUTE_NS);
        LimitState {
            limit: self.limit,
            remaining: u64::try_from(left).unwrap_or(u64::MAX),
            reset: self.time_of(used.parts),
        }
    }

    /// The time in which so many parts are given back.
    fn time_of(&self, parts: u128) -> Duration {
        let time_ns = parts.div_ceil(u128::from(self.limit.max(1)));
        Duration::from_nanos(u64::try_from(time_ns).unwrap_or(u64::MAX))
    }
}

impl Used {
    /// Gives back what the time since has.
    fn give_back(&mut self, limit: u64, now_ns: u64) {
        // Threads read the clock before they lock, so a time may be earlier than the one before.
        let elapsed_ns = now_ns.saturating_sub(self.at_ns);
        self.at_ns = self.at_ns.max(now_ns);
        self.parts = self.parts.saturating_sub(u128::from(limit) * u128::from(elapsed_ns));
    }
}

fn parts(count: u64) -> u128 {
    u128::from(count) * u128::from(MINUTE_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn taken(limit: &MinuteLimit, now_ns: u64, most: u64) -> u64 {
        (0..most).filter(|_| limit.take_at(now_ns, 1).is_ok()).count() as u64
    }

    #[test]
    fn the_limit_may_be_used_at_once_and_not_one_more() {
        for limit in [1, 7, 60, 1000] {
            let made = MinuteLimit::new(limit);
            assert_eq!(taken(&made, 5 * SECOND, limit + 3), limit, "{limit}");
            let wait = made.take_at(5 * SECOND, 1).unwrap_err();
            let wait_ns = u64::try_from(wait.as_nanos()).unwrap();
            assert_eq!(wait_ns, MINUTE_NS.div_ceil(limit));
            assert!(made.take_at(5 * SECOND + wait_ns - 1, 1).is_err());
            assert!(made.take_at(5 * SECOND + wait_ns, 1).is_ok());
        }
    }

    #[test]
    fn what_is_used_is_given_back_evenly() {
        let limit = MinuteLimit::new(60);
        assert_eq!(taken(&limit, 0, 100), 60);
        assert_eq!(taken(&limit, SECOND - 1, 100), 0);
        assert_eq!(taken(&limit, 10 * SECOND, 100), 10);
        assert_eq!(taken(&limit, 1000 * SECOND, 100), 60, "no more than the limit");
    }

    #[test]
    fn several_are_taken_together_or_not_at_all() {
        let limit = MinuteLimit::new(100);
        limit.take_at(0, 60).unwrap();
        assert_eq!(limit.take_at(0, 41), Err(Duration::from_millis(600)));
        limit.take_at(0, 40).unwrap();
        assert_eq!(limit.state_at(0).remaining, 0);
    }

    #[test]
    fn a_debt_is_paid_before_anything_is_left() {
        let limit = MinuteLimit::new(60);
        limit.charge_at(0, 90);
        let state = LimitState { limit: 60, remaining: 0, reset: Duration::from_secs(90) };
        assert_eq!(limit.state_at(0), state);
        assert_eq!(limit.take_at(0, 1), Err(Duration::from_secs(31)));
        assert_eq!(limit.state_at(30 * SECOND).remaining, 0);
        assert_eq!(limit.state_at(31 * SECOND - 1).remaining, 0);
        assert_eq!(limit.state_at(31 * SECOND).remaining, 1);
    }

    #[test]
    fn the_largest_limit_is_exact() {
        let limit = MinuteLimit::new(999_999_999);
        limit.take_at(0, 999_999_999).unwrap();
        assert!(limit.take_at(0, 1).is_err());
        assert!(limit.take_at(59, 1).is_err());
        assert!(limit.take_at(61, 1).is_ok());
        limit.charge_at(61, u64::MAX);
        assert_eq!(limit.state_at(61).remaining, 0);
    }

    #[test]
    fn a_clock_that_lags_gives_nothing_back_twice() {
        let limit = MinuteLimit::new(60);
        limit.take_at(10 * SECOND, 60).unwrap();
        assert!(limit.take_at(0, 1).is_err());
        assert_eq!(taken(&limit, 11 * SECOND, 5), 1);
    }
}
