//! A small HTTP server whose behavior is known.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use grps_perf::{Arrivals, Limits, Load, Plan, Protocol, Report, Request, Run, Target, Window};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// What the server does with a request.
#[derive(Clone, Copy)]
pub(crate) enum Behavior {
    /// Responds at once.
    Prompt,
    /// Responds at once, but not for a time that begins so long after the first request.
    Stalling { after: Duration, stall: Duration },
    /// Never responds.
    Silent,
    /// Responds with a status and a text.
    Refusing,
    /// Sends a chunk after each pause.
    Streaming { chunks: usize, pause: Duration },
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<AtomicU64>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    pub(crate) fn start(behavior: Behavior) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicU64::new(0));
        let (counted, first) = (Arc::clone(&requests), Arc::new(Mutex::new(None)));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, behavior, Arc::clone(&counted), Arc::clone(&first)));
            }
        });
        Self { address, requests, _runtime: runtime }
    }

    pub(crate) fn count(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn serve(
    mut stream: TcpStream,
    behavior: Behavior,
    requests: Arc<AtomicU64>,
    first: Arc<Mutex<Option<Instant>>>,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut received = Vec::new();
    loop {
        while !received.ends_with(b"\r\n\r\n") {
            let count = stream.read_buf(&mut received).await.ok()?;
            (count > 0).then_some(())?;
        }
        received.clear();
        requests.fetch_add(1, Ordering::Relaxed);
        let start = *first.lock().await.get_or_insert_with(Instant::now);
        respond(&mut stream, behavior, start).await?;
    }
}

async fn respond(stream: &mut TcpStream, behavior: Behavior, start: Instant) -> Option<()> {
    match behavior {
        Behavior::Prompt => {}
        Behavior::Silent => std::future::pending().await,
        Behavior::Stalling { after, stall } => {
            let now = Instant::now();
            if now >= start + after && now < start + after + stall {
                tokio::time::sleep_until((start + after + stall).into()).await;
            }
        }
        Behavior::Refusing => {
            let body = r#"{"error": "no such model"}"#;
            let head = format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n", body.len());
            return stream.write_all(format!("{head}{body}").as_bytes()).await.ok();
        }
        Behavior::Streaming { chunks, pause } => return send(stream, chunks, pause).await,
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.ok()
}

async fn send(stream: &mut TcpStream, chunks: usize, pause: Duration) -> Option<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.ok()?;
    for _ in 0..chunks {
        tokio::time::sleep(pause).await;
        stream.write_all(b"9\r\ndata: x\n\n\r\n").await.ok()?;
    }
    stream.write_all(b"0\r\n\r\n").await.ok()
}

/// A plan for a server, with usual limits.
pub(crate) fn plan(address: SocketAddr, load: Load, window: Window) -> Plan {
    let request = Request { method: "GET".into(), path: "/".into(), headers: Vec::new(), body: 0 };
    Plan {
        target: Target { host: address.ip().to_string(), port: address.port(), tls: None },
        protocol: Protocol::Http,
        requests: vec![request],
        streaming: false,
        grps_status: false,
        counts_tokens: false,
        load,
        window,
        limits: Limits {
            timeout_s: 30.0,
            max_open: 1000,
            connections: None,
            max_response_bytes: 1 << 20,
        },
        threads: 1,
    }
}

/// A window of so many requests.
pub(crate) fn count(count: u64) -> Window {
    Window { warmup_s: 0.0, duration_s: None, count: Some(count) }
}

/// A load of equal distances.
pub(crate) fn constant(rate: f64) -> Load {
    Load::Open(Arrivals::Constant { rate })
}

/// Carries a plan out.
pub(crate) fn run(plan: Plan) -> Report {
    let run = Run::start(plan, &[Bytes::new()]).unwrap();
    assert!(run.wait(Duration::from_secs(60)), "the run does not end");
    run.report().unwrap()
}

/// A percentile in seconds.
pub(crate) fn percentile(report: &Report, share: f64) -> f64 {
    let values = &report.latency;
    let wanted = (values.count as f64 * share).ceil().max(1.0) as u64;
    let mut seen = 0;
    for (value, count) in &values.counts {
        seen += count;
        if seen >= wanted {
            return *value as f64 / 1e9;
        }
    }
    0.0
}
