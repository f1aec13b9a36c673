//! Tests of the seam between a model and its executor, with an executor of another kind.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use super::*;
use crate::error::Cause;
use crate::models::executors::inline::Identity;
use crate::models::model::Model;
use crate::models::model_spec::ModelSpec;
use crate::request::content::InputForm;
use crate::request::reply::{ReplySender, reply_channel};
use crate::scheduling::queue_ticket::WithdrawEntry;

/// Keeps its calls until the test replies to them.
#[derive(Debug, Default)]
struct Kept {
    calls: Mutex<Vec<(Call, ReplySender)>>,
    /// Whether calls get a ticket, as if they waited in a queue.
    queues: bool,
    closed: AtomicBool,
}

/// The queue of [`Kept`], of which every call can be withdrawn.
#[derive(Debug)]
struct Withdrawn(Arc<AtomicBool>);

impl WithdrawEntry for Withdrawn {
    fn withdraw(&self, _: usize, _: u64) -> bool {
        self.0.store(true, Ordering::SeqCst);
        true
    }
}

impl Executor for Kept {
    fn submit(&self, call: Call) -> Submission {
        let (sender, receiver) = reply_channel();
        self.calls.lock().push((call, sender));
        if !self.queues {
            return Submission::Pending(PendingReply::new(receiver));
        }
        let queue = Arc::new(Withdrawn(Arc::default()));
        Submission::Pending(PendingReply::queued(receiver, QueueTicket::new(queue, 0, 0)))
    }

    fn trouble(&self) -> Option<String> {
        None
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

fn message(text: &'static str) -> Content {
    Content::Message(Bytes::from_static(text.as_bytes()))
}

fn call() -> Call {
    Call {
        timeline: Arc::new(Timeline::new("r", None)),
        began: Instant::now(),
        content: message("x"),
        stream: None,
        attachment: None,
        session: None,
        priority: 0,
        batch_key: None,
        client: None,
        deadline: None,
    }
}

/// A model with a queue timeout of a millisecond.
fn model(executor: &Arc<Kept>) -> Arc<Model> {
    let spec = ModelSpec {
        queue_timeout: Some(Duration::from_millis(1)),
        ..ModelSpec::new("m", "1", InputForm::Message)
    };
    Arc::new(Model::new(spec, executor.clone()))
}

async fn wait_for(executor: &Kept) -> (Call, ReplySender) {
    loop {
        if let Some(kept) = executor.calls.lock().pop() {
            return kept;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_reply_comes_by_the_channel_and_dropping_it_cancels_the_call() {
    let executor = Arc::new(Kept::default());
    let model = model(&executor);
    let ask = || {
        let model = Arc::clone(&model);
        tokio::spawn(async move { model.call(call(), None).await })
    };
    let asked = ask();
    let (kept, reply) = wait_for(&executor).await;
    assert_eq!(kept.content, message("x"));
    // A call that is in no queue has no queue timeout.
    tokio::time::sleep(Duration::from_millis(5)).await;
    reply.send(Ok(message("y")));
    assert_eq!(asked.await.unwrap(), Ok(message("y")));

    let asked = ask();
    let (_kept, reply) = wait_for(&executor).await;
    assert!(!reply.is_closed());
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    assert!(reply.is_closed());
}

#[tokio::test]
async fn a_call_that_waits_too_long_is_withdrawn() {
    let executor = Arc::new(Kept { queues: true, ..Kept::default() });
    let error = model(&executor).call(call(), None).await.unwrap_err();
    assert_eq!(error.cause(), Cause::QueueFull);
    let (_call, reply) = wait_for(&executor).await;
    assert!(reply.is_closed());
}

#[tokio::test]
async fn a_ticket_is_used_once() {
    for reply in [true, false] {
        let withdrawn = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = reply_channel();
        let queue = Arc::new(Withdrawn(Arc::clone(&withdrawn)));
        let mut pending = PendingReply::queued(receiver, QueueTicket::new(queue, 0, 0));
        if reply {
            sender.send(Ok(message("y")));
            assert_eq!((&mut pending).await.outcome, Ok(message("y")));
        }
        drop(pending);
        // A call that has its reply is in no queue any more.
        assert_eq!(withdrawn.load(Ordering::SeqCst), !reply);
    }
}

#[tokio::test]
async fn the_last_user_of_a_model_closes_its_executor() {
    let executor = Arc::new(Kept::default());
    let model = model(&executor);
    let other = Arc::clone(&model);
    drop(model);
    assert!(!executor.is_closed());
    drop(other);
    assert!(executor.is_closed());
}

#[tokio::test]
async fn a_closed_inline_model_refuses() {
    let model = Model::inline(ModelSpec::new("id", "1", InputForm::Message), Box::new(Identity));
    assert!(model.executor().is_inline() && model.executor().batch_counts().is_none());
    assert_eq!(model.call(call(), None).await, Ok(message("x")));
    model.executor().close();
    let error = model.call(call(), None).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Unavailable);
}
