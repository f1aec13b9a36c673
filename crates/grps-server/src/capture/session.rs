//! One capture, from its start to its stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant, SystemTime};

use grps_core::Route;
use http::HeaderName;
use parking_lot::Mutex;

use super::counts::{Counts, LeftOut};
use super::job::Job;
use super::progress::Progress;
use super::published::Published;
use super::ring::Ring;
use super::settings::CaptureSettings;
use super::writer::run;

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
    /// What is in the files.
    pub(super) published: Arc<Published>,
    /// How far the thread is.
    pub(super) progress: Progress,
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
        let is_first = failure.is_none();
        failure.get_or_insert_with(|| why.to_owned());
        drop(failure);
        if is_first {
            tracing::error!(why, "the capture has stopped: it can't be written");
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
    queue: Mutex<Queue>,
    /// Requests that have come.
    seen: AtomicU64,
    pub(super) started: SystemTime,
    began: Instant,
}

/// To the thread that writes.
struct Queue {
    /// `None` behind the stop.
    sender: Option<SyncSender<Box<Job>>>,
    /// Requests that were sent to it.
    sent: u64,
}

impl Session {
    /// Starts a capture.
    ///
    /// # Errors
    /// The directory can't be used, or the system refuses a thread.
    pub(super) fn start(settings: CaptureSettings, counts: &Arc<Counts>) -> io::Result<Self> {
        let ring = Ring::create(&settings.directory, settings.max_bytes)?;
        Self::start_with(ring, settings, counts)
    }

    fn start_with(ring: Ring, settings: CaptureSettings, counts: &Arc<Counts>) -> io::Result<Self> {
        let headers = settings.header_names();
        let state = Arc::new(SessionState {
            settings,
            published: ring.published(),
            progress: Progress::default(),
            queued_bytes: AtomicUsize::new(0),
            counts: Arc::clone(counts),
            failure: Mutex::new(None),
        });
        let (sender, jobs) = sync_channel(MAX_QUEUED);
        let shared = Arc::clone(&state);
        Builder::new().name("grps-capture".to_owned()).spawn(move || run(&shared, ring, &jobs))?;
        Ok(Self {
            state,
            headers,
            queue: Mutex::new(Queue { sender: Some(sender), sent: 0 }),
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
        self.state.counts.add_left_out(why, 1);
    }

    /// Most bytes of the contents of a record.
    pub(super) fn max_record_bytes(&self) -> u64 {
        self.state.settings.max_record_bytes
    }

    /// Lets a request be written, unless too much waits. It never waits itself.
    pub(super) fn submit(&self, job: Box<Job>) {
        let (queued, bytes) = (&self.state.queued_bytes, job.bytes);
        if queued.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= MAX_QUEUED_BYTES {
            let mut queue = self.queue.lock();
            let sent = queue.sender.as_ref().map(|sender| sender.try_send(job));
            match sent {
                Some(Ok(())) => {
                    queue.sent += 1;
                    return;
                }
                Some(Err(_)) => self.leave_out(LeftOut::QueueFull),
                // A capture that was stopped meanwhile records nothing more.
                None => {}
            }
        } else {
            self.leave_out(LeftOut::QueueFull);
        }
        queued.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Waits until what was recorded is written; blocks. A disk that hangs is not waited for long.
    pub(super) fn flush(&self) {
        let sent = self.queue.lock().sent;
        warn_unless(self.state.progress.wait_for(sent, FLUSH_TIMEOUT));
    }

    /// Records nothing more, and waits until all is written; blocks. Returns whether it is: a disk that
    /// hangs is not waited for long.
    pub(super) fn stop(&self) -> bool {
        let sender = self.queue.lock().sender.take();
        drop(sender);
        let is_written = self.state.progress.wait_for_end(FLUSH_TIMEOUT);
        warn_unless(is_written);
        is_written
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

fn warn_unless(is_written: bool) {
    if !is_written {
        tracing::warn!("the disk of the capture is slow: the latest records are not written yet");
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::os::fd::OwnedFd;
    use std::sync::mpsc::channel;

    use bytes::Bytes;
    use grps_core::Content;

    use super::super::format::CaptureRecord;
    use super::*;

    /// What a pipe has room for.
    const PIPE_BYTES: usize = 64 << 10;

    /// A file whose writes never end: a pipe that is full.
    fn hung() -> io::Result<File> {
        let (reader, mut writer) = io::pipe()?;
        writer.write_all(&[0; PIPE_BYTES])?;
        // Without a reader the writes would fail.
        std::mem::forget(reader);
        Ok(File::from(OwnedFd::from(writer)))
    }

    /// A capture to a disk that hangs; its thread ends with the process.
    pub(in crate::capture) fn hung_session(
        settings: CaptureSettings,
        counts: &Arc<Counts>,
    ) -> Session {
        let ring = Ring::create(&settings.directory, settings.max_bytes).unwrap();
        Session::start_with(ring.with_files(|_| hung()), settings, counts).unwrap()
    }

    /// Settings with a folder of their own below the temporary one.
    pub(in crate::capture) fn settings_in(name: &str) -> CaptureSettings {
        let directory = std::env::temp_dir().join(format!("grps-{name}-{}", std::process::id()));
        CaptureSettings { directory, ..CaptureSettings::default() }
    }

    /// A request that is recorded.
    pub(in crate::capture) fn job() -> Box<Job> {
        let request = Content::Message(Bytes::from_static(&[1; 20 << 10]));
        let (head, bytes) = (CaptureRecord::default(), request.held_bytes());
        Box::new(Job { head, request, reply: None, bytes })
    }

    #[test]
    fn a_disk_that_hangs_holds_up_nobody() {
        const COUNT: u64 = 4000;
        let settings = settings_in("hung");
        let folder = settings.directory.clone();
        let counts = Arc::<Counts>::default();
        let session = hung_session(settings, &counts);
        let (sender, ended) = channel();
        std::thread::spawn(move || {
            for _ in 0..COUNT {
                session.submit(job());
                assert!(session.state.queued_bytes.load(Ordering::Relaxed) <= MAX_QUEUED_BYTES);
                assert_eq!(session.state.published.state().records, 0);
            }
            sender.send(session.failure()).unwrap();
            // The thread that hangs ends with the process.
            std::mem::forget(session);
        });
        // Guards against a test that never ends.
        assert_eq!(ended.recv_timeout(Duration::from_secs(120)), Ok(None));
        let left_out = counts.left_out(LeftOut::QueueFull);
        assert!((COUNT - MAX_QUEUED as u64 - 20..COUNT).contains(&left_out), "{left_out}");
        assert_eq!(counts.recorded(), 0);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_sample_has_its_share() {
        for (ratio, least, most) in [(1.0, 10_000, 10_000), (0.1, 990, 1010), (0.01, 95, 105)] {
            let count = (0..10_000).filter(|number| is_sampled(*number, ratio)).count();
            assert!((least..=most).contains(&count), "{count} of {ratio}");
        }
        assert!(is_sampled(0, 1e-9) && !is_sampled(1, 1e-9));
    }
}
