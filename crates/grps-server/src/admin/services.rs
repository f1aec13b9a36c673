//! Services on other machines that models of this one run on, as operators see and change them.

use std::fmt::Debug;

use grps_core::Error;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

/// Most endpoints that a service may have.
pub const MAX_ENDPOINTS: usize = 256;
/// Most bytes of the address of an endpoint: a host name, a colon and a port.
pub const MAX_ADDRESS_BYTES: usize = 261;

/// The other services; what implements it calls them.
pub trait OtherServices: Debug + Send + Sync {
    /// Connects to the endpoints, on this runtime.
    fn start(&self, runtime: &Handle);

    /// Replaces the endpoints of a service by a later table.
    ///
    /// # Errors
    /// `NotFound` for an unknown service, `InvalidArgument` with status 409 when the table is not
    /// later than the one before, and `InvalidArgument` for one that can't be used.
    fn replace_endpoints(&self, service: &str, table: EndpointTable) -> Result<(), Error>;

    /// The state of all services.
    fn states(&self) -> Vec<ServiceState>;
}

/// The endpoints of a service, as an operator sends them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointTable {
    /// Grows with each table.
    pub generation: u64,
    /// All endpoints.
    pub endpoints: Vec<TableEndpoint>,
}

/// An endpoint of a table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableEndpoint {
    /// Host and port.
    pub address: String,
}

/// What is known of another service.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceState {
    /// Its name in the configuration.
    pub name: String,
    /// Where its endpoints come from.
    pub source: &'static str,
    /// What is wrong with that, if something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_error: Option<String>,
    /// The number of the latest table of endpoints.
    pub generation: u64,
    /// Calls that were sent, by model.
    pub requests: u64,
    /// Calls that were sent once more, to another endpoint.
    pub retries: u64,
    /// Calls that were not sent once more because too many had been.
    pub retries_refused: u64,
    /// The endpoints.
    pub endpoints: Vec<EndpointState>,
    /// How often endpoints were ejected, by reason.
    #[serde(skip)]
    pub ejections: Vec<(&'static str, u64)>,
}

/// What is known of an endpoint.
#[derive(Clone, Debug, Serialize)]
pub struct EndpointState {
    /// Host and port.
    pub address: String,
    /// `up`, `connecting`, `ejected`, `refused` or `leaving`.
    pub state: &'static str,
    /// Why it gets no calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its version, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Calls that it runs for this service.
    pub in_flight: usize,
    /// Open connections.
    pub connections: usize,
    /// Calls that were sent to it.
    pub requests: u64,
    /// Recent duration of its calls in milliseconds.
    pub latency_ms: f64,
}
