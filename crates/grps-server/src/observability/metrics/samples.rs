//! Samples that several groups of metrics write alike.

use std::collections::BTreeMap;
use std::time::Duration;

use grps_core::metrics::{Counts, Exemplar, bounds};

use crate::observability::exposition::{ExemplarText, Exposition, Kind, Labels};

pub(super) const SECONDS: Option<&str> = Some("seconds");
pub(super) const BYTES: Option<&str> = Some("bytes");

/// A gauge without labels.
pub(super) fn gauge(text: &mut Exposition, name: &str, help: &str, value: f64) {
    text.family(Kind::Gauge, name, None, help);
    text.sample(&[], value);
}

/// A histogram with all bounds and its exemplars.
pub(super) fn histogram(
    text: &mut Exposition,
    labels: Labels<'_>,
    counts: &Counts,
    exemplars: &BTreeMap<Duration, Exemplar>,
) {
    let exemplar = |bound: Duration| exemplars.get(&bound).map(exemplar_text);
    let below = bounds().map(|bound| {
        let seconds = bound.as_secs_f64();
        (seconds, counts.count_below(bound), exemplar(bound))
    });
    let totals = (counts.count(), counts.total().as_secs_f64());
    text.histogram(labels, below, totals, exemplar(Duration::MAX));
}

/// A histogram of half as many bounds; nothing when nothing was counted.
pub(super) fn stage_histogram(text: &mut Exposition, labels: Labels<'_>, counts: &Counts) {
    if counts.count() == 0 {
        return;
    }
    let below = bounds().step_by(2).map(|bound| {
        let seconds = bound.as_secs_f64();
        (seconds, counts.count_below(bound), None)
    });
    text.histogram(labels, below, (counts.count(), counts.total().as_secs_f64()), None);
}

fn exemplar_text(exemplar: &Exemplar) -> ExemplarText {
    let timeline = &exemplar.timeline;
    let mut labels = Vec::new();
    // All labels of an exemplar may have 128 characters together.
    if let Some(trace) = timeline.trace() {
        labels.push(("trace_id", format!("{:032x}", trace.trace_id)));
    }
    let room: usize = 128 - labels.iter().map(|(name, id)| name.len() + id.len()).sum::<usize>();
    if timeline.id().chars().count() + "request_id".len() <= room {
        labels.push(("request_id", timeline.id().to_owned()));
    }
    let value = exemplar.duration.as_secs_f64();
    ExemplarText { labels, value, ended: exemplar.ended }
}
