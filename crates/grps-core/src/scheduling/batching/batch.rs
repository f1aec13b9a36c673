//! Requests that left the queue together.

use std::sync::Arc;

use crate::error::{Cause, Error};
use crate::request::content::Content;
use crate::request::timeline::CallTimings;
use crate::scheduling::batching::batching_key::common_rows;
use crate::scheduling::batching::join::join;
use crate::scheduling::batching::padding::CutRows;
use crate::scheduling::batching::policy::BatchPolicy;
use crate::scheduling::entry::Entry;
use crate::scheduling::instance_health::Heartbeat;
use crate::tensor::tensor::Tensor;

/// Requests that an instance runs at once; never empty.
#[derive(Debug)]
pub struct Batch {
    /// The requests.
    pub entries: Vec<Entry>,
    /// The policy they were gathered by.
    policy: Arc<BatchPolicy>,
    /// Where the instance gives signs of life.
    heartbeat: Heartbeat,
    /// What the instance notes of each request, from its begin on.
    timings: CallTimings,
}

/// The input of a batch, and how its outputs are shared out.
#[derive(Debug)]
pub struct Joined {
    /// The tensors of all requests, rows joined.
    pub tensors: Vec<Tensor>,
    /// Each request's part of the outputs; `None` when the only request gets all of them as they
    /// are.
    pub parts: Option<Parts>,
}

/// Each request's part of the outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// In the order of the entries.
    pub cuts: Vec<CutRows>,
    /// Rows of the input, padding included, which every output must have as well.
    pub rows: usize,
}

impl Parts {
    /// Whether a part of some output may be a copy, since padding is cut off.
    pub fn may_copy(&self) -> bool {
        self.cuts.iter().any(|cut| !cut.axes.is_empty())
    }

    /// Shares outputs out: each request's tensors, in the order of the requests. They lie in the
    /// memory of the outputs, except where padding is cut off.
    ///
    /// # Errors
    /// `ModelFailed` when an output has other rows than the input.
    pub fn share(&self, outputs: &[Tensor]) -> Result<Vec<Vec<Tensor>>, Error> {
        let wrong = outputs.iter().find(|output| output.shape().first() != Some(&self.rows));
        if let Some(output) = wrong {
            let (name, shape, rows) = (output.name(), output.shape(), self.rows);
            let message = format!("output '{name}' has shape {shape:?}, not {rows} rows");
            return Err(Error::new(Cause::ModelFailed, message));
        }
        let share = |cut: &CutRows| outputs.iter().map(|output| cut.cut(output)).collect();
        let shares: Option<Vec<_>> = self.cuts.iter().map(share).collect();
        shares.ok_or_else(|| Error::new(Cause::Internal, "a part of a batch lies outside of it"))
    }
}

impl Batch {
    pub(crate) fn new(
        entries: Vec<Entry>,
        policy: Arc<BatchPolicy>,
        heartbeat: Heartbeat,
        timings: CallTimings,
    ) -> Self {
        Self { entries, policy, heartbeat, timings }
    }

    /// Where the instance that runs the batch gives signs of life.
    pub fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// What the instance notes of each request, as it is at the begin.
    pub fn timings(&self) -> CallTimings {
        self.timings
    }

    /// The policy the requests were gathered by.
    pub fn policy(&self) -> &Arc<BatchPolicy> {
        &self.policy
    }

    /// Joins the rows of the requests, filled up to the sizes that the model takes. A request that
    /// is alone gives its tensors away; others keep theirs, to be run again alone if the batch
    /// fails.
    ///
    /// # Errors
    /// `Internal` when a request holds no tensors, `InvalidArgument` when they do not fit together.
    pub fn join(&mut self) -> Result<Joined, Error> {
        if let [only] = self.entries.as_mut_slice() {
            let content = std::mem::replace(&mut only.content, Content::Tensors(Vec::new()));
            return self.policy.join_one(content);
        }
        let requests: Vec<&[Tensor]> = self
            .entries
            .iter()
            .map(|entry| match &entry.content {
                Content::Tensors(tensors) => Ok(tensors.as_slice()),
                _ => Err(no_tensors()),
            })
            .collect::<Result<_, _>>()?;
        join(&self.policy, &requests).map(Joined::of_rows)
    }
}

impl BatchPolicy {
    /// The input of a batch of one request.
    ///
    /// # Errors
    /// As [`Batch::join`].
    pub fn join_one(&self, content: Content) -> Result<Joined, Error> {
        let Content::Tensors(tensors) = content else { return Err(no_tensors()) };
        if must_fill(self, &tensors) {
            return join(self, &[&tensors]).map(Joined::of_rows);
        }
        Ok(Joined { tensors, parts: None })
    }
}

impl Joined {
    /// The same input, each tensor in a vector that nothing else uses: an instance may take the
    /// memory over and write into it.
    #[must_use]
    pub fn into_owned(mut self) -> Self {
        self.tensors = self.tensors.into_iter().map(Tensor::into_owned).collect();
        self
    }

    fn of_rows((tensors, cuts): (Vec<Tensor>, Vec<CutRows>)) -> Self {
        let rows = tensors.first().and_then(|tensor| tensor.shape().first().copied());
        Self { tensors, parts: Some(Parts { cuts, rows: rows.unwrap_or_default() }) }
    }
}

/// Whether a request that is alone needs rows or elements besides its own.
fn must_fill(policy: &BatchPolicy, tensors: &[Tensor]) -> bool {
    let Some(rows) = common_rows(tensors).filter(|_| policy.batches()) else { return false };
    let pads = policy.padding_of(tensors).is_some_and(|padding| {
        tensors.iter().any(|tensor| {
            Some(padding.padded_row(tensor.shape()).as_slice()) != tensor.shape().get(1..)
        })
    });
    rows > 0 && (pads || policy.padded_rows(rows) != rows)
}

fn no_tensors() -> Error {
    Error::new(Cause::Internal, "a batch of tensors holds a message")
}
