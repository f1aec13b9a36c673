//! Blocking sections: long work on large bodies that must not block other connections.

use std::thread::available_parallelism;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;
use tokio::task::block_in_place;

/// Size of JSON from which on decoding would delay other connections by milliseconds. For less, a
/// thread switch costs more than it saves: for 1 MB it raises the processor time by a third.
const BLOCKING_BYTES: usize = 4 * 1024 * 1024;

/// Runs long work without blocking the I/O threads.
pub(crate) struct BlockingSection {
    /// One permit per processor.
    permits: Semaphore,
}

impl BlockingSection {
    /// Creates a section.
    pub(crate) fn new() -> Self {
        Self { permits: Semaphore::new(available_parallelism().map_or(1, usize::from)) }
    }

    /// Runs work that takes as long as decoding `bytes` of JSON. For many bytes, another thread takes
    /// over the connections of this thread.
    pub(crate) async fn run<T>(&self, bytes: usize, work: impl FnOnce() -> T) -> T {
        if !must_block(bytes) {
            return work();
        }
        // The semaphore is never closed, so the error can be ignored.
        let _permit = self.permits.acquire().await;
        block_in_place(work)
    }

    /// Like [`BlockingSection::run`], for code that can't wait for a permit.
    pub(crate) fn run_at_once<T>(&self, bytes: usize, work: impl FnOnce() -> T) -> T {
        if must_block(bytes) { block_in_place(work) } else { work() }
    }
}

fn must_block(bytes: usize) -> bool {
    bytes >= BLOCKING_BYTES && Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn other_tasks_run_during_blocking_work() {
        let section = Arc::new(BlockingSection::new());
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        let working = tokio::spawn(async move {
            let work = || {
                while !seen.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                7
            };
            section.run(BLOCKING_BYTES, work).await
        });
        // The only thread of the runtime is busy, but this task still runs and ends the work.
        let other = tokio::spawn(async move { done.store(true, Ordering::Release) });
        other.await.unwrap();
        assert_eq!(working.await.unwrap(), 7);
    }

    #[tokio::test]
    async fn short_work_runs_on_the_same_thread() {
        assert_eq!(BlockingSection::new().run(BLOCKING_BYTES - 1, || 7).await, 7);
        // A runtime with one thread can't move the connections.
        assert_eq!(BlockingSection::new().run(BLOCKING_BYTES, || 7).await, 7);
    }
}
