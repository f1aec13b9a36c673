//! A closed loop: so many requests are open at all times.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::load::worker::{Worker, share};

/// Pauses after a failed connection: the first, and the longest.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Sends the share of a thread until the window ends.
pub(crate) async fn run(worker: &Arc<Worker>, concurrency: usize) {
    let slots = share(concurrency, worker.shared.plan.threads, worker.thread);
    let mut running = JoinSet::new();
    for _ in 0..slots {
        running.spawn(repeat(Arc::clone(worker)));
    }
    while running.join_next().await.is_some() {}
}

async fn repeat(worker: Arc<Worker>) {
    let shared = Arc::clone(&worker.shared);
    tokio::time::sleep_until(shared.start.into()).await;
    let mut pause = PAUSE;
    loop {
        let now = Instant::now();
        let is_warmup = now < shared.begin;
        if shared.is_over(now) || (!is_warmup && !takes_turn(&worker)) {
            return;
        }
        let index = shared.next.fetch_add(1, Ordering::Relaxed);
        shared.open.fetch_add(1, Ordering::Relaxed);
        let is_connected = worker.send(index, Instant::now(), is_warmup).await;
        shared.open.fetch_sub(1, Ordering::Relaxed);
        if is_connected {
            pause = PAUSE;
        } else {
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }
}

/// Whether a measured request is left.
fn takes_turn(worker: &Worker) -> bool {
    let before = worker.shared.measured.fetch_add(1, Ordering::Relaxed);
    worker.shared.plan.window.count.is_none_or(|count| before < count)
}
