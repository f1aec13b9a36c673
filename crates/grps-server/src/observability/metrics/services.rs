//! Metrics of the services that models of this one run on.

use crate::admin::services::{EndpointState, ServiceState};
use crate::app::App;
use crate::observability::exposition::{Exposition, Kind};

/// A metric that is one number of each service: name, type, help and value.
type Number = (&'static str, Kind, &'static str, fn(&ServiceState) -> u64);
/// The same of each endpoint.
type EndpointNumber = (&'static str, Kind, &'static str, fn(&EndpointState) -> u64);

const OF_SERVICES: [Number; 5] = [
    ("grps_remote_requests", Kind::Counter, "Calls that were sent to a service.", |one| {
        one.requests
    }),
    (
        "grps_remote_retries",
        Kind::Counter,
        "Calls that were sent once more, to another endpoint.",
        |one| one.retries,
    ),
    (
        "grps_remote_refused_retries",
        Kind::Counter,
        "Calls that were not sent once more, as a tenth of the calls had been.",
        |one| one.retries_refused,
    ),
    ("grps_remote_endpoints", Kind::Gauge, "Endpoints of a service.", |one| {
        one.endpoints.len() as u64
    }),
    ("grps_remote_endpoints_up", Kind::Gauge, "Endpoints of a service that take calls.", |one| {
        one.endpoints.iter().filter(|endpoint| endpoint.state == "up").count() as u64
    }),
];

const OF_ENDPOINTS: [EndpointNumber; 3] = [
    ("grps_remote_endpoint_requests", Kind::Counter, "Calls that an endpoint got.", |one| {
        one.requests
    }),
    ("grps_remote_endpoint_in_flight", Kind::Gauge, "Calls that an endpoint runs.", |one| {
        one.in_flight as u64
    }),
    ("grps_remote_endpoint_connections", Kind::Gauge, "Open connections to it.", |one| {
        one.connections as u64
    }),
];

/// Writes them.
pub(super) fn write(app: &App, text: &mut Exposition) {
    let Some(services) = app.services() else { return };
    let states = services.states();
    for (name, kind, help, read) in OF_SERVICES {
        text.family(kind, name, None, help);
        for state in &states {
            text.sample(&[("service", &state.name)], read(state) as f64);
        }
    }
    let help = "Ejections of endpoints by reason.";
    text.family(Kind::Counter, "grps_remote_ejections", None, help);
    for state in &states {
        for (reason, count) in &state.ejections {
            text.sample(&[("service", &state.name), ("reason", reason)], *count as f64);
        }
    }
    for (name, kind, help, read) in OF_ENDPOINTS {
        text.family(kind, name, None, help);
        for state in &states {
            for endpoint in &state.endpoints {
                let labels = [("service", &*state.name), ("endpoint", &*endpoint.address)];
                text.sample(&labels, read(endpoint) as f64);
            }
        }
    }
}
