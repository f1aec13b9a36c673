//! The sequences of one model that wait: connections push them, instances of steps take them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::error::Error;
use crate::request::content::Content;
use crate::scheduling::entry::Entry;
use crate::scheduling::fair_queue::FairTicket;
use crate::scheduling::instance_health::{Heartbeat, InstanceHealth};
use crate::scheduling::queue_ticket::{QueueTicket, WithdrawEntry};
use crate::scheduling::steps::policy::StepPolicy;
use crate::scheduling::steps::sequence::{Need, Sequence};
use crate::scheduling::steps::step_counts::StepCounts;
use crate::scheduling::steps::step_item::{StepItem, WaitingRequest};
use crate::scheduling::steps::step_puller::StepPuller;
use crate::scheduling::steps::text::{PROMPT_INPUT, SequenceText, StepText};
use crate::scheduling::steps::waiting::{StepRefusal, Waiting};

/// Sequences that wait for a slot of any instance.
#[derive(Debug)]
pub struct StepQueue {
    policy: Arc<StepPolicy>,
    /// What makes the text of sequences; `None` when clients get outputs alone.
    text: Option<Arc<dyn StepText>>,
    pub(crate) state: Mutex<StepQueueState>,
    /// Wakes instances that have nothing to do.
    pub(crate) changed: Condvar,
    /// Instances that are attached.
    pub(crate) pullers: AtomicUsize,
    /// Counters of the steps.
    pub(crate) counts: StepCounts,
    /// Heartbeats and failures of the instances.
    pub(crate) health: InstanceHealth,
    /// How long all instances together have worked.
    pub(crate) worked: Mutex<Duration>,
}

/// What of a queue changes.
#[derive(Debug)]
pub(crate) struct StepQueueState {
    pub(crate) waiting: Waiting<StepItem>,
    /// Set once: instances finish what they have, and end.
    pub(crate) closed: bool,
}

/// Why a queue took no sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Closed,
    Waiting(StepRefusal),
    /// Its text can't begin.
    Text(Error),
}

impl StepQueue {
    /// An empty queue of a model whose clients get outputs alone.
    pub fn new(policy: StepPolicy) -> Self {
        Self::with_text(policy, None)
    }

    /// An empty queue; the text of sequences is made, if something makes it.
    pub fn with_text(policy: StepPolicy, text: Option<Arc<dyn StepText>>) -> Self {
        let policy = Arc::new(policy);
        let waiting = Waiting::new(Arc::clone(&policy));
        Self {
            policy,
            text,
            state: Mutex::new(StepQueueState { waiting, closed: false }),
            changed: Condvar::new(),
            pullers: AtomicUsize::new(0),
            counts: StepCounts::default(),
            health: InstanceHealth::new(),
            worked: Mutex::default(),
        }
    }

    /// How sequences are scheduled.
    pub fn policy(&self) -> &Arc<StepPolicy> {
        &self.policy
    }

    /// What makes the text of sequences; `None` when clients get outputs alone.
    pub(crate) fn text(&self) -> Option<&Arc<dyn StepText>> {
        self.text.as_ref()
    }

    /// Counters of the steps.
    pub fn counts(&self) -> &StepCounts {
        &self.counts
    }

    /// The number of sequences that wait.
    pub fn len(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// Whether no sequence waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of attached instances.
    pub fn pullers(&self) -> usize {
        self.pullers.load(Ordering::Acquire)
    }

    /// How often instances were started again after they had failed.
    pub fn restarts(&self) -> u64 {
        self.health.restarts()
    }

    /// How long all instances together have worked.
    pub fn worked(&self) -> Duration {
        *self.worked.lock()
    }

    /// An instance that is down or hangs, as a line.
    pub(crate) fn trouble(&self, hang_timeout: Option<Duration>) -> Option<String> {
        self.health.trouble(hang_timeout)
    }

    /// Refuses new sequences; instances finish those that there are.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// Whether new sequences are refused.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Attaches an instance by its name.
    pub fn attach(self: &Arc<Self>, name: &str) -> StepPuller {
        self.attach_with(self.health.attach(name, false))
    }

    /// Attaches an instance that is replaced when it hangs or ends: the model is ready as long as
    /// another one works.
    pub fn attach_replaced(self: &Arc<Self>, name: &str) -> StepPuller {
        self.attach_with(self.health.attach(name, true))
    }

    fn attach_with(self: &Arc<Self>, heartbeat: Heartbeat) -> StepPuller {
        self.pullers.fetch_add(1, Ordering::AcqRel);
        StepPuller::new(Arc::clone(self), heartbeat)
    }

    /// Lets sequences wait for any instance whose own was lost before it began with them; returns
    /// those that can't.
    pub(crate) fn put_back(&self, sequences: Vec<Sequence<StepItem>>) -> Vec<Sequence<StepItem>> {
        if sequences.is_empty() {
            return sequences;
        }
        let mut state = self.state.lock();
        if state.closed {
            // Other instances may have ended already.
            return sequences;
        }
        for mut sequence in sequences {
            sequence.is_returned = true;
            sequence.prefilled = 0;
            state.waiting.put_back(sequence);
        }
        drop(state);
        self.changed.notify_all();
        Vec::new()
    }

    /// Adds a sequence that comes now.
    pub(crate) fn push(
        self: &Arc<Self>,
        now: Instant,
        need: Need,
        entry: Entry,
    ) -> Result<QueueTicket, Refused> {
        let text = self.begin_text(&entry.content).map_err(Refused::Text)?;
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        let item = StepItem::Waiting(Box::new(WaitingRequest { entry, text }));
        let ticket = state.waiting.push(now, need, item).map_err(Refused::Waiting)?;
        drop(state);
        // All, as the one that is woken may have no free slot.
        self.changed.notify_all();
        let withdrawn = Arc::new(Ticket { queue: Arc::clone(self), ticket });
        Ok(QueueTicket::new(withdrawn, 0, 0))
    }

    /// Begins the text of a request, if something makes it.
    fn begin_text(&self, content: &Content) -> Result<Option<Box<dyn SequenceText>>, Error> {
        let Some(text) = &self.text else { return Ok(None) };
        let inputs = match content {
            Content::Tensors(tensors) => tensors.as_slice(),
            _ => &[],
        };
        text.begin(inputs).map(Some)
    }

    /// What a request needs.
    pub(crate) fn need_of(&self, content: &Content) -> Need {
        let prefill = self.policy.prefill_input.as_ref().and_then(|name| {
            let Content::Tensors(tensors) = content else { return None };
            tensors.iter().find(|tensor| tensor.name() == name)?.shape().last().copied()
        });
        Need {
            priority: 0,
            client: None,
            prefill: prefill.unwrap_or(1),
            prompt_tokens: content.element_count(PROMPT_INPUT),
            state_bytes: self.policy.state_bytes,
            input_bytes: content.byte_len(),
        }
    }
}

/// The right to take one sequence out.
#[derive(Debug)]
struct Ticket {
    queue: Arc<StepQueue>,
    ticket: FairTicket,
}

impl WithdrawEntry for Ticket {
    fn withdraw(&self, _priority: usize, _number: u64) -> bool {
        let sequence = self.queue.state.lock().waiting.withdraw(&self.ticket);
        // Dropped here, outside the lock.
        sequence.is_some()
    }
}
