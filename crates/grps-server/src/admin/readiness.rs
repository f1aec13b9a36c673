//! Readiness and its reason, the same for every protocol.

use grps_core::{Engine, Readiness};

use crate::call::call::Call;

/// Returns why the service is not ready; `None` when it is.
pub(crate) fn unready_reason(engine: &Engine) -> Option<String> {
    Some(match engine.readiness() {
        Readiness::Ready => return None,
        // The message of upstream for a service that is offline.
        Readiness::Offline => "Service Unavailable".to_owned(),
        Readiness::Loading => "models are still loading".to_owned(),
        Readiness::Draining => "the service is shutting down".to_owned(),
        // `None` when the models have recovered since.
        Readiness::Unhealthy => return engine.registry().trouble(),
    })
}

/// Sets the service online or offline.
pub(crate) fn set_online(call: &Call, online: bool) {
    tracing::info!(peer = %call.peer, online, "readiness set by the operator");
    call.app.engine.health().set_online(online);
}
