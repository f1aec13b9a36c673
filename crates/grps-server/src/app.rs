//! Settings and state that all connections of a service share.

use std::path::PathBuf;
use std::sync::{Arc, Once, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use grps_core::metrics::{Monitor, StatsRegistry};
use grps_core::{Engine, Error};
use http::HeaderValue;

use crate::admin::commands::Commands;
use crate::admin::services::OtherServices;
use crate::auth::authenticator::Authenticator;
use crate::auth::settings::AuthSettings;
use crate::call::blocking_section::BlockingSection;
use crate::call::in_flight::InFlight;
use crate::call::request_ids::RequestIds;
use crate::capture::CaptureSettings;
use crate::capture::capture::Capture;
use crate::frontends::shared::states::FrontEndStates;
use crate::net::descriptors::{SpareDescriptors, fit_connections};
use crate::net::interface::InterfaceSettings;
use crate::net::peer::Peer;
use crate::net::places::Places;
use crate::observability::gpus::Gpus;
use crate::observability::log_limit::LogLimit;
use crate::observability::traces::{TraceSettings, Traces};

/// Settings of the data plane.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Maximum number of open connections; further ones serve health and metrics only.
    pub max_connections: usize,
    /// Maximum size of a request body.
    pub max_request_bytes: usize,
    /// Maximum total size of the bodies of all requests in flight.
    pub max_inflight_bytes: usize,
    /// The most urgent priority of requests without the admin token.
    pub client_priority: u8,
    /// Maximum size of a request head.
    pub max_header_bytes: usize,
    /// Timeout for a request head and for an idle kept-alive connection.
    pub header_timeout: Duration,
    /// Timeout for a request body.
    pub body_timeout: Duration,
    /// How long a client may take nothing of a response.
    pub stream_stall_timeout: Duration,
    /// How long a client may send nothing on a WebSocket, or on a stream of gRPC that was answered.
    pub stream_idle_timeout: Duration,
    /// Timeout for running requests at shutdown.
    pub drain_timeout: Duration,
    /// Whether the access log is written.
    pub access_log: bool,
    /// The custom predict routes.
    pub custom_routes: Vec<CustomRoute>,
    /// Token that admin calls from other machines must carry; `None` refuses all such calls.
    pub admin_token: Option<String>,
    /// Response text of `metadata/server`.
    pub server_metadata: String,
    /// The dashboard page at `/`.
    pub dashboard: Bytes,
    /// Memory that this process may use.
    pub memory_limit_bytes: u64,
    /// Percentage of it above which new requests are refused.
    pub max_memory_percent: u64,
    /// File to which the latest values of all series are written each second.
    pub monitor_log: Option<PathBuf>,
    /// Names and paths of the log files that operators can read.
    pub logs: Vec<(String, PathBuf)>,
    /// Start time of the service.
    pub started: SystemTime,
    /// How spans of requests are exported; `None` without tracing.
    pub traces: Option<TraceSettings>,
    /// Numbers of the monitored GPUs.
    pub gpus: Vec<u32>,
    /// What is served by which front end.
    pub front_ends: FrontEndSettings,
    /// The ways into the service.
    pub interface: InterfaceSettings,
    /// What is recorded of requests.
    pub capture: CaptureSettings,
}

/// Settings of the front ends.
#[derive(Clone, Debug, Default)]
pub struct FrontEndSettings {
    /// Names of the front ends that are not served.
    pub disabled: Vec<String>,
    /// Whether clients of the Open Inference Protocol may use shared memory of this machine.
    pub oip_shared_memory: bool,
}

impl FrontEndSettings {
    /// Whether the front ends with this name are switched off.
    pub(crate) fn is_off(&self, name: &str) -> bool {
        self.disabled.iter().any(|disabled| disabled == name)
    }
}

impl Settings {
    /// Whether user code reads the bodies of the standard predict route.
    pub(crate) fn custom_code_owns_predict(&self) -> bool {
        self.custom_routes.iter().any(|route| route.owns_body)
    }

    /// The custom route that says how a request for `path` is streamed: its own, and for the standard
    /// predict route the first one with the same owner of the bodies.
    pub(crate) fn custom_route_for(&self, path: &str) -> Option<&CustomRoute> {
        let owns_body = self.custom_code_owns_predict();
        let mut routes = self.custom_routes.iter();
        let own = routes.clone().find(|route| route.path == path);
        own.or_else(|| routes.find(|route| route.owns_body == owns_body))
    }
}

/// A custom predict route.
#[derive(Clone, Debug)]
pub struct CustomRoute {
    /// Path of the route.
    pub path: String,
    /// Whether user code reads the request bodies and writes the responses; then it also serves
    /// the standard predict route.
    pub owns_body: bool,
    /// How a client requests a streamed response.
    pub streaming: StreamingControl,
    /// Content type of streamed responses; `application/octet-stream` when not set.
    pub stream_content_type: Option<HeaderValue>,
}

/// How a client requests a streamed response.
#[derive(Clone, Debug)]
pub struct StreamingControl {
    /// Where the client sets the key.
    pub mode: StreamingMode,
    /// Name of the query parameter, header or JSON field that must be true.
    pub key: String,
}

/// Where a client requests a streamed response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamingMode {
    /// In a query parameter.
    Query,
    /// In a header.
    Header,
    /// In a field of the JSON body.
    Body,
}

/// State of one service.
pub struct App {
    /// Runs requests.
    pub engine: Arc<Engine>,
    /// Settings of the data plane.
    pub settings: Settings,
    /// Time series.
    pub monitor: Arc<Monitor>,
    /// Counters by name.
    pub(crate) stats: Arc<StatsRegistry>,
    /// The monitored GPUs.
    pub(crate) gpus: Gpus,
    /// Exports spans of requests; `None` without tracing.
    pub(crate) traces: Option<Traces>,
    /// Recognises callers.
    pub(crate) auth: Authenticator,
    /// Commands of operators.
    pub commands: Commands,
    /// The services that models of this one run on; not set when there are none.
    services: OnceLock<Arc<dyn OtherServices>>,
    /// Generates identifiers for requests without one.
    pub(crate) request_ids: RequestIds,
    /// Requests in flight, which shutdown waits for.
    pub(crate) in_flight: Arc<InFlight>,
    /// Places of connections.
    pub(crate) places: Places,
    /// Descriptors for connections when no other is free.
    pub(crate) spare_descriptors: SpareDescriptors,
    /// Limits log lines about refused connections.
    pub(crate) refusal_log: LogLimit,
    /// Limits log lines about clients that do not read.
    stall_log: LogLimit,
    /// Whether a large gRPC response was logged.
    pub(crate) large_message_logged: Once,
    /// Decodes and encodes large bodies.
    pub(crate) blocking: BlockingSection,
    /// Records requests.
    pub(crate) capture: Capture,
    /// What front ends remember between requests.
    pub(crate) front_end_states: FrontEndStates,
}

impl App {
    /// Creates the state of a service.
    pub fn new(engine: Arc<Engine>, settings: Settings) -> Self {
        let in_flight = Arc::new(InFlight::new(settings.max_inflight_bytes));
        let traces = settings.traces.clone().map(Traces::new);
        let places = Places::new(fit_connections(settings.max_connections));
        let gpus = Gpus::open(&settings.gpus);
        let stats = engine.registry().stats();
        let auth = Authenticator::new(settings.admin_token.clone());
        let capture = Capture::new(settings.capture.clone());
        Self {
            engine,
            settings,
            monitor: Arc::default(),
            stats,
            gpus,
            auth,
            traces,
            commands: Commands::default(),
            services: OnceLock::new(),
            request_ids: RequestIds::default(),
            in_flight,
            large_message_logged: Once::new(),
            blocking: BlockingSection::new(),
            capture,
            front_end_states: FrontEndStates::default(),
            places,
            spare_descriptors: SpareDescriptors::new(),
            refusal_log: LogLimit::default(),
            stall_log: LogLimit::default(),
        }
    }

    /// Sets the services that models run on, before the data plane starts; the first ones stay.
    pub fn set_services(&self, services: Arc<dyn OtherServices>) {
        let _ = self.services.set(services);
    }

    /// The services that models of this one run on.
    pub(crate) fn services(&self) -> Option<&Arc<dyn OtherServices>> {
        self.services.get()
    }

    /// Lets only these callers infer and read from here on, and replaces those of before.
    ///
    /// # Errors
    /// `InvalidArgument` when the public keys of tokens can't be used; nothing changes then.
    pub fn set_callers(&self, callers: &AuthSettings) -> Result<(), Error> {
        self.auth.set_callers(callers)
    }

    /// Logs that a client did not take its response in time.
    pub(crate) fn note_stall(&self, peer: &Peer) {
        if let Some(left_out) = self.stall_log.admit() {
            let timeout_ms = self.settings.stream_stall_timeout.as_millis();
            tracing::warn!(
                %peer,
                timeout_ms,
                left_out,
                "a client took nothing of its response within limits.stream_stall_timeout_ms; \
                 the stream is closed"
            );
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use grps_core::metrics::Protocol;
    use grps_core::{Health, Limits};

    use super::*;
    use crate::call::call::Call;
    use crate::codec::Codec;

    /// Settings for tests: small limits, no logs, no traces.
    pub(crate) fn settings() -> Settings {
        let timeout = Duration::from_secs(10);
        Settings {
            max_connections: 10,
            max_request_bytes: 1 << 20,
            max_inflight_bytes: 1 << 24,
            client_priority: 0,
            max_header_bytes: 1 << 16,
            header_timeout: timeout,
            body_timeout: timeout,
            stream_stall_timeout: timeout,
            stream_idle_timeout: timeout,
            drain_timeout: timeout,
            access_log: false,
            custom_routes: Vec::new(),
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
            front_ends: FrontEndSettings::default(),
            interface: InterfaceSettings::default(),
            capture: CaptureSettings::default(),
        }
    }

    /// An app without models.
    pub(crate) fn app() -> App {
        app_with(settings())
    }

    /// An app without models that has these settings.
    pub(crate) fn app_with(settings: Settings) -> App {
        let limits = Limits { max_concurrency: 10, max_queue: 10 };
        let engine = Engine::new(limits, Health::new(true), Box::new(Codec));
        App::new(Arc::new(engine), settings)
    }

    /// A request of a client on this machine to a service with these settings.
    pub(crate) fn call(settings: Settings) -> Call {
        let app = Arc::new(app_with(settings));
        let timeline = Arc::new(app.request_ids.start_timeline(None, None));
        Call::start(app, Peer::default(), timeline, Protocol::Http)
    }
}
