//! The metadata of the service.

use serde::Serialize;

use crate::app::App;

/// The parts of the protocol beyond its core that every service has.
const EXTENSIONS: [&str; 10] = [
    "classification",
    "generate",
    "logging",
    "model_configuration",
    "model_repository",
    "parameters",
    "schedule_policy",
    "statistics",
    "trace",
    "binary_tensor_data",
];
/// The part that must be switched on.
const SHARED_MEMORY: &str = "system_shared_memory";

/// The metadata of the service.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ServerMetadata {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) extensions: Vec<&'static str>,
}

/// Describes the service.
pub(crate) fn describe(app: &App) -> ServerMetadata {
    let shared_memory = app.settings.front_ends.oip_shared_memory.then_some(SHARED_MEMORY);
    ServerMetadata {
        name: "grps",
        version: env!("CARGO_PKG_VERSION"),
        extensions: EXTENSIONS.into_iter().chain(shared_memory).collect(),
    }
}
