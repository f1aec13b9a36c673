//! `X-Grps-Timing`: a request's own waterfall, in a header of its answer.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use grps_core::metrics::{CallStage, RequestStage};
use grps_core::{CallNote, Timeline};
use http::{HeaderMap, HeaderName, HeaderValue};

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

/// One bar of a waterfall.
pub(crate) struct Bar {
    /// The step, behind the node or model whose it is.
    pub(crate) name: String,
    /// When it began, counted from the begin of the request.
    pub(crate) start: Duration,
    /// How long it took.
    pub(crate) length: Duration,
    /// The call that it is a step of.
    pub(crate) call: Option<CallNote>,
    /// Whether it is the model's own work, of which the batch is told.
    is_infer: bool,
}

/// What a request went through until now, in the order of time; steps that took no time are left out.
pub(crate) fn bars(timeline: &Timeline) -> Vec<Bar> {
    let since = |moment: Instant| moment.saturating_duration_since(timeline.began());
    let steps = timeline.steps();
    let mut bars = Vec::new();
    for stage in RequestStage::ALL {
        if let Some((began, length)) = steps.stage(stage) {
            let (name, start) = (stage.name().to_owned(), since(began));
            bars.push(Bar { name, start, length, call: None, is_infer: false });
        }
    }
    for call in steps.calls {
        let who = call.node.as_ref().unwrap_or(&call.model);
        let mut start = since(call.times.began);
        for (stage, length) in call.times.stages() {
            if !length.is_zero() {
                let name = format!("{who}/{}", stage.name());
                let is_infer = stage == CallStage::Infer;
                bars.push(Bar { name, start, length, call: Some(call.clone()), is_infer });
            }
            start += length;
        }
    }
    bars.sort_by_key(|bar| bar.start);
    bars
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
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
