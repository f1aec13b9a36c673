//! Metrics of the calls of models and of nodes of graphs.

use grps_core::Cause;
use grps_core::metrics::{CallStage, CallStats};

use crate::app::App;
use crate::observability::exposition::{Exposition, Kind};
use crate::observability::metrics::samples::{SECONDS, stage_histogram};

/// One of the two kinds of names that calls are counted by.
struct Calls<'a> {
    /// Start of the metric names.
    prefix: &'static str,
    /// Their name in the help texts.
    of: &'static str,
    /// Labels and counters of each.
    all: Vec<(Vec<(&'a str, &'a str)>, &'a CallStats)>,
}

/// Writes them.
pub(super) fn write(app: &App, text: &mut Exposition) {
    let (models, nodes) = (app.stats.models(), app.stats.nodes());
    let of_models = models.iter().map(|(key, stats)| (vec![("model", key.as_str())], &**stats));
    let of_nodes = nodes.iter().map(|((graph, node), stats)| {
        (vec![("graph", graph.as_str()), ("node", node.as_str())], &**stats)
    });
    let all = [
        Calls { prefix: "grps_model", of: "models", all: of_models.collect() },
        Calls { prefix: "grps_node", of: "graph nodes", all: of_nodes.collect() },
    ];
    for Calls { prefix, of, all } in &all {
        let help = format!("Calls of {of} that have ended, by outcome.");
        text.family(Kind::Counter, &format!("{prefix}_calls"), None, &help);
        for (labels, stats) in all {
            let counts = stats.outcomes.read();
            let failed = Cause::ALL.map(|cause| (cause.name(), counts.failed_for(cause)));
            let failed = failed.into_iter().filter(|(_, count)| *count > 0);
            for (outcome, count) in [("ok", counts.succeeded)].into_iter().chain(failed) {
                let labels = [labels.as_slice(), &[("outcome", outcome)]].concat();
                text.sample(&labels, count as f64);
            }
        }
        let help = format!("Calls of {of} that have not ended.");
        text.family(Kind::Gauge, &format!("{prefix}_calls_in_flight"), None, &help);
        for (labels, stats) in all {
            text.sample(labels, stats.outcomes.read().in_flight as f64);
        }
        let help = format!("Calls of {of}, from the queue to the output of the instance.");
        text.family(Kind::Histogram, &format!("{prefix}_call_duration_seconds"), SECONDS, &help);
        for (labels, stats) in all {
            stage_histogram(text, labels, &stats.duration.read());
        }
        let help = format!("Steps of the calls of {of}.");
        text.family(Kind::Histogram, &format!("{prefix}_stage_duration_seconds"), SECONDS, &help);
        for (labels, stats) in all {
            for stage in CallStage::ALL {
                let labels = [labels.as_slice(), &[("stage", stage.name())]].concat();
                stage_histogram(text, &labels, &stats.stage(stage).read());
            }
        }
    }
}
