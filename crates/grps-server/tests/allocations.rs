//! How often the hot paths ask for memory: a guard that a slow machine can't trip.
//!
//! A limit here is what is needed today. Raise one only with a reason.
#![expect(clippy::expect_used, reason = "helpers of tests may panic")]

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use grps_core::{
    Content, DataType, Engine, Health, Identity, InputForm, Limits, Model, ModelSpec, Pulled,
    Tensor, Values,
};
use grps_server::codec::{Codec, json, proto};
use grps_server::{App, CaptureSettings, Settings, bind, serve};
use tokio::sync::oneshot;

fn tensor(count: usize) -> Tensor {
    Tensor::new("x".into(), vec![count], Values::Float32(vec![0.5; count])).expect("a tensor")
}

fn allocations(work: impl FnOnce()) -> u64 {
    measure(work).count_total
}

#[test]
fn elements_take_none() {
    let text = |count: usize| {
        let mut text = String::from("{\"ndarray\": [0.25");
        for number in 1..count {
            write!(text, ",{}.{}", number % 10, number).expect("a string grows");
        }
        (text + "]}").into_bytes()
    };
    let (small, large) = (text(1 << 8), text(1 << 16));
    let decode = |text: &[u8]| {
        allocations(|| drop(json::decode_as(text, DataType::Float32).expect("an array")))
    };
    // A vector that doubles from 2^8 to 2^16 elements does so eight times.
    assert!(decode(&large) <= decode(&small) + 8, "{} {}", decode(&large), decode(&small));

    let encode = |count: usize| {
        let tensors = [tensor(count)];
        allocations(|| drop(json::encode_tensors(None, "", &tensors)))
    };
    assert!(encode(1 << 16) <= encode(1 << 8) + 12, "{} {}", encode(1 << 16), encode(1 << 8));

    for count in [1 << 8, 1 << 20] {
        let tensors = [tensor(count)];
        let mut message = Bytes::new();
        let encoding =
            allocations(|| message = proto::encode_tensors(None, "", &tensors).expect("a message"));
        let decoding = allocations(|| drop(proto::decode_tensors(&message).expect("tensors")));
        assert!(encoding <= 2 && decoding <= 6, "{count}: {encoding}, {decoding}");
    }
}

fn settings() -> Settings {
    Settings {
        max_connections: 10,
        max_request_bytes: 1 << 20,
        max_inflight_bytes: 1 << 24,
        client_priority: 0,
        max_header_bytes: 1 << 16,
        header_timeout: Duration::from_secs(60),
        body_timeout: Duration::from_secs(60),
        stream_stall_timeout: Duration::from_secs(60),
        stream_idle_timeout: Duration::from_secs(60),
        drain_timeout: Duration::from_secs(60),
        access_log: false,
        custom_routes: Vec::new(),
        admin_token: None,
        server_metadata: String::new(),
        dashboard: Bytes::new(),
        memory_limit_bytes: u64::MAX,
        max_memory_percent: 100,
        monitor_log: None,
        logs: Vec::new(),
        started: std::time::SystemTime::now(),
        traces: None,
        gpus: Vec::new(),
        front_ends: grps_server::FrontEndSettings::default(),
        interface: grps_server::InterfaceSettings::default(),
        capture: CaptureSettings::default(),
    }
}

/// Serves on the calling thread while `client` runs on another; gives the thread's allocations.
fn serving(engine: Engine, client: impl FnOnce(SocketAddr) + Send + 'static) -> u64 {
    engine.health().set_loaded();
    let listener = bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = listener.local_addr().expect("its address");
    let (done, stop) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        client(address);
        done.send(())
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let app = Arc::new(App::new(Arc::new(engine), settings()));
    let served = allocations(|| {
        let shutdown = async { drop(stop.await) };
        runtime.block_on(serve(vec![listener], app, shutdown)).expect("served");
    });
    thread.join().expect("the client is content").expect("the server waited");
    served
}

fn engine() -> Engine {
    let limits = Limits { max_concurrency: 10, max_queue: 10 };
    Engine::new(limits, Health::new(true), Box::new(Codec))
}

fn request(query: &str) -> Vec<u8> {
    let body = r#"{"str_data": "hello world"}"#;
    let head = "Host: x\r\nContent-Type: application/json\r\nX-Request-Id: one";
    let length = body.len();
    let start = format!("POST /grps/v1/infer/predict{query} HTTP/1.1\r\n{head}\r\n");
    format!("{start}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Sends a request and reads until its answer ends with `end`.
fn ask(connection: &mut TcpStream, request: &[u8], end: &[u8]) {
    connection.write_all(request).expect("sent");
    let mut answer = Vec::new();
    let mut piece = [0; 65536];
    while !answer.ends_with(end) {
        let count = connection.read(&mut piece).expect("an answer");
        assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_request_over_http_takes_few() {
    let run = |count: usize| {
        let engine = engine();
        let model =
            Model::inline(ModelSpec::new("id", "1", InputForm::Message), Box::new(Identity));
        engine.registry().put(model).expect("a first model");
        serving(engine, move |address| {
            let mut connection = TcpStream::connect(address).expect("connected");
            for _ in 0..count {
                ask(&mut connection, &request("?model=id"), b"}");
            }
        })
    };
    let (few, many) = (run(500), run(1500));
    let each = (many - few) as f64 / 1000.0;
    assert!(each <= 18.0, "{each} allocations per request");
}

#[test]
fn a_chunk_takes_few() {
    const CHUNKS: usize = 200;
    let run = |count: usize| {
        let engine = engine();
        let (model, queue) = Model::pulled(ModelSpec::new("stream", "1", InputForm::Message));
        let puller = queue.attach("one");
        let stopper = puller.stopper();
        engine.registry().put(model).expect("a first model");
        let instance = std::thread::spawn(move || {
            while let Pulled::Batch(batch) = puller.pull(Duration::from_secs(60)) {
                for entry in batch.entries {
                    let stream = entry.stream.as_ref().expect("a request for chunks");
                    for _ in 0..CHUNKS {
                        // str_data: "x"
                        assert!(stream.send(Content::Message(Bytes::from_static(b"\x22\x01x"))));
                    }
                    entry.reply.send(Ok(Content::Message(Bytes::new())));
                }
            }
        });
        let taken = serving(engine, move |address| {
            let mut connection = TcpStream::connect(address).expect("connected");
            for _ in 0..count {
                let request = request("?model=stream&streaming=true");
                ask(&mut connection, &request, b"\r\n0\r\n\r\n");
            }
        });
        stopper.stop();
        instance.join().expect("the instance is content");
        taken
    };
    let (few, many) = (run(50), run(150));
    let each = (many - few) as f64 / (100 * CHUNKS) as f64;
    assert!(each <= 3.5, "{each} allocations per chunk");
}
