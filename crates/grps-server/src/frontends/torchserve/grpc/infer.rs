//! `Predictions` and `StreamPredictions`.

use std::future::poll_fn;

use bytes::Bytes;
use grps_core::{Content, Error};
use http::Response;
use tokio::sync::mpsc;

use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference, run, run_in_chunks};
use crate::call::reply_stream::ReplyStream;
use crate::call::status::rpc_failure;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::grpc::reader::MessageReader;
use crate::frontends::shared::grpc::response::{Message, StreamItem, failed, streaming, unary};
use crate::frontends::shared::inference::lookup;
use crate::frontends::shared::inference::request_head::RequestHead;
use crate::frontends::torchserve::grpc::output::{self, Pieces};
use crate::frontends::torchserve::grpc::request::PredictionsRequest;
use crate::net::http::content_coding::Coding;
use crate::net::http::reply_body::ReplyBody;

/// Pieces that wait for the client.
const MAX_WAITING: usize = 8;

/// Serves `Predictions`.
pub(super) async fn predictions(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let served = async {
        let (infer, coding) = read(&call, request).await?;
        let reply = run(&call, infer).await?;
        call.scope.count_sent_bytes(reply.iter().map(Bytes::len).sum());
        Ok((Message::encoded(&call, reply, coding).await, coding))
    };
    match served.await {
        Ok((message, coding)) => unary(message, coding),
        Err(error) => refusal(&call, &error),
    }
}

/// Serves `StreamPredictions`: a message for each piece that the handler sends.
pub(super) async fn stream_predictions(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let started = async {
        let (infer, coding) = read(&call, request).await?;
        Ok((run_in_chunks(&call, infer, Pieces).await?, coding))
    };
    let (pieces, coding) = match started.await {
        Ok(started) => started,
        Err(error) => return refusal(&call, &error),
    };
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    tokio::spawn(async move {
        tokio::select! {
            // The client has disconnected.
            () = sender.closed() => {}
            () = send(&call, pieces, coding, &sender) => {}
        }
    });
    streaming(receiver, coding)
}

async fn send(
    call: &Call,
    mut pieces: ReplyStream<Pieces>,
    coding: Option<Coding>,
    sender: &mpsc::Sender<StreamItem>,
) {
    while let Some(piece) = poll_fn(|context| pieces.poll_next(context)).await {
        let item = match piece {
            Ok(parts) => Ok(Message::encoded(call, parts, coding).await),
            Err(error) => Err(rpc_failure(&error)),
        };
        // Nobody reads what can't be sent.
        let _ = sender.send(item).await;
    }
}

fn refusal(call: &Call, error: &Error) -> Response<ReplyBody> {
    call.report_failure(error);
    failed(rpc_failure(error))
}

async fn read(call: &Call, request: HttpRequest) -> Result<(Infer, Option<Coding>), Error> {
    let HttpRequest { parts, body, .. } = request;
    let limit = call.app.settings.max_request_bytes;
    let mut reader = MessageReader::new(&parts.headers, body, limit)?;
    let head = RequestHead::of_grpc(call, parts.headers)?;
    let message = reader.read_only(call, |_| None).await?;
    Ok((Infer { head, message }, reader.coding()))
}

/// A request.
struct Infer {
    head: RequestHead,
    /// The encoded message; dropped after decoding.
    message: Bytes,
}

impl Inference for Infer {
    type Reply = Vec<Bytes>;

    fn decode_bytes(&self) -> usize {
        self.message.len()
    }

    fn decode(&mut self, call: &Call) -> Result<Decoded, Error> {
        let message = std::mem::take(&mut self.message);
        let (route, content) = call.scope.within_room(message.len(), |room| {
            let request = PredictionsRequest::decode(&message, room)?;
            let (model, version) = (&request.model, &request.version);
            let route = lookup::resolve(call, model, version, &self.head.headers)?;
            let content = request.into_content(&route, message.len(), room)?;
            Ok::<_, Error>((route, content))
        })?;
        Ok(Decoded { route, content, options: self.head.options.clone(), attachment: None })
    }

    fn encode_bytes(&self, output: &Content) -> usize {
        output.byte_len()
    }

    fn encode(&self, output: Content) -> Result<Vec<Bytes>, Error> {
        output::encode(output)
    }
}
