//! `server.yml`.

use serde::Deserialize;

use crate::types::access::AuthConfig;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Where the service listens.
    pub interface: InterfaceConfig,
    /// Most connections.
    pub max_connections: usize,
    /// Most requests that run at once.
    pub max_concurrency: usize,
    /// GPU monitoring and memory.
    pub gpu: Option<GpuConfig>,
    /// Where logs go.
    pub log: LogConfig,
    /// Where spans go.
    pub tracing: Option<TracingConfig>,
    /// Limits of requests.
    pub limits: LimitsConfig,
    /// Readiness.
    pub health: HealthConfig,
    /// Who may call.
    pub auth: Option<AuthConfig>,
    /// The Open Inference Protocol.
    pub oip: OipConfig,
    /// bRPC.
    pub brpc: Switch,
    /// The protocols of TensorFlow Serving.
    pub tfserving: Switch,
    /// The protocol of TorchServe.
    pub torchserve: Switch,
    /// Which requests are recorded.
    pub capture: CaptureConfig,
    /// Models that are given by URIs.
    pub sources: SourcesConfig,
    /// Threads that serve sockets; 0 for as many as fit.
    pub io_threads: usize,
}

/// Where the service listens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceConfig {
    /// Protocols with a port of their own.
    pub framework: Framework,
    /// The address.
    pub host: String,
    /// One or two ports.
    pub port: String,
    /// Routes of the user's own.
    pub customized_predict_http: Option<CustomizedRoutes>,
    /// TLS on every port.
    pub tls: Option<TlsConfig>,
    /// A Unix socket to listen on.
    pub unix_socket: Option<String>,
    /// Its permissions, in octal.
    pub unix_socket_mode: String,
    /// Proxies that say whom they forward.
    pub proxy_protocol: Option<ProxyProtocolConfig>,
    /// Pages that may read responses.
    pub cors: Option<CorsConfig>,
    /// When responses are compressed.
    pub compression: CompressionConfig,
    /// Names that requests may be for.
    pub hosts: Vec<String>,
}

/// A folder of models, which Python reads.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositoryConfig {
    /// The folder.
    pub path: String,
    /// How often it is read.
    pub poll_seconds: u32,
}

/// Models that are given by URIs, which Python fetches.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcesConfig {
    /// Hosts and buckets that they may come from.
    pub allowed_hosts: Vec<String>,
    /// Most bytes of a model.
    pub max_bytes: u64,
    /// Most bytes that the cache keeps.
    pub max_cache_bytes: u64,
}

/// A route of the user's own for predict.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomizedHttpConfig {
    /// Its path.
    pub path: Option<String>,
    /// Whether the body is the user's own.
    pub customized_body: Option<bool>,
    /// How a client requests a stream.
    pub streaming_ctrl: Option<StreamingControl>,
}

/// How a client of the customized route requests a stream.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamingControl {
    /// Where it says so.
    pub ctrl_mode: Option<CtrlMode>,
    /// Under which name.
    pub ctrl_key: Option<String>,
    /// The content type of the response.
    pub res_content_type: Option<String>,
}

/// TLS on the ports; files in PEM.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificates of the service.
    pub cert: String,
    /// Its key.
    pub key: String,
    /// Authorities that sign certificates of clients.
    pub client_ca: Option<String>,
    /// Lists of revoked certificates.
    pub client_crl: Option<String>,
    /// Whether clients need one.
    pub client_auth: ClientAuth,
}

/// Proxies that say which client they forward.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyProtocolConfig {
    /// Their addresses or ranges.
    pub trusted: Vec<String>,
}

/// Pages of other sites that may read responses.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsConfig {
    /// Their origins.
    pub origins: Vec<String>,
    /// Whether cookies come along.
    pub credentials: bool,
    /// Headers that pages may send.
    pub headers: Vec<String>,
    /// Headers that pages may read.
    pub expose: Vec<String>,
    /// How long a preflight is kept.
    pub max_age_s: u32,
}

/// When responses are compressed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompressionConfig {
    /// Texts over HTTP.
    pub http: bool,
    /// Over gRPC.
    pub grpc: bool,
    /// Smaller ones are sent as they are.
    pub min_bytes: usize,
}

/// GPU monitoring and memory.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuConfig {
    /// What is monitored.
    pub devices: Option<Vec<u32>>,
    /// The engine whose memory is looked after.
    pub mem_manager_type: Option<String>,
    /// Most memory; -1 for no limit.
    pub mem_limit_mib: Option<i64>,
    /// Whether unused memory is given back.
    pub mem_gc_enable: Option<bool>,
    /// Seconds between two rounds of that.
    pub mem_gc_interval: Option<u64>,
}

/// Where logs go.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Their folder.
    pub log_dir: String,
    /// Days that are kept.
    pub log_backup_count: usize,
    /// What is logged.
    pub level: LogLevel,
    /// Whether each request is.
    pub access: bool,
    /// How lines are written.
    pub format: LogFormat,
}

/// Where spans of requests are exported.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracingConfig {
    /// The collector.
    pub endpoint: String,
    /// How it is reached.
    pub protocol: TracingProtocol,
    /// Share of requests that are traced.
    pub sample_ratio: f64,
    /// The name in traces.
    pub service_name: Option<String>,
}

/// Limits of requests.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Of one request.
    pub max_request_bytes: usize,
    /// Of all requests in flight.
    pub max_inflight_bytes: Option<usize>,
    /// Share of the memory.
    pub max_memory_percent: u64,
    /// Of a request head.
    pub max_header_bytes: usize,
    /// Time for a request head.
    pub header_timeout_ms: u64,
    /// Time for a body.
    pub body_timeout_ms: u64,
    /// How long a client may take nothing.
    pub stream_stall_timeout_ms: u64,
    /// How long a client may send nothing.
    pub stream_idle_timeout_ms: u64,
    /// Requests that may wait.
    pub max_queue: usize,
    /// Most urgent priority of clients.
    pub client_priority: u8,
    /// Longest drain.
    pub drain_timeout_ms: u64,
}

/// Readiness of the service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthConfig {
    /// Whether it is ready without a call of `online`.
    pub start_online: bool,
    /// Work without a heartbeat that counts as a hang; 0 for no limit.
    pub hang_timeout_ms: u64,
}

/// The Open Inference Protocol v2.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OipConfig {
    /// Whether it is served.
    pub enabled: bool,
    /// Whether tensors may be in shared memory.
    pub shared_memory: bool,
}

/// Which requests are recorded with their replies.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureConfig {
    /// Whether recording begins with the service.
    pub enabled: bool,
    /// Models by name or `name-version`, and graphs; all if it is empty.
    pub models: Vec<String>,
    /// Share of the requests that is recorded.
    pub sample_ratio: f64,
    /// Most bytes of all files.
    pub max_bytes: u64,
    /// Most bytes of a request and its reply.
    pub max_record_bytes: u64,
    /// The folder of the files.
    pub directory: String,
    /// Headers that are recorded besides the usual ones.
    pub headers: Vec<String>,
}

/// A protocol.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// Whether it is served.
    pub enabled: bool,
}

/// Protocols with a port of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framework {
    /// One port.
    Http,
    /// Another one for gRPC.
    #[serde(rename = "http+grpc")]
    HttpGrpc,
    /// Another one for bRPC.
    #[serde(rename = "http+brpc")]
    HttpBrpc,
}

/// Where a client requests a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CtrlMode {
    /// In the query.
    QueryParam,
    /// In a header.
    HeaderParam,
    /// In the body.
    BodyParam,
}

/// Whether clients need a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// All.
    Required,
    /// None has to.
    Optional,
}

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happens.
    Info,
    /// What may be wrong.
    Warning,
    /// Failures.
    Error,
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// As objects.
    Json,
}

/// How a collector is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TracingProtocol {
    /// By gRPC.
    Grpc,
    /// By HTTP.
    Http,
}

/// One route, or a list of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum CustomizedRoutes {
    /// One.
    One(CustomizedHttpConfig),
    /// A list.
    Several(Vec<CustomizedHttpConfig>),
}

impl InterfaceConfig {
    /// The user's own predict routes.
    pub fn customized_routes(&self) -> &[CustomizedHttpConfig] {
        match &self.customized_predict_http {
            None => &[],
            Some(CustomizedRoutes::One(one)) => std::slice::from_ref(one),
            Some(CustomizedRoutes::Several(several)) => several,
        }
    }
}

impl GpuConfig {
    /// Whether there is a limit.
    pub fn limits_memory(&self) -> bool {
        self.mem_limit_mib.is_some_and(|limit| limit > 0)
    }
}

impl LogLevel {
    /// Its name in `server.yml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
