//! The heads of requests to other services.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use grps_core::{Call, TraceContext};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

/// Asks for the steps of a call, which the head of its response has then.
pub(crate) const TIMING: &str = "x-grps-timing";

/// The methods of `GrpsService` that are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RemoteMethod {
    /// One response.
    Predict,
    /// A stream of chunks.
    PredictStreaming,
    /// What a model is.
    ModelMetadata,
    /// Whether the service is ready.
    CheckReadiness,
}

impl RemoteMethod {
    fn path(self) -> &'static str {
        match self {
            Self::Predict => "/grps.protos.v1.GrpsService/Predict",
            Self::PredictStreaming => "/grps.protos.v1.GrpsService/PredictStreaming",
            Self::ModelMetadata => "/grps.protos.v1.GrpsService/ModelMetadata",
            Self::CheckReadiness => "/grps.protos.v1.GrpsService/CheckReadiness",
        }
    }
}

/// What a call takes along to another service.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallHeaders {
    headers: HeaderMap,
    /// When the client stops waiting; `None` for no limit.
    pub(crate) deadline: Option<Instant>,
}

impl CallHeaders {
    /// The identifier, trace, priority and the like of a call.
    pub(crate) fn of(call: &Call, limit: Option<Duration>) -> Self {
        let mut headers = HeaderMap::with_capacity(12);
        add(&mut headers, HeaderName::from_static("x-request-id"), call.timeline.id());
        if let Some(trace) = call.timeline.trace() {
            add_trace(&mut headers, trace);
        }
        if call.priority < usize::from(u8::MAX) {
            let priority = HeaderValue::from(call.priority);
            headers.insert(HeaderName::from_static("x-grps-priority"), priority);
        }
        if let Some(key) = &call.batch_key {
            add(&mut headers, HeaderName::from_static("x-grps-batch-key"), key);
        }
        if call.stream.is_none() {
            add(&mut headers, HeaderName::from_static(TIMING), "true");
        }
        let latest = limit.and_then(|limit| call.began.checked_add(limit));
        let deadline = [call.deadline, latest].into_iter().flatten().min();
        Self { headers, deadline }
    }
}

fn add(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn add_trace(headers: &mut HeaderMap, trace: &TraceContext) {
    add(headers, HeaderName::from_static("traceparent"), &trace.traceparent());
    if let Some(state) = &trace.state {
        add(headers, HeaderName::from_static("tracestate"), state);
    }
}

/// What is the same in all requests to an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct EndpointHead {
    /// Scheme and authority.
    origin: String,
    /// The key that the endpoint asks for.
    authorization: Option<HeaderValue>,
}

impl EndpointHead {
    /// The head for an endpoint; the key is that of its configuration.
    pub(crate) fn new(address: &str, is_encrypted: bool, key: Option<&str>) -> Self {
        let scheme = if is_encrypted { "https" } else { "http" };
        let authorization = key.and_then(|key| {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Self { origin: format!("{scheme}://{address}"), authorization }
    }

    /// The head of a request; `None` when the address is no authority of a URI.
    pub(crate) fn request(&self, method: RemoteMethod, call: &CallHeaders) -> Option<Request<()>> {
        let uri: Uri = format!("{}{}", self.origin, method.path()).parse().ok()?;
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.version_mut() = http::Version::HTTP_2;
        let headers = request.headers_mut();
        headers.clone_from(&call.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        let raw = HeaderName::from_static("grps-raw-tensors");
        headers.insert(raw, HeaderValue::from_static("1"));
        if let Some(key) = &self.authorization {
            headers.insert(header::AUTHORIZATION, key.clone());
        }
        if let Some(deadline) = call.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            add(headers, HeaderName::from_static("grpc-timeout"), &timeout_text(left));
        }
        Some(request)
    }
}

/// A timeout in at most eight digits and a unit.
fn timeout_text(left: Duration) -> String {
    let units = [
        (left.as_micros(), 'u'),
        (left.as_millis(), 'm'),
        (u128::from(left.as_secs()), 'S'),
        (u128::from(left.as_secs() / 3600), 'H'),
    ];
    let fitting = units.into_iter().find(|(amount, _)| *amount < 100_000_000);
    let (amount, unit) = fitting.unwrap_or((99_999_999, 'H'));
    let mut text = String::with_capacity(10);
    // Writing to a string can't fail.
    let _ = write!(text, "{amount}{unit}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_have_at_most_eight_digits() {
        let text = |left| timeout_text(left);
        assert_eq!(text(Duration::ZERO), "0u");
        assert_eq!(text(Duration::from_micros(99_999_999)), "99999999u");
        assert_eq!(text(Duration::from_micros(100_000_000)), "100000m");
        assert_eq!(text(Duration::from_secs(100_000)), "100000S");
        assert_eq!(text(Duration::from_millis(99_999_999)), "99999999m");
        assert_eq!(text(Duration::MAX), "99999999H");
    }

    #[test]
    fn a_head_names_the_endpoint() {
        let head = EndpointHead::new("h:1", true, Some("k"));
        let call = CallHeaders { deadline: Some(Instant::now()), ..CallHeaders::default() };
        let request = head.request(RemoteMethod::Predict, &call).unwrap();
        assert_eq!(request.uri(), "https://h:1/grps.protos.v1.GrpsService/Predict");
        assert_eq!(request.headers()["grpc-timeout"], "0u");
        assert_eq!(request.headers()["authorization"], "Bearer k");
        assert!(
            EndpointHead::new("a b", false, None).request(RemoteMethod::Predict, &call).is_none()
        );
    }
}
