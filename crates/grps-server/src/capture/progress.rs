//! How far the thread is that writes.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// How far the thread is that writes; others wait for it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    at: Mutex<At>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct At {
    /// Requests that were taken, and written if they could be.
    taken: u64,
    has_ended: bool,
}

impl Progress {
    /// Notes that so many more requests were taken.
    pub(super) fn add(&self, taken: u64) {
        self.at.lock().taken += taken;
        self.changed.notify_all();
    }

    /// Notes that the thread ends.
    pub(super) fn end(&self) {
        self.at.lock().has_ended = true;
        self.changed.notify_all();
    }

    /// Waits until so many requests were taken, or the thread has ended; returns whether it is so
    /// within the timeout.
    pub(super) fn wait_for(&self, taken: u64, timeout: Duration) -> bool {
        self.wait(|at| at.taken >= taken || at.has_ended, timeout)
    }

    /// Waits until the thread has ended; returns whether it has within the timeout.
    pub(super) fn wait_for_end(&self, timeout: Duration) -> bool {
        self.wait(|at| at.has_ended, timeout)
    }

    fn wait(&self, is_so: impl Fn(&At) -> bool, timeout: Duration) -> bool {
        let mut at = self.at.lock();
        self.changed.wait_while_for(&mut at, |at| !is_so(at), timeout);
        is_so(&at)
    }
}
