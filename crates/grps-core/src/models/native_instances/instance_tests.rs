//! Tests of native instances behind a whole engine.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::*;
use crate::engine::{Engine, Limits};
use crate::health::{Health, Readiness};
use crate::models::model::Model;
use crate::models::model_spec::ModelSpec;
use crate::models::native_instances::inferer::{Failure, NativeBatch, Outputs};
use crate::models::route_query::RouteQuery;
use crate::request::content::{Content, ContentAdapter};
use crate::request::request::{Request, SchedulingOptions};
use crate::request::timeline::Timeline;
use crate::scheduling::batching::BatchPolicy;
use crate::tensor::tensor::Tensor;
use crate::tensor::values::Values;

const GUARD: Duration = Duration::from_secs(20);

struct NoTranslation;

impl ContentAdapter for NoTranslation {
    fn to_tensors(&self, _: Bytes) -> Result<Vec<Tensor>, Error> {
        Err(Error::invalid("no tensors here"))
    }

    fn to_message(&self, _: &[Tensor]) -> Result<Bytes, Error> {
        Ok(Bytes::new())
    }
}

fn engine() -> Arc<Engine> {
    let limits = Limits { max_concurrency: 64, max_queue: 64 };
    let engine = Engine::new(limits, Health::new(true), Box::new(NoTranslation));
    engine.health().set_loaded();
    Arc::new(engine)
}

/// Adds a model `m` that batches up to eight rows.
fn add(engine: &Engine, form: InputForm) -> Arc<Queue> {
    let batching = BatchPolicy { max_rows: 8, ..BatchPolicy::default() };
    let spec = ModelSpec { batching, ..ModelSpec::new("m", "1", form) };
    let (model, queue) = Model::pulled(spec);
    engine.registry().put(model).unwrap();
    queue
}

/// An inferer that is a function.
struct Run<F>(F);

impl<F: FnMut(&mut dyn NativeBatch) -> Result<Outputs, Failure>> NativeInferer for Run<F> {
    fn infer(&mut self, batch: &mut dyn NativeBatch) -> Result<Outputs, Failure> {
        (self.0)(batch)
    }
}

/// Starts an instance whose copies all run this function.
fn start(
    queue: &Arc<Queue>,
    form: InputForm,
    run: impl Fn(&mut dyn NativeBatch) -> Result<Outputs, Failure> + Send + Sync + 'static,
) -> NativeInstance {
    let run = Arc::new(run);
    let load: LoadInferer = Arc::new(move || {
        let run = Arc::clone(&run);
        Ok(Box::new(Run(move |batch: &mut dyn NativeBatch| run(batch))))
    });
    NativeInstance::start("m-1#0", queue, form, load).unwrap()
}

fn message(text: &'static str) -> Content {
    Content::Message(Bytes::from_static(text.as_bytes()))
}

fn tensors(rows: &[i32]) -> Content {
    let values = Values::Int32(rows.to_vec());
    Content::Tensors(vec![Tensor::new("x".into(), vec![rows.len()], values).unwrap()])
}

fn request(content: Content) -> Request {
    Request {
        timeline: Arc::new(Timeline::new("r", None)),
        content,
        options: SchedulingOptions::default(),
        attachment: None,
    }
}

type Asked = tokio::task::JoinHandle<Result<Content, Error>>;

fn ask(engine: &Arc<Engine>, content: Content) -> Asked {
    let engine = Arc::clone(engine);
    tokio::spawn(async move {
        let route = engine.resolve(&RouteQuery::named("m"))?;
        engine.infer(&route, request(content)).await
    })
}

/// Asks one after another, so that they are in the queue in this order.
async fn ask_all(engine: &Arc<Engine>, queue: &Queue, contents: Vec<Content>) -> Vec<Asked> {
    let mut asked = Vec::new();
    for content in contents {
        let before = queue.len();
        asked.push(ask(engine, content));
        while queue.len() == before {
            tokio::task::yield_now().await;
        }
    }
    asked
}

/// Holds the instance back while requests are put into the queue.
fn hold(queue: &Queue) {
    queue.lower_concurrency(0);
}

fn release(queue: &Queue) {
    queue.raise_concurrency();
}

fn returns_input(batch: &mut dyn NativeBatch) -> Result<Outputs, Failure> {
    batch.take_tensors().map(Outputs::Tensors).ok_or_else(|| Error::invalid("no tensors").into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_run_at_once_and_shared_out() {
    let (engine, rows) = (engine(), Arc::new(AtomicUsize::new(0)));
    let queue = add(&engine, InputForm::Tensors);
    let most = Arc::clone(&rows);
    let instance = start(&queue, InputForm::Tensors, move |batch| {
        most.fetch_max(batch.rows().unwrap_or_default(), Ordering::SeqCst);
        returns_input(batch)
    });
    hold(&queue);
    let inputs = vec![tensors(&[1, 2]), tensors(&[3]), tensors(&[4, 5, 6])];
    let asked = ask_all(&engine, &queue, inputs.clone()).await;
    release(&queue);
    for (asked, input) in asked.into_iter().zip(inputs) {
        assert_eq!(asked.await.unwrap(), Ok(input));
    }
    assert_eq!(rows.load(Ordering::SeqCst), 6);
    queue.close();
    instance.join();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_fails_alone() {
    let engine = engine();
    let queue = add(&engine, InputForm::Message);
    let instance = start(&queue, InputForm::Message, |batch| {
        let requests = batch.requests();
        for request in &requests {
            match request.message().as_deref() {
                Some(b"bad") => return Err(Error::invalid("it is bad").into()),
                Some(b"broken") => return Err(Error::new(Cause::ModelFailed, "boom").into()),
                _ => {}
            }
        }
        for request in &requests {
            request.reply(Ok(Content::Message(request.message().unwrap())));
        }
        Ok(Outputs::Replied)
    });
    hold(&queue);
    let inputs = ["a", "bad", "b", "broken"].map(message).to_vec();
    let asked = ask_all(&engine, &queue, inputs).await;
    release(&queue);
    let mut outcomes = Vec::new();
    for asked in asked {
        outcomes.push(asked.await.unwrap());
    }
    assert_eq!(outcomes[0], Ok(message("a")));
    assert_eq!(outcomes[1], Err(Error::invalid("it is bad")));
    assert_eq!(outcomes[2], Ok(message("b")));
    assert_eq!(outcomes[3].as_ref().unwrap_err().message(), "boom (request id r)");
    // The instance goes on as it was.
    assert_eq!((queue.restarts(), engine.readiness()), (0, Readiness::Ready));
    queue.close();
    instance.join();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_outputs_and_missing_replies_are_failures() {
    let engine = engine();
    let queue = add(&engine, InputForm::Tensors);
    let instance = start(&queue, InputForm::Tensors, |batch| {
        if batch.len() > 1 {
            let one = Tensor::new("y".into(), vec![1], Values::Int32(vec![1])).unwrap();
            return Ok(Outputs::Tensors(vec![one]));
        }
        Ok(Outputs::Replied)
    });
    hold(&queue);
    let asked = ask_all(&engine, &queue, vec![tensors(&[1]), tensors(&[2])]).await;
    release(&queue);
    for asked in asked {
        let error = asked.await.unwrap().unwrap_err();
        assert_eq!(error.cause(), Cause::ModelFailed);
        assert!(error.message().starts_with("the model replied to other requests"), "{error}");
    }
    queue.close();
    instance.join();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_gets_every_chunk_and_holds_only_its_instance() {
    const CHUNKS: usize = 1000;
    let engine = engine();
    let queue = add(&engine, InputForm::Message);
    let streaming = |batch: &mut dyn NativeBatch| {
        for request in batch.requests() {
            assert!(request.is_streaming());
            for number in 0..CHUNKS {
                assert!(request.send_chunk(Content::Message(number.to_string().into())));
            }
            request.finish();
        }
        Ok(Outputs::Replied)
    };
    let instances = [0, 1].map(|_| start(&queue, InputForm::Message, streaming));
    let route = engine.resolve(&RouteQuery::named("m")).unwrap();
    let mut slow = engine.infer_stream(route.clone(), request(message("slow")));
    assert_eq!(slow.next().await, Some(Ok(message("0"))));
    // The first instance waits for room; the second one serves on.
    let mut fast = engine.infer_stream(route, request(message("fast")));
    for number in 0..CHUNKS {
        let chunk = fast.next().await.unwrap().unwrap();
        assert_eq!(chunk, Content::Message(number.to_string().into()));
    }
    assert_eq!(fast.next().await, None);
    for number in 1..CHUNKS {
        let chunk = slow.next().await.unwrap().unwrap();
        assert_eq!(chunk, Content::Message(number.to_string().into()));
    }
    assert_eq!(slow.next().await, None);
    queue.close();
    instances.iter().for_each(NativeInstance::join);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_disconnects_ends_its_run_and_its_stream() {
    let engine = engine();
    let queue = add(&engine, InputForm::Message);
    let (began, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let instance = start(&queue, InputForm::Message, move |batch| {
        let request = batch.requests().remove(0);
        let _ = began.send(());
        let end = Instant::now() + GUARD;
        if request.is_streaming() {
            while request.send_chunk(message("chunk")) {}
        }
        while !request.is_cancelled() {
            assert!(Instant::now() < end, "the client has disconnected long ago");
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Outputs::Replied)
    });
    let asked = ask(&engine, message("x"));
    begun.recv().await.unwrap();
    asked.abort();
    let route = engine.resolve(&RouteQuery::named("m")).unwrap();
    let mut chunks = engine.infer_stream(route.clone(), request(message("x")));
    begun.recv().await.unwrap();
    assert!(chunks.next().await.unwrap().is_ok());
    drop(chunks);
    // A deadline is the same to the instance.
    let mut late = request(message("x"));
    late.options.deadline = Some(tokio::time::Instant::now() + Duration::from_millis(20));
    let error = engine.infer(&route, late).await.unwrap_err();
    assert_eq!(error.cause(), Cause::DeadlineExceeded);
    queue.close();
    instance.join();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_cancelled_in_the_queue_is_not_run() {
    let (engine, runs) = (engine(), Arc::new(AtomicUsize::new(0)));
    let queue = add(&engine, InputForm::Tensors);
    let counted = Arc::clone(&runs);
    let instance = start(&queue, InputForm::Tensors, move |batch| {
        counted.fetch_add(batch.len(), Ordering::SeqCst);
        returns_input(batch)
    });
    hold(&queue);
    let mut asked = ask_all(&engine, &queue, vec![tensors(&[1]), tensors(&[2])]).await;
    let first = asked.remove(0);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    release(&queue);
    assert_eq!(asked.remove(0).await.unwrap(), Ok(tensors(&[2])));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    queue.close();
    instance.join();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_fails_its_batch_and_the_instance_starts_again() {
    let (engine, loads) = (engine(), Arc::new(AtomicUsize::new(0)));
    let queue = add(&engine, InputForm::Message);
    let loaded = Arc::clone(&loads);
    let load: LoadInferer = Arc::new(move || {
        // The second copy can't be loaded, the third one can.
        match loaded.fetch_add(1, Ordering::SeqCst) {
            1 => Err("no memory".to_owned()),
            _ => Ok(Box::new(Run(|batch: &mut dyn NativeBatch| {
                let requests = batch.requests();
                for request in &requests {
                    assert_ne!(request.message().as_deref(), Some(b"panic".as_slice()));
                    request.reply(Ok(message("fine")));
                }
                Ok(Outputs::Replied)
            }))),
        }
    });
    let instance = NativeInstance::start("m-1#0", &queue, InputForm::Message, load).unwrap();
    hold(&queue);
    let asked = ask_all(&engine, &queue, ["x", "panic", "y"].map(message).to_vec()).await;
    release(&queue);
    let mut outcomes = Vec::new();
    for asked in asked {
        outcomes.push(asked.await.unwrap());
    }
    // The first request had its reply before the panic.
    assert_eq!(outcomes[0], Ok(message("fine")));
    for outcome in &outcomes[1..] {
        let error = outcome.as_ref().unwrap_err();
        assert_eq!(error.cause(), Cause::ModelFailed);
        assert!(error.message().starts_with("it panicked: "), "{error}");
    }
    let trouble = loop {
        // The clients hear of it before the health of the model does, which knows first that no
        // instance runs, then why.
        match engine.registry().trouble() {
            Some(trouble) if trouble.contains("m-1#0") => break trouble,
            _ => tokio::task::yield_now().await,
        }
    };
    assert_eq!(engine.readiness(), Readiness::Unhealthy);
    assert!(trouble.starts_with("instance 'm-1#0' is down: it panicked"), "{trouble}");
    // A request that comes meanwhile waits for the instance.
    assert_eq!(ask(&engine, message("later")).await.unwrap(), Ok(message("fine")));
    assert_eq!((queue.restarts(), loads.load(Ordering::SeqCst)), (1, 3));
    assert_eq!(engine.readiness(), Readiness::Ready);
    queue.close();
    instance.join();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_says_it_is_unusable_is_loaded_again() {
    let engine = engine();
    let queue = add(&engine, InputForm::Tensors);
    let runs = AtomicUsize::new(0);
    let instance = start(&queue, InputForm::Tensors, move |batch| {
        match runs.fetch_add(1, Ordering::SeqCst) {
            // The batch fails, and so does the first of its requests when it is run alone.
            0 => Err(Error::new(Cause::ModelFailed, "the batch failed").into()),
            1 => Err(Failure::Instance("the device is lost".to_owned())),
            _ => returns_input(batch),
        }
    });
    hold(&queue);
    let asked = ask_all(&engine, &queue, vec![tensors(&[1]), tensors(&[2])]).await;
    release(&queue);
    for asked in asked {
        let error = asked.await.unwrap().unwrap_err();
        assert_eq!(error.message(), "the device is lost (request id r)");
    }
    assert_eq!(ask(&engine, tensors(&[3])).await.unwrap(), Ok(tensors(&[3])));
    assert_eq!(queue.restarts(), 1);
    queue.close();
    instance.join();
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_drains_the_queue() {
    let engine = engine();
    let queue = add(&engine, InputForm::Tensors);
    let instances = [0, 1, 2].map(|_| start(&queue, InputForm::Tensors, returns_input));
    (0..3).for_each(|_| hold(&queue));
    let inputs: Vec<_> = (0..40).map(|number| tensors(&[number])).collect();
    let asked = ask_all(&engine, &queue, inputs.clone()).await;
    queue.close();
    let refused = ask(&engine, tensors(&[0])).await.unwrap().unwrap_err();
    assert_eq!(refused.cause(), Cause::Unavailable);
    for (asked, input) in asked.into_iter().zip(inputs) {
        assert_eq!(asked.await.unwrap(), Ok(input));
    }
    instances.iter().for_each(NativeInstance::join);
    assert_eq!(queue.pullers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_instance_leaves_what_waits_to_others() {
    let engine = engine();
    let queue = add(&engine, InputForm::Tensors);
    let (blocked, block) = mpsc::sync_channel::<()>(0);
    let block = Mutex::new(block);
    let first = start(&queue, InputForm::Tensors, move |batch| {
        let _ = block.lock().recv();
        returns_input(batch)
    });
    let running = ask(&engine, tensors(&[1]));
    while !(queue.is_empty() && queue.worked() > Duration::ZERO) {
        tokio::task::yield_now().await;
    }
    assert!(!first.stop(Duration::from_millis(5)), "it still runs its batch");
    let waiting = ask(&engine, tensors(&[2]));
    drop(blocked);
    assert_eq!(running.await.unwrap(), Ok(tensors(&[1])));
    assert!(first.stop(GUARD));
    let second = start(&queue, InputForm::Tensors, returns_input);
    assert_eq!(waiting.await.unwrap(), Ok(tensors(&[2])));
    assert!(second.stop(GUARD));
    assert!(engine.registry().trouble().unwrap().contains("no running instance"));
}

#[test]
fn a_copy_that_can_not_be_loaded_is_an_error_at_the_start() {
    let queue = Arc::new(Queue::default());
    let fails: LoadInferer = Arc::new(|| Err("no such file".to_owned()));
    let error = NativeInstance::start("m#0", &queue, InputForm::Tensors, fails).unwrap_err();
    assert_eq!(error, Error::new(Cause::ModelFailed, "no such file"));
    let panics: LoadInferer = Arc::new(|| panic!("no device {}", 7));
    let error = NativeInstance::start("m#0", &queue, InputForm::Tensors, panics).unwrap_err();
    assert_eq!(error.message(), "it panicked: no device 7");
    assert_eq!(queue.pullers(), 0);
}
