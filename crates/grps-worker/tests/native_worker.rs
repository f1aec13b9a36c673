//! A native inferer in a worker process: batches, streams, failures, cancellation, crashes.
#![expect(clippy::expect_used, reason = "helpers of tests may panic")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use grps_core::{
    BatchPolicy, Cause, Content, ContentAdapter, Engine, Error, Failure, Health, InputForm, Limits,
    Model, ModelSpec, NativeBatch, NativeInferer, Outputs, Queue, Request, RouteQuery,
    SchedulingOptions, Tensor, Timeline, Values, run_batches,
};
use grps_worker::{Link, Served, WorkerChannel, WorkerEnd};

struct NoTranslation;

impl ContentAdapter for NoTranslation {
    fn to_tensors(&self, _: Bytes) -> Result<Vec<Tensor>, Error> {
        Err(Error::invalid("no tensors here"))
    }

    fn to_message(&self, _: &[Tensor]) -> Result<Bytes, Error> {
        Ok(Bytes::new())
    }
}

/// A service with one model, `m`.
fn service(form: InputForm) -> (Arc<Engine>, Arc<Queue>) {
    let limits = Limits { max_concurrency: 64, max_queue: 64 };
    let engine = Engine::new(limits, Health::new(true), Box::new(NoTranslation));
    engine.health().set_loaded();
    let batching = BatchPolicy { max_rows: 8, ..BatchPolicy::default() };
    let spec = ModelSpec { batching, ..ModelSpec::new("m", "1", form) };
    let (model, queue) = Model::pulled(spec);
    engine.registry().put(model).expect("a first model");
    (Arc::new(engine), queue)
}

/// Serves with a worker until the queue closes or the worker ends.
fn serve(queue: &Arc<Queue>, form: InputForm, link: Link) -> JoinHandle<Served> {
    let puller = queue.attach("m-1#0");
    std::thread::spawn(move || link.serve(&puller, form, None, None))
}

/// Starts the example's process and serves with it.
fn start_process(queue: &Arc<Queue>, form: InputForm) -> (Child, JoinHandle<Served>) {
    let link = Link::new().expect("a socket");
    let (socket, note) = link.take_worker_end().expect("descriptors").expect("the worker's end");
    let mut program = std::env::current_exe().expect("this program");
    program.pop();
    program.pop();
    let program: PathBuf = program.join("examples").join("echo_worker");
    let mut command = Command::new(program);
    let child = command.stdin(Stdio::from(socket)).stdout(Stdio::from(note)).spawn();
    // The command holds the worker's end, whose closing tells of the worker's end.
    drop(command);
    (child.expect("a process"), serve(queue, form, link))
}

/// Runs an inferer in a thread behind a link.
fn start_thread(
    queue: &Arc<Queue>,
    form: InputForm,
    mut inferer: impl NativeInferer + Send + 'static,
) -> (JoinHandle<Result<(), String>>, JoinHandle<Served>) {
    let link = Link::new().expect("a socket");
    let (socket, note) = link.take_worker_end().expect("descriptors").expect("the worker's end");
    let worker = std::thread::spawn(move || {
        run_batches(&mut WorkerChannel::new(WorkerEnd { socket, note }), &mut inferer, "m-1#0")
    });
    (worker, serve(queue, form, link))
}

fn message(text: &'static str) -> Content {
    Content::Message(Bytes::from_static(text.as_bytes()))
}

fn tensors(rows: &[i32]) -> Content {
    let values = Values::Int32(rows.to_vec());
    let tensor = Tensor::new("x".into(), vec![rows.len()], values);
    Content::Tensors(vec![tensor.expect("a tensor")])
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

/// Asks for all while the instance is held back, so that they share a batch.
async fn ask_together(
    engine: &Arc<Engine>,
    queue: &Queue,
    contents: Vec<Content>,
) -> Vec<Result<Content, Error>> {
    queue.lower_concurrency(0);
    let mut asked = Vec::new();
    for content in contents {
        let before = queue.len();
        asked.push(ask(engine, content));
        while queue.len() == before {
            tokio::task::yield_now().await;
        }
    }
    queue.raise_concurrency();
    let mut outcomes = Vec::new();
    for asked in asked {
        outcomes.push(asked.await.expect("an outcome"));
    }
    outcomes
}

fn end(queue: &Queue, served: JoinHandle<Served>) {
    queue.close();
    assert!(matches!(served.join().expect("served"), Served::Closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_tensors_are_run_in_a_process() {
    let (engine, queue) = service(InputForm::Tensors);
    let (mut child, served) = start_process(&queue, InputForm::Tensors);
    let inputs = vec![tensors(&[1, 2]), tensors(&[3]), tensors(&[4, 5])];
    let outcomes = ask_together(&engine, &queue, inputs.clone()).await;
    for (outcome, input) in outcomes.into_iter().zip(inputs) {
        assert_eq!(outcome, Ok(input));
    }
    // A body of more than a packet goes as a file in memory.
    let large: Vec<i32> = (0..100_000).collect();
    let wide = |rows: &[i32]| {
        let tensor = Tensor::new("x".into(), vec![1, rows.len()], Values::Int32(rows.to_vec()));
        Content::Tensors(vec![tensor.expect("a tensor")])
    };
    assert_eq!(ask(&engine, wide(&large)).await.expect("an outcome"), Ok(wide(&large)));
    assert_eq!(queue.counts().batches(), 2);
    end(&queue, served);
    assert!(child.wait().expect("an end").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_fails_alone_in_a_process() {
    let (engine, queue) = service(InputForm::Message);
    let (mut child, served) = start_process(&queue, InputForm::Message);
    let inputs = ["a", "bad", "b"].map(message).to_vec();
    let outcomes = ask_together(&engine, &queue, inputs).await;
    assert_eq!(outcomes, [Ok(message("A")), Err(Error::invalid("it is bad")), Ok(message("B"))]);
    end(&queue, served);
    assert!(child.wait().expect("an end").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_of_a_process_arrive_in_order() {
    let (engine, queue) = service(InputForm::Message);
    let (mut child, served) = start_process(&queue, InputForm::Message);
    let route = engine.resolve(&RouteQuery::named("m")).expect("a route");
    let mut chunks = engine.infer_stream(route, request(message("x")));
    for number in 0..100 {
        let chunk = chunks.next().await.expect("a chunk").expect("no failure");
        assert_eq!(chunk, Content::Message(number.to_string().into()));
    }
    assert_eq!(chunks.next().await, None);
    end(&queue, served);
    assert!(child.wait().expect("an end").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_copy_fails_its_batch_and_ends_the_process() {
    let (engine, queue) = service(InputForm::Message);
    let (mut child, served) = start_process(&queue, InputForm::Message);
    let outcome = ask(&engine, message("panic")).await.expect("an outcome");
    let error = outcome.expect_err("a failure");
    assert_eq!(error.message(), "the device is lost (request id r)");
    let Served::Broken(lost) = served.join().expect("served") else { panic!("it has ended") };
    assert!(lost.begun());
    assert!(!child.wait().expect("an end").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_lost_work_that_was_begun_and_a_new_process_goes_on() {
    let (engine, queue) = service(InputForm::Message);
    let (mut child, served) = start_process(&queue, InputForm::Message);
    let asked = ask(&engine, message("abort"));
    let Served::Broken(lost) = served.join().expect("served") else { panic!("it has crashed") };
    assert!(lost.begun(), "{}", lost.cause());
    assert!(!child.wait().expect("an end").success());
    lost.fail("the process was killed by signal 6");
    let error = asked.await.expect("an outcome").expect_err("a failure");
    assert_eq!(error.cause(), Cause::ModelFailed);
    assert_eq!(error.message(), "the process was killed by signal 6 (request id r)");
    let (mut child, served) = start_process(&queue, InputForm::Message);
    assert_eq!(ask(&engine, message("x")).await.expect("an outcome"), Ok(message("X")));
    end(&queue, served);
    assert!(child.wait().expect("an end").success());
}

/// Waits for its clients to disconnect, in several requests at once.
struct WaitForCancel;

impl NativeInferer for WaitForCancel {
    fn infer(&mut self, batch: &mut dyn NativeBatch) -> Result<Outputs, Failure> {
        let end = Instant::now() + Duration::from_secs(20);
        for request in batch.requests() {
            while !request.is_cancelled() {
                if Instant::now() >= end {
                    return Err(Failure::Instance("the client is still there".to_owned()));
                }
                if request.is_streaming() {
                    request.send_chunk(Content::Message(Bytes::from_static(b"chunk")));
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(Outputs::Replied)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_hears_of_clients_that_disconnect() {
    let (engine, queue) = service(InputForm::Message);
    let (worker, served) = start_thread(&queue, InputForm::Message, WaitForCancel);
    let asked = ask(&engine, message("x"));
    while queue.worked() == Duration::ZERO {
        tokio::task::yield_now().await;
    }
    asked.abort();
    let route = engine.resolve(&RouteQuery::named("m")).expect("a route");
    let mut chunks = engine.infer_stream(route, request(message("x")));
    assert!(chunks.next().await.expect("a chunk").is_ok());
    drop(chunks);
    queue.close();
    assert!(matches!(served.join().expect("served"), Served::Closed));
    assert_eq!(worker.join().expect("an end"), Ok(()));
}

/// Returns outputs with wrong rows, then none at all.
struct Wrong;

impl NativeInferer for Wrong {
    fn infer(&mut self, batch: &mut dyn NativeBatch) -> Result<Outputs, Failure> {
        match batch.rows() {
            Some(_) => {
                let tensor = Tensor::new("y".into(), vec![1], Values::Int32(vec![1]))?;
                Ok(Outputs::Tensors(vec![tensor]))
            }
            None => Ok(Outputs::Replied),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_outputs_fail_requests_and_not_the_worker() {
    let (engine, queue) = service(InputForm::Tensors);
    let (worker, served) = start_thread(&queue, InputForm::Tensors, Wrong);
    let inputs = vec![tensors(&[1]), tensors(&[2])];
    for outcome in ask_together(&engine, &queue, inputs).await {
        let error = outcome.expect_err("a failure");
        assert!(error.message().starts_with("the model replied to other"), "{error}");
    }
    end(&queue, served);
    assert_eq!(worker.join().expect("an end"), Ok(()));
}
