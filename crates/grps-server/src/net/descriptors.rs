//! File descriptors of connections: how many fit the limit of the process, and a few spare ones.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::net::places::RESERVED;
use crate::observability::process::{max_descriptors, open_descriptors};

/// Descriptors that are left to models, logs and user code.
const OTHER_FILES: u64 = 32;
/// Number of spare descriptors.
const SPARE: usize = 4;
/// The soft limit is not raised beyond this: some programs that user code may start close every
/// descriptor up to the limit.
const MAX_LIMIT: u64 = 1 << 20;

/// Raises the soft limit of open files of the process to the hard one.
fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = maximum.unwrap_or(MAX_LIMIT).min(MAX_LIMIT);
    if current.is_some_and(|current| current < raised) {
        let limit = Rlimit { current: Some(raised), maximum };
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "can't raise the limit of open files");
        }
    }
}

/// The number of connections that the process can have open, at most `wanted`.
pub(crate) fn fit_connections(wanted: usize) -> usize {
    raise_limit();
    let Some(limit) = max_descriptors() else { return wanted };
    let others = open_descriptors() + (RESERVED + SPARE) as u64 + OTHER_FILES;
    let fitting = usize::try_from(limit.saturating_sub(others)).unwrap_or(usize::MAX);
    wanted.min(fitting.max(1))
}

/// Whether a connection can't be accepted because no descriptor is free.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE]
        .iter()
        .any(|exhausted| code == Some(exhausted.raw_os_error()))
}

/// Descriptors that are kept open, so that a connection can be answered when no other is free.
#[derive(Debug, Default)]
pub(crate) struct SpareDescriptors(Arc<Mutex<Vec<File>>>);

impl SpareDescriptors {
    pub(crate) fn new() -> Self {
        let spare = Self::default();
        spare.refill();
        spare
    }

    /// Frees a spare descriptor for one connection; `None` when all are in use.
    pub(crate) fn lend(&self) -> Option<LentDescriptor> {
        let file = self.0.lock().pop()?;
        drop(file);
        Some(LentDescriptor(Self(Arc::clone(&self.0))))
    }

    fn refill(&self) {
        let mut files = self.0.lock();
        while files.len() < SPARE {
            // The next connection that ends tries again.
            let Ok(file) = File::open("/dev/null") else { return };
            files.push(file);
        }
    }
}

/// A spare descriptor that a connection uses; taken back when it is dropped.
#[derive(Debug)]
pub(crate) struct LentDescriptor(SpareDescriptors);

impl Drop for LentDescriptor {
    fn drop(&mut self) {
        self.0.refill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_and_connections_fit_it() {
        assert_eq!(fit_connections(1), 1);
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let hard = maximum.unwrap_or(MAX_LIMIT).min(MAX_LIMIT);
        assert!(current.is_none_or(|current| current >= hard));
        let most = fit_connections(usize::MAX);
        assert!(current.is_none_or(|current| (most as u64) < current));
    }

    #[test]
    fn spare_descriptors_come_back() {
        let spare = SpareDescriptors::new();
        let lent: Vec<_> = (0..SPARE).map(|_| spare.lend().unwrap()).collect();
        assert!(spare.lend().is_none());
        drop(lent);
        assert!(spare.lend().is_some());
    }

    #[test]
    fn exhaustion_is_recognised() {
        let error = |code: rustix::io::Errno| io::Error::from_raw_os_error(code.raw_os_error());
        assert!(is_exhausted(&error(rustix::io::Errno::MFILE)));
        assert!(is_exhausted(&error(rustix::io::Errno::NFILE)));
        assert!(!is_exhausted(&error(rustix::io::Errno::CONNABORTED)));
    }
}
