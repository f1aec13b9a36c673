//! The instances of one model: who is attached, who works since when, and who is down and why.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Who serves a model. Locked only when instances come, go or are looked at.
#[derive(Debug)]
pub(crate) struct InstanceHealth {
    /// What the times of all pulses count from.
    born: Instant,
    present: Mutex<Vec<Heartbeat>>,
    /// Why instances ended that should not have, by name, until they are back.
    down: Mutex<BTreeMap<String, String>>,
    /// How often one that was down has come back.
    restarts: AtomicU64,
}

/// An instance's sign of life.
#[derive(Clone, Debug)]
pub struct Heartbeat(Arc<Beat>);

#[derive(Debug)]
struct Beat {
    name: String,
    born: Instant,
    /// Milliseconds, counted from 1, since the work on the present batch was begun or a sign of
    /// life was last given; 0 while the instance waits for work.
    since_ms: AtomicU64,
}

impl InstanceHealth {
    pub(crate) fn new() -> Self {
        Self {
            born: Instant::now(),
            present: Mutex::default(),
            down: Mutex::default(),
            restarts: AtomicU64::new(0),
        }
    }

    /// Notes that an instance has come, or come back.
    pub(crate) fn enter(&self, name: &str) -> Heartbeat {
        let beat = Beat { name: name.to_owned(), born: self.born, since_ms: AtomicU64::new(0) };
        let heartbeat = Heartbeat(Arc::new(beat));
        if self.down.lock().remove(name).is_some() {
            self.restarts.fetch_add(1, Ordering::Relaxed);
        }
        self.present.lock().push(heartbeat.clone());
        heartbeat
    }

    /// How often an instance that was down has come back.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Notes that an instance has ended, with the reason when it should not have.
    pub(crate) fn leave(&self, heartbeat: &Heartbeat, reason: Option<String>) {
        self.present.lock().retain(|present| !Arc::ptr_eq(&present.0, &heartbeat.0));
        if let Some(reason) = reason {
            self.down.lock().insert(heartbeat.0.name.clone(), reason);
        }
    }

    /// An instance that is down or has given no sign of life for `patience`, as a line.
    pub(crate) fn trouble(&self, patience: Option<Duration>) -> Option<String> {
        if let Some((name, reason)) = self.down.lock().first_key_value() {
            return Some(format!("instance '{name}' is down: {reason}"));
        }
        let patience = patience?;
        let now = Instant::now();
        self.present.lock().iter().find_map(|heartbeat| {
            let silent = heartbeat.silence(now).filter(|silent| *silent >= patience)?;
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
    /// Gives a sign of life during the work on a batch.
    pub fn beat(&self, now: Instant) {
        let since = now.saturating_duration_since(self.0.born).as_millis();
        let since_ms = u64::try_from(since).unwrap_or(u64::MAX - 1) + 1;
        self.0.since_ms.store(since_ms, Ordering::Relaxed);
    }

    /// Tells that the instance waits for work.
    pub fn rest(&self) {
        self.0.since_ms.store(0, Ordering::Relaxed);
    }

    /// How long an instance at work has given no sign of life; `None` for one that waits.
    fn silence(&self, now: Instant) -> Option<Duration> {
        let since_ms = self.0.since_ms.load(Ordering::Relaxed).checked_sub(1)?;
        Some(now.saturating_duration_since(self.0.born + Duration::from_millis(since_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));

    #[test]
    fn an_instance_that_ended_is_down_until_it_is_back() {
        let roster = InstanceHealth::new();
        let heartbeat = roster.enter("m#0");
        roster.leave(&heartbeat, Some("it was killed".to_owned()));
        assert_eq!(roster.trouble(None).unwrap(), "instance 'm#0' is down: it was killed");
        assert_eq!(roster.restarts(), 0);
        let again = roster.enter("m#0");
        assert_eq!((roster.trouble(None), roster.restarts()), (None, 1));
        roster.leave(&again, None);
        assert_eq!(roster.trouble(None), None);
    }

    #[test]
    fn only_work_without_a_sign_of_life_is_a_hang() {
        let roster = InstanceHealth::new();
        let heartbeat = roster.enter("m#0");
        assert_eq!(roster.trouble(PATIENCE), None);
        let begun = Instant::now();
        heartbeat.beat(begun);
        assert!(
            heartbeat.silence(begun + Duration::from_secs(11)).unwrap() >= Duration::from_secs(11)
        );
        assert_eq!(roster.trouble(PATIENCE), None);
        assert!(roster.trouble(Some(Duration::ZERO)).unwrap().contains("'m#0' hangs"));
        heartbeat.rest();
        assert_eq!(roster.trouble(Some(Duration::ZERO)), None);
    }
}
