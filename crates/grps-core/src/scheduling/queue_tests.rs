//! Tests of pushing, pulling and watching a queue.

use super::*;
use crate::error::Cause;
use crate::request::content::Content;
use crate::request::reply::{Reply, ReplyReceiver, reply_channel};
use crate::request::timeline::Timeline;
use crate::scheduling::batching::{AutoPolicy, Reason, Wait};
use crate::scheduling::puller::Pulled;
use crate::scheduling::puller::Puller;

const SOON: Duration = Duration::from_millis(1);

fn entry(id: &str) -> (Entry, ReplyReceiver) {
    let (reply, receiver) = reply_channel();
    let entry = Entry {
        timeline: Arc::new(Timeline::new(id, None)),
        content: Content::Tensors(vec![]),
        reply,
        stream: None,
        attachment: None,
        session: None,
        deadline: None,
    };
    (entry, receiver)
}

fn queue(max_rows: usize) -> Arc<Queue> {
    Arc::new(Queue::new(BatchPolicy {
        max_rows,
        priority_levels: 2,
        max_length: 3,
        ..BatchPolicy::default()
    }))
}

fn key() -> BatchingKey {
    BatchingKey { rows: 1, priority: 0, shape: Some(0), batch_key: None }
}

/// Pushes an entry that stays in the queue until it is pulled.
fn push(queue: &Arc<Queue>, id: &str) -> ReplyReceiver {
    let (entry, receiver) = entry(id);
    queue.push(Instant::now(), key(), entry).unwrap().release();
    receiver
}

/// The identifiers of what a puller gets, empty for nothing.
fn pull(puller: &Puller) -> Vec<String> {
    match puller.pull(SOON) {
        Pulled::Batch(batch) => {
            batch.entries.iter().map(|entry| entry.timeline.id().to_owned()).collect()
        }
        Pulled::Nothing | Pulled::Closed => Vec::new(),
    }
}

#[test]
fn order_is_kept_and_the_limit_is_exact() {
    let queue = queue(2);
    let _receivers = ["a", "b", "c"].map(|id| push(&queue, id));
    let puller = queue.attach("i");
    assert_eq!(pull(&puller), ["a", "b"]);
    assert_eq!(pull(&puller), ["c"]);
    assert!(matches!(puller.pull(SOON), Pulled::Nothing));
    assert_eq!((queue.counts().batches(), queue.counts().rows()), (2, 3));
    assert_eq!(queue.counts().small(Reason::IdleInstance), 1);
}

#[test]
fn a_full_queue_takes_no_more() {
    let queue = queue(1);
    let _receivers = ["a", "b", "c"].map(|id| push(&queue, id));
    let (late, _receiver) = entry("late");
    assert_eq!(queue.push(Instant::now(), key(), late).unwrap_err(), Refusal::Full);
    assert_eq!(queue.len(), 3);
}

#[test]
fn abandoned_entries_are_skipped() {
    let queue = queue(8);
    drop(push(&queue, "gone"));
    let _receiver = push(&queue, "waits");
    assert_eq!(pull(&queue.attach("i")), ["waits"]);
}

#[test]
fn a_dropped_place_is_free_at_once() {
    let queue = queue(8);
    let (gone, _receiver) = entry("gone");
    let ticket = queue.push(Instant::now(), BatchingKey { priority: 7, ..key() }, gone).unwrap();
    assert_eq!(queue.len(), 1);
    drop(ticket);
    assert!(queue.is_empty());
}

#[test]
fn an_entry_that_left_can_not_be_withdrawn() {
    let queue = queue(8);
    let (taken, _receiver) = entry("taken");
    let ticket = queue.push(Instant::now(), key(), taken).unwrap();
    let _running = queue.attach("i").pull(SOON);
    assert!(!ticket.withdraw());
}

#[test]
fn closing_drains_and_then_ends() {
    let queue = queue(1);
    let _receiver = push(&queue, "last");
    queue.close();
    assert_eq!(queue.push(Instant::now(), key(), entry("late").0).unwrap_err(), Refusal::Closed);
    let puller = queue.attach("i");
    assert_eq!(pull(&puller), ["last"]);
    assert!(matches!(puller.pull(SOON), Pulled::Closed));
}

#[test]
fn a_push_wakes_a_waiting_puller() {
    let queue = queue(1);
    let puller = queue.attach("i");
    let waiting = std::thread::spawn(move || puller.pull(Duration::from_secs(60)));
    while queue.state.lock().idle.is_empty() {
        std::thread::yield_now();
    }
    let _receiver = push(&queue, "x");
    assert!(matches!(waiting.join().unwrap(), Pulled::Batch(_)));
    assert_eq!(queue.pullers(), 0);
}

#[test]
fn the_end_of_a_window_wakes_a_waiting_puller() {
    let policy = BatchPolicy {
        max_rows: 8,
        wait: Wait::Always,
        window: Duration::from_millis(5),
        ..BatchPolicy::default()
    };
    let queue = Arc::new(Queue::new(policy));
    let _receiver = push(&queue, "x");
    assert!(matches!(queue.attach("i").pull(Duration::from_secs(60)), Pulled::Batch(_)));
    assert_eq!(queue.counts().small(Reason::Timeout), 1);
}

#[test]
fn sizes_are_learned_from_what_pullers_run() {
    let auto = Some(AutoPolicy { objective: None });
    let queue = Arc::new(Queue::new(BatchPolicy { max_rows: 8, auto, ..BatchPolicy::default() }));
    assert_eq!(queue.auto_state().map(|state| (state.rows, state.curve.len())), Some((1, 0)));
    let puller = queue.attach("i");
    let _receivers = ["a", "b", "c", "d"].map(|id| push(&queue, id));
    // Nothing is known yet, so the first batch is a single request, and the second one is small.
    assert_eq!(pull(&puller), ["a"]);
    assert_eq!(queue.counts().small(Reason::Size), 1);
    assert_eq!(queue.auto_state().unwrap().curve, []);
    assert_eq!(pull(&puller), ["b", "c"]);
    assert_eq!(pull(&puller), ["d"]);
    assert!(pull(&puller).is_empty());
    let state = queue.auto_state().unwrap();
    assert_eq!(state.curve.iter().map(|size| size.rows).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(state.concurrency, 1);
}

#[test]
fn pullers_above_the_level_are_held_in_reserve() {
    let queue = queue(1);
    let (first, second) = (queue.attach("i"), queue.attach("i"));
    queue.lower_concurrency(1);
    let _receivers = ["a", "b"].map(|id| push(&queue, id));
    assert_eq!(pull(&first), ["a"]);
    assert!(pull(&second).is_empty());
    assert!(queue.raise_concurrency());
    assert!(!queue.raise_concurrency());
    assert_eq!(pull(&second), ["b"]);
}

#[test]
fn the_level_never_falls_below_the_least() {
    let queue = queue(1);
    let _pullers = (queue.attach("i"), queue.attach("i"));
    queue.lower_concurrency(1);
    queue.lower_concurrency(1);
    assert_eq!(queue.concurrency(), 1);
}

#[test]
fn an_entry_that_waits_in_vain_is_pressure() {
    let queue = queue(1);
    let puller = queue.attach("i");
    assert_eq!(queue.watch(SOON, SOON), Pressure::Low);
    let _first = push(&queue, "a");
    let _working_on = puller.pull(SOON);
    let _second = push(&queue, "b");
    assert_eq!(queue.watch(SOON, Duration::from_secs(60)), Pressure::High);
    queue.close();
    assert_eq!(queue.watch(SOON, SOON), Pressure::Closed);
}

#[test]
fn a_sleeping_watcher_sees_pressure_that_begins_later() {
    let queue = queue(1);
    let puller = queue.attach("i");
    let _first = push(&queue, "a");
    let _working_on = puller.pull(SOON);
    let watching = std::thread::spawn({
        let queue = Arc::clone(&queue);
        move || queue.watch(SOON, Duration::from_secs(60))
    });
    while !queue.state.lock().watcher_sleeps {
        std::thread::yield_now();
    }
    let _second = push(&queue, "b");
    assert_eq!(watching.join().unwrap(), Pressure::High);
}

#[test]
fn a_stopped_puller_leaves_what_waits_to_others() {
    let queue = queue(1);
    let (gone, stays) = (queue.attach("i"), queue.attach("i"));
    let _receiver = push(&queue, "a");
    gone.stopper().stop();
    assert!(gone.stopper().is_stopped());
    assert!(matches!(gone.pull(SOON), Pulled::Closed));
    assert_eq!(pull(&stays), ["a"]);
    drop(gone);
    assert_eq!(queue.pullers(), 1);
}

#[test]
fn stopping_ends_a_wait_and_loses_no_wake_up() {
    const LONG: Duration = Duration::from_secs(60);
    for round in 0..200 {
        let queue = queue(1);
        let pullers = [queue.attach("i"), queue.attach("i")];
        let stopper = pullers[0].stopper();
        let [gone, stays] = pullers.map(|puller| std::thread::spawn(move || puller.pull(LONG)));
        if round % 2 == 0 {
            while queue.state.lock().idle.len() < 2 {
                std::thread::yield_now();
            }
        }
        let pushing = Arc::clone(&queue);
        let pushed = std::thread::spawn(move || push(&pushing, "a"));
        stopper.stop();
        let receiver = pushed.join().unwrap();
        // Either may have taken the entry; the one that goes on must, if the other has not.
        let first = gone.join().unwrap();
        if matches!(first, Pulled::Batch(_)) {
            queue.close();
        }
        let second = stays.join().unwrap();
        let batches = [first, second].into_iter().filter(|p| matches!(p, Pulled::Batch(_)));
        assert_eq!(batches.count(), 1);
        drop(receiver);
    }
}

#[test]
fn a_deadline_that_cannot_be_met_costs_no_run() {
    let queue = queue(1);
    let puller = queue.attach("i");
    let with_deadline = |id: &str, left: Duration| {
        let (mut entry, receiver) = entry(id);
        entry.deadline = Some(Instant::now() + left);
        queue.push(Instant::now(), key(), entry).unwrap().release();
        receiver
    };
    // Each run takes what passes until the next pull.
    for _ in 0..20 {
        let _receiver = push(&queue, "run");
        assert_eq!(pull(&puller), ["run"]);
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut hopeless = with_deadline("hopeless", Duration::from_millis(10));
    let _in_time = with_deadline("in time", Duration::from_secs(60));
    let _endless = push(&queue, "endless");
    assert_eq!(pull(&puller), ["in time"]);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let outcome = std::pin::Pin::new(&mut hopeless).poll(&mut context);
    let std::task::Poll::Ready(Reply { outcome: Err(error), .. }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.cause(), Cause::QueueFull);
    assert_eq!(pull(&puller), ["endless"]);
    // Alone, even it may try.
    let _alone = with_deadline("alone", Duration::from_millis(15));
    assert_eq!(pull(&puller), ["alone"]);
}

#[test]
fn clients_that_have_left_bring_no_rows() {
    let queue = queue(3);
    let receivers = ["a", "b", "c"].map(|id| push(&queue, id));
    let [_first, gone, _last] = receivers;
    drop(gone);
    assert_eq!(pull(&queue.attach("i")), ["a", "c"]);
    assert_eq!((queue.counts().batches(), queue.counts().rows()), (1, 2));
}

#[test]
fn the_last_puller_to_wait_is_woken_first() {
    let queue = queue(1);
    let (told, hears) = std::sync::mpsc::channel();
    let pullers: Vec<_> = (0..3)
        .map(|number| {
            let puller = queue.attach(&number.to_string());
            let stopper = puller.stopper();
            let told = told.clone();
            let thread = std::thread::spawn(move || {
                while !matches!(puller.pull(Duration::from_secs(60)), Pulled::Closed) {
                    told.send(number).unwrap();
                }
            });
            while queue.state.lock().idle.len() <= number {
                std::thread::yield_now();
            }
            (stopper, thread)
        })
        .collect();
    for _ in 0..10 {
        let (entry, _receiver) = entry("a");
        queue.push(Instant::now(), BatchingKey::default(), entry).unwrap().release();
        assert_eq!(hears.recv().unwrap(), 2);
        while queue.state.lock().idle.len() < 3 {
            std::thread::yield_now();
        }
    }
    for (stopper, thread) in pullers {
        stopper.stop();
        thread.join().unwrap();
    }
}
