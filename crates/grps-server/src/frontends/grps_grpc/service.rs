//! The inference methods, as tonic services.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use grps_core::metrics::RequestStage;
use grps_core::{Cause, SchedulingOptions};
use http::{Request, Response};
use http_body_util::BodyExt;
use tonic::Code;
use tonic::body::Body;
use tonic::server::{Grpc, ServerStreamingService, UnaryService};

use crate::call::call::Call;
use crate::call::inference::{run, start_chunks};
use crate::call::reply_stream::ReplyStream;
use crate::frontends::grps_grpc::encode::{self, Message, MessageChunks};
use crate::frontends::grps_grpc::raw_codec::RawCodec;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::grpc::compression::{RequestBody, decompress};
use crate::frontends::shared::grpc::timeout;
use crate::frontends::shared::messages::predict::{Predict, takes_raw};
use crate::frontends::shared::{optional_headers, scheduling_headers};
use crate::net::http::reply_body::ReplyBody;
use crate::net::http::request_body::LimitedBody;

/// The future of a response.
type ResponseFuture<T> =
    Pin<Box<dyn Future<Output = Result<tonic::Response<T>, tonic::Status>> + Send>>;

/// Serves `Predict`.
pub(super) async fn predict(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let options = match scheduling_options(&call, &request) {
        Ok(options) => options,
        Err(status) => return status.into_http().map(ReplyBody::Grpc),
    };
    let (mut grpc, request) = match open(&call, request).await {
        Ok(opened) => opened,
        Err(status) => return record_unread(&call, status.into_http()),
    };
    let response = grpc.unary(Unary { call: call.clone(), options }, request).await;
    record_unread(&call, hold(&call, response))
}

/// Counts the bytes of a large message until they are written.
fn hold(call: &Call, response: Response<Body>) -> Response<Body> {
    if !call.scope.has_large_response() {
        return response;
    }
    let in_flight = call.scope.holder();
    response.map(|body| {
        Body::new(body.map_frame(move |frame| frame.map_data(|data| in_flight.hold(data))))
    })
}

/// Serves `PredictStreaming`.
pub(super) async fn predict_streaming(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let options = match scheduling_options(&call, &request) {
        Ok(options) => options,
        Err(status) => return status.into_http().map(ReplyBody::Grpc),
    };
    let (mut grpc, request) = match open(&call, request).await {
        Ok(opened) => opened,
        Err(status) => return record_unread(&call, status.into_http()),
    };
    let response = grpc.server_streaming(Streaming { call: call.clone(), options }, request).await;
    record_unread(&call, response)
}

/// Prepares tonic, limits the body of the request and decompresses its message.
///
/// # Errors
/// See [`decompress`].
pub(super) async fn open(
    call: &Call,
    request: HttpRequest,
) -> Result<(Grpc<RawCodec>, Request<RequestBody>), tonic::Status> {
    let grpc = Grpc::new(RawCodec)
        .max_decoding_message_size(call.app.settings.max_request_bytes)
        .max_encoding_message_size(usize::MAX);
    let HttpRequest { mut parts, body, .. } = request;
    let body = LimitedBody::new(&parts.headers, body, call);
    let body = decompress(call, &mut parts.headers, body).await?;
    Ok((grpc, Request::from_parts(parts, body)))
}

/// Deadline, priority and the like.
fn scheduling_options(
    call: &Call,
    request: &HttpRequest,
) -> Result<SchedulingOptions, tonic::Status> {
    let optional = optional_headers::find(&request.parts.headers);
    let options = timeout::read_deadline(optional)
        .and_then(|deadline| scheduling_headers::read_options(optional, deadline, call));
    options.map_err(|error| {
        call.scope.record_failure(&error);
        tonic::Status::invalid_argument(error.message())
    })
}

/// Records the outcome when tonic could not read the request message.
fn record_unread(call: &Call, response: Response<Body>) -> Response<ReplyBody> {
    let status = tonic::Status::from_header_map(response.headers());
    let cause = match status.map(|status| status.code()) {
        Some(Code::OutOfRange) => Some(Cause::TooLarge),
        Some(Code::Unimplemented) => Some(Cause::UnsupportedMediaType),
        // tonic's code for a body that is no gRPC message.
        Some(Code::InvalidArgument | Code::Internal) => Some(Cause::InvalidArgument),
        Some(Code::ResourceExhausted) => Some(Cause::QueueFull),
        Some(Code::DeadlineExceeded) => Some(Cause::RequestTimeout),
        _ => None,
    };
    if cause.is_some() {
        call.scope.record_outcome(cause);
    }
    too_large_as_exhausted(response, call.app.settings.max_request_bytes)
}

/// Replaces tonic's `OUT_OF_RANGE` for a message over the limit with `RESOURCE_EXHAUSTED`, as other
/// servers report it.
pub(super) fn too_large_as_exhausted(
    response: Response<Body>,
    limit: usize,
) -> Response<ReplyBody> {
    let status = tonic::Status::from_header_map(response.headers());
    if status.is_none_or(|status| status.code() != Code::OutOfRange) {
        return response.map(ReplyBody::Grpc);
    }
    let message = format!("the message is larger than limits.max_request_bytes ({limit} bytes)");
    tonic::Status::resource_exhausted(message).into_http().map(ReplyBody::Grpc)
}

/// The predict call of a request whose message has just been read.
fn read(call: &Call, request: tonic::Request<Bytes>, options: SchedulingOptions) -> Predict {
    call.timeline.note_stage_end(RequestStage::Receive);
    let (metadata, _, message) = request.into_parts();
    Predict { message, attributes: metadata.into_headers(), options }
}

/// A call of `Predict`.
struct Unary {
    call: Call,
    options: SchedulingOptions,
}

impl UnaryService<Bytes> for Unary {
    type Response = Bytes;
    type Future = ResponseFuture<Bytes>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (call, options) = (self.call.clone(), self.options.clone());
        Box::pin(async move {
            let predict = read(&call, request, options);
            let reply = run(&call, predict).await.or_else(|error| {
                call.report_failure(&error);
                encode::error(&error)
            });
            let reply = reply.inspect(|reply| {
                call.scope.count_sent_bytes(reply.len());
                encode::note_length(&call.app, reply);
            });
            reply.map(tonic::Response::new)
        })
    }
}

/// A call of `PredictStreaming`.
struct Streaming {
    call: Call,
    options: SchedulingOptions,
}

impl ServerStreamingService<Bytes> for Streaming {
    type Response = Bytes;
    type ResponseStream = MessageStream;
    type Future = ResponseFuture<MessageStream>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (call, options) = (self.call.clone(), self.options.clone());
        Box::pin(async move {
            let predict = read(&call, request, options);
            let takes_raw = takes_raw(&predict.attributes);
            let encoding = MessageChunks { app: Arc::clone(&call.app), takes_raw };
            let started = start_chunks(&call, predict, encoding).await;
            let stream = started.map_err(|error| {
                call.report_failure(&error);
                Some(encode::error(&error))
            });
            Ok(tonic::Response::new(MessageStream(stream)))
        })
    }
}

/// The messages of a streaming call: its chunks, or one message with the error of a call that did not
/// start. Dropping it cancels the request.
pub(super) struct MessageStream(Result<ReplyStream<MessageChunks>, Option<Message>>);

impl Stream for MessageStream {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        match &mut self.get_mut().0 {
            Ok(stream) => stream.poll_next(context),
            Err(failure) => Poll::Ready(failure.take()),
        }
    }
}
