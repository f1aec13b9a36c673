//! One call: encoded, sent to an endpoint, sent to another one if that has not begun it, and decoded.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use grps_core::{
    BatchInfo, Call, CallTimings, Cause, ChunkSender, Content, Error, RemoteRecord, Reply, Timeline,
};
use grps_server::codec::{Outcome, Status, proto};

use crate::executor::Remote;
use crate::service::choice::{Kind, Tried};
use crate::service::counters::Reason;
use crate::service::endpoint::{Ejection, Endpoint};
use crate::transport::exchange::Exchange;
use crate::transport::failure::Failure;
use crate::transport::headers::{CallHeaders, RemoteMethod};

/// Larger bodies have connections of their own.
const LARGE_BYTES: usize = 64 << 10;
/// How often one call is sent at most.
const MOST_SENT: usize = 3;
/// First and longest pause while a client takes nothing of its stream.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// A call as it is sent.
struct Sent {
    remote: Remote,
    timeline: Arc<Timeline>,
    headers: CallHeaders,
    pieces: Vec<Bytes>,
    stream: Option<ChunkSender>,
    is_large: bool,
}

/// Runs a call. Dropping the future resets its stream.
pub(crate) async fn run(remote: Remote, call: Call) -> Reply {
    let batch = BatchInfo { requests: 1, rows: 1, ..BatchInfo::default() };
    let began = Instant::now();
    let timings = CallTimings::begin(began, None, batch);
    let busy_ns = Arc::clone(&remote.busy_ns);
    let outcome = run_in_time(remote, call).await;
    let spent = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    busy_ns.fetch_add(spent, Ordering::Relaxed);
    Reply { outcome, timings: Some(timings.ended(Instant::now())) }
}

async fn run_in_time(remote: Remote, call: Call) -> Result<Content, Error> {
    let headers = CallHeaders::of(&call, remote.service.settings.timeout());
    let Call { timeline, content, stream, .. } = call;
    let pieces = encode(content, &remote.model.key)?;
    let bytes = pieces.iter().map(Bytes::len).sum::<usize>();
    let is_large = bytes.max(remote.model.response_bytes()) > LARGE_BYTES;
    remote.service.budget.add_request();
    let sent = Sent { remote, timeline, headers, pieces, stream, is_large };
    let Some(deadline) = sent.headers.deadline else { return sent.try_all().await };
    let limited = tokio::time::timeout_at(deadline.into(), sent.try_all()).await;
    limited.unwrap_or_else(|_| {
        let name = &sent.remote.service.settings.name;
        let text = format!("service '{name}' did not answer before the deadline");
        Err(Error::new(Cause::DeadlineExceeded, text))
    })
}

/// The encoded message of a request, in pieces. The model is the last field, which has precedence.
fn encode(content: Content, model: &str) -> Result<Vec<Bytes>, Error> {
    let message = match content {
        Content::Tensors(tensors) => return proto::encode_raw(None, model, &tensors),
        Content::Message(message) => message,
        Content::Raw(bytes) => proto::encode(&grps_server::codec::GrpsMessage::of_binary(bytes)),
    };
    let mut name = grps_server::codec::GrpsMessage::default();
    model.clone_into(&mut name.model);
    Ok(vec![message, proto::encode(&name)])
}

impl Sent {
    /// Sends the call to one endpoint after the other until one begins it.
    async fn try_all(&self) -> Result<Content, Error> {
        let Remote { service, model, .. } = &self.remote;
        let (mut tried, mut sent) = (Tried::new(), 0);
        let mut last = None;
        loop {
            let Some(endpoint) = service.choose(self.kind(), &tried) else {
                return Err(last.unwrap_or_else(|| service.unavailable(model)));
            };
            let failure = match self.try_one(&endpoint).await {
                Ok(content) => return Ok(content),
                Err(failure) => failure,
            };
            match failure {
                Failure::Answered(error) => return Err(self.named(&endpoint, &error)),
                Failure::Lost(reason) => {
                    let text = format!("{reason}; it may have run the request");
                    return Err(self.named(&endpoint, &Error::new(Cause::ModelFailed, text)));
                }
                Failure::NotBegun { error, was_sent } => {
                    sent += usize::from(was_sent);
                    let error = self.named(&endpoint, &refused(&endpoint, error));
                    tried.push(endpoint);
                    if was_sent && !self.may_go_on(&tried, sent) {
                        return Err(error);
                    }
                    last = Some(error);
                }
            }
        }
    }

    fn kind(&self) -> Kind {
        Kind { model: self.remote.model.bit, streams: self.stream.is_some() }
    }

    /// Whether the call may be sent once more.
    fn may_go_on(&self, tried: &Tried, sent: usize) -> bool {
        let service = &self.remote.service;
        if sent >= MOST_SENT || service.choose(self.kind(), tried).is_none() {
            return false;
        }
        let is_allowed = service.budget.take();
        let counters = &service.counters;
        let counter = if is_allowed { &counters.retries } else { &counters.refused_retries };
        counter.fetch_add(1, Ordering::Relaxed);
        is_allowed
    }

    async fn try_one(&self, endpoint: &Arc<Endpoint>) -> Result<Content, Failure> {
        let service = &self.remote.service;
        let method = match self.stream {
            None => RemoteMethod::Predict,
            Some(_) => RemoteMethod::PredictStreaming,
        };
        let connection = endpoint.connection(self.is_large);
        let connection = connection.ok_or_else(|| Failure::unsent("it has no connection"))?;
        let head = endpoint.head().request(method, &self.headers);
        let head = head.ok_or_else(|| Failure::unsent("its address is no part of a URI"))?;
        service.counters.requests.fetch_add(1, Ordering::Relaxed);
        let running = endpoint.begin();
        let limit = service.settings.max_response_bytes;
        let sent = Instant::now();
        let begun = Exchange::begin(connection, head, &self.pieces, limit).await;
        let (steps, outcome) = match begun {
            Ok(mut exchange) => {
                (exchange.take_steps(), self.receive(exchange).await.map_err(as_begun))
            }
            Err(failure) => (None, Err(failure)),
        };
        if let Some(steps) = steps {
            self.note_steps(endpoint, sent, steps);
        }
        match &outcome {
            Ok(_) => running.succeeded(self.stream.is_none()),
            Err(Failure::Lost(reason)) => running.lost(reason),
            Err(Failure::Answered(_)) => running.refused(),
            Err(_) => {}
        }
        outcome
    }

    /// Notes the steps that the endpoint has measured, for the waterfall of the request.
    fn note_steps(&self, endpoint: &Endpoint, sent: Instant, steps: Box<str>) {
        self.timeline.note_remote(RemoteRecord {
            model: self.remote.model.own_key.as_str().into(),
            endpoint: endpoint.address.as_str().into(),
            sent,
            took: sent.elapsed(),
            steps,
        });
    }

    /// Receives what follows the head of a response.
    async fn receive(&self, exchange: Exchange) -> Result<Content, Failure> {
        if let Some(stream) = &self.stream {
            return pass_on(exchange, stream).await;
        }
        let message = exchange.only().await?;
        self.remote.model.note_response(message.len());
        decode(message).map_err(Failure::Answered)
    }

    /// The error, with the endpoint where it is not the fault of the request.
    fn named(&self, endpoint: &Endpoint, error: &Error) -> Error {
        if error.cause() == Cause::InvalidArgument {
            return error.clone();
        }
        let name = &self.remote.service.settings.name;
        let text = format!("service '{name}' at {}: {}", endpoint.address, error.message());
        let named = Error::new(error.cause(), text);
        match error.retry_after() {
            Some(after) => named.with_retry_after(after),
            None => named,
        }
    }
}

/// The error of a call that an endpoint did not begin; further calls know what it said.
fn refused(endpoint: &Endpoint, error: Error) -> Error {
    match error.cause() {
        Cause::QueueFull => {
            endpoint.note_full(Instant::now());
            return error;
        }
        Cause::Unavailable => {
            endpoint.want_ejected(Ejection::new(Reason::Unavailable, error.message().to_owned()));
        }
        _ => {}
    }
    Error::new(Cause::Unavailable, error.message())
}

/// A failure behind the head of a response: the endpoint has begun the call in any case.
fn as_begun(failure: Failure) -> Failure {
    match failure {
        Failure::NotBegun { error, .. } => Failure::Lost(error.message().to_owned()),
        // Another service would take it for a call that was not begun.
        Failure::Answered(error) if error.cause() == Cause::Unavailable => {
            Failure::Answered(Error::new(Cause::ModelFailed, error.message()))
        }
        other => other,
    }
}

/// Passes the chunks of a stream on.
async fn pass_on(mut exchange: Exchange, stream: &ChunkSender) -> Result<Content, Failure> {
    while let Some(message) = exchange.next().await? {
        let mut chunk = decode(message).map_err(Failure::Answered)?;
        let mut pause = FIRST_PAUSE;
        loop {
            match stream.try_send(chunk) {
                Ok(true) => break,
                Ok(false) => {
                    let text = "the client takes no more chunks";
                    return Err(Failure::Answered(Error::new(Cause::Cancelled, text)));
                }
                Err(unsent) => chunk = unsent,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
    // What was sent in chunks is not returned once more.
    Ok(Content::Message(Bytes::new()))
}

/// The content of a message.
///
/// # Errors
/// What its status says.
fn decode(message: Bytes) -> Result<Content, Error> {
    let malformed = |error: Error| {
        Error::new(Cause::ModelFailed, format!("a malformed response: {}", error.message()))
    };
    let outcome = proto::peek_outcome(&message).map_err(malformed)?;
    let failed = outcome.status.filter(|status| status.outcome == Outcome::FAILURE);
    if let Some(status) = failed.filter(|_| !outcome.has_data) {
        return Err(error_of(&status));
    }
    if outcome.has_tensors {
        return proto::decode_tensors(&message).map(Content::Tensors).map_err(malformed);
    }
    Ok(Content::Message(message))
}

fn error_of(status: &Status) -> Error {
    let message = status.msg.as_ref();
    match u16::try_from(status.code) {
        Ok(code @ 400..=499) => Error::refused(message, code),
        _ => Error::new(Cause::ModelFailed, message),
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
