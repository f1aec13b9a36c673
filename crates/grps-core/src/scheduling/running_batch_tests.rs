//! Tests of replies to batches, as a whole and one by one.

use proptest::prelude::*;

use super::*;
use crate::request::reply::{ReplyReceiver, reply_channel};
use crate::request::stream::stream_channel;
use crate::request::timeline::BatchInfo;
use crate::scheduling::instance_health::InstanceHealth;
use crate::tensor::values::Values;

fn tensor(rows: &[i32]) -> Vec<Tensor> {
    let values = Values::Int32(rows.to_vec());
    vec![Tensor::new("x".into(), vec![rows.len()], values).unwrap()]
}

fn message(text: &str) -> Content {
    Content::Message(text.to_owned().into())
}

/// A batch of requests with these inputs, and where their replies go.
fn batch(inputs: Vec<Content>, allowed: &[usize]) -> (Batch, Vec<ReplyReceiver>) {
    let (entries, receivers) = inputs
        .into_iter()
        .enumerate()
        .map(|(index, content)| {
            let (reply, receiver) = reply_channel();
            let entry = Entry {
                timeline: Arc::new(Timeline::new(&index.to_string(), None)),
                content,
                reply,
                stream: None,
                attachment: None,
                session: None,
                deadline: None,
            };
            (entry, receiver)
        })
        .unzip();
    let policy = BatchPolicy { max_rows: 64, allowed: allowed.to_vec(), ..BatchPolicy::default() };
    let timings = CallTimings::begin(Instant::now(), None, BatchInfo::default());
    let heartbeat = InstanceHealth::new().attach("m#0", false);
    (Batch::new(entries, Arc::new(policy), heartbeat, timings), receivers)
}

fn tensors_of(inputs: &[&[i32]]) -> (RunningBatch, Vec<ReplyReceiver>) {
    let (batch, receivers) =
        batch(inputs.iter().map(|rows| Content::Tensors(tensor(rows))).collect(), &[]);
    (RunningBatch::new(batch, InputForm::Tensors), receivers)
}

/// What has come, without waiting; `None` for nothing.
fn received(receiver: &mut ReplyReceiver) -> Option<Result<Content, Error>> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(receiver).poll(&mut context) {
        std::task::Poll::Ready(reply) => Some(reply.outcome),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn outputs_are_shared_out_by_rows() {
    let (mut batch, mut receivers) = tensors_of(&[&[1, 2], &[3]]);
    assert_eq!((batch.len(), batch.rows()), (2, Some(3)));
    let joined = batch.take_tensors().unwrap();
    assert_eq!(joined, tensor(&[1, 2, 3]));
    assert_eq!(batch.take_tensors(), None);
    let wrong = batch.reply_tensors(tensor(&[1, 2])).unwrap_err();
    assert_eq!(wrong.cause(), Cause::ModelFailed);
    assert!(received(&mut receivers[0]).is_none(), "a batch with a wrong output is still open");
    batch.reply_tensors(joined).unwrap();
    assert_eq!(received(&mut receivers[0]), Some(Ok(Content::Tensors(tensor(&[1, 2])))));
    assert_eq!(received(&mut receivers[1]), Some(Ok(Content::Tensors(tensor(&[3])))));
    assert!(batch.requests().is_empty() && batch.first().is_none() && !batch.is_wanted());
}

#[test]
fn singles_are_the_requests_that_are_open() {
    let (mut batch, mut receivers) = tensors_of(&[&[1], &[2, 3], &[4]]);
    batch.take_tensors();
    assert!(batch.requests()[0].reply(Err(Error::invalid("bad"))));
    let mut singles = batch.singles().unwrap();
    assert_eq!(singles.len(), 2);
    let inputs: Vec<_> = singles.iter_mut().map(|single| single.take_tensors().unwrap()).collect();
    assert_eq!(inputs, [tensor(&[2, 3]), tensor(&[4])]);
    assert!(singles.iter().all(|single| single.len() == 1 && single.rows().is_none()));
    singles[0].reply_tensors(tensor(&[20, 30])).unwrap();
    // What failed as a whole fails where no single has replied.
    batch.fail(Cause::ModelFailed, "boom");
    let outcomes: Vec<_> = receivers.iter_mut().map(|r| received(r).unwrap()).collect();
    assert_eq!(outcomes[0], Err(Error::invalid("bad")));
    assert_eq!(outcomes[1], Ok(Content::Tensors(tensor(&[20, 30]))));
    assert_eq!(outcomes[2].as_ref().unwrap_err().message(), "boom (request id 2)");
    assert!(!batch.requests()[2].reply(Ok(message("again"))));
}

#[test]
fn a_single_is_filled_up_as_a_batch_is() {
    let (batch, _receivers) =
        batch(vec![Content::Tensors(tensor(&[1])), Content::Tensors(tensor(&[2]))], &[4]);
    let mut batch = RunningBatch::new(batch, InputForm::Tensors);
    assert_eq!(batch.rows(), Some(4));
    let single = batch.singles().unwrap().remove(0);
    assert_eq!(single.rows(), Some(4));
    assert_eq!(single.tensors(), Some(tensor(&[1, 1, 1, 1]).as_slice()));
}

#[test]
fn requests_that_do_not_fit_together_are_run_one_by_one() {
    let mut other = tensor(&[2]);
    other.push(tensor(&[3]).remove(0));
    let (batch, _receivers) =
        batch(vec![Content::Tensors(tensor(&[1])), Content::Tensors(other.clone())], &[]);
    let mut batch = RunningBatch::new(batch, InputForm::Tensors);
    assert!(batch.tensors().is_none());
    let singles = batch.singles().unwrap();
    assert_eq!(singles[1].tensors(), Some(other.as_slice()));
}

#[test]
fn messages_are_kept_for_a_second_run() {
    let (batch, _receivers) = batch(vec![message("a"), message("b")], &[]);
    let mut batch = RunningBatch::new(batch, InputForm::Message);
    assert!(batch.tensors().is_none());
    assert_eq!(batch.requests()[1].message(), Some("b".into()));
    let mut singles = batch.singles().unwrap();
    assert_eq!(singles[1].requests()[0].take_content(), Some(message("b")));
    assert_eq!(singles[1].requests()[0].take_content(), None);
}

#[test]
fn an_only_request_gives_its_input_away() {
    let (mut batch, _receivers) = tensors_of(&[&[1]]);
    assert_eq!(batch.tensors(), Some(tensor(&[1]).as_slice()));
    assert_eq!(batch.singles().unwrap_err().cause(), Cause::Internal);
}

#[test]
fn a_batch_is_wanted_as_long_as_one_client_waits() {
    let (mut batch, mut receivers) = tensors_of(&[&[1], &[2]]);
    receivers.pop();
    assert!(batch.is_wanted());
    assert!(!batch.requests()[0].is_cancelled() && batch.requests()[1].is_cancelled());
    assert!(batch.requests()[1].is_open());
    receivers.pop();
    assert!(!batch.is_wanted());
}

#[test]
fn chunks_are_signs_of_life_only_of_an_instance_that_works() {
    let (mut batch, _receivers) = batch(vec![message("a")], &[]);
    let (sender, events) = stream_channel(None);
    batch.entries[0].stream = Some(sender);
    let health = InstanceHealth::new();
    let mut batch = RunningBatch::new(batch, InputForm::Message);
    let second = health.attach("m#1", false);
    batch.resume(&second);
    let hangs = || health.trouble(Some(std::time::Duration::ZERO)).is_some();
    assert!(hangs(), "the instance that took the batch over works on it");
    assert!(batch.requests()[0].send_chunk(message("c")));
    assert!(hangs(), "it goes on working after a chunk");
    second.rest();
    assert!(batch.requests()[0].send_chunk(message("c")));
    assert_eq!(batch.requests()[0].try_send_chunk(message("c")), Ok(true));
    assert!(batch.requests()[0].send_chunk_now(message("c")));
    assert!(!hangs(), "a chunk of code that goes on does not make an idle instance busy");
    batch.requests()[0].end_stream();
    drop(events);
}

proptest! {
    /// Whoever replies, each request gets one reply, and its own.
    #[test]
    fn every_request_gets_its_own_outcome(
        sizes in prop::collection::vec((1usize..4, any::<bool>()), 1..8),
    ) {
        let mut next = 0;
        let inputs: Vec<Vec<i32>> = sizes
            .iter()
            .map(|(rows, _)| {
                next += *rows as i32;
                (next - *rows as i32..next).collect()
            })
            .collect();
        let views: Vec<&[i32]> = inputs.iter().map(Vec::as_slice).collect();
        let (mut batch, mut receivers) = tensors_of(&views);
        if sizes.len() == 1 {
            let joined = batch.take_tensors().unwrap();
            batch.reply_tensors(joined).unwrap();
        } else {
            // Some are replied to at once, the others one by one.
            for (request, (_, early)) in batch.requests().to_vec().iter().zip(&sizes) {
                if *early {
                    request.reply(Err(Error::invalid("early")));
                }
            }
            for mut single in batch.singles().unwrap() {
                let input = single.take_tensors().unwrap();
                single.reply_tensors(input).unwrap();
            }
        }
        for ((receiver, input), (_, early)) in receivers.iter_mut().zip(&inputs).zip(&sizes) {
            let outcome = received(receiver).unwrap();
            if *early && sizes.len() > 1 {
                prop_assert!(outcome.is_err());
            } else {
                prop_assert_eq!(outcome, Ok(Content::Tensors(tensor(input))));
            }
        }
    }
}
