//! Instances: loaded copies of a model, each with what runs it, in a thread or in a process.

use std::time::Duration;

use grps_core::NativeInstance;

/// A copy of a model that runs.
pub(crate) trait Instance: Send + Sync {
    /// Waits until the model takes no requests and all are finished, then releases the copy.
    fn join(&self);

    /// Asks it to end after its running batch; several end at once then.
    fn begin_stop(&self);

    /// Ends it after its running batch; what waits is left to other instances. Returns false when it
    /// still ran after `timeout`.
    fn stop(&self, timeout: Duration) -> bool;

    /// Writes log lines of this level and above from here on; one in a thread logs as this process.
    fn set_log_level(&self, level: &str) {
        let _ = level;
    }

    /// What is known of it.
    fn state(&self) -> InstanceState;
}

/// What is known of an instance.
#[derive(Clone, Debug)]
pub(crate) struct InstanceState {
    pub(crate) life: Life,
    /// Why it is dead, or was last, as one line.
    pub(crate) reason: Option<String>,
    /// How often it came back.
    pub(crate) restarts: u64,
    /// Its process, if it has one of its own.
    pub(crate) pid: Option<i32>,
}

/// Where an instance stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    New,
    Loaded,
    Alive,
    Stopped,
    Dead,
}

impl Life {
    /// Its name for operators.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Loaded => "loaded",
            Self::Alive => "alive",
            Self::Stopped => "stopped",
            Self::Dead => "dead",
        }
    }
}

impl Instance for NativeInstance {
    fn join(&self) {
        Self::join(self);
    }

    fn begin_stop(&self) {
        Self::stop(self, Duration::ZERO);
    }

    fn stop(&self, timeout: Duration) -> bool {
        Self::stop(self, timeout)
    }

    fn state(&self) -> InstanceState {
        let reason = self.failure();
        let life = if reason.is_none() { Life::Alive } else { Life::Dead };
        InstanceState { life, reason, restarts: self.restarts(), pid: None }
    }
}
