//! Work that grows with a body, kept from holding up the other connections of its thread.

use std::thread::available_parallelism;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;
use tokio::task::block_in_place;

/// Bytes of JSON from which on other connections would wait for some milliseconds. Below, the change
/// of threads costs more than it gives: for 1 MB it raises the processor time by a third.
const BLOCKING_BYTES: usize = 4 * 1024 * 1024;

/// Runs long work without holding up the sockets' threads.
pub(crate) struct BlockingSection {
    /// As many as there are processors: more would only delay each other.
    permits: Semaphore,
}

impl BlockingSection {
    /// A section that nothing runs in.
    pub(crate) fn new() -> Self {
        Self { permits: Semaphore::new(available_parallelism().map_or(1, usize::from)) }
    }

    /// Runs work that takes as long as reading `bytes` of JSON. If they are many, another thread
    /// takes over the connections that this one serves.
    pub(crate) async fn run<T>(&self, bytes: usize, work: impl FnOnce() -> T) -> T {
        if !must_block(bytes) {
            return work();
        }
        // The semaphore is never closed; without a permit the work is done all the same.
        let _permit = self.permits.acquire().await;
        block_in_place(work)
    }

    /// As [`BlockingSection::run`] for code that can't wait for a permit.
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
    async fn other_tasks_go_on_meanwhile() {
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
        // The only thread of the runtime is at work, yet this task ends it.
        let other = tokio::spawn(async move { done.store(true, Ordering::Release) });
        other.await.unwrap();
        assert_eq!(working.await.unwrap(), 7);
    }

    #[tokio::test]
    async fn little_work_is_done_at_once() {
        assert_eq!(BlockingSection::new().run(BLOCKING_BYTES - 1, || 7).await, 7);
        // A runtime of one thread has no other that could take over.
        assert_eq!(BlockingSection::new().run(BLOCKING_BYTES, || 7).await, 7);
    }
}
