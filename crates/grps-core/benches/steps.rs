//! Cost of continuous batching in the core itself, for one sequence and step of a batch of 64: the
//! plan, the outputs by row, their counters, and what clients receive. The model takes no time.
#![expect(clippy::expect_used, reason = "a benchmark may end when it can't measure")]
#![expect(clippy::panic, reason = "a benchmark may end when it can't measure")]

use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use grps_core::{
    Call, Chunks, Content, ContentAdapter, EndReason, Engine, Error, Executor, Health, InputForm,
    Limits, Model, ModelSpec, PendingReply, Request, RouteQuery, SchedulingOptions, SequenceText,
    StepOutcome, StepPolicy, StepPuller, StepText, StepsExecutor, Submission, Tensor, Timeline,
    Values,
};
use tokio::runtime::{Builder, Runtime};

const SEQUENCES: usize = 64;
/// Steps of a sequence; the next sequences begin outside of what is measured.
const STEPS: u64 = 512;

/// Translates nothing: the requests and the model have tensors.
struct NoAdapter;

impl ContentAdapter for NoAdapter {
    fn to_tensors(&self, _message: Bytes) -> Result<Vec<Tensor>, Error> {
        Err(Error::invalid("there are no messages"))
    }

    fn to_message(&self, _tensors: &[Tensor]) -> Result<Bytes, Error> {
        Err(Error::invalid("there are no messages"))
    }
}

/// Text of a word for each step; that of tokens is measured in `grps-text`.
#[derive(Debug)]
struct Words;

impl StepText for Words {
    fn begin(&self, _inputs: &[Tensor]) -> Result<Box<dyn SequenceText>, Error> {
        Ok(Box::new(Self))
    }

    fn encode(&self, text: &str, _adds_special: bool) -> Result<Vec<u32>, Error> {
        Ok(text.bytes().map(u32::from).collect())
    }

    fn decode(&self, tokens: &[u32], _skips_special: bool) -> String {
        "x".repeat(tokens.len())
    }

    fn token_bytes(&self, _token: u32) -> &[u8] {
        b"x"
    }
}

impl SequenceText for Words {
    fn push(&mut self, _outputs: &[Tensor], text: &mut String) -> Result<Option<EndReason>, Error> {
        text.push_str(" word");
        Ok(None)
    }

    fn finish(&mut self, _text: &mut String) -> bool {
        false
    }

    fn stop_string(&self) -> Option<&str> {
        None
    }
}

/// The core with a step model and an instance.
struct Steps {
    runtime: Runtime,
    engine: Arc<Engine>,
    executor: Arc<StepsExecutor>,
    puller: StepPuller,
}

impl Steps {
    fn new(text: Option<Arc<dyn StepText>>) -> Self {
        let limits = Limits { max_concurrency: SEQUENCES, max_queue: SEQUENCES };
        let engine = Engine::new(limits, Health::new(true), Box::new(NoAdapter));
        let spec = ModelSpec::new("m", "1", InputForm::Tensors);
        let policy = StepPolicy { max_slots: SEQUENCES, ..StepPolicy::default() };
        let executor = Arc::new(StepsExecutor::with_text(&spec, policy, text));
        engine.registry().put(Model::new(spec, executor.clone())).expect("a name");
        engine.health().set_loaded();
        let puller = executor.queue().attach("i");
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self { runtime, engine: Arc::new(engine), executor, puller }
    }

    /// Sequences whose clients take all outputs at the end.
    fn wholes(&self) -> Vec<PendingReply> {
        let call = |_| {
            let timeline = Arc::new(Timeline::new("r", None));
            let call = Call::new(timeline, input(), &SchedulingOptions::default());
            match self.executor.submit(call) {
                Submission::Pending(reply) => reply,
                Submission::Done(reply) => panic!("{reply:?}"),
            }
        };
        (0..SEQUENCES).map(call).collect()
    }

    /// Sequences whose clients take each output as it comes.
    fn streams(&self) -> Vec<Chunks> {
        let stream = |_| {
            let request = Request {
                timeline: Arc::new(Timeline::new("r", None)),
                content: input(),
                options: SchedulingOptions::default(),
                attachment: None,
            };
            let route = self.engine.resolve(&RouteQuery::named("m")).expect("the model");
            self.engine.infer_stream(route, request)
        };
        self.runtime.block_on(async {
            let streams = (0..SEQUENCES).map(stream).collect();
            while self.executor.queue().len() < SEQUENCES {
                tokio::task::yield_now().await;
            }
            streams
        })
    }

    /// Makes a step of all sequences.
    fn step(&mut self) {
        let plan = self.puller.next_plan().expect("a plan");
        assert_eq!(plan.running, SEQUENCES);
        let outcome = StepOutcome { outputs: vec![outputs()], ..StepOutcome::default() };
        self.puller.finish_step(outcome).expect("a step");
    }

    /// Ends what the clients have left.
    fn clear(&mut self) {
        self.runtime.block_on(tokio::task::yield_now());
        let plan = self.puller.next_plan().expect("a plan");
        assert_eq!((plan.running, plan.ended.len()), (0, SEQUENCES));
    }
}

fn input() -> Content {
    Content::Tensors(vec![
        Tensor::new("input".into(), vec![1], Values::Int64(vec![1])).expect("a tensor"),
    ])
}

fn outputs() -> Tensor {
    Tensor::new("output".into(), vec![SEQUENCES], Values::Int64(vec![7; SEQUENCES]))
        .expect("a tensor")
}

/// Receives an output of each stream.
fn receive(streams: &mut [Chunks]) {
    let mut context = Context::from_waker(Waker::noop());
    for stream in streams {
        assert!(matches!(black_box(stream.poll_next(&mut context)), Poll::Ready(Some(Ok(_)))));
    }
}

/// The time of `iterations` sequences in a step each.
fn measure<T>(
    steps: &mut Steps,
    iterations: u64,
    begin: impl Fn(&Steps) -> Vec<T>,
    receive: impl Fn(&mut [T]),
) -> Duration {
    let mut left = iterations.div_ceil(SEQUENCES as u64).max(1);
    let made = left * SEQUENCES as u64;
    let mut elapsed = Duration::ZERO;
    while left > 0 {
        let mut clients = begin(steps);
        steps.step();
        receive(&mut clients);
        let count = left.min(STEPS);
        let began = Instant::now();
        for _ in 0..count {
            steps.step();
            receive(&mut clients);
        }
        elapsed += began.elapsed();
        left -= count;
        drop(clients);
        steps.clear();
    }
    elapsed.mul_f64(iterations as f64 / made as f64)
}

fn benches(criterion: &mut Criterion) {
    let mut steps = Steps::new(None);
    criterion.bench_function("one sequence and step, of a whole output", |bencher| {
        bencher.iter_custom(|count| measure(&mut steps, count, Steps::wholes, |_| {}));
    });
    criterion.bench_function("one sequence and step, of a stream", |bencher| {
        bencher.iter_custom(|count| measure(&mut steps, count, Steps::streams, receive));
    });
    let mut steps = Steps::new(Some(Arc::new(Words)));
    criterion.bench_function("one sequence and step, of a whole output with text", |bencher| {
        bencher.iter_custom(|count| measure(&mut steps, count, Steps::wholes, |_| {}));
    });
    criterion.bench_function("one sequence and step, of a stream with text", |bencher| {
        bencher.iter_custom(|count| measure(&mut steps, count, Steps::streams, receive));
    });
}

criterion_group!(all, benches);
criterion_main!(all);
