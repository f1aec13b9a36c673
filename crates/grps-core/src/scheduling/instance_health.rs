//! Health of the instances of one model: which are attached, which hang, and which are down and why.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The instances of a model. Locked only to attach, detach or check instances.
#[derive(Debug)]
pub(crate) struct InstanceHealth {
    /// Start of the times of all heartbeats.
    created: Instant,
    /// Heartbeats of attached instances.
    attached: Mutex<Vec<Heartbeat>>,
    /// Reasons of instances that ended unexpectedly, by name, until they are attached again.
    down: Mutex<BTreeMap<String, String>>,
    /// Number of restarts of instances that were down.
    restarts: AtomicU64,
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

    /// Attaches an instance; one that was down counts as restarted.
    pub(crate) fn attach(&self, name: &str) -> Heartbeat {
        let beat =
            Beat { name: name.to_owned(), created: self.created, since_ms: AtomicU64::new(0) };
        let heartbeat = Heartbeat(Arc::new(beat));
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
            self.down.lock().insert(heartbeat.0.name.clone(), reason);
        }
    }

    /// Reports an instance that is down or has sent no heartbeat for `hang_timeout`, as a line.
    pub(crate) fn trouble(&self, hang_timeout: Option<Duration>) -> Option<String> {
        if let Some((name, reason)) = self.down.lock().first_key_value() {
            return Some(format!("instance '{name}' is down: {reason}"));
        }
        let hang_timeout = hang_timeout?;
        let now = Instant::now();
        self.attached.lock().iter().find_map(|heartbeat| {
            let silent = heartbeat.silence(now).filter(|silent| *silent >= hang_timeout)?;
            Some(format!(
                "instance '{}' hangs: it has worked for {} s without a sign of life \
                 (health.hang_timeout_ms)",
                heartbeat.0.name,
                silent.as_secs()
            ))
        })
    }
}

impl Heartbeat {
    /// Records a heartbeat while the instance works on a batch.
    pub fn beat(&self, now: Instant) {
        let since = now.saturating_duration_since(self.0.created).as_millis();
        let since_ms = u64::try_from(since).unwrap_or(u64::MAX - 1) + 1;
        self.0.since_ms.store(since_ms, Ordering::Relaxed);
    }

    /// Marks the instance as idle.
    pub fn rest(&self) {
        self.0.since_ms.store(0, Ordering::Relaxed);
    }

    /// Time since the last heartbeat; `None` while the instance is idle.
    fn silence(&self, now: Instant) -> Option<Duration> {
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
        let heartbeat = health.attach("m#0");
        health.detach(&heartbeat, Some("it was killed".to_owned()));
        assert_eq!(health.trouble(None).unwrap(), "instance 'm#0' is down: it was killed");
        assert_eq!(health.restarts(), 0);
        let again = health.attach("m#0");
        assert_eq!((health.trouble(None), health.restarts()), (None, 1));
        health.detach(&again, None);
        assert_eq!(health.trouble(None), None);
    }

    #[test]
    fn only_a_busy_instance_without_heartbeats_hangs() {
        let health = InstanceHealth::new();
        let heartbeat = health.attach("m#0");
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
}
