//! `/metrics`: everything that is counted, for Prometheus. One file per group of metrics.

mod auto_batching;
mod callers;
mod calls;
mod capture;
mod gpus;
mod models;
mod process;
mod requests;
mod samples;
mod service;
mod services;
mod steps;
mod traffic;
mod user_metrics;

pub(crate) use steps::waiting;

use crate::app::App;
use crate::observability::exposition::{Exposition, Format};

/// Writes the metrics of one group.
type WriteGroup = fn(&App, &mut Exposition);

/// The groups, in the order of the page.
const GROUPS: &[WriteGroup] = &[
    service::write,
    requests::write,
    calls::write,
    models::write,
    auto_batching::write,
    steps::write,
    process::write,
    gpus::write,
    user_metrics::write,
    callers::write,
    services::write,
    capture::write,
    traffic::write,
];

/// Writes all metrics.
pub(crate) fn write(app: &App, format: Format) -> String {
    write_groups(app, format, GROUPS)
}

fn write_groups(app: &App, format: Format, groups: &[WriteGroup]) -> String {
    let mut text = Exposition::new(format);
    for write in groups {
        write(app, &mut text);
    }
    text.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::app;
    use crate::observability::exposition::Kind;

    /// A group as CONTRIBUTING describes one.
    fn toy(app: &App, text: &mut Exposition) {
        text.family(Kind::Gauge, "grps_toy", None, "Open connections once more.");
        text.sample(&[], app.places.taken() as f64);
    }

    #[test]
    fn a_metric_is_one_function_and_one_line() {
        let groups = [GROUPS, &[toy as WriteGroup]].concat();
        let text = write_groups(&app(), Format::Plain, &groups);
        assert!(text.contains("\ngrps_toy 0\n"), "{text}");
        assert!(text.contains("\ngrps_connections 0\n"), "{text}");
        assert!(!write(&app(), Format::Plain).contains("grps_toy"));
    }
}
