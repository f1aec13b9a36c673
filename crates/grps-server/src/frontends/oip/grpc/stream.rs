//! `ModelStreamInfer`: a stream of requests, each with any number of responses.
//!
//! The requests of a stream run at the same time, and their responses leave as they come. Each is
//! counted by itself; the stream is not.

use std::future::poll_fn;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use grps_core::metrics::Protocol;
use grps_core::{Cause, Content, Error, TraceContext};
use http::{HeaderName, HeaderValue, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::app::App;
use crate::call::access::{Admission, Policy, admit};
use crate::call::call::Call;
use crate::call::inference::start_chunks;
use crate::call::reply_stream::StreamEncoding;
use crate::call::status::rpc_failure;
use crate::frontends::oip::grpc::codec::{
    encode_failure, encode_streamed, find_raw_input, peek_id,
};
use crate::frontends::oip::grpc::infer::{Infer, Responding, not_decoded};
use crate::frontends::shared::credentials;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::grpc::reader::{MessageReader, Prefix};
use crate::frontends::shared::grpc::response::{Message, StreamItem, failed, streaming};
use crate::frontends::shared::inference::request_head::RequestHead;
use crate::net::http::content_coding::Coding;
use crate::net::http::reply_body::ReplyBody;
use crate::net::peer::Peer;

/// Metadata that asks for a status in place of an error message; the stream ends then.
const ERROR_AS_STATUS: HeaderName = HeaderName::from_static("triton_grpc_error");
/// Most requests of one stream that run at the same time; further ones are not read.
const MAX_RUNNING: u32 = 64;
/// Responses that wait for the client.
const MAX_WAITING: usize = 8;

/// Serves `ModelStreamInfer`.
pub(super) async fn model_stream_infer(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let HttpRequest { parts, body, .. } = request;
    let limit = call.app.settings.max_request_bytes;
    let errors_are_statuses = parts.headers.get(ERROR_AS_STATUS).is_some_and(is_true);
    let reader = MessageReader::new(&parts.headers, body, limit);
    let opened =
        reader.and_then(|reader| Ok((reader, RequestHead::of_grpc(&call, parts.headers)?)));
    let (reader, head) = match opened {
        Ok(opened) => opened,
        Err(error) => return failed(rpc_failure(&error)),
    };
    let coding = reader.coding();
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    let stream = RequestStream {
        app: call.app,
        peer: call.peer,
        trace: call.timeline.trace().cloned(),
        errors_are_statuses,
        head: Arc::new(head),
        coding,
        sender,
    };
    tokio::spawn(read_requests(reader, Arc::new(stream)));
    streaming(receiver, coding)
}

fn is_true(value: &HeaderValue) -> bool {
    value.as_bytes().eq_ignore_ascii_case(b"true")
}

/// What the requests of a stream have in common.
struct RequestStream {
    app: Arc<App>,
    peer: Peer,
    trace: Option<TraceContext>,
    head: Arc<RequestHead>,
    /// The encoding of compressed messages, both ways.
    coding: Option<Coding>,
    /// Whether an error ends the stream as a status.
    errors_are_statuses: bool,
    /// Closed when the client has disconnected.
    sender: mpsc::Sender<StreamItem>,
}

/// Starts the requests of a stream as they arrive, until the client sends no more, disconnects, or the
/// service shuts down.
async fn read_requests(mut reader: MessageReader, stream: Arc<RequestStream>) {
    let running = Arc::new(Semaphore::new(MAX_RUNNING as usize));
    let failure = loop {
        let free = Arc::clone(&running).acquire_owned();
        let next = async {
            // The semaphore is never closed.
            let permit = free.await.map_err(|_| shutting_down())?;
            Ok::<_, Error>((permit, reader.next().await?))
        };
        let (permit, prefix) = tokio::select! {
            () = stream.sender.closed() => return,
            () = stream.app.engine.health().wait_draining() => break Some(shutting_down()),
            next = next => match next {
                Ok((permit, Some(prefix))) => (permit, prefix),
                Ok((_, None)) => break None,
                Err(error) => break Some(error),
            },
        };
        let (call, message) = tokio::select! {
            () = stream.sender.closed() => return,
            read = stream.read(&mut reader, prefix) => match read {
                Ok(read) => read,
                Err(error) => break Some(error),
            },
        };
        tokio::spawn(Arc::clone(&stream).run(call, message, permit));
    };
    if let Some(error) = failure {
        // Behind the responses to the requests that run.
        let _all = running.acquire_many(MAX_RUNNING).await;
        let _ = stream.sender.send(Err(rpc_failure(&error))).await;
    }
}

fn shutting_down() -> Error {
    Error::new(Cause::Unavailable, "the service is shutting down")
}

impl RequestStream {
    /// Reads the next request, which counts as in flight from now on.
    async fn read(
        &self,
        reader: &mut MessageReader,
        prefix: Prefix,
    ) -> Result<(Call, Bytes), Error> {
        let timeline = Arc::new(self.app.request_ids.start_timeline(None, self.trace.clone()));
        let call = Call::start(Arc::clone(&self.app), self.peer.clone(), timeline, Protocol::Grpc);
        call.scope.mark_inference();
        let read = reader.read(&call, prefix, find_raw_input).await;
        let message = read.inspect_err(|error| call.report_failure(error))?;
        Ok((call, message))
    }

    /// Runs a request until its last response is sent or the client disconnects.
    async fn run(self: Arc<Self>, mut call: Call, message: Bytes, permit: OwnedSemaphorePermit) {
        tokio::select! {
            () = self.sender.closed() => {}
            () = self.respond(&mut call, message) => {}
        }
        drop(permit);
    }

    async fn respond(&self, call: &mut Call, message: Bytes) {
        let id = peek_id(&message).to_owned();
        // The caller may have been withdrawn since the stream was opened, and each request counts.
        let admission = Admission { policy: Policy::Infer, is_counted: true };
        if let Err(error) = admit(call, admission, || credentials::of_stream(&self.head.headers)) {
            call.report_failure(&error);
            return self.send(call, &id, Err(error)).await;
        }
        let infer = Infer::new(call, message, Arc::clone(&self.head));
        let encoding = Responses { app: Arc::clone(&self.app), responding: infer.responding() };
        let mut chunks = match start_chunks(call, infer, encoding).await {
            Ok(chunks) => chunks,
            Err(error) => {
                call.report_failure(&error);
                return self.send(call, &id, Err(error)).await;
            }
        };
        while let Some(response) = poll_fn(|context| chunks.poll_next(context)).await {
            self.send(call, &id, response).await;
        }
    }

    async fn send(&self, call: &Call, id: &str, response: Result<Vec<Bytes>, Error>) {
        let parts = match response {
            Err(error) if self.errors_are_statuses => {
                // The client has disconnected if it can't be sent.
                let _ = self.sender.send(Err(rpc_failure(&error))).await;
                return;
            }
            Err(error) => encode_failure(id, error.message()),
            Ok(parts) => parts,
        };
        let message = Message::encoded(call, parts, self.coding).await;
        let _ = self.sender.send(Ok(message)).await;
    }
}

/// Encodes the responses to one request.
struct Responses {
    app: Arc<App>,
    responding: Arc<OnceLock<Responding>>,
}

impl Responses {
    fn response(&self, output: Content, is_final: bool) -> Result<Vec<Bytes>, Error> {
        let responding = self.responding.get().ok_or_else(not_decoded)?;
        encode_streamed(&responding.form.respond(&self.app, output)?, is_final)
    }
}

impl StreamEncoding for Responses {
    type Chunk = Result<Vec<Bytes>, Error>;

    fn encode(&mut self, chunk: Content) -> Result<Self::Chunk, Error> {
        self.response(chunk, false).map(Ok)
    }

    fn encode_last(&mut self, chunk: Content) -> Result<Self::Chunk, Error> {
        self.response(chunk, true).map(Ok)
    }

    fn encode_end(&mut self) -> Option<Self::Chunk> {
        let responding = self.responding.get().filter(|own| own.has_empty_final_response)?;
        Some(encode_streamed(&responding.form.empty(), true))
    }

    fn encode_failure(&mut self, failure: &Error) -> Self::Chunk {
        Err(failure.clone())
    }

    fn length(chunk: &Self::Chunk) -> usize {
        chunk.as_ref().map_or(0, |parts| parts.iter().map(Bytes::len).sum())
    }
}
