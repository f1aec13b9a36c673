//! Tests of what an instance counts of its sequences.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::request::content::Content;
use crate::request::reply::{ReplyReceiver, reply_channel};
use crate::request::timeline::Timeline;
use crate::scheduling::entry::Entry;
use crate::scheduling::queue_ticket::QueueTicket;
use crate::scheduling::steps::policy::StepPolicy;
use crate::tensor::values::Values;

const SLOTS: usize = 2;

fn queue() -> Arc<StepQueue> {
    Arc::new(StepQueue::new(StepPolicy { max_slots: SLOTS, ..StepPolicy::default() }))
}

/// Adds a sequence; its ticket and its client.
fn push(queue: &Arc<StepQueue>) -> (QueueTicket, ReplyReceiver) {
    push_with(queue, vec![])
}

/// The same with inputs.
fn push_with(queue: &Arc<StepQueue>, inputs: Vec<Tensor>) -> (QueueTicket, ReplyReceiver) {
    let (reply, receiver) = reply_channel();
    let entry = Entry {
        timeline: Arc::new(Timeline::new("id", None)),
        content: Content::Tensors(inputs),
        reply,
        stream: None,
        attachment: None,
        session: None,
        deadline: None,
    };
    let need = queue.need_of(&entry.content);
    (queue.push(Instant::now(), need, entry).unwrap(), receiver)
}

/// What a step of so many rows returns.
fn outcome(rows: usize, finished: Vec<bool>, failed: Vec<(usize, Error)>) -> StepOutcome {
    let output = Tensor::new("output".into(), vec![rows], Values::Uint8(vec![0; rows])).unwrap();
    StepOutcome { outputs: vec![output], finished, failed, ..StepOutcome::default() }
}

fn ended(queue: &StepQueue) -> [u64; EndReason::ALL.len()] {
    EndReason::ALL.map(|reason| queue.counts().ended(reason))
}

#[test]
fn outputs_and_ends_are_counted_once() {
    let queue = queue();
    let mut puller = queue.attach("m#0");
    let clients: Vec<_> = (0..3).map(|_| push(&queue)).collect();
    assert_eq!(puller.next_plan().unwrap().running, SLOTS);
    let counts = queue.counts();
    assert_eq!((counts.slots(), counts.slots_in_use(), counts.begun()), (SLOTS, SLOTS, 2));
    assert_eq!((counts.steps(), counts.rows(), queue.len()), (0, 0, 1));
    let failure = (1, Error::new(Cause::ModelFailed, "as told"));
    puller.finish_step(outcome(2, vec![true, false], vec![failure])).unwrap();
    assert_eq!((counts.steps_for(StepReason::Full), counts.rows()), (1, 1));
    assert_eq!(counts.first_output.read().count(), 1);
    assert_eq!(puller.next_plan().unwrap().running, 1);
    assert_eq!((ended(&queue), counts.begun(), counts.slots_in_use()), ([1, 0, 0, 0, 1], 3, 1));
    // A step that fails is none.
    puller.finish_step(outcome(2, vec![], vec![])).unwrap_err();
    assert_eq!((counts.steps(), counts.rows()), (1, 1));
    drop(clients);
}

#[test]
fn tokens_and_caches_are_counted() {
    let queue = queue();
    let mut puller = queue.attach("m#0");
    let prompt = |size: usize| {
        let tokens = Values::Int64(vec![7; size]);
        vec![Tensor::new("tokens".into(), vec![1, size], tokens).unwrap()]
    };
    let clients: Vec<_> = [5, 8, 9].map(|size| push_with(&queue, prompt(size))).into();
    puller.next_plan().unwrap();
    let counts = queue.counts();
    assert_eq!((counts.prompt_tokens(), counts.cache_usage()), (13, None));
    let step = |lengths: [usize; 2], failed, cache_usage| StepOutcome {
        lengths: lengths.into(),
        cache_usage,
        ..outcome(lengths.iter().sum(), vec![], failed)
    };
    puller.finish_step(step([0, 1], vec![], Some(0.5))).unwrap();
    assert_eq!((counts.output_rows(), counts.cache_usage()), (1, Some(0.5)));
    puller.next_plan().unwrap();
    let failure = (1, Error::new(Cause::ModelFailed, "as told"));
    puller.finish_step(step([2, 1], vec![failure], None)).unwrap();
    assert_eq!((counts.output_rows(), counts.cache_usage()), (3, Some(0.5)));
    // The first output of a sequence is the first that it has, though its first step had none.
    let outputs = (counts.first_output.read().count(), counts.between_outputs.read().count());
    assert_eq!(outputs, (2, 0));
    puller.next_plan().unwrap();
    assert_eq!(counts.prompt_tokens(), 22);
    drop(puller);
    assert_eq!(counts.cache_usage(), None);
    drop(clients);
}

#[test]
fn an_instance_that_fails_gives_its_slots_back() {
    let queue = queue();
    let mut puller = queue.attach("m#0");
    let clients: Vec<_> = (0..3).map(|_| push(&queue)).collect();
    puller.next_plan().unwrap();
    puller.fail("as told".to_owned());
    let counts = queue.counts();
    assert_eq!((counts.slots(), counts.slots_in_use(), counts.suspended()), (0, 0, 0));
    // What waits has not begun, so it has not ended.
    assert_eq!((counts.begun(), ended(&queue), queue.len()), (2, [0, 0, 0, 0, 2], 1));
    drop(clients);
}

#[test]
fn what_leaves_before_it_has_a_slot_is_not_counted() {
    let queue = queue();
    let mut puller = queue.attach("m#0");
    let (ticket, receiver) = push(&queue);
    // Its client leaves; the ticket stays, so that the plan finds the sequence.
    drop(receiver);
    let plan = puller.next_plan().unwrap();
    assert_eq!((plan.ended.len(), plan.begun.len()), (1, 0));
    assert_eq!((queue.counts().begun(), ended(&queue)), (0, [0; EndReason::ALL.len()]));
    ticket.release();
}

#[test]
fn what_an_instance_had_not_begun_begins_in_another_once() {
    let queue = queue();
    let clients: Vec<_> = (0..2).map(|_| push(&queue)).collect();
    let mut first = queue.attach_replaced("m#0");
    let plan = first.next_plan().unwrap();
    first.lose(&plan.begun).fail("as told");
    let counts = queue.counts();
    assert_eq!((first.is_idle(), queue.len()), (true, 2));
    assert_eq!(
        (counts.begun(), counts.slots_in_use(), ended(&queue)),
        (2, 0, [0; EndReason::ALL.len()])
    );
    let mut second = queue.attach_replaced("m#1");
    let plan = second.next_plan().unwrap();
    assert_eq!((plan.begun.len(), plan.running, queue.len()), (2, 2, 0));
    second.lose(&plan.begun).fail("as told");
    assert_eq!((counts.begun(), queue.len(), ended(&queue)), (2, 0, [0, 0, 0, 0, 2]));
    for (_, mut receiver) in clients {
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(reply) = Pin::new(&mut receiver).poll(&mut context) else {
            panic!("no reply")
        };
        assert!(reply.outcome.unwrap_err().message().starts_with("as told (request id"));
    }
}

#[test]
fn what_an_instance_had_begun_is_lost_with_it() {
    let queue = queue();
    let clients: Vec<_> = (0..2).map(|_| push(&queue)).collect();
    let mut puller = queue.attach_replaced("m#0");
    puller.next_plan().unwrap();
    puller.finish_step(outcome(2, vec![true, false], vec![])).unwrap();
    drop(puller.lose(&[]));
    assert_eq!((queue.len(), ended(&queue)), (0, [1, 0, 0, 0, 1]));
    drop(clients);
}

#[test]
fn nothing_waits_for_another_instance_of_a_closed_queue() {
    let queue = queue();
    let client = push(&queue);
    let mut puller = queue.attach_replaced("m#0");
    let plan = puller.next_plan().unwrap();
    queue.close();
    puller.lose(&plan.begun).fail("as told");
    assert_eq!((queue.len(), ended(&queue)), (0, [0, 0, 0, 0, 1]));
    drop(client);
}

#[test]
fn an_abandoned_instance_makes_no_more_plans() {
    let queue = queue();
    let client = push(&queue);
    let mut puller = queue.attach_replaced("m#0");
    puller.next_plan().unwrap();
    puller.stopper().abandon();
    assert!(puller.next_plan().is_none());
    assert!(!puller.is_idle());
    drop(puller);
    assert_eq!(ended(&queue), [0, 0, 0, 0, 1]);
    drop(client);
}
