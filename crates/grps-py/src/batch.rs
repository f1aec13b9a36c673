//! Requests that a Python instance runs at once.

use std::sync::Arc;
use std::time::Instant;

use grps_core::{
    Batch as CoreBatch, BatchPolicy, CallTimings, Content, Entry as CoreEntry, Heartbeat, Joined,
    Parts, Tensor,
};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::entry::Entry;
use crate::tensor::{NamedArray, Output};
use crate::{current, tensor};

/// Requests that leave the queue together: their joined input, and the way to answer all of them.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Batch {
    /// How many requests there are.
    count: usize,
    requests: Mutex<Requests>,
    /// The joined input; taken by the first read.
    tensors: Mutex<Option<Vec<Tensor>>>,
    /// How outputs are shared out; `None` when the only request gets all.
    parts: Option<Parts>,
    policy: Arc<BatchPolicy>,
    /// Where the instance gives signs of life.
    heartbeat: Heartbeat,
    /// What the instance notes of each request.
    timings: CallTimings,
}

/// Objects are made only for user code that looks at single requests.
enum Requests {
    Native(Vec<CoreEntry>),
    Objects(Vec<Py<Entry>>),
}

impl Batch {
    pub(crate) fn new(batch: CoreBatch, joined: Option<Joined>) -> Self {
        let (policy, heartbeat) = (Arc::clone(batch.policy()), batch.heartbeat().clone());
        let timings = batch.timings();
        Self::of(Requests::Native(batch.entries), joined, policy, (heartbeat, timings))
    }

    fn of(
        requests: Requests,
        joined: Option<Joined>,
        policy: Arc<BatchPolicy>,
        (heartbeat, timings): (Heartbeat, CallTimings),
    ) -> Self {
        let count = match &requests {
            Requests::Native(entries) => entries.len(),
            Requests::Objects(entries) => entries.len(),
        };
        let (tensors, parts) = joined.map(|joined| (joined.tensors, joined.parts)).unzip();
        let (requests, tensors) = (Mutex::new(requests), Mutex::new(tensors));
        Self { count, requests, tensors, parts: parts.flatten(), policy, heartbeat, timings }
    }

    /// Tells that this thread works on the requests.
    fn begin(&self) {
        let requests = self.requests.lock();
        let first = match &*requests {
            Requests::Native(entries) => entries.first().map(|entry| &entry.timeline),
            Requests::Objects(entries) => entries.first().map(|entry| entry.get().timeline()),
        };
        current::work_on(first.map(|first| (first, self.count)));
    }

    fn objects(&self, py: Python<'_>) -> PyResult<Vec<Py<Entry>>> {
        let mut requests = self.requests.lock();
        if let Requests::Native(entries) = &mut *requests {
            let entries = std::mem::take(entries).into_iter();
            let objects = entries.map(|entry| {
                let entry = Entry::new(entry, self.heartbeat.clone(), self.timings);
                Py::new(py, entry)
            });
            *requests = Requests::Objects(objects.collect::<PyResult<_>>()?);
        }
        match &*requests {
            Requests::Objects(entries) => {
                Ok(entries.iter().map(|entry| entry.clone_ref(py)).collect())
            }
            Requests::Native(_) => Ok(Vec::new()),
        }
    }

    /// Each request's outputs, in the order of the requests.
    fn share_out(&self, py: Python<'_>, outputs: Vec<Tensor>) -> PyResult<Vec<Vec<Tensor>>> {
        let Some(parts) = &self.parts else { return Ok(vec![outputs]) };
        let bytes: usize = outputs.iter().map(|output| output.elements().byte_len()).sum();
        let share = || parts.share(&outputs);
        let copies = parts.may_copy() && bytes >= tensor::LARGE;
        let shares = if copies { py.detach(share) } else { share() };
        shares.map_err(|error| tensor::invalid(&error))
    }
}

#[pymethods]
impl Batch {
    fn __len__(&self) -> usize {
        self.count
    }

    /// Rows that each output must have; None when the only request gets the outputs as they are.
    #[getter]
    fn rows(&self) -> Option<usize> {
        self.parts.as_ref().map(|parts| parts.rows)
    }

    /// The requests.
    fn entries(&self, py: Python<'_>) -> PyResult<Vec<Py<Entry>>> {
        self.objects(py)
    }

    /// Takes the joined input as (name, array) pairs; the arrays own their memory.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Vec<NamedArray<'py>>> {
        self.begin();
        let tensors = self.tensors.lock().take();
        let tensors = tensors
            .ok_or_else(|| PyRuntimeError::new_err("the requests have no tensors in common"))?;
        tensor::to_numpy(py, tensors)
    }

    /// Gives every request that is not answered its rows of (name, array) pairs.
    fn reply_tensors(&self, py: Python<'_>, outputs: Vec<Output<'_>>) -> PyResult<()> {
        let shares = self.share_out(py, tensor::from_numpy(&outputs)?)?;
        match &mut *self.requests.lock() {
            Requests::Native(entries) => {
                for (entry, share) in std::mem::take(entries).into_iter().zip(shares) {
                    entry.reply.send_timed(Ok(Content::Tensors(share)), self.timings);
                }
            }
            Requests::Objects(entries) => {
                for (entry, share) in entries.iter().zip(shares) {
                    entry.get().reply_if_open(Ok(Content::Tensors(share)));
                }
            }
        }
        Ok(())
    }

    /// The requests that are not answered, each as a batch of its own.
    fn singles(&self, py: Python<'_>) -> PyResult<Vec<Self>> {
        let mut singles = Vec::with_capacity(self.count);
        for entry in self.objects(py)? {
            if entry.get().is_open() {
                let content = entry.get().take_content()?;
                let joined = py.detach(|| self.policy.join_one(content).map(Joined::into_owned));
                let joined = joined.map_err(|error| tensor::invalid(&error))?;
                let requests = Requests::Objects(vec![entry]);
                let policy = Arc::clone(&self.policy);
                // Each of them is new work for the instance.
                self.heartbeat.beat(Instant::now());
                let heartbeat = self.heartbeat.clone();
                singles.push(Self::of(requests, Some(joined), policy, (heartbeat, self.timings)));
            }
        }
        Ok(singles)
    }
}
