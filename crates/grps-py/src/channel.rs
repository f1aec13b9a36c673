//! Where an instance pulls its work from.

use std::time::Duration;

use grps_core::Puller;
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::entry::Entry;

/// How long one wait lasts; only a bound on how late a closed queue is noticed.
const WAIT: Duration = Duration::from_secs(60);

/// An instance's end of its model's queue.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Channel {
    /// `None` once the instance has detached.
    puller: Mutex<Option<Puller>>,
}

impl Channel {
    pub(crate) fn new(puller: Puller) -> Self {
        Self { puller: Mutex::new(Some(puller)) }
    }
}

#[pymethods]
impl Channel {
    /// Waits, without the GIL, for up to `most` requests; `None` when the service has stopped.
    fn next(&self, py: Python<'_>, most: usize) -> Option<Vec<Entry>> {
        let pulled = py.detach(|| {
            let puller = self.puller.lock();
            let puller = puller.as_ref()?;
            loop {
                let entries = puller.pull(most, WAIT)?;
                if !entries.is_empty() {
                    return Some(entries);
                }
            }
        });
        Some(pulled?.into_iter().map(Entry::new).collect())
    }

    /// Detaches the instance from its model.
    fn detach(&self) {
        self.puller.lock().take();
    }
}
