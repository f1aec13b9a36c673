//! One capture, from its start to its stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use grps_core::Route;
use http::HeaderName;
use parking_lot::Mutex;

use super::counts::{Counts, LeftOut};
use super::job::Job;
use super::ring::Ring;
use super::settings::CaptureSettings;
use super::writer::{Message, run};

/// Most requests that wait to be written.
const MAX_QUEUED: usize = 1024;
/// Most bytes of their contents.
const MAX_QUEUED_BYTES: usize = 32 << 20;
/// Longest wait until what was recorded is written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);
/// The square root of 2 as a part of 2^64: its multiples are spread evenly, and do not go along with
/// those by which versions are chosen.
const SPREAD: u64 = 0x6a09_e667_f3bc_c909;

/// What a capture and its thread share.
pub(super) struct SessionState {
    pub(super) settings: CaptureSettings,
    pub(super) ring: Mutex<Ring>,
    /// Bytes of contents that wait to be written.
    pub(super) queued_bytes: AtomicUsize,
    pub(super) counts: Arc<Counts>,
    /// Why nothing is written any more.
    failure: Mutex<Option<String>>,
}

impl SessionState {
    /// Writes nothing more.
    pub(super) fn fail(&self, why: &str) {
        let mut failure = self.failure.lock();
        if failure.is_none() {
            tracing::error!(why, "the capture has stopped: it can't be written");
            *failure = Some(why.to_owned());
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.lock().is_some()
    }
}

/// One capture.
pub(crate) struct Session {
    pub(super) state: Arc<SessionState>,
    /// The headers that are recorded.
    pub(super) headers: Vec<HeaderName>,
    /// To the thread that writes; `None` behind the stop.
    sender: Mutex<Option<SyncSender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Requests that have come.
    seen: AtomicU64,
    pub(super) started: SystemTime,
    began: Instant,
}

impl Session {
    /// Starts a capture.
    ///
    /// # Errors
    /// The directory can't be used, or the system refuses a thread.
    pub(super) fn start(settings: CaptureSettings, counts: &Arc<Counts>) -> io::Result<Self> {
        let ring = Ring::create(&settings.directory, settings.max_bytes)?;
        let headers = settings.header_names();
        let state = Arc::new(SessionState {
            settings,
            ring: Mutex::new(ring),
            queued_bytes: AtomicUsize::new(0),
            counts: Arc::clone(counts),
            failure: Mutex::new(None),
        });
        let (sender, messages) = sync_channel(MAX_QUEUED);
        let shared = Arc::clone(&state);
        let thread = Builder::new()
            .name("grps-capture".to_owned())
            .spawn(move || run(&shared, &messages))?;
        Ok(Self {
            state,
            headers,
            sender: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            seen: AtomicU64::new(0),
            started: SystemTime::now(),
            began: Instant::now(),
        })
    }

    /// Whether the next request is one of the sample.
    pub(super) fn samples_next(&self) -> bool {
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        is_sampled(number, self.state.settings.sample_ratio)
    }

    /// Whether the requests of a route are recorded.
    pub(super) fn takes(&self, route: &Route) -> bool {
        let models = &self.state.settings.models;
        let key: &str = &route.stats().name;
        let name = route.models().first().filter(|_| route.graph().is_none());
        models.is_empty()
            || models
                .iter()
                .any(|model| model == key || name.is_some_and(|first| first.spec().name == *model))
    }

    /// Microseconds since 1970 of an instant.
    pub(super) fn time_us(&self, instant: Instant) -> u64 {
        let start = self.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since = instant.saturating_duration_since(self.began);
        let before = self.began.saturating_duration_since(instant);
        u64::try_from((start + since).saturating_sub(before).as_micros()).unwrap_or(u64::MAX)
    }

    /// Counts a request that is not recorded.
    pub(super) fn leave_out(&self, why: LeftOut) {
        self.state.counts.add_left_out(why);
    }

    /// Most bytes of the contents of a record.
    pub(super) fn max_record_bytes(&self) -> u64 {
        self.state.settings.max_record_bytes
    }

    /// Lets a request be written, unless too much waits. It never waits itself.
    pub(super) fn submit(&self, job: Box<Job>) {
        let (queued, bytes) = (&self.state.queued_bytes, job.bytes);
        if queued.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= MAX_QUEUED_BYTES {
            // A capture that was stopped meanwhile records nothing more.
            let sent = self.sender.lock().as_ref().map(|to| to.try_send(Message::Record(job)));
            match sent {
                Some(Ok(())) => return,
                Some(Err(_)) => self.leave_out(LeftOut::QueueFull),
                None => {}
            }
        } else {
            self.leave_out(LeftOut::QueueFull);
        }
        queued.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Waits until what was recorded is written; blocks.
    pub(super) fn flush(&self) {
        let (done, written) = sync_channel(1);
        let sender = self.sender.lock().clone();
        if sender.is_some_and(|sender| sender.send(Message::Flush(done)).is_ok()) {
            // The file is read as it is then.
            let _ = written.recv_timeout(FLUSH_TIMEOUT);
        }
    }

    /// Records nothing more, and waits until all is written; blocks.
    pub(super) fn stop(&self) {
        drop(self.sender.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the thread has been printed.
            let _ = thread.join();
        }
    }

    /// Why nothing is written any more.
    pub(super) fn failure(&self) -> Option<String> {
        self.state.failure.lock().clone()
    }
}

/// Whether a request is one of a sample: evenly spread, and the first always is.
fn is_sampled(number: u64, ratio: f64) -> bool {
    // Between 0 and 1 the product fits; 1 saturates.
    number.wrapping_mul(SPREAD) <= (ratio * u64::MAX as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_share() {
        for (ratio, least, most) in [(1.0, 10_000, 10_000), (0.1, 990, 1010), (0.01, 95, 105)] {
            let count = (0..10_000).filter(|number| is_sampled(*number, ratio)).count();
            assert!((least..=most).contains(&count), "{count} of {ratio}");
        }
        assert!(is_sampled(0, 1e-9) && !is_sampled(1, 1e-9));
    }
}
