//! Spans of requests, exported by OTLP: one of the request, one of each call of a model, and one of
//! each of their steps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use grps_core::metrics::{Noted, RequestStage};
use grps_core::{CallNote, TraceContext};
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

/// Requests whose spans may wait to be exported; more are dropped and counted.
const WAITING: usize = 4096;
/// Requests that are exported together at most.
const BATCH: usize = 256;
/// How long spans wait for company.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one export may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Failed exports are told of this often, however many there are.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(60);

/// How spans are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceProtocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP as protobuf over HTTP.
    Http,
}

/// Where spans of requests go.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// The collector's URL.
    pub endpoint: String,
    /// How spans are sent.
    pub protocol: TraceProtocol,
    /// The share of requests without a caller's trace whose spans are exported, 0 to 1.
    pub sample_ratio: f64,
    /// The service's name in traces.
    pub service: String,
}

/// Takes requests that have ended and lets a task of its own export their spans.
#[derive(Debug)]
pub(crate) struct Traces {
    settings: TraceSettings,
    /// A trace is sampled when the lower half of its identifier is below this.
    threshold: u64,
    /// `None` once the service has drained.
    sender: Mutex<Option<mpsc::Sender<Noted>>>,
    /// Taken by the task that exports.
    receiver: Mutex<Option<mpsc::Receiver<Noted>>>,
    dropped: AtomicU64,
}

impl Traces {
    /// Exports nothing yet.
    pub(crate) fn new(settings: TraceSettings) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let threshold = (settings.sample_ratio.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
        Self {
            settings,
            threshold,
            sender: Mutex::new(Some(sender)),
            receiver: Mutex::new(Some(receiver)),
            dropped: AtomicU64::new(0),
        }
    }

    /// Whether spans of a trace that begins here are exported.
    pub(crate) fn samples(&self, trace_id: u128) -> bool {
        let low = trace_id as u64;
        low < self.threshold || self.threshold == u64::MAX
    }

    /// Hands over a request that has ended; never waits.
    pub(crate) fn export(&self, ended: Noted) {
        let sent = self.sender.lock().as_ref().is_some_and(|sender| sender.try_send(ended).is_ok());
        if !sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Requests whose spans were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Takes no more; [`Traces::run`] then exports what is left and ends.
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
        let mut ended = Vec::with_capacity(BATCH);
        let mut complained: Option<Instant> = None;
        while receiver.recv_many(&mut ended, BATCH).await > 0 {
            let requests = ended.len() as u64;
            let spans = ended.drain(..).flat_map(|noted| writer.write(&noted)).collect();
            let sent = tokio::time::timeout(EXPORT_TIMEOUT, exporter.export(spans)).await;
            let failure = match sent {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {} s", EXPORT_TIMEOUT.as_secs())),
            };
            if let Some(error) = failure {
                self.dropped.fetch_add(requests, Ordering::Relaxed);
                if complained.is_none_or(|at| at.elapsed() >= COMPLAINT_PAUSE) {
                    complained = Some(Instant::now());
                    let (endpoint, dropped) = (&self.settings.endpoint, self.dropped());
                    tracing::warn!(error, endpoint, dropped, "spans were not exported");
                }
            }
            if requests < BATCH as u64 && self.sender.lock().is_some() {
                tokio::time::sleep(PAUSE).await;
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

/// Writes the spans of requests.
struct SpanWriter {
    ids: RequestIds,
    scope: InstrumentationScope,
}

/// What the spans of one request have in common.
struct Frame<'a> {
    trace: &'a TraceContext,
    state: TraceState,
    /// The same moment on both clocks.
    now: (Instant, SystemTime),
}

impl Frame<'_> {
    fn wall(&self, moment: Instant) -> SystemTime {
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

    /// The request's span, and those of its steps under it.
    fn write(&self, noted: &Noted) -> Vec<SpanData> {
        let Some(trace) = noted.timeline.trace() else { return Vec::new() };
        let state = trace.state.as_deref().and_then(|state| state.parse().ok());
        let began = noted.timeline.began();
        let now = (began + noted.duration, noted.ended);
        let frame = Frame { trace, state: state.unwrap_or_default(), now };
        let mut spans = vec![self.request_span(&frame, noted)];
        let steps = noted.timeline.steps();
        for stage in RequestStage::ALL {
            if let Some((began, length)) = steps.stage(stage) {
                let id = self.next_id();
                spans.push(self.span(&frame, (id, trace.span_id), stage.name(), began, length));
            }
        }
        for call in &steps.calls {
            self.call_spans(&frame, call, &mut spans);
        }
        spans
    }

    fn request_span(&self, frame: &Frame<'_>, noted: &Noted) -> SpanData {
        let ids = (frame.trace.span_id, frame.trace.parent_id.unwrap_or(0));
        let name = format!("infer {}", noted.model);
        let mut span = self.span(frame, ids, name, noted.timeline.began(), noted.duration);
        span.span_kind = SpanKind::Server;
        span.parent_span_is_remote = frame.trace.parent_id.is_some();
        let status = i64::from(http_status_of(noted.failure).as_u16());
        span.attributes = vec![
            KeyValue::new("grps.model", noted.model.to_string()),
            KeyValue::new("grps.request_id", noted.timeline.id().to_owned()),
            KeyValue::new("grps.protocol", noted.protocol.name()),
            KeyValue::new("grps.status", status),
        ];
        if let Some(cause) = noted.failure {
            span.status = Status::error(cause.name());
        }
        span
    }

    fn call_spans(&self, frame: &Frame<'_>, call: &CallNote, spans: &mut Vec<SpanData>) {
        let id = self.next_id();
        let name = call.node.as_ref().unwrap_or(&call.model).to_string();
        let (began, length) = (call.times.began, call.times.duration());
        let mut span = self.span(frame, (id, frame.trace.span_id), name, began, length);
        let batch = call.times.timings.batch;
        span.attributes = vec![
            KeyValue::new("grps.model", call.model.to_string()),
            KeyValue::new("grps.batch.requests", i64::from(batch.requests)),
            KeyValue::new("grps.batch.rows", i64::from(batch.rows)),
        ];
        if let Some(reason) = batch.reason {
            span.attributes.push(KeyValue::new("grps.batch.small", reason.name()));
        }
        if let Some(cause) = call.failure {
            span.status = Status::error(cause.name());
        }
        spans.push(span);
        let mut start = began;
        for (stage, length) in call.times.stages() {
            if !length.is_zero() {
                spans.push(self.span(frame, (self.next_id(), id), stage.name(), start, length));
            }
            start += length;
        }
    }

    fn span(
        &self,
        frame: &Frame<'_>,
        (id, parent): (u64, u64),
        name: impl Into<std::borrow::Cow<'static, str>>,
        began: Instant,
        length: Duration,
    ) -> SpanData {
        let trace_id = TraceId::from_bytes(frame.trace.trace_id.to_be_bytes());
        let (id, state) = (SpanId::from_bytes(id.to_be_bytes()), frame.state.clone());
        let start_time = frame.wall(began);
        SpanData {
            span_context: SpanContext::new(trace_id, id, TraceFlags::SAMPLED, false, state),
            parent_span_id: SpanId::from_bytes(parent.to_be_bytes()),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time,
            end_time: start_time + length,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }

    fn next_id(&self) -> u64 {
        self.ids.number().max(1)
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

    fn noted(failure: Option<Cause>) -> Noted {
        let trace = TraceContext {
            trace_id: 7,
            span_id: 8,
            parent_id: Some(9),
            sampled: true,
            state: None,
        }
        .with_state(Some("vendor=1"));
        let timeline = Timeline::new("r", Some(trace));
        timeline.note(RequestStage::Decode, timeline.began());
        Noted {
            timeline: Arc::new(timeline),
            model: "m-1".into(),
            protocol: Protocol::Http,
            failure,
            duration: Duration::from_millis(5),
            ended: SystemTime::now(),
        }
    }

    #[test]
    fn the_ratio_decides_at_both_ends() {
        assert!(!traces(0.0).samples(0));
        assert!(traces(1.0).samples(u128::MAX));
        let half = traces(0.5);
        assert!(half.samples(u128::from(u64::MAX / 4)) && !half.samples(u128::from(u64::MAX)));
    }

    #[test]
    fn more_than_may_wait_is_counted() {
        let traces = traces(1.0);
        for _ in 0..WAITING {
            traces.export(noted(None));
        }
        assert_eq!(traces.dropped(), 0);
        traces.export(noted(None));
        assert_eq!(traces.dropped(), 1);
    }

    #[test]
    fn spans_hang_together() {
        let spans = SpanWriter::new().write(&noted(Some(Cause::ModelFailed)));
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
