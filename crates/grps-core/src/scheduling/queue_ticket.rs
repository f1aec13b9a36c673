//! The right to take a call out of the queue in which it waits.

use std::fmt::Debug;
use std::sync::Arc;

/// A queue whose entries can be withdrawn while they wait.
pub trait WithdrawEntry: Debug + Send + Sync {
    /// Takes an entry out and drops it; false when it has left already.
    fn withdraw(&self, priority: usize, number: u64) -> bool;
}

/// The right to take an entry out of its queue; dropping it does so if the entry still waits.
#[derive(Debug)]
pub struct QueueTicket {
    /// Where the entry waits.
    queue: Arc<dyn WithdrawEntry>,
    /// The entry's urgency.
    priority: usize,
    /// The entry's number.
    number: u64,
    /// False once the entry is known to have left.
    held: bool,
}

impl QueueTicket {
    /// The ticket of an entry that waits.
    pub fn new(queue: Arc<dyn WithdrawEntry>, priority: usize, number: u64) -> Self {
        Self { queue, priority, number, held: true }
    }

    /// Takes the entry out; false when it has left already.
    pub(crate) fn withdraw(mut self) -> bool {
        self.held = false;
        self.queue.withdraw(self.priority, self.number)
    }

    /// Marks the entry as taken by an instance.
    pub(crate) fn release(mut self) {
        self.held = false;
    }
}

impl Drop for QueueTicket {
    fn drop(&mut self) {
        if self.held {
            self.queue.withdraw(self.priority, self.number);
        }
    }
}
