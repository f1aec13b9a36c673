//! The log of the service, and its level.

use std::path::Path;

use grps_config::types::{LogConfig, LogFormat};
use grps_core::{Cause, Error};
use grps_server::log::{LogGuard, LogSettings, start};
use grps_server::{LogFile, LogPeriod};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::settings::{SERVER_LOG, USER_LOG};
use crate::stderr_log::StderrFormat;

/// The log of the service.
pub(crate) struct ServiceLog(Mutex<Open>);

struct Open {
    /// `None` after the end.
    guard: Option<LogGuard>,
    /// Of the lines that are written, and of those above.
    level: String,
}

impl ServiceLog {
    /// Starts the log in the folder of a service.
    pub(crate) fn start(
        folder: &Path,
        config: &LogConfig,
        to_stderr: bool,
    ) -> Result<Self, String> {
        let folder = folder.join(&config.log_dir);
        let (path, level) = (folder.join(SERVER_LOG), config.level.name());
        let settings = LogSettings {
            path: Some(&path),
            level: native_level(level),
            backup_count: config.log_backup_count,
            to_stderr,
            json: config.format == LogFormat::Json,
        };
        let failed = |error| format!("can't log to {}: {error}", path.display());
        let guard = start(&settings).map_err(failed)?;
        grps_plugin::crash::log_to(&path, settings.json);
        LogFile::open(&folder.join(USER_LOG), LogPeriod::Day, Some(config.log_backup_count))
            .map_err(failed)?;
        Ok(Self::started(guard, level))
    }

    /// Starts the log on standard error only.
    pub(crate) fn on_stderr(config: &LogConfig, format: StderrFormat) -> Result<Self, String> {
        let level = config.level.name();
        let settings = LogSettings {
            path: None,
            level: native_level(level),
            backup_count: 0,
            to_stderr: true,
            json: format == StderrFormat::Json,
        };
        let guard = start(&settings).map_err(|error| format!("can't log: {error}"))?;
        Ok(Self::started(guard, level))
    }

    fn started(guard: LogGuard, level: &str) -> Self {
        tracing::info!("grps-server {}, without Python", env!("CARGO_PKG_VERSION"));
        Self(Mutex::new(Open { guard: Some(guard), level: level.to_owned() }))
    }

    /// Writes lines of this level and above from here on; returns the level before and now.
    pub(crate) fn set_level(&self, level: &str) -> Result<Value, Error> {
        let mut open = self.0.lock();
        if let Some(guard) = &open.guard {
            let set = guard.set_level(native_level(level));
            set.map_err(|error| Error::new(Cause::Internal, error.to_string()))?;
        }
        let before = std::mem::replace(&mut open.level, level.to_owned());
        Ok(json!({"before": before, "level": level}))
    }

    /// The level, by the name that the native log has for it.
    pub(crate) fn level(&self) -> String {
        native_level(&self.0.lock().level).to_owned()
    }

    /// Writes the buffered lines and ends logging.
    pub(crate) fn close(&self) {
        self.0.lock().guard.take();
    }
}

fn native_level(name: &str) -> &str {
    if name == "warning" { "warn" } else { name }
}
