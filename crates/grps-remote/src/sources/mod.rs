//! Where the endpoints of services come from.

mod dns;
mod http;
mod kubernetes;
mod slices;

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::service::service::Service;
use crate::settings::SourceKind;

/// Finds the endpoints of a service from here on.
pub(crate) fn start(service: &Arc<Service>, runtime: &Handle) {
    let found = Arc::clone(service);
    match service.settings.endpoints.source {
        SourceKind::Static => found.set_found(service.settings.endpoints.addresses.clone()),
        SourceKind::Dns => drop(runtime.spawn(dns::follow(found))),
        SourceKind::Kubernetes => drop(runtime.spawn(kubernetes::follow(found))),
        // Operators send them.
        SourceKind::Ray => {}
    }
}
