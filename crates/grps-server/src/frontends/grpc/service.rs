//! Which code answers which gRPC method.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use grps_core::{Cause, Error, SchedulingOptions};
use http::{HeaderMap, Request, Response, header};
use hyper::body::Incoming;
use tonic::Code;
use tonic::body::Body;
use tonic::server::{Grpc, ServerStreamingService, UnaryService};

use super::predict::MessageStream;
use super::raw_codec::RawCodec;
use super::{health, predict, timeout};
use crate::admin::access::authorize;
use crate::admin::metadata::model_metadata;
use crate::app::App;
use crate::call::dispatch::Call;
use crate::call::readiness::unready;
use crate::call::status::grps_status;
use crate::call::{optional_headers, scheduling_headers};
use crate::codec::{Data, GrpsMessage, Status, proto};
use crate::frontends::http::LimitedBody;

/// The methods that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Predict,
    PredictStreaming,
    Online,
    Offline,
    CheckLiveness,
    CheckReadiness,
    ServerMetadata,
    ModelMetadata,
    HealthCheck,
}

impl Method {
    fn of(path: &str) -> Option<Self> {
        if path == "/grpc.health.v1.Health/Check" {
            return Some(Self::HealthCheck);
        }
        Some(match path.strip_prefix("/grps.protos.v1.GrpsService/")? {
            "Predict" => Self::Predict,
            "PredictStreaming" => Self::PredictStreaming,
            "Online" => Self::Online,
            "Offline" => Self::Offline,
            "CheckLiveness" => Self::CheckLiveness,
            "CheckReadiness" => Self::CheckReadiness,
            "ServerMetadata" => Self::ServerMetadata,
            "ModelMetadata" => Self::ModelMetadata,
            _ => return None,
        })
    }
}

/// Whether a request is gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Answers a gRPC request; `draining` refuses inference.
pub(crate) async fn answer(
    call: Call,
    request: Request<Incoming>,
    draining: bool,
) -> Response<Body> {
    let Some(method) = Method::of(request.uri().path()) else {
        return tonic::Status::unimplemented("Method not found!").into_http();
    };
    let infers = matches!(method, Method::Predict | Method::PredictStreaming);
    let scope = infers.then(|| Arc::clone(&call.scope));
    if let Some(scope) = &scope {
        scope.begin();
        if draining {
            scope.judge(Some(Cause::Unavailable));
            return tonic::Status::unavailable("the service is shutting down").into_http();
        }
    }
    let wishes = optional_headers::of(request.headers());
    let terms = timeout::deadline(wishes)
        .and_then(|deadline| scheduling_headers::of(wishes, deadline, call.peer.ip()));
    let terms = match terms {
        Ok(terms) => terms,
        Err(error) => {
            if let Some(scope) = &scope {
                scope.judge(Some(error.cause()));
            }
            return tonic::Status::invalid_argument(error.message()).into_http();
        }
    };
    let max_bytes = call.app.settings.max_request_bytes;
    let request = request.map(|body| LimitedBody::new(body, &call));
    let mut grpc = Grpc::new(RawCodec)
        .max_decoding_message_size(max_bytes)
        .max_encoding_message_size(usize::MAX);
    let call = Arc::new(call);
    let response = if method == Method::PredictStreaming {
        grpc.server_streaming(Streaming { call, terms }, request).await
    } else {
        grpc.unary(Unary { call, method, terms }, request).await
    };
    if let Some(cause) = unread(&response)
        && let Some(scope) = &scope
    {
        scope.judge(Some(cause));
    }
    told_as_too_large(response, max_bytes)
}

/// Why a request's message could not be read: then no code of ours has seen it.
fn unread(response: &Response<Body>) -> Option<Cause> {
    match tonic::Status::from_header_map(response.headers())?.code() {
        Code::OutOfRange => Some(Cause::TooLarge),
        Code::ResourceExhausted => Some(Cause::QueueFull),
        Code::DeadlineExceeded => Some(Cause::RequestTimeout),
        _ => None,
    }
}

/// tonic says `OUT_OF_RANGE` of a message over the limit; every other server and our own table
/// say `RESOURCE_EXHAUSTED`.
fn told_as_too_large(response: Response<Body>, limit: usize) -> Response<Body> {
    let status = tonic::Status::from_header_map(response.headers());
    if status.is_none_or(|status| status.code() != Code::OutOfRange) {
        return response;
    }
    let message = format!("the message is larger than limits.max_request_bytes ({limit} bytes)");
    tonic::Status::resource_exhausted(message).into_http()
}

/// One call of one method, in the shape tonic wants.
struct Unary {
    call: Arc<Call>,
    method: Method,
    terms: SchedulingOptions,
}

type Reply = Result<tonic::Response<Bytes>, tonic::Status>;

impl UnaryService<Bytes> for Unary {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (call, method, terms) = (Arc::clone(&self.call), self.method, self.terms.clone());
        let (metadata, _, message) = request.into_parts();
        Box::pin(async move {
            let answer = match method {
                Method::Predict => predict::predict(&call, message, terms).await?,
                Method::HealthCheck => health::check(&message, &call.app.engine)?,
                other => control(&call, other, &metadata.into_headers(), &message),
            };
            Ok(tonic::Response::new(answer))
        })
    }
}

/// A call of `PredictStreaming`, in the shape tonic wants.
struct Streaming {
    call: Arc<Call>,
    terms: SchedulingOptions,
}

impl ServerStreamingService<Bytes> for Streaming {
    type Response = Bytes;
    type ResponseStream = MessageStream;
    type Future = Ready<Result<tonic::Response<MessageStream>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let terms = self.terms.clone();
        let stream = predict::predict_streaming(&self.call, request.into_inner(), terms);
        ready(Ok(tonic::Response::new(stream)))
    }
}

/// Answers the methods that run no model; failures are told in the message.
fn control(call: &Call, method: Method, headers: &HeaderMap, message: &Bytes) -> Bytes {
    let outcome = match method {
        Method::Online => set_online(call, headers, true),
        Method::Offline => set_online(call, headers, false),
        Method::CheckReadiness => match unready(&call.app.engine) {
            None => Ok(Data::None),
            Some(reason) => Err(Error::new(Cause::Unavailable, reason)),
        },
        Method::ServerMetadata => Ok(Data::Text(call.app.settings.server_metadata.clone())),
        Method::ModelMetadata => read_model_metadata(&call.app, message),
        _ => Ok(Data::None),
    };
    let answer = match outcome {
        Ok(data) => GrpsMessage { status: Some(Status::ok()), model: String::new(), data },
        Err(error) => GrpsMessage::of_status(grps_status(&error)),
    };
    proto::encode(&answer)
}

fn set_online(call: &Call, headers: &HeaderMap, online: bool) -> Result<Data, Error> {
    authorize(call.peer.ip(), headers, call.app.settings.admin_token.as_deref())?;
    tracing::info!(peer = %call.peer, online, "readiness set by the operator");
    call.app.engine.health().set_online(online);
    Ok(Data::None)
}

fn read_model_metadata(app: &App, message: &Bytes) -> Result<Data, Error> {
    match proto::decode(message)?.data {
        Data::Text(name) => model_metadata(app, &name).map(Data::Text),
        _ => Err(Error::invalid("No model name.")),
    }
}
