//! Exports the spans of requests with OTLP: one for the request, one for each model call, and one
//! for each of their stages.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use grps_core::metrics::{RequestStage, RequestSummary};
use grps_core::{CallRecord, TraceContext};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::call::request_ids::RequestIds;
use crate::call::status::http_status_of;

/// Maximum number of requests whose spans wait to be exported; further ones are dropped.
const MAX_WAITING: usize = 4096;
/// Maximum number of requests per export.
const EXPORT_SIZE: usize = 256;
/// How long spans wait to fill an export.
const EXPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Timeout of one export.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Least time between two log lines about failed exports.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// The protocol of the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceProtocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP as protobuf over HTTP.
    Http,
}

/// Settings of the export.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// URL of the collector.
    pub endpoint: String,
    /// The protocol of the export.
    pub protocol: TraceProtocol,
    /// Share of the requests without a `traceparent` whose spans are exported, 0 to 1.
    pub sample_ratio: f64,
    /// Name of the service in traces.
    pub service: String,
}

/// Queues requests that have ended; a separate task exports their spans.
#[derive(Debug)]
pub(crate) struct Traces {
    settings: TraceSettings,
    /// A trace is sampled when the lower half of its identifier is below this value.
    threshold: u64,
    /// `None` after [`Traces::end`].
    sender: Mutex<Option<mpsc::Sender<RequestSummary>>>,
    /// Taken by [`Traces::run`].
    receiver: Mutex<Option<mpsc::Receiver<RequestSummary>>>,
    /// Requests whose spans were dropped.
    dropped: AtomicU64,
}

impl Traces {
    /// Creates an empty queue.
    pub(crate) fn new(settings: TraceSettings) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let threshold = (settings.sample_ratio.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
        Self {
            settings,
            threshold,
            sender: Mutex::new(Some(sender)),
            receiver: Mutex::new(Some(receiver)),
            dropped: AtomicU64::new(0),
        }
    }

    /// Whether the spans of a new trace are exported.
    pub(crate) fn samples(&self, trace_id: u128) -> bool {
        let low = trace_id as u64;
        low < self.threshold || self.threshold == u64::MAX
    }

    /// Queues a request that has ended; drops it when the queue is full.
    pub(crate) fn export(&self, request: RequestSummary) {
        let sender = self.sender.lock();
        let is_queued = sender.as_ref().is_some_and(|sender| sender.try_send(request).is_ok());
        if !is_queued {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Number of requests whose spans were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Accepts no more requests; [`Traces::run`] exports the queued ones and ends.
    pub(crate) fn end(&self) {
        self.sender.lock().take();
    }

    /// Exports until [`Traces::end`].
    pub(crate) async fn run(&self) {
        let Some(mut receiver) = self.receiver.lock().take() else { return };
        let exporter = match connect(&self.settings) {
            Ok(exporter) => exporter,
            Err(error) => {
                let endpoint = &self.settings.endpoint;
                tracing::error!(%error, endpoint, "spans can't be exported");
                return;
            }
        };
        let writer = SpanWriter::new();
        let mut ended = Vec::with_capacity(EXPORT_SIZE);
        let mut last_warning: Option<Instant> = None;
        while receiver.recv_many(&mut ended, EXPORT_SIZE).await > 0 {
            let requests = ended.len() as u64;
            let spans = ended.drain(..).flat_map(|request| writer.write(&request)).collect();
            let outcome = tokio::time::timeout(EXPORT_TIMEOUT, exporter.export(spans)).await;
            let failure = match outcome {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no response within {} s", EXPORT_TIMEOUT.as_secs())),
            };
            if let Some(error) = failure {
                self.dropped.fetch_add(requests, Ordering::Relaxed);
                if last_warning.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
                    last_warning = Some(Instant::now());
                    let (endpoint, dropped) = (&self.settings.endpoint, self.dropped());
                    tracing::warn!(error, endpoint, dropped, "spans were not exported");
                }
            }
            if requests < EXPORT_SIZE as u64 && self.sender.lock().is_some() {
                tokio::time::sleep(EXPORT_INTERVAL).await;
            }
        }
    }
}

fn connect(settings: &TraceSettings) -> Result<SpanExporter, ExporterBuildError> {
    let endpoint = settings.endpoint.trim_end_matches('/');
    let mut exporter = match settings.protocol {
        TraceProtocol::Grpc => SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .build()?,
        TraceProtocol::Http => SpanExporter::builder()
            .with_http()
            .with_http_client(opentelemetry_http::hyper::HyperClient::with_default_connector(
                EXPORT_TIMEOUT,
                None,
            ))
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .with_timeout(EXPORT_TIMEOUT)
            .build()?,
    };
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder()
        .with_service_name(settings.service.clone())
        .with_attribute(version)
        .build();
    exporter.set_resource(&resource);
    Ok(exporter)
}

/// Creates the spans of requests.
struct SpanWriter {
    /// Generates identifiers of spans.
    ids: RequestIds,
    scope: InstrumentationScope,
}

/// What all spans of one request share.
struct RequestTrace<'a> {
    context: &'a TraceContext,
    state: TraceState,
    /// The same moment on the monotonic clock and on the wall clock.
    now: (Instant, SystemTime),
}

impl RequestTrace<'_> {
    /// A moment on the wall clock.
    fn wall_time(&self, moment: Instant) -> SystemTime {
        let (now, wall) = self.now;
        wall.checked_sub(now.saturating_duration_since(moment)).unwrap_or(wall)
    }
}

impl SpanWriter {
    fn new() -> Self {
        let scope =
            InstrumentationScope::builder("grps").with_version(env!("CARGO_PKG_VERSION")).build();
        Self { ids: RequestIds::default(), scope }
    }

    /// Creates the span of a request and its child spans.
    fn write(&self, request: &RequestSummary) -> Vec<SpanData> {
        let Some(context) = request.timeline.trace() else { return Vec::new() };
        let state = context.state.as_deref().and_then(|state| state.parse().ok());
        let began = request.timeline.began();
        let now = (began + request.duration, request.ended);
        let trace = RequestTrace { context, state: state.unwrap_or_default(), now };
        let mut spans = vec![self.request_span(&trace, request)];
        let record = request.timeline.record();
        for stage in RequestStage::ALL {
            if let Some((began, duration)) = record.stage(stage) {
                let ids = (self.next_id(), context.span_id);
                spans.push(self.span(&trace, ids, stage.name(), began, duration));
            }
        }
        for call in &record.calls {
            self.call_spans(&trace, call, &mut spans);
        }
        spans
    }

    fn request_span(&self, trace: &RequestTrace<'_>, request: &RequestSummary) -> SpanData {
        let ids = (trace.context.span_id, trace.context.parent_id.unwrap_or(0));
        let name = format!("infer {}", request.model);
        let mut span = self.span(trace, ids, name, request.timeline.began(), request.duration);
        span.span_kind = SpanKind::Server;
        span.parent_span_is_remote = trace.context.parent_id.is_some();
        let status = i64::from(http_status_of(request.failure).as_u16());
        span.attributes = vec![
            KeyValue::new("grps.model", request.model.to_string()),
            KeyValue::new("grps.request_id", request.timeline.id().to_owned()),
            KeyValue::new("grps.protocol", request.protocol.name()),
            KeyValue::new("grps.status", status),
        ];
        if let Some(cause) = request.failure {
            span.status = Status::error(cause.name());
        }
        span
    }

    fn call_spans(&self, trace: &RequestTrace<'_>, call: &CallRecord, spans: &mut Vec<SpanData>) {
        let id = self.next_id();
        let name = call.node.as_ref().unwrap_or(&call.model).to_string();
        let (began, duration) = (call.times.began, call.times.duration());
        let mut span = self.span(trace, (id, trace.context.span_id), name, began, duration);
        let batch = call.times.timings.batch;
        span.attributes = vec![
            KeyValue::new("grps.model", call.model.to_string()),
            KeyValue::new("grps.batch.requests", i64::from(batch.requests)),
            KeyValue::new("grps.batch.rows", i64::from(batch.rows)),
        ];
        if let Some(reason) = batch.reason {
            span.attributes.push(KeyValue::new("grps.batch.small", reason.name()));
        }
        if batch.steps > 0 {
            span.attributes.push(KeyValue::new("grps.steps", i64::from(batch.steps)));
        }
        if let Some(cause) = call.failure {
            span.status = Status::error(cause.name());
        }
        spans.push(span);
        let mut start = began;
        for (stage, duration) in call.times.stages() {
            if !duration.is_zero() {
                spans.push(self.span(trace, (self.next_id(), id), stage.name(), start, duration));
            }
            start += duration;
        }
    }

    fn span(
        &self,
        trace: &RequestTrace<'_>,
        (id, parent): (u64, u64),
        name: impl Into<std::borrow::Cow<'static, str>>,
        began: Instant,
        duration: Duration,
    ) -> SpanData {
        let trace_id = TraceId::from_bytes(trace.context.trace_id.to_be_bytes());
        let (id, state) = (SpanId::from_bytes(id.to_be_bytes()), trace.state.clone());
        let start_time = trace.wall_time(began);
        SpanData {
            span_context: SpanContext::new(trace_id, id, TraceFlags::SAMPLED, false, state),
            parent_span_id: SpanId::from_bytes(parent.to_be_bytes()),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time,
            end_time: start_time + duration,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }

    fn next_id(&self) -> u64 {
        self.ids.next_number().max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use grps_core::metrics::Protocol;
    use grps_core::{Cause, Timeline};

    use super::*;

    fn traces(sample_ratio: f64) -> Traces {
        Traces::new(TraceSettings {
            endpoint: "http://127.0.0.1:1".to_owned(),
            protocol: TraceProtocol::Grpc,
            sample_ratio,
            service: "test".to_owned(),
        })
    }

    fn request(failure: Option<Cause>) -> RequestSummary {
        let context = TraceContext {
            trace_id: 7,
            span_id: 8,
            parent_id: Some(9),
            sampled: true,
            state: None,
        }
        .with_state(Some("vendor=1"));
        let timeline = Timeline::new("r", Some(context));
        timeline.note_stage(RequestStage::Decode, timeline.began());
        RequestSummary {
            timeline: Arc::new(timeline),
            model: "m-1".into(),
            protocol: Protocol::Http,
            failure,
            error: None,
            duration: Duration::from_millis(5),
            ended: SystemTime::now(),
        }
    }

    #[test]
    fn the_sample_ratio_decides_which_traces_are_sampled() {
        assert!(!traces(0.0).samples(0));
        assert!(traces(1.0).samples(u128::MAX));
        let half = traces(0.5);
        assert!(half.samples(u128::from(u64::MAX / 4)) && !half.samples(u128::from(u64::MAX)));
    }

    #[test]
    fn dropped_requests_are_counted() {
        let traces = traces(1.0);
        for _ in 0..MAX_WAITING {
            traces.export(request(None));
        }
        assert_eq!(traces.dropped(), 0);
        traces.export(request(None));
        assert_eq!(traces.dropped(), 1);
    }

    #[test]
    fn spans_have_the_right_parents() {
        let spans = SpanWriter::new().write(&request(Some(Cause::ModelFailed)));
        let [request, decode] = spans.as_slice() else { panic!("two spans, got {spans:?}") };
        assert_eq!(request.span_context.span_id(), SpanId::from_bytes(8u64.to_be_bytes()));
        assert_eq!(request.parent_span_id, SpanId::from_bytes(9u64.to_be_bytes()));
        assert_eq!(request.span_context.trace_state().get("vendor"), Some("1"));
        assert_eq!(request.status, Status::error("model_failed"));
        assert_eq!(decode.parent_span_id, request.span_context.span_id());
        assert_eq!(decode.span_context.trace_id(), request.span_context.trace_id());
        assert!(decode.start_time >= request.start_time && decode.end_time <= request.end_time);
    }
}
