//! Metrics of the service as a whole.

use grps_core::Readiness;

use crate::app::App;
use crate::observability::exposition::{Exposition, Kind};
use crate::observability::metrics::samples::{BYTES, gauge};

/// Writes them.
pub(super) fn write(app: &App, text: &mut Exposition) {
    text.family(Kind::Info, "grps_build", None, "Version of the service.");
    text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    gauge(text, "grps_ready", "Whether the service is ready for requests.", {
        f64::from(u8::from(app.engine.readiness() == Readiness::Ready))
    });
    let help = "Requests of any kind, from their head to the end of their response.";
    gauge(text, "grps_in_flight", help, app.in_flight.count() as f64);
    let help = "Requests that wait for one of the max_concurrency permits.";
    gauge(text, "grps_waiting", help, app.engine.waiting() as f64);
    text.family(
        Kind::Gauge,
        "grps_in_flight_bytes",
        BYTES,
        "Bytes of the bodies of requests in flight.",
    );
    text.sample(&[], app.in_flight.bytes() as f64);
    gauge(text, "grps_connections", "Open connections.", app.places.taken() as f64);
    if let Some(traces) = &app.traces {
        let help = "Traced requests whose spans were not exported.";
        text.family(Kind::Counter, "grps_traces_dropped", None, help);
        text.sample(&[], traces.dropped() as f64);
    }
}
