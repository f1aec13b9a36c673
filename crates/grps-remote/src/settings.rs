//! Settings of services, as the configuration has them.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// A service, as `services` of `inference.yml` has it; paths are absolute.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSettings {
    /// Its name.
    pub name: String,
    /// Where its endpoints come from.
    pub endpoints: SourceSettings,
    /// How its connections are encrypted; not at all when absent.
    pub tls: Option<TlsSettings>,
    /// A file with the key that its endpoints ask for.
    pub api_key_file: Option<PathBuf>,
    /// Connections to each endpoint; all but one are for large bodies.
    pub connections: usize,
    /// Longest time for a connection to be made.
    pub connect_timeout_ms: u64,
    /// Longest time for a call that has no earlier deadline; 0 for no limit.
    pub timeout_ms: u64,
    /// Most bytes of a response, and of a chunk of a stream.
    pub max_response_bytes: usize,
}

impl ServiceSettings {
    /// Reads a list of services from JSON text.
    ///
    /// # Errors
    /// What is wrong with it, as a line.
    pub fn list(json: &str) -> Result<Vec<Self>, String> {
        serde_json::from_str(json).map_err(|error| format!("services: {error}"))
    }

    /// Longest time for a connection to be made.
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// Longest time for a call; `None` for no limit.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        (self.timeout_ms > 0).then(|| Duration::from_millis(self.timeout_ms))
    }
}

/// Where endpoints come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSettings {
    /// The kind of the source.
    pub source: SourceKind,
    /// The endpoints of `static`.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// The name that `dns` looks up.
    pub host: Option<String>,
    /// The port of all endpoints of `dns` and `kubernetes`.
    pub port: Option<u16>,
    /// The service in Kubernetes.
    pub service: Option<String>,
    /// Its namespace; that of this pod when absent.
    pub namespace: Option<String>,
    /// The API server; that of the cluster of this pod when absent.
    pub api_server: Option<String>,
    /// How often `dns` looks the name up.
    pub refresh_seconds: u64,
}

/// The kind of a source of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Addresses in the configuration.
    Static,
    /// All addresses of a name.
    Dns,
    /// The EndpointSlices of a service in Kubernetes.
    Kubernetes,
    /// What is sent to the admin route.
    Ray,
}

impl SourceKind {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Dns => "dns",
            Self::Kubernetes => "kubernetes",
            Self::Ray => "ray",
        }
    }
}

/// The files of TLS, in PEM.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// Certificates of the authorities that sign those of the endpoints.
    pub ca: PathBuf,
    /// The certificate of this service.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// The name in the certificates of the endpoints; the host of each when absent.
    pub server_name: Option<String>,
}
