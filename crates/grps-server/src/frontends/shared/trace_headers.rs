//! The trace context of a request, from its headers and the sampling decision.

use grps_core::{TraceContext, TraceParent};
use http::{HeaderMap, HeaderName};

use crate::app::App;

/// The trace of the client, as the W3C writes it.
pub(crate) const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// Returns the trace context of a request; `None` when neither the client nor the service traces it.
pub(crate) fn read_context(app: &App, headers: &HeaderMap) -> Option<TraceContext> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let parent = text(TRACE_PARENT).and_then(TraceParent::parse);
    let Some(traces) = &app.traces else {
        // Without an export the service has no span, so it forwards the span of the client.
        let parent = parent?;
        let TraceParent { trace_id, span_id, sampled } = parent;
        let forwarded =
            TraceContext { trace_id, span_id, parent_id: Some(span_id), sampled, state: None };
        return Some(forwarded.with_state(text(TRACE_STATE)));
    };
    let span_id = app.request_ids.next_number().max(1);
    let Some(parent) = parent else {
        let high = u128::from(app.request_ids.next_number()) << 64;
        let trace_id = (high | u128::from(app.request_ids.next_number())).max(1);
        let sampled = traces.samples(trace_id);
        return Some(TraceContext { trace_id, span_id, parent_id: None, sampled, state: None });
    };
    let TraceParent { trace_id, span_id: parent_id, sampled } = parent;
    // The client's sampling decision applies, so that a trace is exported completely or not at all.
    let context =
        TraceContext { trace_id, span_id, parent_id: Some(parent_id), sampled, state: None };
    Some(context.with_state(text(TRACE_STATE)))
}
