//! `services` of `inference.yml`.

use serde::{Deserialize, Serialize};

/// One entry of `services`: another service that models run in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// Its name.
    pub name: String,
    /// Where its endpoints come from.
    pub endpoints: EndpointsConfig,
    /// How connections are encrypted.
    pub tls: Option<ServiceTlsConfig>,
    /// A file with the API key that the endpoints ask for.
    pub api_key_file: Option<String>,
    /// Connections to each endpoint.
    pub connections: usize,
    /// Longest time for a connection to be made.
    pub connect_timeout_ms: u64,
    /// Longest time for a call; 0 for no limit.
    pub timeout_ms: u64,
    /// Most bytes of a response.
    pub max_response_bytes: usize,
}

/// Where the endpoints of a service come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointsConfig {
    /// The kind of the source.
    pub source: EndpointSource,
    /// Host and port of each.
    pub addresses: Vec<String>,
    /// The name whose addresses are all endpoints.
    pub host: Option<String>,
    /// The port of all endpoints.
    pub port: Option<u16>,
    /// The service in Kubernetes.
    pub service: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// The API server.
    pub api_server: Option<String>,
    /// How often the name is looked up.
    pub refresh_seconds: u64,
}

/// Where endpoints come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointSource {
    /// The configuration.
    Static,
    /// All addresses of a name.
    Dns,
    /// EndpointSlices.
    Kubernetes,
    /// What operators send.
    Ray,
}

/// TLS to the endpoints of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceTlsConfig {
    /// Authorities that sign the certificates of the endpoints.
    pub ca: String,
    /// The certificate of this service.
    pub certificate: Option<String>,
    /// Its key.
    pub key: Option<String>,
    /// The name in the certificates of the endpoints.
    pub server_name: Option<String>,
}

/// The other service that a model runs in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteConfig {
    /// Its name in `services`.
    pub service: String,
    /// The model there.
    pub model: Option<String>,
}
