//! Shared memory of tests.

use std::fs::{OpenOptions, remove_file};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file below `/dev/shm` that is removed at the end.
pub(crate) struct Memory {
    pub(crate) key: String,
    pub(crate) path: PathBuf,
}

impl Memory {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let key = format!("grps-test-{}-{number}", std::process::id());
        let path = PathBuf::from("/dev/shm").join(&key);
        std::fs::write(&path, bytes).unwrap();
        Self { key, path }
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    pub(crate) fn shorten(&self, length: u64) {
        OpenOptions::new().write(true).open(&self.path).unwrap().set_len(length).unwrap();
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = remove_file(&self.path);
    }
}
