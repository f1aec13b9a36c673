//! `X-Grps-Timing`: the waterfall of a request in a header of its response.

use std::fmt::Write as _;
use std::time::Duration;

use grps_core::Timeline;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::observability::waterfall::bars;

/// The header; `true` in a request, the waterfall in a response.
const TIMING: HeaderName = HeaderName::from_static("x-grps-timing");

/// Whether a client requests the waterfall.
pub(crate) fn is_requested(headers: &HeaderMap) -> bool {
    headers.get(TIMING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Adds the stages so far in the syntax of `Server-Timing`: name, start and duration in
/// milliseconds.
pub(crate) fn add(headers: &mut HeaderMap, timeline: &Timeline) {
    if let Ok(value) = HeaderValue::from_str(&describe(timeline)) {
        headers.insert(TIMING, value);
    }
}

fn describe(timeline: &Timeline) -> String {
    let mut text = String::new();
    for bar in bars(timeline) {
        let _ = write!(text, "{};start={:.3};dur={:.3}", bar.name, ms(bar.start), ms(bar.duration));
        if let Some(call) = bar.call.filter(|_| bar.is_infer) {
            let batch = call.times.timings.batch;
            let _ = write!(text, ";requests={};rows={}", batch.requests, batch.rows);
            if let Some(reason) = batch.reason {
                let _ = write!(text, ";small={}", reason.name());
            }
            if batch.steps > 0 {
                let _ = write!(text, ";steps={}", batch.steps);
            }
        }
        text.push_str(", ");
    }
    let _ = write!(text, "total;start=0;dur={:.3}", ms(timeline.began().elapsed()));
    text
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use grps_core::metrics::RequestStage;

    use super::*;

    #[test]
    fn only_true_requests_the_waterfall() {
        for (value, expected) in [("true", true), ("True", true), ("1", false), ("false", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(TIMING, HeaderValue::from_static(value));
            assert_eq!(is_requested(&headers), expected, "{value}");
        }
        assert!(!is_requested(&HeaderMap::new()));
    }

    #[test]
    fn stages_are_in_chronological_order() {
        let timeline = Timeline::new("r", None);
        timeline.note_stage(RequestStage::Receive, timeline.began());
        timeline.note_stage(RequestStage::Decode, Instant::now());
        let text = describe(&timeline);
        let names: Vec<_> = text.split(", ").map(|bar| bar.split(';').next().unwrap()).collect();
        assert_eq!(names, ["receive", "decode", "total"]);
        assert!(text.starts_with("receive;start=0.000;dur=0."), "{text}");
    }
}
