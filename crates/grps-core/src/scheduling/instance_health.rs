//! Health of the instances of one model: which are attached, which hang, and which are down and why.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The instances of a model. Locked only to attach, detach or check instances.
#[derive(Debug)]
pub(crate) struct InstanceHealth {
    /// Start of the times of all heartbeats.
    created: Instant,
    /// Heartbeats of attached instances.
    attached: Mutex<Vec<Heartbeat>>,
    /// Instances that ended unexpectedly, by name, until they are attached again.
    down: Mutex<BTreeMap<String, Down>>,
    /// Number of restarts of instances that were down.
    restarts: AtomicU64,
}

/// An instance that ended unexpectedly.
#[derive(Debug)]
struct Down {
    /// Why it ended.
    reason: String,
    /// See [`Beat::is_replaced`].
    is_replaced: bool,
}

/// Heartbeat of one instance.
#[derive(Clone, Debug)]
pub struct Heartbeat(Arc<Beat>);

#[derive(Debug)]
struct Beat {
    /// Name of the instance.
    name: String,
    /// Start of `since_ms`.
    created: Instant,
    /// Time of the last heartbeat in milliseconds since `created`, plus 1. The start of a batch is
    /// a heartbeat. 0 while the instance is idle.
    since_ms: AtomicU64,
    /// Number of threads of the instance that wait for slow clients.
    waiting: AtomicUsize,
    /// Whether the instance is replaced when it hangs or ends, as a worker process is. The model
    /// is then ready as long as another one of its instances works.
    is_replaced: bool,
}

impl InstanceHealth {
    pub(crate) fn new() -> Self {
        Self {
            created: Instant::now(),
            attached: Mutex::default(),
            down: Mutex::default(),
            restarts: AtomicU64::new(0),
        }
    }

    /// Attaches an instance; one that was down counts as restarted. `is_replaced`: it is replaced
    /// when it hangs or ends.
    pub(crate) fn attach(&self, name: &str, is_replaced: bool) -> Heartbeat {
        let heartbeat = Heartbeat(Arc::new(Beat {
            name: name.to_owned(),
            created: self.created,
            since_ms: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            is_replaced,
        }));
        if self.down.lock().remove(name).is_some() {
            self.restarts.fetch_add(1, Ordering::Relaxed);
        }
        self.attached.lock().push(heartbeat.clone());
        heartbeat
    }

    /// Number of restarts of instances that were down.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Detaches an instance that has ended; `reason` says why it ended unexpectedly.
    pub(crate) fn detach(&self, heartbeat: &Heartbeat, reason: Option<String>) {
        self.attached.lock().retain(|attached| !Arc::ptr_eq(&attached.0, &heartbeat.0));
        if let Some(reason) = reason {
            let down = Down { reason, is_replaced: heartbeat.0.is_replaced };
            self.down.lock().insert(heartbeat.0.name.clone(), down);
        }
    }

    /// Reports an instance that is down or has sent no heartbeat for `hang_timeout`, as a line.
    /// Instances that are replaced are reported when none of them works.
    pub(crate) fn trouble(&self, hang_timeout: Option<Duration>) -> Option<String> {
        let mut of_replaced = None;
        for (name, down) in &*self.down.lock() {
            let line = format!("instance '{name}' is down: {}", down.reason);
            if !down.is_replaced {
                return Some(line);
            }
            of_replaced.get_or_insert(line);
        }
        let now = Instant::now();
        let mut another_works = false;
        for heartbeat in &*self.attached.lock() {
            let is_replaced = heartbeat.0.is_replaced;
            match hang_timeout.and_then(|timeout| heartbeat.hang(now, timeout)) {
                Some(line) if !is_replaced => return Some(line),
                Some(line) => {
                    of_replaced.get_or_insert(line);
                }
                None => another_works |= is_replaced,
            }
        }
        of_replaced.filter(|_| !another_works)
    }
}

impl Heartbeat {
    /// Records a heartbeat at the begin of work.
    pub fn beat(&self, now: Instant) {
        self.0.since_ms.store(self.since_ms(now), Ordering::Relaxed);
    }

    /// Records the begin of work unless work has begun already.
    pub fn begin(&self, now: Instant) {
        let begun = self.since_ms(now);
        let _ = self.0.since_ms.compare_exchange(0, begun, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Records a heartbeat if the instance works. Code that goes on after its instance is idle, such
    /// as a coroutine or a thread of the user's, says nothing about the instance.
    pub fn refresh(&self, now: Instant) {
        let since_ms = &self.0.since_ms;
        let known = since_ms.load(Ordering::Relaxed);
        if known != 0 {
            let renewed = self.since_ms(now);
            // Only the instance makes itself idle, and that must last.
            let _ = since_ms.compare_exchange(known, renewed, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Notes that the instance waits for a slow client, until `waited`: it does not hang then.
    pub fn wait(&self) {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes the end of a wait.
    pub fn waited(&self, now: Instant) {
        self.refresh(now);
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Marks the instance as idle.
    pub fn rest(&self) {
        self.0.since_ms.store(0, Ordering::Relaxed);
    }

    /// A time in the form of `since_ms`.
    fn since_ms(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.0.created).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX - 1) + 1
    }

    /// A line about the instance if it works and has sent no heartbeat for `timeout`.
    fn hang(&self, now: Instant, timeout: Duration) -> Option<String> {
        let silent = self.silence(now).filter(|silent| *silent >= timeout)?;
        Some(format!(
            "instance '{}' hangs: it has worked for {} s without a sign of life \
             (health.hang_timeout_ms)",
            self.0.name,
            silent.as_secs()
        ))
    }

    /// Time since the last heartbeat; `None` while the instance is idle or waits for a client.
    fn silence(&self, now: Instant) -> Option<Duration> {
        if self.0.waiting.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let since_ms = self.0.since_ms.load(Ordering::Relaxed).checked_sub(1)?;
        Some(now.saturating_duration_since(self.0.created + Duration::from_millis(since_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANG_TIMEOUT: Option<Duration> = Some(Duration::from_secs(10));

    #[test]
    fn an_instance_that_ended_is_down_until_it_is_attached_again() {
        let health = InstanceHealth::new();
        let heartbeat = health.attach("m#0", false);
        health.detach(&heartbeat, Some("it was killed".to_owned()));
        assert_eq!(health.trouble(None).unwrap(), "instance 'm#0' is down: it was killed");
        assert_eq!(health.restarts(), 0);
        let again = health.attach("m#0", false);
        assert_eq!((health.trouble(None), health.restarts()), (None, 1));
        health.detach(&again, None);
        assert_eq!(health.trouble(None), None);
    }

    #[test]
    fn only_a_busy_instance_without_heartbeats_hangs() {
        let health = InstanceHealth::new();
        let heartbeat = health.attach("m#0", false);
        assert_eq!(health.trouble(HANG_TIMEOUT), None);
        let begun = Instant::now();
        heartbeat.beat(begun);
        assert!(
            heartbeat.silence(begun + Duration::from_secs(11)).unwrap() >= Duration::from_secs(11)
        );
        assert_eq!(health.trouble(HANG_TIMEOUT), None);
        assert!(health.trouble(Some(Duration::ZERO)).unwrap().contains("'m#0' hangs"));
        heartbeat.rest();
        assert_eq!(health.trouble(Some(Duration::ZERO)), None);
    }

    #[test]
    fn what_goes_on_after_the_work_does_not_make_an_idle_instance_hang() {
        let health = InstanceHealth::new();
        let heartbeat = health.attach("m#0", false);
        let hangs = || health.trouble(Some(Duration::ZERO)).is_some();
        heartbeat.refresh(Instant::now());
        assert!(!hangs());
        heartbeat.begin(Instant::now());
        heartbeat.wait();
        assert!(!hangs());
        heartbeat.rest();
        heartbeat.waited(Instant::now());
        assert!(!hangs());
        heartbeat.begin(Instant::now());
        heartbeat.refresh(Instant::now());
        assert!(hangs());
    }

    #[test]
    fn begun_work_keeps_its_begin() {
        let health = InstanceHealth::new();
        let heartbeat = health.attach("m#0", false);
        let begun = Instant::now();
        heartbeat.begin(begun);
        heartbeat.begin(begun + Duration::from_secs(5));
        let silent = heartbeat.silence(begun + Duration::from_secs(11)).unwrap();
        assert!(silent >= Duration::from_secs(11));
        heartbeat.refresh(begun + Duration::from_secs(5));
        let silent = heartbeat.silence(begun + Duration::from_secs(11)).unwrap();
        assert!(silent < Duration::from_secs(7));
    }

    #[test]
    fn replaced_instances_are_no_trouble_while_another_works() {
        let health = InstanceHealth::new();
        let (one, other) = (health.attach("m#0", true), health.attach("m#1", true));
        one.beat(Instant::now());
        assert_eq!(health.trouble(Some(Duration::ZERO)), None);
        other.beat(Instant::now());
        assert!(health.trouble(Some(Duration::ZERO)).unwrap().contains("'m#0' hangs"));
        other.rest();
        health.detach(&one, Some("it was killed".to_owned()));
        assert_eq!(health.trouble(HANG_TIMEOUT), None);
        let thread = health.attach("m#2", false);
        health.detach(&other, None);
        assert_eq!(health.trouble(None).unwrap(), "instance 'm#0' is down: it was killed");
        health.detach(&thread, None);
    }
}
