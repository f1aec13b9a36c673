//! The queue of one model: connections push entries, instances pull them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::content::Content;
use crate::reply::ReplySender;
use crate::request::{Attachment, Session};
use crate::stream::ChunkSender;

/// One request in the queue of one model.
#[derive(Debug)]
pub struct Entry {
    /// Identifier of the request, for logs.
    pub id: Arc<str>,
    /// Input in the form the model wants.
    pub content: Content,
    /// Where the outcome goes.
    pub reply: ReplySender,
    /// Where chunks go; `None` when the client wants one whole answer.
    pub stream: Option<ChunkSender>,
    /// What the protocol hands to the instances.
    pub attachment: Option<Attachment>,
    /// What goes on to the next model of a graph; `None` when there is only one.
    pub session: Option<Session>,
}

/// A first-in-first-out queue with blocking pullers.
#[derive(Debug, Default)]
pub struct Queue {
    /// Entries and the closed flag, under one lock so that a wake-up is never missed.
    state: Mutex<State>,
    /// Wakes pullers.
    pushed: Condvar,
    /// How many pullers are attached: the instances that are alive.
    pullers: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    /// Waiting entries, oldest first.
    entries: VecDeque<Entry>,
    /// Pullers that wait for an entry, so that a push wakes somebody only when it must.
    idle: usize,
    /// Set once; pullers then drain the rest and stop.
    closed: bool,
}

impl Queue {
    /// Appends an entry and wakes one idle puller.
    ///
    /// # Errors
    /// Gives the entry back when the queue is closed.
    pub fn push(&self, entry: Entry) -> Result<(), Box<Entry>> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Box::new(entry));
        }
        state.entries.push_back(entry);
        let wake = state.idle > 0;
        drop(state);
        if wake {
            self.pushed.notify_one();
        }
        Ok(())
    }

    /// The number of waiting entries.
    pub fn len(&self) -> usize {
        self.state.lock().entries.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses new entries; pullers get what is left and then the end.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.pushed.notify_all();
    }

    /// Attaches an instance.
    pub fn attach(self: &Arc<Self>) -> Puller {
        self.pullers.fetch_add(1, Ordering::AcqRel);
        Puller { queue: Arc::clone(self) }
    }

    /// The number of attached instances.
    pub fn pullers(&self) -> usize {
        self.pullers.load(Ordering::Acquire)
    }
}

/// An instance's hold on the queue; dropping it tells that the instance has ended.
#[derive(Debug)]
pub struct Puller {
    queue: Arc<Queue>,
}

impl Puller {
    /// Waits for work and takes up to `most` entries whose clients still wait.
    ///
    /// `Some` of an empty vector means that `timeout` passed without work; `None` that the queue
    /// is closed and empty.
    pub fn pull(&self, most: usize, timeout: Duration) -> Option<Vec<Entry>> {
        let mut state = self.queue.state.lock();
        loop {
            let taken = take_live(&mut state.entries, most);
            if !taken.is_empty() {
                return Some(taken);
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            let timed_out = self.queue.pushed.wait_for(&mut state, timeout).timed_out();
            state.idle -= 1;
            if timed_out && state.entries.is_empty() {
                return if state.closed { None } else { Some(Vec::new()) };
            }
        }
    }
}

impl Drop for Puller {
    fn drop(&mut self) {
        self.queue.pullers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Takes entries from the front, dropping those nobody waits for.
fn take_live(entries: &mut VecDeque<Entry>, most: usize) -> Vec<Entry> {
    let mut taken = Vec::new();
    while taken.len() < most {
        match entries.pop_front() {
            Some(entry) if entry.reply.is_closed() => {}
            Some(entry) => taken.push(entry),
            None => break,
        }
    }
    taken
}

#[cfg(test)]
mod tests {
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
}
