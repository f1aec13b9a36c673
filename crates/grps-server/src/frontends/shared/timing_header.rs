//! `X-Grps-Timing`: a request's own waterfall, in a header of its answer.

use std::fmt::Write as _;
use std::time::Duration;

use grps_core::Timeline;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::observability::waterfall::bars;

/// The header of the request, which must be `true`, and of the answer.
const TIMING: HeaderName = HeaderName::from_static("x-grps-timing");

/// Whether a client wants to know what the steps of its request took.
pub(crate) fn is_asked(headers: &HeaderMap) -> bool {
    headers.get(TIMING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Tells what the steps took until now, in the syntax of `Server-Timing`: name, start and
/// duration in milliseconds.
pub(crate) fn add(headers: &mut HeaderMap, timeline: &Timeline) {
    if let Ok(value) = HeaderValue::from_str(&describe(timeline)) {
        headers.insert(TIMING, value);
    }
}

fn describe(timeline: &Timeline) -> String {
    let mut text = String::new();
    for bar in bars(timeline) {
        let _ = write!(text, "{};start={:.3};dur={:.3}", bar.name, ms(bar.start), ms(bar.length));
        if let Some(call) = bar.call.filter(|_| bar.is_infer) {
            let batch = call.times.timings.batch;
            let _ = write!(text, ";requests={};rows={}", batch.requests, batch.rows);
            if let Some(reason) = batch.reason {
                let _ = write!(text, ";small={}", reason.name());
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
    fn only_true_asks() {
        for (value, asked) in [("true", true), ("True", true), ("1", false), ("false", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(TIMING, HeaderValue::from_static(value));
            assert_eq!(is_asked(&headers), asked, "{value}");
        }
        assert!(!is_asked(&HeaderMap::new()));
    }

    #[test]
    fn steps_are_told_in_the_order_of_time() {
        let timeline = Timeline::new("r", None);
        timeline.note(RequestStage::Receive, timeline.began());
        timeline.note(RequestStage::Decode, Instant::now());
        let text = describe(&timeline);
        let names: Vec<_> = text.split(", ").map(|bar| bar.split(';').next().unwrap()).collect();
        assert_eq!(names, ["receive", "decode", "total"]);
        assert!(text.starts_with("receive;start=0.000;dur=0."), "{text}");
    }
}
