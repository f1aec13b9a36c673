//! Metrics that user code records with the monitor.

use grps_core::metrics::{Kind as SeriesKind, Points, UserMetric};

use crate::app::App;
use crate::observability::exposition::{Exposition, Kind};
use crate::observability::monitoring::now_s;

/// Writes them.
pub(super) fn write(app: &App, text: &mut Exposition) {
    let metrics = app.monitor.user_metrics(now_s());
    let of = |kinds: &'static [SeriesKind]| metrics.iter().filter(|m| kinds.contains(&m.kind));
    let help = "Values that user code records with avg, max and min: the latest second.";
    text.family(Kind::Gauge, "grps_user", None, help);
    for metric in of(&[SeriesKind::Average, SeriesKind::Max, SeriesKind::Min]) {
        if let Some(value) = metric.points.last_second() {
            text.sample(&[("name", &metric.name), ("kind", metric.kind.name())], value);
        }
    }
    text.family(
        Kind::Counter,
        "grps_user_increments",
        None,
        "Values that user code records with inc.",
    );
    for metric in of(&[SeriesKind::Increment]).filter(|metric| metric.total >= 0.0) {
        text.sample(&[("name", &metric.name)], metric.total);
    }
    let help = "Values that user code records with cdf: the latest minute.";
    text.family(Kind::Summary, "grps_user_distribution", None, help);
    for metric in of(&[SeriesKind::Distribution]) {
        let quantiles = quantiles(metric);
        text.summary(
            &[("name", &metric.name)],
            quantiles.into_iter(),
            (metric.count, metric.total),
        );
    }
}

fn quantiles(metric: &UserMetric) -> Vec<(f64, f64)> {
    let Points::Distribution(points) = &metric.points else { return Vec::new() };
    let wanted = [(50, 0.5), (90, 0.9), (99, 0.99)];
    let found = wanted.into_iter().filter_map(|(percent, quantile)| {
        let value = points.iter().find(|(shown, _)| *shown == percent)?.1;
        Some((quantile, value))
    });
    found.collect()
}
