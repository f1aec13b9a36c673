//! What is in the files of a capture, for all but the thread that writes them.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use parking_lot::Mutex;

/// A file is looked for so often, while others are removed.
const TRIES: usize = 100;

/// What the files contain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RingState {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) overwritten: u64,
}

/// The part of a file that is written.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) records: u64,
}

/// What is in the files. Nobody holds its lock while a disk is used.
#[derive(Debug, Default)]
pub(crate) struct Published(Mutex<(Vec<Whole>, RingState)>);

impl Published {
    /// Replaces it.
    pub(super) fn set(&self, whole: Vec<Whole>, overwritten: u64) {
        let records = whole.iter().map(|one| one.records).sum();
        let bytes = whole.iter().map(|one| one.bytes).sum();
        let next = (whole, RingState { records, bytes, overwritten });
        let before = std::mem::replace(&mut *self.0.lock(), next);
        drop(before);
    }

    /// What the files contain.
    pub(super) fn state(&self) -> RingState {
        self.0.lock().1
    }

    /// Opens the files as they are, the oldest first, each with its length. They can be read also when
    /// they have been removed.
    ///
    /// # Errors
    /// One can't be opened.
    pub(super) fn open(&self) -> io::Result<Vec<(File, u64)>> {
        let open = || -> io::Result<Vec<(File, u64)>> {
            let whole = self.0.lock().0.clone();
            whole.iter().map(|one| Ok((File::open(&one.path)?, one.bytes))).collect()
        };
        let mut opened = open();
        for _ in 1..TRIES {
            match &opened {
                // It was removed for a later one.
                Err(error) if error.kind() == io::ErrorKind::NotFound => opened = open(),
                _ => break,
            }
        }
        opened
    }
}
