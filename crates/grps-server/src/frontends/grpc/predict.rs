//! `Predict` and `PredictStreaming` over gRPC.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use grps_core::metrics::RequestStage;
use grps_core::{
    Cause, Chunks, Content, Error, InputForm, Request as EngineRequest, Route, SchedulingOptions,
};

use crate::call::dispatch::Call;
use crate::call::request_scope::RequestScope;
use crate::call::status::{grps_status, rpc_status};
use crate::codec::{GrpsMessage, Status, proto};
use crate::frontends::http::log_failure;

/// Answers an encoded message with an encoded message.
///
/// # Errors
/// The gRPC status of failures that are not the model's.
pub(super) async fn predict(
    call: &Call,
    message: Bytes,
    terms: SchedulingOptions,
) -> Result<Bytes, tonic::Status> {
    let answer = infer(call, message, terms).await.or_else(|error| {
        call.scope.judge(Some(error.cause()));
        log_failure(call, &error);
        told(&error)
    });
    call.scope.judge(None);
    answer.inspect(|answer| call.scope.send(answer.len()))
}

/// Answers an encoded message with a stream of them.
pub(super) fn predict_streaming(
    call: &Call,
    message: Bytes,
    terms: SchedulingOptions,
) -> MessageStream {
    let chunks = match prepare(call, message, terms) {
        Ok((route, request)) => Ok(call.app.engine.infer_stream(route, request)),
        Err(error) => {
            call.scope.judge(Some(error.cause()));
            log_failure(call, &error);
            Err(Some(told(&error)))
        }
    };
    MessageStream { chunks, scope: call.scope.clone() }
}

/// A failure as the message that tells it, or as the status that ends the call.
fn told(error: &Error) -> Result<Bytes, tonic::Status> {
    match rpc_status(error) {
        Some(status) => Err(status),
        None => Ok(proto::encode(&GrpsMessage::of_status(grps_status(error)))),
    }
}

fn prepare(
    call: &Call,
    message: Bytes,
    terms: SchedulingOptions,
) -> Result<(Route, EngineRequest), Error> {
    call.timeline.lap(RequestStage::Receive);
    let route = call.app.engine.route(proto::peek_model(&message)?)?;
    call.scope.take(&route);
    let content = match route.form() {
        InputForm::Message => Content::Message(message),
        InputForm::Tensors => Content::Tensors(proto::decode_tensors(&message)?),
    };
    call.timeline.lap(RequestStage::Decode);
    let request =
        EngineRequest { timeline: call.timeline.clone(), content, terms, attachment: None };
    Ok((route, request))
}

async fn infer(call: &Call, message: Bytes, terms: SchedulingOptions) -> Result<Bytes, Error> {
    let (route, request) = prepare(call, message, terms)?;
    let outcome = call.app.engine.infer(&route, request).await?;
    call.timeline.measure(RequestStage::Encode, || match outcome {
        Content::Tensors(tensors) => proto::encode_tensors(Some(&Status::ok()), "", &tensors),
        Content::Message(answer) => proto::with_status(&answer, &Status::ok())
            .map_err(|error| Error::new(Cause::ModelFailed, error.message())),
        Content::Raw(bytes) => Ok(encode_binary(bytes)),
    })
}

fn encode_binary(bytes: Bytes) -> Bytes {
    let message = GrpsMessage { status: Some(Status::ok()), ..GrpsMessage::of_binary(bytes) };
    proto::encode(&message)
}

/// The messages of a streaming call; dropping it cancels the request.
pub(super) struct MessageStream {
    /// The chunks, or the one thing there is to say when the call did not begin.
    chunks: Result<Chunks, Option<Result<Bytes, tonic::Status>>>,
    /// Keeps shutdown waiting until the stream has ended.
    scope: Arc<RequestScope>,
}

impl Stream for MessageStream {
    type Item = Result<Bytes, tonic::Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let chunks = match &mut this.chunks {
            Ok(chunks) => chunks,
            Err(only) => return Poll::Ready(only.take()),
        };
        chunks.poll_next(context).map(|event| {
            let Some(event) = event else {
                this.scope.judge(None);
                return None;
            };
            let chunk = match event {
                Ok(Content::Message(chunk)) => {
                    proto::with_chunk_status(&chunk).or_else(|error| told(&error))
                }
                Ok(Content::Raw(bytes)) => Ok(encode_binary(bytes)),
                Ok(Content::Tensors(tensors)) => {
                    proto::encode_tensors(Some(&Status::ok()), "", &tensors)
                        .or_else(|error| told(&error))
                }
                Err(error) => {
                    this.scope.judge(Some(error.cause()));
                    told(&error)
                }
            };
            this.scope.send_chunk(chunk.as_ref().map_or(0, Bytes::len));
            Some(chunk)
        })
    }
}
