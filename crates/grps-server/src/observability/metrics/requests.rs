//! Metrics of inference requests, by model and protocol.

use std::sync::Arc;

use grps_core::metrics::{OutcomeCounts, Protocol, RequestStage, RequestStats, RouteStats};

use crate::app::App;
use crate::call::status::counts_by_status;
use crate::observability::exposition::{Exposition, Kind};
use crate::observability::metrics::samples::{BYTES, SECONDS, histogram, stage_histogram};

/// Writes them.
pub(super) fn write(app: &App, text: &mut Exposition) {
    let routes = app.stats.routes();
    let requests = requests(&routes);
    let help = "Inference requests that have ended, by status of the response.";
    text.family(Kind::Counter, "grps_requests", None, help);
    for (labels, stats) in &requests {
        for (status, count) in counts_by_status(&stats.outcomes.read()) {
            text.sample(&[labels[0], labels[1], ("status", status.as_str())], count as f64);
        }
    }
    let help = "Inference requests that have not ended.";
    text.family(Kind::Gauge, "grps_requests_in_flight", None, help);
    for (labels, stats) in &requests {
        text.sample(labels, stats.outcomes.read().in_flight as f64);
    }
    let help = "Time from the head of a request to the end of its response.";
    text.family(Kind::Histogram, "grps_request_duration_seconds", SECONDS, help);
    for (labels, stats) in &requests {
        histogram(text, labels, &stats.duration.read(), &stats.exemplars.read());
    }
    let help = "Steps of requests outside the models.";
    text.family(Kind::Histogram, "grps_request_stage_duration_seconds", SECONDS, help);
    for (labels, stats) in &requests {
        for stage in RequestStage::ALL {
            let labels = [labels[0], labels[1], ("stage", stage.name())];
            stage_histogram(text, &labels, &stats.stage(stage).read());
        }
    }
    let help = "Time from the head of a request to the first chunk of its response.";
    text.family(Kind::Histogram, "grps_first_chunk_seconds", SECONDS, help);
    for (labels, stats) in &requests {
        stage_histogram(text, labels, &stats.first_chunk.read());
    }
    type Read = fn(&RequestStats) -> u64;
    let sums: [(&str, Option<&str>, &str, Read); 3] = [
        ("grps_received_bytes", BYTES, "Bytes of request bodies.", |s| s.received_bytes.read()),
        ("grps_sent_bytes", BYTES, "Bytes of response bodies.", |s| s.sent_bytes.read()),
        ("grps_sent_chunks", None, "Chunks of responses.", |s| s.chunks.read()),
    ];
    for (name, unit, help, read) in sums {
        text.family(Kind::Counter, name, unit, help);
        for (labels, stats) in &requests {
            text.sample(labels, read(stats) as f64);
        }
    }
}

/// The counters of every route and protocol that had a request.
fn requests(routes: &[Arc<RouteStats>]) -> Vec<([(&str, &str); 2], &RequestStats)> {
    let all = routes.iter().flat_map(|route| {
        Protocol::ALL.map(|protocol| {
            let labels = [("model", &*route.name), ("protocol", protocol.name())];
            (labels, route.for_protocol(protocol))
        })
    });
    all.filter(|(_, stats)| stats.outcomes.read() != OutcomeCounts::default()).collect()
}
