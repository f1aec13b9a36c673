//! The waterfall of one request: its stages in chronological order.

use std::time::{Duration, Instant};

use grps_core::metrics::{CallStage, RequestStage};
use grps_core::{CallRecord, Timeline};

/// One bar of a waterfall.
pub(crate) struct Bar {
    /// The stage, with its node or model as a prefix.
    pub(crate) name: String,
    /// Start of the stage, relative to the start of the request.
    pub(crate) start: Duration,
    /// Duration of the stage.
    pub(crate) duration: Duration,
    /// The model call of the stage, if any.
    pub(crate) call: Option<CallRecord>,
    /// Whether the stage is the model run, for which the batch is shown.
    pub(crate) is_infer: bool,
}

/// The stages of a request so far in chronological order, without stages that took no time.
pub(crate) fn bars(timeline: &Timeline) -> Vec<Bar> {
    let since = |moment: Instant| moment.saturating_duration_since(timeline.began());
    let record = timeline.record();
    let mut bars = Vec::new();
    for stage in RequestStage::ALL {
        if let Some((began, duration)) = record.stage(stage) {
            let (name, start) = (stage.name().to_owned(), since(began));
            bars.push(Bar { name, start, duration, call: None, is_infer: false });
        }
    }
    for call in record.calls {
        let owner = call.node.as_ref().unwrap_or(&call.model);
        let mut start = since(call.times.began);
        for (stage, duration) in call.times.stages() {
            let is_infer = stage == CallStage::Infer;
            let prefill =
                if is_infer { call.times.prefill().min(duration) } else { Duration::ZERO };
            let parts = [("prefill", prefill, false), (stage.name(), duration - prefill, is_infer)];
            for (name, duration, is_infer) in parts {
                if !duration.is_zero() {
                    let (name, call) = (format!("{owner}/{name}"), Some(call.clone()));
                    bars.push(Bar { name, start, duration, call, is_infer });
                }
                start += duration;
            }
        }
    }
    bars.sort_by_key(|bar| bar.start);
    bars
}
