//! A connection of `baidu_std`: frames are read one after the other, run at the same time, and
//! responded to in the order in which they end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use grps_core::{Cause, Error};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::app::App;
use crate::frontends::brpc::chunks::{Partial, Partials, Received};
use crate::frontends::brpc::errors::{LIMIT, RpcError};
use crate::frontends::brpc::exchange::{Exchange, Opened, Outgoing};
use crate::frontends::brpc::frame::{BodyError, FrameReader, MAGIC, malformed};
use crate::frontends::brpc::meta::{Chunk, Meta};
use crate::frontends::brpc::outgoing::Buffers;
use crate::frontends::shared::credentials::sent_key;
use crate::net::connection_protocol::{Connection, ConnectionProtocol, Recognition, Serving};
use crate::net::peer::Peer;
use crate::net::places::Place;
use crate::net::rewind::Rewind;

/// Most requests of one connection in flight; then the next frame is not read.
const MAX_IN_FLIGHT: usize = 1024;
/// Most responses that are written at once.
const MAX_WRITTEN: usize = 32;

/// Connections that start with `PRPC`.
pub(super) struct BaiduStd;

impl ConnectionProtocol for BaiduStd {
    fn name(&self) -> &'static str {
        "baidu_std"
    }

    fn recognise(&self, start: &[u8]) -> Recognition {
        if start.starts_with(MAGIC) {
            Recognition::Yes
        } else if MAGIC.starts_with(start) {
            Recognition::NeedsMore
        } else {
            Recognition::No
        }
    }

    fn serve(&self, connection: Connection) -> Serving {
        Box::pin(async move { Ok(run(connection).await?) })
    }
}

/// Serves a connection. When its client disconnects, its requests are cancelled.
async fn run(connection: Connection) -> io::Result<()> {
    let Connection { stream, peer, place, header_timeout, app, closing } = connection;
    let (reader, writer) = tokio::io::split(stream);
    let (responses, outgoing) = unbounded_channel();
    let session = Session {
        app,
        peer,
        place,
        header_timeout,
        permits: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
        responses,
        authentication: None,
        requests: JoinSet::new(),
        partials: Partials::default(),
        idle_since: Instant::now(),
    };
    let mut reading = pin!(session.run(FrameReader::new(reader), closing));
    let mut writing = pin!(write(writer, outgoing));
    tokio::select! {
        ended = &mut reading => if ended? == End::Disconnected {
            return Ok(());
        },
        written = &mut writing => return written,
    }
    writing.await
}

/// Writes responses until there can be no more.
async fn write(
    mut stream: WriteHalf<Rewind>,
    mut responses: UnboundedReceiver<Outgoing>,
) -> io::Result<()> {
    let (mut batch, mut permits) = (Vec::new(), Vec::new());
    while responses.recv_many(&mut batch, MAX_WRITTEN).await > 0 {
        let mut buffers = Buffers::default();
        for Outgoing { start, payload, permit } in batch.drain(..) {
            buffers.push(start);
            buffers.push(payload);
            permits.push(permit);
        }
        stream.write_all_buf(&mut buffers).await?;
        permits.clear();
    }
    stream.shutdown().await
}

/// How the reading of a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All requests have their responses, and there are no more of them.
    Finished,
    /// The client is no longer there.
    Disconnected,
}

/// What a connection waited for.
enum Event {
    /// The first bytes of a frame.
    Frame,
    /// The connection takes no more requests.
    Close,
    /// The client has disconnected.
    Disconnected,
}

/// The reading side of a connection.
struct Session {
    app: Arc<App>,
    peer: Peer,
    place: Place,
    /// Timeout for a meta and for a connection without requests.
    header_timeout: Duration,
    permits: Arc<Semaphore>,
    responses: UnboundedSender<Outgoing>,
    /// The credentials of the last request that had some in `authentication_data`.
    authentication: Option<HeaderValue>,
    /// Requests that run; dropping them cancels them.
    requests: JoinSet<()>,
    /// Requests that arrive in several frames.
    partials: Partials,
    /// When the last request ended; before that, when the connection began.
    idle_since: Instant,
}

type Frames = FrameReader<ReadHalf<Rewind>>;

impl Session {
    async fn run(
        mut self,
        mut frames: Frames,
        mut closing: watch::Receiver<()>,
    ) -> io::Result<End> {
        loop {
            match self.wait(&mut frames, &mut closing).await? {
                Event::Frame => {}
                Event::Close => break,
                Event::Disconnected => return Ok(End::Disconnected),
            }
            let Some(permit) = self.take_place(&mut frames).await? else {
                return Ok(End::Disconnected);
            };
            match self.read_frame(&mut frames, permit).await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(End::Disconnected);
                }
                Err(error) => {
                    // Where the next frame begins is not known any more.
                    tracing::debug!(peer = %self.peer, %error, "no more frames are read");
                    break;
                }
            }
        }
        self.finish(frames).await
    }

    /// Waits for the next frame. A connection without requests is closed after a while.
    async fn wait(
        &mut self,
        frames: &mut Frames,
        closing: &mut watch::Receiver<()>,
    ) -> io::Result<Event> {
        while self.requests.try_join_next().is_some() {
            self.idle_since = Instant::now();
        }
        if frames.has_begun() && closing.has_changed().is_ok() {
            return Ok(Event::Frame);
        }
        loop {
            let end = self.end_of_wait();
            tokio::select! {
                begun = frames.begin() => {
                    return Ok(if begun? { Event::Frame } else { Event::Disconnected });
                }
                _ = closing.changed() => return Ok(Event::Close),
                Some(_) = self.requests.join_next() => self.idle_since = Instant::now(),
                () = sleep_until(end.unwrap_or(self.idle_since)), if end.is_some() => {
                    if self.partials.is_empty() {
                        return Ok(Event::Close);
                    }
                    self.end_expired();
                }
            }
        }
    }

    /// Waits for a place among the requests in flight; `None` when the client has disconnected.
    async fn take_place(
        &mut self,
        frames: &mut Frames,
    ) -> io::Result<Option<OwnedSemaphorePermit>> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(Some(permit));
        }
        let mut taking = pin!(Arc::clone(&self.permits).acquire_owned());
        loop {
            tokio::select! {
                // The semaphore is never closed.
                taken = &mut taking => return Ok(taken.ok()),
                more = frames.read_ahead() => if !more? {
                    return Ok(None);
                },
                Some(_) = self.requests.join_next() => {}
            }
        }
    }

    /// When waiting for a frame ends; `None` while only the client waits.
    fn end_of_wait(&self) -> Option<Instant> {
        let idle_end = self.idle_since + self.header_timeout;
        self.partials.end().or_else(|| self.requests.is_empty().then_some(idle_end))
    }

    /// Ends requests whose last frame has not arrived in time.
    fn end_expired(&mut self) {
        while let Some(partial) = self.partials.take_expired() {
            let timeout_ms = self.app.settings.body_timeout.as_millis();
            let text = format!(
                "the last chunk did not arrive within limits.body_timeout_ms ({timeout_ms} ms)"
            );
            let error = Error::new(Cause::RequestTimeout, text).into();
            self.send(partial.opened.exchange.fail(&error));
            self.idle_since = Instant::now();
        }
    }

    /// Reads a frame and starts its request.
    ///
    /// # Errors
    /// What makes it impossible to read the next frame.
    async fn read_frame(
        &mut self,
        frames: &mut Frames,
        permit: OwnedSemaphorePermit,
    ) -> io::Result<()> {
        let reading = frames.meta(self.app.settings.max_header_bytes);
        let (meta, rest_bytes) = timeout(self.header_timeout, reading).await??;
        let meta = Meta::parse(&meta).map_err(|error| malformed(error.message()))?;
        match self.open(&meta, rest_bytes, permit) {
            Ok(partial) => self.receive(frames, &meta, partial).await?,
            Err(response) => {
                self.send(response);
                frames.discard().await?;
            }
        }
        self.idle_since = Instant::now();
        Ok(())
    }

    /// The request of a frame: one that the frame opens, or one that an earlier frame has opened.
    fn open(
        &mut self,
        meta: &Meta<'_>,
        rest_bytes: usize,
        permit: OwnedSemaphorePermit,
    ) -> Result<Partial, Outgoing> {
        if let Some(chunk) = meta.chunk
            && let Some(partial) = self.partials.take(chunk.stream_id)
        {
            let exchange = &partial.opened.exchange;
            let size = partial.len().saturating_add(rest_bytes);
            let checked = partial.check(chunk).and_then(|()| exchange.check_size(size));
            return match checked {
                Ok(()) => Ok(partial),
                Err(error) => Err(partial.opened.exchange.fail(&error)),
            };
        }
        let (mut exchange, mut attributes) = Exchange::begin(&self.app, &self.peer, meta, permit);
        self.add_credentials(meta, &mut attributes);
        let accepted = self
            .check_first(meta.chunk)
            .and_then(|()| exchange.accept(meta, attributes, rest_bytes, self.place));
        match accepted {
            Ok(accepted) => {
                let opened = Opened { exchange, accepted };
                let timeout = self.app.settings.body_timeout;
                Ok(Partial::new(opened, meta.chunk.unwrap_or_default().stream_id, timeout))
            }
            Err(error) => Err(exchange.fail(&error)),
        }
    }

    /// Adds the credentials that an earlier request of the connection had in `authentication_data` to
    /// one without any: clients in C++ send them with the first request only. They are checked again
    /// for each request.
    fn add_credentials(&mut self, meta: &Meta<'_>, attributes: &mut HeaderMap) {
        if meta.has_authentication() {
            self.authentication = attributes.get(AUTHORIZATION).cloned();
        } else if sent_key(attributes).is_none()
            && let Some(known) = &self.authentication
        {
            attributes.insert(AUTHORIZATION, known.clone());
        }
    }

    /// Checks the chunk of a frame that opens a request.
    fn check_first(&self, chunk: Option<Chunk>) -> Result<(), RpcError> {
        let Some(chunk) = chunk else { return Ok(()) };
        if chunk.chunk_id != 0 && chunk.chunk_id != Chunk::LAST {
            return Err(RpcError::bad_request(format!(
                "chunk_id is {}, but no chunk 0 of stream_id {} waits for it",
                chunk.chunk_id, chunk.stream_id
            )));
        }
        if chunk.chunk_id == 0 && self.partials.is_full() {
            let text = "too many payloads of this connection are sent in chunks at the same time";
            return Err(RpcError { code: LIMIT, error: Error::new(Cause::QueueFull, text) });
        }
        Ok(())
    }

    /// Reads the body of a frame, and starts its request if it is the last one.
    async fn receive(
        &mut self,
        frames: &mut Frames,
        meta: &Meta<'_>,
        mut partial: Partial,
    ) -> io::Result<()> {
        let opened = &partial.opened;
        let body_end = Instant::now() + self.app.settings.body_timeout;
        let deadline = opened.accepted.options.deadline.filter(|deadline| *deadline < body_end);
        let scope = &opened.exchange.call.scope;
        let reading = frames.body(|bytes| scope.reserve_bytes(bytes));
        let read = timeout_at(deadline.unwrap_or(body_end), reading).await;
        let part = match read {
            Ok(Ok(body)) => split(meta, body),
            Ok(Err(BodyError::Refused(error))) => Err(error.into()),
            Ok(Err(BodyError::Io(error))) => return Err(error),
            Err(_) => Err(self.late(deadline.is_some()).into()),
        };
        match (part, meta.chunk) {
            (Ok(part), None) => self.start(partial.opened, part),
            (Ok(part), Some(chunk)) => {
                partial.add(&part);
                if chunk.chunk_id == Chunk::LAST {
                    let (opened, received) = partial.finish();
                    self.start(opened, received);
                } else {
                    self.partials.keep(partial);
                }
            }
            (Err(error), _) => {
                self.send(partial.opened.exchange.fail(&error));
                frames.discard().await?;
            }
        }
        Ok(())
    }

    /// The error for a body that did not arrive in time.
    fn late(&self, is_after_deadline: bool) -> Error {
        if is_after_deadline {
            let text = "the deadline passed before the body had arrived";
            return Error::new(Cause::DeadlineExceeded, text);
        }
        let timeout_ms = self.app.settings.body_timeout.as_millis();
        let text =
            format!("the body did not arrive within limits.body_timeout_ms ({timeout_ms} ms)");
        Error::new(Cause::RequestTimeout, text)
    }

    /// Runs a request beside the others.
    fn start(&mut self, opened: Opened, received: Received) {
        let responses = self.responses.clone();
        self.requests.spawn(async move {
            // Fails only when the connection has ended.
            let _ = responses.send(opened.respond(received).await);
        });
    }

    fn send(&self, response: Outgoing) {
        // As above.
        let _ = self.responses.send(response);
    }

    /// Waits for the running requests. What the client sends meanwhile is discarded.
    async fn finish(mut self, mut frames: FrameReader<impl AsyncRead + Unpin>) -> io::Result<End> {
        loop {
            tokio::select! {
                ended = self.requests.join_next() => if ended.is_none() {
                    return Ok(End::Finished);
                },
                more = frames.skip() => if !more? {
                    return Ok(End::Disconnected);
                },
            }
        }
    }
}

/// Splits a body into payload and attachment.
fn split(meta: &Meta<'_>, mut body: bytes::Bytes) -> Result<Received, RpcError> {
    let (payload_bytes, _) = meta.split(body.len())?;
    let attachment = body.split_off(payload_bytes);
    Ok(Received { payload: body, attachment })
}
