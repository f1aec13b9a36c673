//! The current request of a thread, for log lines of user code.

use std::cell::RefCell;
use std::sync::Arc;

use grps_core::Timeline;
use pyo3::prelude::*;

thread_local! {
    /// The first request of the thread's batch, and the size of the batch.
    static CURRENT: RefCell<Option<(Arc<Timeline>, usize)>> = const { RefCell::new(None) };
}

/// Sets the current request of this thread and the size of its batch.
pub(crate) fn work_on(request: Option<(&Arc<Timeline>, usize)>) {
    let request = request.map(|(timeline, count)| (Arc::clone(timeline), count));
    CURRENT.with_borrow_mut(|current| *current = request);
}

/// The current request of this thread and the number of others in its batch, such as `a41f+3`.
#[pyfunction]
pub(crate) fn current_request() -> Option<String> {
    CURRENT.with_borrow(|current| {
        let (timeline, count) = current.as_ref()?;
        Some(match count {
            0 | 1 => timeline.id().to_owned(),
            count => format!("{}+{}", timeline.id(), count - 1),
        })
    })
}
