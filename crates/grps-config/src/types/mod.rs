//! The configuration as data. Every key of the schema is a field, and none has a default here: the
//! reader fills them in.

mod access;
mod inference;
mod server;
mod services;
mod traffic;

pub use access::{AuthConfig, CertificateConfig, JwtConfig, KeyConfig, KeysFile, Scope};
pub use inference::{
    BatchingConfig, BatchingType, BatchingWait, DagConfig, DagType, InferenceConfig, Isolation,
    ModelConfig, NodeConfig, NodeType, PaddingConfig, PreemptionKind, QueueConfig, StepTextConfig,
    StepsConfig,
};
pub use server::{
    CaptureConfig, ClientAuth, CompressionConfig, CorsConfig, CtrlMode, CustomizedHttpConfig, CustomizedRoutes,
    Framework, GpuConfig, HealthConfig, InterfaceConfig, LimitsConfig, LogConfig, LogFormat,
    LogLevel, OipConfig, ProxyProtocolConfig, RepositoryConfig, ServerConfig, SourcesConfig,
    StreamingControl, Switch, TlsConfig, TracingConfig, TracingProtocol,
};
pub use services::{
    EndpointSource, EndpointsConfig, RemoteConfig, ServiceConfig, ServiceTlsConfig,
};
pub use traffic::{RolloutConfig, ShadowConfig, TrafficConfig};
