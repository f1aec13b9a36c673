//! Tests of the engine with instances that are plain threads.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::*;
use crate::models::executors::inline::Identity;
use crate::models::model::Model;
use crate::models::model_spec::ModelSpec;
use crate::request::content::InputForm;
use crate::request::request::SchedulingOptions;
use crate::scheduling::puller::Pulled;
use crate::scheduling::queue::Queue;
use crate::tensor::tensor::Tensor;
use crate::tensor::values::Values;

/// Carries tensors as their count: enough to see which way content was translated.
struct CountAdapter;

impl ContentAdapter for CountAdapter {
    fn to_tensors(&self, message: Bytes) -> Result<Vec<Tensor>, Error> {
        let values = Values::Uint8(message.to_vec());
        Ok(vec![Tensor::new("bytes".into(), vec![message.len()], values)?])
    }

    fn to_message(&self, tensors: &[Tensor]) -> Result<Bytes, Error> {
        Ok(Bytes::from(format!("{} tensors", tensors.len())))
    }
}

fn engine(max_concurrency: usize, max_queue: usize) -> Arc<Engine> {
    let limits = Limits { max_concurrency, max_queue };
    let engine = Engine::new(limits, Health::new(true), Box::new(CountAdapter));
    engine.health().set_loaded();
    Arc::new(engine)
}

/// Adds a model and returns the queue that its instances pull from.
fn add(engine: &Engine, name: &str, form: InputForm) -> Arc<Queue> {
    add_spec(engine, ModelSpec::new(name, "1", form))
}

fn add_spec(engine: &Engine, spec: ModelSpec) -> Arc<Queue> {
    let (model, queue) = Model::pulled(spec);
    engine.registry().put(model).unwrap();
    queue
}

type Thread = std::thread::JoinHandle<()>;

/// Runs an instance that answers each message with itself and a suffix until the queue closes.
fn echo(queue: &Arc<Queue>, suffix: &'static str) -> Thread {
    let puller = queue.attach("i");
    std::thread::spawn(move || {
        while let Pulled::Batch(batch) = puller.pull(Duration::from_secs(60)) {
            for entry in batch.entries {
                let answer = match entry.content {
                    Content::Message(text) => [&text, suffix.as_bytes()].concat().into(),
                    Content::Tensors(_) | Content::Raw(_) => Bytes::from_static(b"tensors"),
                };
                entry.reply.send(Ok(Content::Message(answer)));
            }
        }
    })
}

fn request(text: &'static str) -> Request {
    Request {
        timeline: Arc::new(Timeline::new("r", None)),
        content: Content::Message(Bytes::from_static(text.as_bytes())),
        options: SchedulingOptions::default(),
        attachment: None,
    }
}

#[tokio::test]
async fn an_inline_model_runs_without_instances() {
    let engine = engine(1, 0);
    let spec = ModelSpec::new("id", "1", InputForm::Message);
    let model = Model::inline(spec, Box::new(Identity));
    let _model = engine.registry().add(model).unwrap();
    assert_eq!(engine.readiness(), Readiness::Ready);
    let route = engine.resolve(&RouteQuery::named("id")).unwrap();
    let answer = engine.infer(&route, request("hi")).await.unwrap();
    assert_eq!(answer, Content::Message(Bytes::from_static(b"hi")));
    let mut chunks = engine.infer_stream(route.clone(), request("hi"));
    assert_eq!(chunks.next().await, Some(Ok(answer)));
    assert_eq!(chunks.next().await, None);
    assert!(route.takes_tensors_too());
    let tensors = Content::Tensors(Vec::new());
    let sent = Request { content: tensors.clone(), ..request("") };
    assert_eq!(engine.infer(&route, sent).await.unwrap(), tensors);
}

#[tokio::test]
async fn a_graph_passes_the_answer_on() {
    let engine = engine(1, 1);
    let threads: Vec<_> = [("a", "-A"), ("b", "-B")]
        .map(|(name, suffix)| echo(&add(&engine, name, InputForm::Message), suffix))
        .into();
    engine.registry().set_default(&["a-1".into(), "b-1".into()]).unwrap();
    let route = engine.resolve(&RouteQuery::named("")).unwrap();
    let answer = engine.infer(&route, request("x")).await.unwrap();
    assert_eq!(answer, Content::Message(Bytes::from_static(b"x-A-B")));
    for model in engine.registry().models() {
        model.executor().close();
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[tokio::test]
async fn an_error_says_whether_a_model_has_run() {
    let engine = engine(1, 1);
    let first = add(&engine, "a", InputForm::Message);
    let thread = echo(&first, "-A");
    add(&engine, "b", InputForm::Message).close();
    engine.registry().set_default(&["a-1".into(), "b-1".into()]).unwrap();
    let route = engine.resolve(&RouteQuery::named("")).unwrap();
    let of_second = engine.infer(&route, request("x")).await.unwrap_err();
    assert_eq!((of_second.cause(), of_second.has_begun()), (Cause::Unavailable, true));
    first.close();
    thread.join().unwrap();
    let of_first = engine.infer(&route, request("x")).await.unwrap_err();
    assert_eq!((of_first.cause(), of_first.has_begun()), (Cause::Unavailable, false));
}

#[tokio::test]
async fn content_is_translated_to_the_form_a_model_wants() {
    let engine = engine(1, 1);
    let queue = add(&engine, "t", InputForm::Tensors);
    let thread = echo(&queue, "");
    let answer = engine
        .infer(&engine.resolve(&RouteQuery::named("t")).unwrap(), request("abc"))
        .await
        .unwrap();
    assert_eq!(answer, Content::Message(Bytes::from_static(b"tensors")));
    queue.close();
    thread.join().unwrap();
}

#[tokio::test]
async fn a_passed_deadline_frees_the_place() {
    let engine = engine(1, 0);
    let queue = add(&engine, "slow", InputForm::Message);
    let route = engine.resolve(&RouteQuery::named("slow")).unwrap();
    let mut late = request("x");
    late.options.deadline = Some(Instant::now() + Duration::from_millis(1));
    let error = engine.infer(&route, late).await.unwrap_err();
    assert_eq!(error.cause(), Cause::DeadlineExceeded);
    let thread = echo(&queue, "!");
    let answer = engine.infer(&route, request("y")).await.unwrap();
    assert_eq!(answer, Content::Message(Bytes::from_static(b"y!")));
    queue.close();
    thread.join().unwrap();
}

#[tokio::test]
async fn a_full_queue_refuses_and_keeps_the_others() {
    let engine = engine(1, 0);
    let queue = add(&engine, "m", InputForm::Message);
    let route = engine.resolve(&RouteQuery::named("m")).unwrap();
    let first = tokio::spawn({
        let (engine, route) = (Arc::clone(&engine), route.clone());
        async move { engine.infer(&route, request("x")).await }
    });
    while queue.is_empty() {
        tokio::task::yield_now().await;
    }
    let refused = engine.infer(&route, request("y")).await.unwrap_err();
    assert_eq!(refused.cause(), Cause::QueueFull);
    let thread = echo(&queue, "!");
    assert!(first.await.unwrap().is_ok());
    queue.close();
    thread.join().unwrap();
}

#[tokio::test]
async fn names_are_unknown_only_after_loading() {
    let limits = Limits { max_concurrency: 1, max_queue: 1 };
    let engine = Engine::new(limits, Health::new(true), Box::new(CountAdapter));
    assert_eq!(engine.resolve(&RouteQuery::named("m")).unwrap_err().cause(), Cause::Unavailable);
    engine.health().set_loaded();
    assert_eq!(engine.resolve(&RouteQuery::named("m")).unwrap_err().cause(), Cause::NotFound);
}

#[tokio::test]
async fn readiness_needs_an_instance_of_every_model() {
    let engine = engine(1, 1);
    let queue = add(&engine, "m", InputForm::Message);
    assert_eq!(engine.readiness(), Readiness::Unhealthy);
    let puller = queue.attach("i");
    assert_eq!(engine.readiness(), Readiness::Ready);
    drop(puller);
    assert_eq!(engine.readiness(), Readiness::Unhealthy);
}

/// Runs an instance that streams `count` numbered chunks and then answers as given.
fn streamer(queue: &Arc<Queue>, count: usize, outcome: Result<Content, Error>) -> Thread {
    let puller = queue.attach("i");
    std::thread::spawn(move || {
        while let Pulled::Batch(batch) = puller.pull(Duration::from_secs(60)) {
            for entry in batch.entries {
                let stream = entry.stream.unwrap();
                for number in 0..count {
                    stream.send(Content::Message(number.to_string().into()));
                }
                entry.reply.send(outcome.clone());
            }
        }
    })
}

fn nothing() -> Content {
    Content::Message(Bytes::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_chunk_of_a_stream_arrives_in_order() {
    let engine = engine(1, 1);
    let queue = add(&engine, "s", InputForm::Message);
    let thread = streamer(&queue, 10_000, Ok(nothing()));
    let mut chunks =
        engine.infer_stream(engine.resolve(&RouteQuery::named("s")).unwrap(), request("x"));
    for number in 0..10_000 {
        let chunk = chunks.next().await.unwrap().unwrap();
        assert_eq!(chunk, Content::Message(number.to_string().into()));
    }
    assert!(chunks.next().await.is_none());
    assert!(chunks.next().await.is_none());
    queue.close();
    thread.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_comes_behind_the_chunks_before_it() {
    let engine = engine(1, 1);
    let queue = add(&engine, "s", InputForm::Message);
    let thread = streamer(&queue, 2, Err(Error::new(Cause::ModelFailed, "boom")));
    let mut chunks =
        engine.infer_stream(engine.resolve(&RouteQuery::named("s")).unwrap(), request("x"));
    assert!(chunks.next().await.unwrap().is_ok());
    assert!(chunks.next().await.unwrap().is_ok());
    assert_eq!(chunks.next().await.unwrap().unwrap_err().message(), "boom");
    assert!(chunks.next().await.is_none());
    queue.close();
    thread.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_frees_a_producer_that_waits() {
    let engine = engine(1, 1);
    let queue = add(&engine, "s", InputForm::Message);
    let thread = streamer(&queue, 100_000, Ok(nothing()));
    let mut chunks =
        engine.infer_stream(engine.resolve(&RouteQuery::named("s")).unwrap(), request("x"));
    assert!(chunks.next().await.unwrap().is_ok());
    drop(chunks);
    queue.close();
    thread.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_ends_its_stream_is_not_cancelled_with_it() {
    let engine = engine(1, 1);
    let queue = add(&engine, "s", InputForm::Message);
    let puller = queue.attach("i");
    let (go, may_return) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let Pulled::Batch(batch) = puller.pull(Duration::from_secs(60)) else { return };
        for entry in batch.entries {
            let stream = entry.stream.unwrap();
            stream.send(Content::Message("last".into()));
            stream.end();
            may_return.recv().unwrap();
            assert!(stream.is_closed(), "user code sees that nothing reaches the client");
            assert!(!entry.reply.is_closed());
            entry.reply.send(Ok(nothing()));
        }
    });
    let route = engine.resolve(&RouteQuery::named("s")).unwrap();
    let stats = Arc::clone(route.models()[0].stats());
    let mut chunks = engine.infer_stream(route, request("x"));
    assert!(chunks.next().await.unwrap().is_ok());
    assert!(chunks.next().await.is_none());
    drop(chunks);
    go.send(()).unwrap();
    while stats.outcomes.read().in_flight > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stats.outcomes.read().succeeded, 1);
    queue.close();
    thread.join().unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place_in_the_queue() {
    let engine = engine(1, 1);
    let queue = add(&engine, "m", InputForm::Message);
    let route = engine.resolve(&RouteQuery::named("m")).unwrap();
    let waiting = tokio::spawn({
        let (engine, route) = (Arc::clone(&engine), route.clone());
        async move { engine.infer(&route, request("x")).await }
    });
    while queue.is_empty() {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert!(queue.is_empty());
}

#[tokio::test]
async fn a_request_that_no_instance_takes_in_time_is_refused() {
    let engine = engine(2, 1);
    let spec = ModelSpec {
        queue_timeout: Some(Duration::from_millis(1)),
        ..ModelSpec::new("m", "1", InputForm::Message)
    };
    let queue = add_spec(&engine, spec);
    let refused = engine
        .infer(&engine.resolve(&RouteQuery::named("m")).unwrap(), request("x"))
        .await
        .unwrap_err();
    assert_eq!(refused.cause(), Cause::QueueFull);
    assert!(refused.message().contains("within 1 ms"), "{refused}");
    assert!(queue.is_empty());
    let puller = queue.attach("i");
    let answering = std::thread::spawn(move || {
        let Pulled::Batch(batch) = puller.pull(Duration::from_secs(60)) else { return };
        // Taken in time: how long the answer takes does not matter.
        std::thread::sleep(Duration::from_millis(5));
        for entry in batch.entries {
            entry.reply.send(Ok(Content::Message(Bytes::from_static(b"late"))));
        }
    });
    let answer = loop {
        match engine.infer(&engine.resolve(&RouteQuery::named("m")).unwrap(), request("x")).await {
            Err(error) if error.cause() == Cause::QueueFull => {}
            outcome => break outcome.unwrap(),
        }
    };
    assert_eq!(answer, Content::Message(Bytes::from_static(b"late")));
    answering.join().unwrap();
}

#[tokio::test]
async fn more_rows_than_a_batch_may_have_are_refused() {
    let engine = engine(1, 1);
    let batching = crate::scheduling::batching::BatchPolicy { max_rows: 2, ..Default::default() };
    let spec = ModelSpec { batching, ..ModelSpec::new("m", "1", InputForm::Tensors) };
    let _queue = add_spec(&engine, spec);
    let refused = engine
        .infer(&engine.resolve(&RouteQuery::named("m")).unwrap(), request("abc"))
        .await
        .unwrap_err();
    assert_eq!(refused.cause(), Cause::InvalidArgument);
    assert!(refused.message().starts_with("model 'm-1': the input has 3 rows, at most 2"));
}

#[tokio::test]
async fn under_load_a_deadline_that_would_pass_is_refused_at_once() {
    let engine = engine(1, 10);
    let queue = add(&engine, "m", InputForm::Message);
    let route = engine.resolve(&RouteQuery::named("m")).unwrap();
    let ask = |text, deadline| {
        let (engine, route) = (Arc::clone(&engine), route.clone());
        let mut request = request(text);
        request.options.deadline = deadline;
        tokio::spawn(async move { engine.infer(&route, request).await })
    };
    let until = async |waiting: usize| {
        while queue.is_empty() || engine.waiting() < waiting {
            tokio::task::yield_now().await;
        }
    };
    // The first call takes as long as it takes to be pulled; so long do calls take now.
    let slow = ask("slow", None);
    until(0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let thread = echo(&queue, "!");
    slow.await.unwrap().unwrap();
    // A place that is taken while all instances are busy: here, while they are held back.
    queue.lower_concurrency(0);
    let first = ask("first", None);
    until(0).await;
    let hopeless = ask("hopeless", Some(Instant::now() + Duration::from_millis(450)));
    until(1).await;
    let last = ask("last", None);
    until(2).await;
    queue.raise_concurrency();
    let error = hopeless.await.unwrap().unwrap_err();
    assert_eq!(error.cause(), Cause::QueueFull);
    assert!(error.message().starts_with("the deadline would pass before the answer"), "{error}");
    for one in [first, last] {
        assert!(one.await.unwrap().is_ok());
    }
    // Without load it may try.
    let tried = ask("tried", Some(Instant::now() + Duration::from_millis(300)));
    assert!(tried.await.unwrap().is_ok());
    queue.close();
    thread.join().unwrap();
}

#[test]
fn only_models_with_priorities_let_requests_overtake_others() {
    let engine = engine(1, 1);
    for (name, priority_levels) in [("plain", 1), ("ordered", 3)] {
        let batching =
            crate::scheduling::batching::BatchPolicy { priority_levels, ..Default::default() };
        let spec = ModelSpec { batching, ..ModelSpec::new(name, "1", InputForm::Tensors) };
        engine.registry().put(Model::inline(spec, Box::new(Identity))).unwrap();
    }
    let priority = |name: &str, priority| {
        let route = engine.resolve(&RouteQuery::named(name)).unwrap();
        route.admission_priority(priority)
    };
    assert_eq!([0, 1, 255].map(|sent| priority("plain", sent)), [255, 255, 255]);
    assert_eq!([0, 1, 2, 255].map(|sent| priority("ordered", sent)), [253, 254, 255, 255]);
}
