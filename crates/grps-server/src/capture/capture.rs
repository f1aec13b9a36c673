//! The capture of a service: started, stopped and read by operators.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use grps_core::{Cause, Error};
use parking_lot::{Mutex, RwLock};
use serde::Serialize;

use super::captured::Sampled;
use super::counts::{Counts, LeftOut};
use super::session::Session;
use super::settings::{CaptureSettings, StartOptions};

/// The capture of a service.
pub(crate) struct Capture {
    settings: CaptureSettings,
    /// Whether requests are recorded; read by each of them.
    is_running: AtomicBool,
    /// The latest capture, also when it was stopped.
    latest: RwLock<Option<Arc<Session>>>,
    /// Held while one starts or stops.
    change: Mutex<()>,
    pub(crate) counts: Arc<Counts>,
}

/// What operators see.
#[derive(Debug, Serialize)]
pub(crate) struct CaptureState {
    /// `off` before the first one, `running`, `stopped` or `failed`.
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When it was started, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<f64>,
    /// The models that are recorded; all if there is none.
    models: Vec<String>,
    sample_ratio: f64,
    max_bytes: u64,
    max_record_bytes: u64,
    /// Records in the files.
    pub(crate) records: u64,
    /// Bytes of the files.
    pub(crate) bytes: u64,
    /// Records that were removed for later ones.
    overwritten: u64,
    /// Sampled requests that were not recorded since the service began, by reason.
    left_out: Vec<LeftOutCount>,
}

#[derive(Debug, Serialize)]
struct LeftOutCount {
    reason: &'static str,
    count: u64,
}

impl Capture {
    pub(crate) fn new(settings: CaptureSettings) -> Self {
        Self {
            settings,
            is_running: AtomicBool::new(false),
            latest: RwLock::new(None),
            change: Mutex::new(()),
            counts: Arc::default(),
        }
    }

    /// Starts the capture that begins with the service, if one does.
    pub(crate) fn start_configured(&self) {
        if !self.settings.enabled {
            return;
        }
        if let Err(error) = self.start(StartOptions::default()) {
            tracing::error!(%error, "the capture of server.yml can't be started");
        }
    }

    /// Starts a capture; blocks. The records of the one before are removed.
    ///
    /// # Errors
    /// `InvalidArgument`: an option can't be used, or one runs (with status 409). `Internal`: the
    /// directory can't be used.
    pub(crate) fn start(&self, options: StartOptions) -> Result<(), Error> {
        let settings = self.settings.with(options)?;
        let _changing = self.change.lock();
        if self.is_running.load(Ordering::Relaxed) {
            return Err(Error::refused("a capture runs; stop it first", 409));
        }
        let before = self.latest.read().clone();
        if before.is_some_and(|before| !before.stop()) {
            let text = "the capture before is still written: its disk is slow; try again later";
            return Err(Error::refused(text, 409));
        }
        let directory = settings.directory.display().to_string();
        let session = Session::start(settings, &self.counts).map_err(|error| {
            let text = format!("capture.directory {directory} can't be used: {error}");
            Error::new(Cause::Internal, text)
        })?;
        *self.latest.write() = Some(Arc::new(session));
        self.is_running.store(true, Ordering::Release);
        Ok(())
    }

    /// Stops the capture, if one runs; blocks until all is written, or the disk takes too long.
    pub(crate) fn stop(&self) {
        let _changing = self.change.lock();
        self.is_running.store(false, Ordering::Relaxed);
        let latest = self.latest.read().clone();
        if let Some(session) = latest {
            session.stop();
        }
    }

    /// Whether the next request is recorded.
    pub(crate) fn sample(&self) -> Option<Box<Sampled>> {
        if !self.is_running.load(Ordering::Acquire) {
            return None;
        }
        let session = self.latest.read().clone()?;
        session.samples_next().then(|| Box::new(Sampled::new(session)))
    }

    /// The files as they are now, each with its length; blocks until what was recorded is written, or
    /// the disk takes too long. After a failure they have what was whole before.
    ///
    /// # Errors
    /// `NotFound` before the first capture; `Internal` when one can't be read.
    pub(crate) fn open(&self) -> Result<Vec<(File, u64)>, Error> {
        loop {
            let Some(session) = self.latest.read().clone() else {
                let text = "nothing was captured; start a capture first";
                return Err(Error::new(Cause::NotFound, text));
            };
            session.flush();
            let opened = session.state.published.open();
            // The files of another one may have the same names.
            if self.latest.read().as_ref().is_some_and(|latest| Arc::ptr_eq(latest, &session)) {
                return opened.map_err(|error| {
                    Error::new(Cause::Internal, format!("the capture can't be read: {error}"))
                });
            }
        }
    }

    /// What operators see.
    pub(crate) fn state(&self) -> CaptureState {
        let latest = self.latest.read().clone();
        let error = latest.as_ref().and_then(|session| session.failure());
        let settings = latest.as_ref().map_or(&self.settings, |session| &session.state.settings);
        let ring = latest.as_ref().map(|session| session.state.published.state());
        let ring = ring.unwrap_or_default();
        let since = latest.as_ref().map(|session| {
            session.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
        });
        let state = match (&latest, &error, self.is_running.load(Ordering::Relaxed)) {
            (None, ..) => "off",
            (_, Some(_), _) => "failed",
            (_, None, true) => "running",
            (_, None, false) => "stopped",
        };
        let left_out = LeftOut::ALL.into_iter().map(|reason| LeftOutCount {
            reason: reason.name(),
            count: self.counts.left_out(reason),
        });
        CaptureState {
            state,
            error,
            since,
            models: settings.models.clone(),
            sample_ratio: settings.sample_ratio,
            max_bytes: settings.max_bytes,
            max_record_bytes: settings.max_record_bytes,
            records: ring.records,
            bytes: ring.bytes,
            overwritten: ring.overwritten,
            left_out: left_out.filter(|one| one.count > 0).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::tests::{hung_session, job, settings_in};
    use super::*;

    #[test]
    fn another_capture_is_refused_while_the_disk_of_the_one_before_hangs() {
        let settings = settings_in("hung-before");
        let folder = settings.directory.clone();
        let capture = Capture::new(settings.clone());
        let before = Arc::new(hung_session(settings, &capture.counts));
        before.submit(job());
        *capture.latest.write() = Some(before);
        let refused = capture.start(StartOptions::default()).unwrap_err();
        assert_eq!(refused.status(), Some(409), "{refused}");
        assert!(capture.sample().is_none());
        assert_eq!(capture.state().state, "stopped");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
