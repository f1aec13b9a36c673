//! Where a Python instance pulls its batches from.

use std::time::Duration;

use grps_core::{InputForm, Pulled, Puller, RunningBatch, Stopper};
use grps_worker::Served;
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::instances::batch::Batch;
use crate::instances::current;
use crate::instances::worker::{Link, Lost};
use crate::text::LossyText;

/// How long one wait lasts; only a bound on how late a closed queue is noticed.
const WAIT: Duration = Duration::from_secs(60);

/// An instance's end of its model's queue.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Channel {
    /// `None` once the instance has detached.
    puller: Mutex<Option<Puller>>,
    /// Ends the wait of `next`, which holds the puller.
    stopper: Stopper,
    /// Whether the instance takes tensors, whose rows are then joined.
    form: InputForm,
    /// Longest silence of a worker process that has work; `None` for no limit.
    hang_timeout: Option<Duration>,
}

impl Channel {
    pub(crate) fn new(puller: Puller, form: InputForm, hang_timeout: Option<Duration>) -> Self {
        let stopper = puller.stopper();
        Self { puller: Mutex::new(Some(puller)), stopper, form, hang_timeout }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopper.is_stopped()
    }

    /// Waits for a batch and joins its rows.
    fn pull(&self) -> Option<RunningBatch> {
        let puller = self.puller.lock();
        let puller = puller.as_ref()?;
        loop {
            match puller.pull(WAIT) {
                Pulled::Batch(batch) => {
                    let mut running = RunningBatch::new(batch, self.form);
                    // What arrays take over is copied here, if it must be, without the GIL.
                    running.own_input();
                    return Some(running);
                }
                Pulled::Nothing => {}
                Pulled::Closed => return None,
            }
        }
    }
}

#[pymethods]
impl Channel {
    /// Waits, without the GIL, for requests to run at once; `None` when the service or the
    /// instance has stopped.
    fn next(&self, py: Python<'_>) -> Option<Batch> {
        current::work_on(None);
        py.detach(|| self.pull()).map(Batch::new)
    }

    /// Serves with a worker process, without the GIL, beginning with the requests that another one
    /// has lost. Returns None when the service or the instance has stopped, else what this one lost.
    #[pyo3(signature = (link, again=None))]
    fn serve(&self, py: Python<'_>, link: &Link, again: Option<&Lost>) -> Option<Lost> {
        let again = again.and_then(Lost::take_batch);
        let served = py.detach(|| {
            let puller = self.puller.lock();
            let puller = puller.as_ref()?;
            Some(link.link.serve(puller, self.form, again, self.hang_timeout))
        });
        match served {
            Some(Served::Broken(lost)) => Some(Lost::new(lost)),
            Some(Served::Closed) | None => None,
        }
    }

    /// Ends `serve`, as the worker has ended.
    fn abandon(&self) {
        self.stopper.stop();
    }

    /// Ends `next` after the running batch; requests that wait are left to other instances.
    fn stop(&self) {
        self.stopper.stop();
    }

    /// Detaches the instance from its model; `down` says why, if it should not have ended.
    #[pyo3(signature = (down=None))]
    fn detach(&self, down: Option<LossyText>) {
        match (self.puller.lock().take(), down) {
            (Some(puller), Some(reason)) => puller.fail(reason.into()),
            (puller, _) => drop(puller),
        }
    }
}
