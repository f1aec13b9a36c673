//! Readiness in words, the same on every protocol.

use grps_core::{Engine, Readiness};

use crate::call::call::Call;

/// Why the service is not ready; `None` when it is.
pub(crate) fn unready(engine: &Engine) -> Option<String> {
    Some(match engine.readiness() {
        Readiness::Ready => return None,
        // Upstream's words for a service that was not set online.
        Readiness::Offline => "Service Unavailable".to_owned(),
        Readiness::Loading => "models are still loading".to_owned(),
        Readiness::Draining => "the service is shutting down".to_owned(),
        // It may have passed in between.
        Readiness::Troubled => return engine.registry().trouble(),
    })
}

/// Takes the service in or out of traffic.
pub(crate) fn set_online(call: &Call, online: bool) {
    tracing::info!(peer = %call.peer, online, "readiness set by the operator");
    call.app.engine.health().set_online(online);
}
