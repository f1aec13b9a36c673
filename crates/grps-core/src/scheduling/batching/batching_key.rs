//! The batching key of a request: requests with equal shapes and batch keys can share a batch.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::error::Error;
use crate::request::content::Content;
use crate::scheduling::batching::counts::Reason;
use crate::scheduling::batching::policy::BatchPolicy;
use crate::tensor::tensor::Tensor;

/// Decides which requests can share a batch, and which runs first.
#[derive(Clone, Debug, Default)]
pub(crate) struct BatchingKey {
    /// Number of rows of the request.
    pub(crate) rows: usize,
    /// Priority of the request; 0 is the most urgent.
    pub(crate) priority: usize,
    /// Digest of names, types and shapes; `None` for a request that can't share a batch. Joining
    /// compares the tensors themselves, so a collision costs a retry and never a wrong output.
    pub(crate) shape: Option<u64>,
    /// Requests with different keys never share a batch.
    pub(crate) batch_key: Option<Arc<str>>,
}

impl BatchingKey {
    /// The batching key of a request for a model with this policy.
    ///
    /// # Errors
    /// `InvalidArgument` when the request has more rows than a batch may have.
    pub(crate) fn of(
        policy: &BatchPolicy,
        content: &Content,
        priority: usize,
        batch_key: Option<Arc<str>>,
    ) -> Result<Self, Error> {
        if !policy.batches() {
            return Ok(Self { rows: 1, priority, shape: None, batch_key: None });
        }
        let Content::Tensors(tensors) = content else {
            return Ok(Self { rows: 1, priority, shape: Some(0), batch_key });
        };
        let Some(rows) = common_rows(tensors).filter(|rows| *rows > 0) else {
            return Ok(Self { rows: 1, priority, shape: None, batch_key });
        };
        if rows > policy.max_rows {
            return Err(Error::invalid(format!(
                "the input has {rows} rows, at most {} are taken at once (batching.max_batch_size); \
                 send them in several requests",
                policy.max_rows
            )));
        }
        Ok(Self { rows, priority, shape: Some(digest(policy, tensors)), batch_key })
    }

    /// Why two requests can't share a batch; `None` when they can.
    pub(crate) fn mismatch(&self, other: &Self) -> Option<Reason> {
        if self.batch_key != other.batch_key {
            return Some(Reason::Key);
        }
        match (self.shape, other.shape) {
            (Some(shape), Some(other_shape)) if shape == other_shape => None,
            _ => Some(Reason::Shape),
        }
    }
}

/// Size of the first dimension; `None` when it differs between the tensors.
pub(crate) fn common_rows(tensors: &[Tensor]) -> Option<usize> {
    let first = *tensors.first()?.shape().first()?;
    tensors.iter().all(|tensor| tensor.shape().first() == Some(&first)).then_some(first)
}

/// Digest of names, types and padded shapes, without the first dimension.
fn digest(policy: &BatchPolicy, tensors: &[Tensor]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let padding = policy.padding_of(tensors);
    for tensor in tensors {
        tensor.name().hash(&mut hasher);
        tensor.dtype().hash(&mut hasher);
        for (axis, size) in tensor.shape().iter().enumerate().skip(1) {
            padding.map_or(*size, |padding| padding.padded(axis, *size)).hash(&mut hasher);
        }
        tensor.shape().len().hash(&mut hasher);
    }
    hasher.finish()
}
