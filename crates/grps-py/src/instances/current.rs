//! Which request a thread works on, for the log lines that user code writes meanwhile.

use std::cell::RefCell;
use std::sync::Arc;

use grps_core::Timeline;
use pyo3::prelude::*;

thread_local! {
    /// The first request of the thread's batch, and how many are in it.
    static CURRENT: RefCell<Option<(Arc<Timeline>, usize)>> = const { RefCell::new(None) };
}

/// Tells that this thread works on a request and those in a batch with it, or on none.
pub(crate) fn work_on(request: Option<(&Arc<Timeline>, usize)>) {
    let request = request.map(|(timeline, count)| (Arc::clone(timeline), count));
    CURRENT.with_borrow_mut(|current| *current = request);
}

/// The request that this thread works on, and how many are in a batch with it: `a41f+3`.
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
