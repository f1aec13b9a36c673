//! The inferers of `sdk/cpp/tests/plugin.cpp` behind the engine.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests may panic")]

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{
    Cause, Content, DataType, Elements, Error, NestedCalls, Request, RouteQuery, Tensor, Values,
};
use grps_plugin::{PluginSignature, PluginTensor};

mod service;
mod support;

use service::{Asked, Service, library, request_for, settings};

fn calls() -> Arc<NestedCalls> {
    Arc::new(NestedCalls::new("m-1"))
}

impl Service {
    fn ask(&self, inputs: Vec<Tensor>) -> Asked {
        self.ask_for(Content::Tensors(inputs))
    }

    async fn fault(&self, mode: f32) -> Error {
        let outcome = self.ask(vec![floats(&[mode])]).await.expect("an outcome");
        outcome.expect_err("a failure")
    }

    /// Asks for all while the instance is held back, so that they share a batch.
    async fn ask_together(&self, rows: &[&[f32]]) -> Vec<Result<Content, Error>> {
        self.queue.lower_concurrency(0);
        let mut asked = Vec::new();
        for rows in rows {
            let before = self.queue.len();
            asked.push(self.ask(vec![floats(rows)]));
            while self.queue.len() == before {
                tokio::task::yield_now().await;
            }
        }
        self.queue.raise_concurrency();
        let mut outcomes = Vec::new();
        for asked in asked {
            outcomes.push(asked.await.expect("an outcome"));
        }
        outcomes
    }
}

fn request(inputs: Vec<Tensor>) -> Request {
    request_for(Content::Tensors(inputs))
}

fn tensor(name: &str, shape: &[usize], values: impl Into<Values>) -> Tensor {
    Tensor::new(name.into(), shape.to_vec(), values.into()).expect("a tensor")
}

fn floats(rows: &[f32]) -> Tensor {
    tensor("x", &[rows.len(), 1], rows.to_vec())
}

fn tensors(content: Result<Content, Error>) -> Vec<Tensor> {
    match content.expect("an output") {
        Content::Tensors(tensors) => tensors,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_a_batch_get_their_rows() {
    let service = Service::new("multiply");
    let outcomes = service.ask_together(&[&[1.0, 2.0], &[3.0]]).await;
    let outputs: Vec<_> = outcomes.into_iter().map(tensors).collect();
    assert_eq!(outputs[0], [tensor("y", &[2, 1], vec![2.0f32, 4.0])]);
    assert_eq!(outputs[1], [tensor("y", &[1, 1], vec![6.0f32])]);
    assert_eq!(service.queue.counts().batches(), 1);
    assert_eq!(outputs[0][0].elements().bytes().as_ptr() as usize % 64, 0);
    let empty = tensors(service.ask(vec![tensor("x", &[0, 3], vec![0f32; 0])]).await.expect("one"));
    assert_eq!(empty, [tensor("y", &[0, 3], vec![0f32; 0])]);
    let wrong = service.ask(vec![tensor("x", &[1], vec![1i64])]).await.expect("an outcome");
    let error = wrong.expect_err("another type");
    assert_eq!(error, Error::invalid("input 'x' is int64, not float32"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lent_outputs_and_strings_arrive() {
    let service = Service::new("lend");
    let outputs = tensors(service.ask(vec![floats(&[7.0, 8.0])]).await.expect("an outcome"));
    let texts = ["7", "8"].map(Bytes::from).to_vec();
    assert_eq!(
        outputs,
        [tensor("y", &[2, 1], vec![7.0f32, 8.0]), tensor("texts", &[2, 1], Values::String(texts))]
    );
    let service = Service::new("upper");
    let strings = |all: &[&str]| {
        Values::String(all.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect())
    };
    let input = tensor("text", &[3], strings(&["ab", "", "c"]));
    let outputs = tensors(service.ask(vec![input]).await.expect("an outcome"));
    assert_eq!(outputs[0].elements(), strings(&["AB", "", "C"]).elements());
    let missing = service.ask(vec![floats(&[1.0])]).await.expect("an outcome");
    assert_eq!(missing.expect_err("no text"), Error::invalid("input 'text' is missing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_seen_and_fail_one_by_one() {
    let service = Service::new("look");
    let outcomes = service.ask_together(&[&[5.0, 5.0], &[-1.0], &[-2.0], &[6.0]]).await;
    let mut outcomes = outcomes.into_iter();
    let first = tensors(outcomes.next().expect("four"));
    assert_eq!(first[0].elements(), Elements::Int64(&[4, 0, 2, 1, 0, 0]));
    assert_eq!(first[1].elements(), Elements::String(&[Bytes::from("r")]));
    let small = outcomes.next().expect("four").expect_err("too small");
    assert_eq!((small.message(), small.status()), ("too small", Some(422)));
    let failed = outcomes.next().expect("four").expect_err("a failure");
    assert_eq!(failed.message(), "it did not work (request id r)");
    assert_eq!(failed.cause(), Cause::ModelFailed);
    let last = tensors(outcomes.next().expect("four"));
    assert_eq!(last[0].elements(), Elements::Int64(&[4, 4, 1, 1, 0, 0]));
    assert_eq!(service.queue.counts().batches(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_arrive_in_order_until_the_client_leaves() {
    let service = Service::new("count");
    let route = service.engine.resolve(&RouteQuery::named("m")).expect("a route");
    let mut chunks = service.engine.infer_stream(route, request(vec![floats(&[3.0])]));
    for number in 0..3u8 {
        let chunk = chunks.next().await.expect("a chunk");
        assert_eq!(tensors(chunk), [tensor("number", &[1], vec![f32::from(number)])]);
    }
    assert_eq!(chunks.next().await, None);
    let route = service.engine.resolve(&RouteQuery::named("m")).expect("a route");
    let mut endless = service.engine.infer_stream(route, request(vec![floats(&[-1.0])]));
    assert!(endless.next().await.expect("a chunk").is_ok());
    drop(endless);
    // The instance takes the next request only after it has noticed.
    let error = service.fault(1.0).await;
    assert!(error.message().starts_with("this model answers in chunks; request a stream"));
    assert_eq!(error.cause(), Cause::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_answered_by_messages() {
    let service = Service::new("echo");
    let message = |text: &'static str| Content::Message(Bytes::from_static(text.as_bytes()));
    let outcome = service.ask_for(message("hello")).await.expect("an outcome");
    assert_eq!(outcome, Ok(message("hello")));
    let route = service.engine.resolve(&RouteQuery::named("m")).expect("a route");
    let mut chunks = service.engine.infer_stream(route, request_for(message("x")));
    for _ in 0..2 {
        assert_eq!(chunks.next().await, Some(Ok(message("x"))));
    }
    assert_eq!(chunks.next().await, None);
    let faults = [
        ("1", "an inferer that takes messages has outputs of single requests only"),
        ("2", "put_message: only outputs of a request may be a message"),
        ("3", "a message is the only output of a request"),
    ];
    for (text, fault) in faults {
        let outcome = service.ask_for(message(text)).await.expect("an outcome");
        assert_eq!(outcome.expect_err(fault).message(), format!("{fault} (request id r)"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn user_data_is_kept_with_a_request_and_released_once() {
    let service = Service::new("data");
    let number = async |x: f32| {
        let outcome = service.ask(vec![floats(&[x])]).await.expect("an outcome");
        tensors(outcome)[0].elements().bytes().to_vec()
    };
    assert_eq!(number(5.0).await, 5f32.to_ne_bytes());
    assert_eq!(number(-1.0).await, 0f32.to_ne_bytes());
    let endless = service.ask(vec![floats(&[1000.0])]);
    while service.queue.counts().batches() < 3 {
        tokio::task::yield_now().await;
    }
    endless.abort();
    assert_eq!(number(-1.0).await, 0f32.to_ne_bytes());
    // Released in every case; what is wrong fails the run.
    let fault = service.fault(-2.0).await;
    assert_eq!(fault.message(), "set_user_data: the type: its pointer is NULL (request id r)");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_calls_of_models_are_named() {
    let service = Service::new("calls");
    let faults = [
        (-1.0, "begin_call: the model: its pointer is NULL"),
        (-2.0, "run_call: the call has no inputs"),
        (-3.0, "call_output: no output 0; there are 0"),
        (-4.0, "run_call: the call has run already"),
        (1.0, "the service does not serve its models"),
    ];
    for (mode, fault) in faults {
        let error = service.fault(mode).await;
        assert_eq!(error.message(), format!("{fault} (request id r)"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exceptions_are_failures() {
    let service = Service::new("throw");
    let missing = service.fault(0.0).await;
    assert_eq!((missing.message(), missing.status()), ("no such label", Some(404)));
    assert_eq!(service.fault(1.0).await.message(), "it went wrong (request id r)");
    let unknown = service.fault(3.0).await;
    assert_eq!(unknown.message(), "an exception that is no std::exception (request id r)");
    assert_eq!(service.fault(4.0).await.message(), "infer returned no output (request id r)");
    assert_eq!(service.instance.restarts(), 0);
    assert_eq!(service.fault(2.0).await.message(), "the device is lost (request id r)");
    assert_eq!(service.fault(1.0).await.message(), "it went wrong (request id r)");
    assert_eq!(service.instance.restarts(), 1);
    assert_eq!(service.instance.failure(), None);
    let zero =
        library().loader(&settings("multiply", r#"{"factor": 0}"#), 0, &calls()).expect("settings");
    assert_eq!(zero().err().as_deref(), Some("inferer 'multiply': the factor is 0"));
    let text = library()
        .loader(&settings("multiply", r#"{"factor": "2"}"#), 0, &calls())
        .expect("settings");
    let error = text().err();
    assert_eq!(error.as_deref(), Some("inferer 'multiply': inferer_args/factor must be a number"));
}

#[test]
fn inputs_and_outputs_are_described() {
    let tensor = |name: &str, shape: &[Option<u64>]| PluginTensor {
        name: name.to_owned(),
        dtype: DataType::Float32,
        shape: shape.to_vec(),
    };
    let described = library().describe(&settings("sum", r#"{"columns": 3}"#));
    let signature = PluginSignature {
        inputs: vec![tensor("x", &[None, Some(3)])],
        outputs: vec![tensor("sum", &[None])],
    };
    assert_eq!(described, Ok(Some(signature)));
    assert_eq!(library().describe(&settings("multiply", "{}")), Ok(None));
    let faults = [
        ("throws", "the file is missing"),
        ("twice", "add_input: two are called 'x'"),
        ("type", "add_output: 'sum': no type 14"),
        ("rank", "add_output: 'sum': rank 33; at most 32 are allowed"),
    ];
    for (fault, expected) in faults {
        let args = format!(r#"{{"fault": "{fault}"}}"#);
        let described = library().describe(&settings("sum", &args));
        assert_eq!(described, Err(format!("inferer 'sum': {expected}")));
    }
}

#[test]
fn a_copy_is_warmed_up_unless_it_is_not_to_be() {
    let mut settings = settings("sum", r#"{"warmth": "fails"}"#);
    let cold = library().loader(&settings, 0, &calls()).expect("settings")();
    let expected = "inferer 'sum': warm-up: it stays cold";
    assert_eq!(cold.err().as_deref(), Some(expected));
    settings.warm_up = false;
    assert!(library().loader(&settings, 0, &calls()).expect("settings")().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_calls_fail_the_batch_with_what_was_wrong() {
    let service = Service::new("lie");
    let faults = [
        "output 'y': dimension 1 is -4",
        "output 'y': its shape has too many elements",
        "output 'y': no type 14",
        "output 'y': no type -1",
        "output 'y': float32 of shape [1, 4] has 16 bytes, but `bytes` is 17",
        "output 'y': float64 of shape [1, 4] has 32 bytes, but `bytes` is 16",
        "output 'y': its data is NULL",
        "output 'y': its shape is NULL",
        "output 'y': rank 33; at most 32 are allowed",
        "an output's name: its pointer is NULL",
        "an output's name: it is not UTF-8",
        "an output's struct_size is 71, not 72 or more",
        "an output's name has 4097 bytes; at most 4096 are allowed",
        "output 'y': string 1 ends before it begins",
        "output 'y': its offsets are NULL",
        "output 'y': its text: its pointer is NULL",
        "an output's description is NULL",
        "allocate: `data` is NULL",
        "output 'y': no memory for 2305843009213693952 bytes",
        "output 'y': strings can't be allocated; use copy",
        "output 'y': float32 of shape [1, 4] has 16 bytes, but `bytes` is 12",
        "lend: `release` is NULL; without it nobody knows when the memory is free",
        "two outputs are called 'y'",
        "request: no request 1; the batch has 1",
        "input: no input 1; there are 1",
        "input: the view's struct_size is 8, not 72 or more",
    ];
    for (mode, fault) in (0u8..).zip(faults) {
        let error = service.fault(f32::from(mode)).await;
        assert_eq!(error.message(), format!("{fault} (request id r)"));
        assert_eq!(error.cause(), Cause::ModelFailed);
    }
    let route = service.engine.resolve(&RouteQuery::named("m")).expect("a route");
    let mut chunks = service.engine.infer_stream(route, request(vec![floats(&[26.0])]));
    let error = chunks.next().await.expect("an end").expect_err("an empty chunk");
    assert!(error.message().starts_with("send_chunk is called without outputs"), "{error}");
    drop(chunks);
    assert!(service.ask(vec![floats(&[27.0])]).await.expect("an outcome").is_ok());
    let released = tensors(service.ask(vec![floats(&[28.0])]).await.expect("an outcome"));
    assert_eq!(released[0].elements(), Elements::Int32(&[2]));
    for outcome in service.ask_together(&[&[29.0], &[29.0]]).await {
        // Alone, each may have any number of rows.
        assert_eq!(tensors(outcome)[0].shape(), [3]);
    }
    assert_eq!(service.queue.counts().batches(), 30);
    assert_eq!(service.instance.restarts(), 0);
}
