//! Tests of pushing, pulling and watching a queue.

use super::*;
use crate::reply::{ReplyReceiver, reply_channel};

const SOON: Duration = Duration::from_millis(1);

fn entry(id: &str) -> (Entry, ReplyReceiver) {
    let (reply, receiver) = reply_channel();
    let entry = Entry {
        id: id.into(),
        content: Content::Tensors(vec![]),
        reply,
        stream: None,
        attachment: None,
        session: None,
    };
    (entry, receiver)
}

fn ids(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| &*entry.id).collect()
}

#[test]
fn order_is_kept_and_the_limit_is_exact() {
    let queue = Arc::new(Queue::default());
    let receivers: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|id| {
            let (entry, receiver) = entry(id);
            queue.push(entry).unwrap();
            receiver
        })
        .collect();
    let puller = queue.attach();
    assert_eq!(ids(&puller.pull(2, SOON).unwrap()), ["a", "b"]);
    assert_eq!(ids(&puller.pull(2, SOON).unwrap()), ["c"]);
    assert!(puller.pull(2, SOON).unwrap().is_empty());
    drop(receivers);
}

#[test]
fn abandoned_entries_are_skipped() {
    let queue = Arc::new(Queue::default());
    let (gone, receiver) = entry("gone");
    let (waits, _receiver) = entry("waits");
    queue.push(gone).unwrap();
    queue.push(waits).unwrap();
    drop(receiver);
    assert_eq!(ids(&queue.attach().pull(8, SOON).unwrap()), ["waits"]);
}

#[test]
fn closing_drains_and_then_ends() {
    let queue = Arc::new(Queue::default());
    let (last, _receiver) = entry("last");
    queue.push(last).unwrap();
    queue.close();
    assert!(queue.push(entry("late").0).is_err());
    let puller = queue.attach();
    assert_eq!(puller.pull(1, SOON).unwrap().len(), 1);
    assert!(puller.pull(1, SOON).is_none());
}

#[test]
fn a_push_wakes_a_waiting_puller() {
    let queue = Arc::new(Queue::default());
    let puller = queue.attach();
    let waiting = std::thread::spawn(move || puller.pull(1, Duration::from_secs(60)));
    while queue.state.lock().idle == 0 {
        std::thread::yield_now();
    }
    let (entry, _receiver) = entry("x");
    queue.push(entry).unwrap();
    assert_eq!(waiting.join().unwrap().unwrap().len(), 1);
    assert_eq!(queue.pullers(), 0);
}

#[test]
fn pullers_above_the_level_are_held_in_reserve() {
    let queue = Arc::new(Queue::default());
    let (first, second) = (queue.attach(), queue.attach());
    queue.lower_level(1);
    let receivers: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|id| {
            let (entry, receiver) = entry(id);
            queue.push(entry).unwrap();
            receiver
        })
        .collect();
    assert_eq!(ids(&first.pull(1, SOON).unwrap()), ["a"]);
    assert!(second.pull(1, SOON).unwrap().is_empty());
    assert!(queue.raise_level());
    assert!(!queue.raise_level());
    assert_eq!(ids(&second.pull(1, SOON).unwrap()), ["b"]);
    drop(receivers);
}

#[test]
fn the_level_never_falls_below_the_least() {
    let queue = Arc::new(Queue::default());
    let _pullers = (queue.attach(), queue.attach());
    queue.lower_level(1);
    queue.lower_level(1);
    assert_eq!(queue.level(), 1);
}

#[test]
fn an_entry_that_waits_in_vain_is_pressure() {
    let queue = Arc::new(Queue::default());
    let puller = queue.attach();
    assert_eq!(queue.watch(SOON, SOON), Pressure::Low);
    let (a, _first) = entry("a");
    let (b, _second) = entry("b");
    queue.push(a).unwrap();
    let _working_on = puller.pull(1, SOON).unwrap();
    queue.push(b).unwrap();
    assert_eq!(queue.watch(SOON, Duration::from_secs(60)), Pressure::High);
    queue.close();
    assert_eq!(queue.watch(SOON, SOON), Pressure::Closed);
}

#[test]
fn a_sleeping_watcher_sees_pressure_that_begins_later() {
    let queue = Arc::new(Queue::default());
    let puller = queue.attach();
    let (a, _first) = entry("a");
    queue.push(a).unwrap();
    let _working_on = puller.pull(1, SOON).unwrap();
    let watching = std::thread::spawn({
        let queue = Arc::clone(&queue);
        move || queue.watch(SOON, Duration::from_secs(60))
    });
    while !queue.state.lock().watcher_sleeps {
        std::thread::yield_now();
    }
    let (b, _second) = entry("b");
    queue.push(b).unwrap();
    assert_eq!(watching.join().unwrap(), Pressure::High);
}
