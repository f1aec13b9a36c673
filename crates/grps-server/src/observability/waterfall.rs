//! The steps of one request, in the order of time.

use std::time::{Duration, Instant};

use grps_core::metrics::{CallStage, RequestStage};
use grps_core::{CallNote, Timeline};

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
    pub(crate) is_infer: bool,
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
