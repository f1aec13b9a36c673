//! Metrics of the process, by the names that Prometheus gives them.

use std::time::UNIX_EPOCH;

use crate::app::App;
use crate::observability::exposition::{Exposition, Kind};
use crate::observability::metrics::samples::{BYTES, SECONDS};
use crate::observability::process;

/// Writes them.
pub(super) fn write(app: &App, text: &mut Exposition) {
    text.family(Kind::Counter, "process_cpu_seconds", SECONDS, "Processor time of the process.");
    text.sample(&[], process::processor_time().as_secs_f64());
    let started = app.settings.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let gauges = [
        (
            "process_resident_memory_bytes",
            BYTES,
            "Resident memory of the process.",
            process::resident_bytes(),
        ),
        (
            "process_virtual_memory_bytes",
            BYTES,
            "Address space of the process.",
            process::virtual_bytes(),
        ),
        (
            "grps_memory_limit_bytes",
            BYTES,
            "Memory that the process may use.",
            app.settings.memory_limit_bytes,
        ),
        ("process_open_fds", None, "Open file descriptors.", process::open_descriptors()),
        (
            "process_max_fds",
            None,
            "Maximum number of open file descriptors.",
            process::max_descriptors().unwrap_or(u64::MAX),
        ),
        ("process_threads", None, "Threads of the process.", process::threads()),
        (
            "process_start_time_seconds",
            SECONDS,
            "Start time of the service, in seconds since the epoch.",
            started.as_secs(),
        ),
    ];
    for (name, unit, help, value) in gauges {
        text.family(Kind::Gauge, name, unit, help);
        text.sample(&[], value as f64);
    }
}
