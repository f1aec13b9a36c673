//! An open loop: requests are sent at their times, whether others have ended or not.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;

use crate::arrivals::Times;
use crate::load::worker::Worker;
use crate::pacer::Pacer;
use crate::plan::Arrivals;

/// Sends the share of a thread until the window or the arrivals end, and waits for the responses.
///
/// # Errors
///
/// The system refuses a timer.
pub(crate) async fn run(worker: &Arc<Worker>, arrivals: &Arrivals) -> io::Result<()> {
    let shared = &worker.shared;
    let (threads, max_open) = (shared.plan.threads as u64, shared.plan.limits.max_open as u64);
    let pacer = Pacer::new()?;
    let mut running = JoinSet::new();
    let mut measured = 0;
    for (index, offset) in (0_u64..).zip(Times::new(arrivals)) {
        let intended = shared.start + offset;
        let is_warmup = intended < shared.begin;
        let is_last = shared.plan.window.count.is_some_and(|count| measured >= count);
        if shared.is_over(intended) || is_last {
            break;
        }
        measured += u64::from(!is_warmup);
        if index % threads != worker.thread as u64 {
            continue;
        }
        pacer.wait_until(intended).await?;
        while running.try_join_next().is_some() {}
        if shared.open.fetch_add(1, Ordering::Relaxed) >= max_open {
            shared.open.fetch_sub(1, Ordering::Relaxed);
            if !is_warmup {
                worker.recorder.lock().add_not_sent();
            }
            continue;
        }
        let worker = Arc::clone(worker);
        running.spawn(async move {
            worker.send(index, intended, is_warmup).await;
            worker.shared.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
    while running.join_next().await.is_some() {}
    Ok(())
}
