//! A request's place in a trace: what its headers say, and whether its spans are exported.

use grps_core::{TraceContext, TraceParent};
use http::{HeaderMap, HeaderName};

use crate::app::App;

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// The request's place in a trace; `None` when neither the caller nor the service traces it.
pub(crate) fn of(app: &App, headers: &HeaderMap) -> Option<TraceContext> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let parent = text(TRACE_PARENT).and_then(TraceParent::parse);
    let Some(traces) = &app.traces else {
        // What does not export spans has none of its own: it passes on its caller's.
        let parent = parent?;
        let TraceParent { trace_id, span_id, sampled } = parent;
        let passed_on =
            TraceContext { trace_id, span_id, parent_id: Some(span_id), sampled, state: None };
        return Some(passed_on.with_state(text(TRACE_STATE)));
    };
    let span_id = app.request_ids.number().max(1);
    let Some(parent) = parent else {
        let high = u128::from(app.request_ids.number()) << 64;
        let trace_id = (high | u128::from(app.request_ids.number())).max(1);
        let sampled = traces.samples(trace_id);
        return Some(TraceContext { trace_id, span_id, parent_id: None, sampled, state: None });
    };
    let TraceParent { trace_id, span_id: parent_id, sampled } = parent;
    // The caller has decided: a trace is exported as a whole or not at all.
    let context =
        TraceContext { trace_id, span_id, parent_id: Some(parent_id), sampled, state: None };
    Some(context.with_state(text(TRACE_STATE)))
}
