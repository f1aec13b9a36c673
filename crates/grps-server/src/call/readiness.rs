//! Readiness in words, the same on every protocol.

use grps_core::{Engine, Readiness};

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
