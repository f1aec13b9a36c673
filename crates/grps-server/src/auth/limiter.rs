//! Limits of one caller: requests in a second or a minute and at once, and tokens in a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use grps_core::{Cause, Error};

use crate::auth::caller_stats::{CallerStats, LimitKind};
use crate::auth::minute_limit::{LimitState, MinuteLimit};
use crate::auth::settings::CallerLimits;

/// The limits of a caller and what it uses of them.
#[derive(Debug)]
pub(super) struct Limiter {
    /// The name of the caller.
    name: Arc<str>,
    stats: Arc<CallerStats>,
    /// Time that one request takes of the rate, in nanoseconds; 0 without a limit.
    interval_ns: u64,
    /// How far ahead of the time a burst may be, in nanoseconds.
    burst_ns: u64,
    began: Instant,
    /// When the rate is used up to, in nanoseconds since `began`.
    used_until_ns: AtomicU64,
    requests: Option<MinuteLimit>,
    tokens: Option<MinuteLimit>,
    max_concurrency: usize,
    running: Arc<AtomicUsize>,
}

/// How the limits of a caller in a minute stand; `None` for one that there is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MinuteState {
    /// Requests.
    pub(crate) requests: Option<LimitState>,
    /// Tokens of language models.
    pub(crate) tokens: Option<LimitState>,
}

/// A request that counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limiter {
    pub(super) fn new(name: Arc<str>, limits: &CallerLimits, stats: Arc<CallerStats>) -> Self {
        let rate = limits.max_requests_per_second;
        let interval = rate.map_or(Duration::ZERO, |rate| {
            Duration::try_from_secs_f64(rate.recip()).unwrap_or(Duration::MAX)
        });
        let interval_ns = nanos(interval);
        Self {
            name,
            stats,
            interval_ns,
            // A second's worth of requests may come at once, and one at least.
            burst_ns: nanos(Duration::from_secs(1)).max(interval_ns),
            began: Instant::now(),
            used_until_ns: AtomicU64::new(0),
            requests: limits.max_requests_per_minute.map(MinuteLimit::new),
            tokens: limits.max_tokens_per_minute.map(MinuteLimit::new),
            max_concurrency: limits.max_concurrency.unwrap_or(usize::MAX),
            running: Arc::default(),
        }
    }

    /// Counts a request of the caller.
    ///
    /// # Errors
    /// `RateLimited` with the limit that is reached.
    pub(super) fn admit(&self) -> Result<Permit, Error> {
        let permit = self.start()?;
        self.take(nanos(self.began.elapsed()))?;
        if let Some(requests) = &self.requests {
            requests.take(1).map_err(|wait| {
                let limit = format!("{} requests per minute", requests.limit());
                self.refused(LimitKind::RequestsPerMinute, &limit, Some(wait))
            })?;
        }
        Ok(permit)
    }

    /// Uses the tokens of a prompt, if they are left.
    ///
    /// # Errors
    /// `RateLimited` if they will be; `InvalidArgument` if there are never so many.
    pub(super) fn take_prompt(&self, count: u64) -> Result<(), Error> {
        if let Some(tokens) = &self.tokens {
            let limit = tokens.limit();
            if count > limit {
                self.stats.add_refused(LimitKind::TokensPerMinute);
                return Err(Error::invalid(format!(
                    "the prompt has {count} tokens, and the limit of '{}' is {limit} tokens per \
                     minute (max_tokens_per_minute); shorten the prompt",
                    self.name
                )));
            }
            tokens.take(count).map_err(|wait| {
                let limit = format!("{limit} tokens per minute");
                self.refused(LimitKind::TokensPerMinute, &limit, Some(wait))
            })?;
        }
        self.stats.add_prompt(count);
        Ok(())
    }

    /// Uses tokens that were generated. The next prompts wait for those that were not left.
    pub(super) fn charge_generated(&self, count: u64) {
        if let Some(tokens) = &self.tokens {
            tokens.charge(count);
        }
        self.stats.add_generated(count);
    }

    /// How its limits in a minute stand.
    pub(super) fn minute(&self) -> MinuteState {
        let state = |limit: &Option<MinuteLimit>| limit.as_ref().map(MinuteLimit::state);
        MinuteState { requests: state(&self.requests), tokens: state(&self.tokens) }
    }

    fn start(&self) -> Result<Permit, Error> {
        let before = self.running.fetch_add(1, Ordering::Relaxed);
        let permit = Permit(Arc::clone(&self.running));
        if before < self.max_concurrency {
            return Ok(permit);
        }
        let limit = format!("{} requests at once", self.max_concurrency);
        Err(self.refused(LimitKind::Concurrency, &limit, None))
    }

    /// Takes one request of the rate at a time since `began`.
    fn take(&self, now_ns: u64) -> Result<(), Error> {
        if self.interval_ns == 0 {
            return Ok(());
        }
        let next = |used_until: u64| {
            let until = used_until.max(now_ns).saturating_add(self.interval_ns);
            (until - now_ns <= self.burst_ns).then_some(until)
        };
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        self.used_until_ns.fetch_update(set, get, next).map(drop).map_err(|used_until| {
            let rate = 1e9 / self.interval_ns as f64;
            let limit = format!("{rate:.6} requests per second");
            let until = used_until.saturating_add(self.interval_ns).saturating_sub(self.burst_ns);
            let wait = Duration::from_nanos(until.saturating_sub(now_ns));
            self.refused(LimitKind::RequestsPerSecond, &limit, Some(wait))
        })
    }

    /// The error of a request that a limit refuses, which is counted.
    fn refused(&self, kind: LimitKind, limit: &str, wait: Option<Duration>) -> Error {
        self.stats.add_refused(kind);
        let (name, key) = (&self.name, kind.name());
        let again = wait.map_or_else(|| "later".to_owned(), |wait| format!("in {}", shown(wait)));
        let message =
            format!("'{name}' has reached its limit of {limit} ({key}); try again {again}");
        let error = Error::new(Cause::RateLimited, message);
        match wait {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }
}

/// A time in the precision that a person waits.
fn shown(wait: Duration) -> String {
    match wait.as_millis() {
        ms @ 0..1000 => format!("{} ms", ms.max(1)),
        _ => format!("{:.1} s", wait.as_secs_f64()),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn limiter(limits: CallerLimits) -> Limiter {
        Limiter::new("x".into(), &limits, Arc::default())
    }

    fn rate(rate: f64) -> Limiter {
        limiter(CallerLimits { max_requests_per_second: Some(rate), ..CallerLimits::default() })
    }

    #[test]
    fn a_rate_allows_a_burst_of_one_second() {
        let limiter = rate(4.0);
        let admitted = |now| (0..10).filter(|_| limiter.take(now).is_ok()).count();
        assert_eq!(admitted(0), 4);
        assert_eq!(admitted(SECOND / 4), 1);
        assert_eq!(admitted(SECOND), 3);
        assert_eq!(admitted(100 * SECOND), 4);
        assert_eq!(limiter.stats.refused(LimitKind::RequestsPerSecond), 40 - 12);
    }

    #[test]
    fn a_slow_rate_allows_one_request() {
        let limiter = rate(0.5);
        assert!(limiter.take(0).is_ok());
        let error = limiter.take(SECOND).unwrap_err();
        assert_eq!(error.cause(), Cause::RateLimited);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
        assert!(limiter.take(2 * SECOND - 1).is_err());
        assert!(limiter.take(2 * SECOND).is_ok());
    }

    #[test]
    fn requests_at_once_end_with_their_permits() {
        let limiter = limiter(CallerLimits { max_concurrency: Some(2), ..CallerLimits::default() });
        let (first, _second) = (limiter.admit().unwrap(), limiter.admit().unwrap());
        let error = limiter.admit().unwrap_err();
        assert_eq!((error.cause(), error.retry_after()), (Cause::RateLimited, None));
        drop(first);
        assert!(limiter.admit().is_ok());
        assert_eq!(limiter.stats.refused(LimitKind::Concurrency), 1);
    }

    #[test]
    fn requests_of_a_minute_are_counted() {
        let limits = CallerLimits { max_requests_per_minute: Some(2), ..CallerLimits::default() };
        let limiter = limiter(limits);
        limiter.admit().unwrap();
        limiter.admit().unwrap();
        let error = limiter.admit().unwrap_err();
        assert!(error.message().contains("2 requests per minute (max_requests_per_minute)"));
        assert!(error.retry_after() > Some(Duration::from_secs(1)));
        assert_eq!(limiter.minute().requests.unwrap().remaining, 0);
        assert_eq!(limiter.minute().tokens, None);
        assert_eq!(limiter.stats.refused(LimitKind::RequestsPerMinute), 1);
    }

    #[test]
    fn prompts_need_tokens_and_generated_ones_are_charged() {
        let limits = CallerLimits { max_tokens_per_minute: Some(100), ..CallerLimits::default() };
        let limiter = limiter(limits);
        let error = limiter.take_prompt(101).unwrap_err();
        assert_eq!(error.cause(), Cause::InvalidArgument, "waiting would not help");
        limiter.take_prompt(60).unwrap();
        let error = limiter.take_prompt(50).unwrap_err();
        assert_eq!(error.cause(), Cause::RateLimited);
        assert!(error.message().contains("100 tokens per minute (max_tokens_per_minute)"));
        limiter.take_prompt(40).unwrap();
        limiter.charge_generated(100);
        let wait = limiter.take_prompt(1).unwrap_err().retry_after().unwrap();
        assert!((30..=61).contains(&wait.as_secs()), "{wait:?}");
        let stats = &limiter.stats;
        assert_eq!((stats.prompt_tokens(), stats.generated_tokens()), (100, 100));
        assert_eq!(stats.refused(LimitKind::TokensPerMinute), 3);
    }
}
