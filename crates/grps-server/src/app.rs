//! What every connection of one service shares.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use grps_core::Engine;
use grps_core::metrics::{Monitor, StatsRegistry};
use http::HeaderValue;
use tokio::sync::Semaphore;

use crate::admin::commands::Commands;
use crate::call::blocking_section::BlockingSection;
use crate::call::in_flight::InFlight;
use crate::call::request_ids::RequestIds;
use crate::observability::gpus::Gpus;
use crate::observability::traces::{TraceSettings, Traces};

/// Settings of the data plane.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Open connections at once; one more gets 503 and is closed.
    pub max_connections: usize,
    /// Largest request body, in bytes.
    pub max_request_bytes: usize,
    /// Bytes that the bodies of all requests in flight may have together.
    pub max_inflight_bytes: usize,
    /// Largest request head, in bytes.
    pub max_header_bytes: usize,
    /// How long a request head may take, and how long a kept-alive connection may idle.
    pub header_timeout: Duration,
    /// How long a request body may take.
    pub body_timeout: Duration,
    /// How long running requests may take to finish at shutdown.
    pub drain_timeout: Duration,
    /// Whether each request is logged.
    pub access_log: bool,
    /// A predict route of the user's own.
    pub custom_route: Option<CustomRoute>,
    /// Token that admin calls from other machines must carry; `None` refuses them all.
    pub admin_token: Option<String>,
    /// Text that `metadata/server` answers.
    pub server_metadata: String,
    /// The page at `/`.
    pub dashboard: Bytes,
    /// Memory that this process may use.
    pub memory_limit_bytes: u64,
    /// Percentage of it above which no request is taken in.
    pub max_memory_percent: u64,
    /// Where the latest values of all series are written each second.
    pub monitor_log: Option<PathBuf>,
    /// Log files that operators may look into, by the names they are asked for.
    pub logs: Vec<(String, PathBuf)>,
    /// When the service was started.
    pub started: SystemTime,
    /// Where spans of requests go; `None` when they go nowhere.
    pub traces: Option<TraceSettings>,
    /// GPUs that are watched, by their numbers.
    pub gpus: Vec<u32>,
}

/// A predict route of the user's own.
#[derive(Clone, Debug)]
pub struct CustomRoute {
    /// Its path.
    pub path: String,
    /// Whether user code reads requests and writes answers itself; then it also owns the
    /// standard predict route.
    pub owns_body: bool,
    /// How a client asks for an answer in chunks.
    pub streaming: StreamingControl,
    /// Content type of streamed answers; `application/octet-stream` when not set.
    pub stream_content_type: Option<HeaderValue>,
}

/// How a client asks for an answer in chunks.
#[derive(Clone, Debug)]
pub struct StreamingControl {
    /// Where it says so.
    pub mode: StreamingMode,
    /// Name of the query key, header or JSON field that must be true.
    pub key: String,
}

/// Where a client asks for an answer in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamingMode {
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// In a field of the JSON body.
    Body,
}

/// The engine, the settings and the counters of one service.
pub struct App {
    /// Answers requests.
    pub engine: Arc<Engine>,
    /// How the data plane behaves.
    pub settings: Settings,
    /// What is measured.
    pub monitor: Arc<Monitor>,
    /// What is counted by name.
    pub(crate) stats: Arc<StatsRegistry>,
    /// The GPUs that are watched.
    pub(crate) gpus: Gpus,
    /// Exports spans of requests.
    pub(crate) traces: Option<Traces>,
    /// What operators ask of the models.
    pub commands: Commands,
    /// Makes identifiers for requests that bring none.
    pub(crate) request_ids: RequestIds,
    /// Requests between their head and their answer, which shutdown waits for.
    pub(crate) in_flight: Arc<InFlight>,
    /// One permit per connection that may be open.
    pub(crate) connection_permits: Arc<Semaphore>,
    /// Decodes and encodes large bodies.
    pub(crate) blocking: BlockingSection,
}

impl App {
    /// An app without traffic.
    pub fn new(engine: Arc<Engine>, settings: Settings) -> Self {
        let in_flight = Arc::new(InFlight::new(settings.max_inflight_bytes));
        let traces = settings.traces.clone().map(Traces::new);
        let connection_permits = Arc::new(Semaphore::new(settings.max_connections));
        let gpus = Gpus::open(&settings.gpus);
        let stats = engine.registry().stats();
        Self {
            engine,
            settings,
            monitor: Arc::default(),
            stats,
            gpus,
            traces,
            commands: Commands::default(),
            request_ids: RequestIds::default(),
            in_flight,
            blocking: BlockingSection::new(),
            connection_permits,
        }
    }

    /// Connections that are open now.
    pub(crate) fn open_connections(&self) -> usize {
        self.settings.max_connections.saturating_sub(self.connection_permits.available_permits())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use grps_core::{Health, Limits};

    use super::*;
    use crate::codec::Codec;

    /// Settings for tests: small limits, no logs, no traces.
    pub(crate) fn settings() -> Settings {
        let timeout = Duration::from_secs(10);
        Settings {
            max_connections: 10,
            max_request_bytes: 1 << 20,
            max_inflight_bytes: 1 << 24,
            max_header_bytes: 1 << 16,
            header_timeout: timeout,
            body_timeout: timeout,
            drain_timeout: timeout,
            access_log: false,
            custom_route: None,
            admin_token: None,
            server_metadata: String::new(),
            dashboard: Bytes::new(),
            memory_limit_bytes: u64::MAX,
            max_memory_percent: 100,
            monitor_log: None,
            logs: Vec::new(),
            started: SystemTime::now(),
            traces: None,
            gpus: Vec::new(),
        }
    }

    /// An app without models.
    pub(crate) fn app() -> App {
        let limits = Limits { max_concurrency: 10, max_queue: 10 };
        let engine = Engine::new(limits, Health::new(true), Box::new(Codec));
        App::new(Arc::new(engine), settings())
    }
}
