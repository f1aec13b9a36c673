//! One connection of WebSocket: its requests one after the other, until a side closes it.

use std::borrow::Cow;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use grps_core::Error;
use grps_core::metrics::Protocol;
use http::HeaderMap;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as SocketError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use crate::app::App;
use crate::call::access::{Admission, Policy, admit};
use crate::call::call::Call;
use crate::call::inference::start_chunks;
use crate::call::reply_stream::ReplyStream;
use crate::frontends::grps_http::PredictQuery;
use crate::frontends::grps_http::predict::Predict;
use crate::frontends::shared::credentials;
use crate::frontends::websocket::messages::{MessageChunks, Reply, failed, succeeded};
use crate::net::listener::CLOSE_GRACE;
use crate::net::peer::Peer;

/// A client is asked for a sign of life when it was silent for so long, and has as long to answer.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Largest message: a client that sends one slowly holds its bytes before they are counted.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What serves a connection.
pub(super) struct Session {
    pub(super) app: Arc<App>,
    pub(super) peer: Peer,
    /// The query of the handshake, which applies to each request.
    pub(super) query: PredictQuery,
    /// Its headers: deadline, priority and the like of each request.
    pub(super) headers: HeaderMap,
    /// The sender is dropped when the connection should close.
    pub(super) closing: watch::Receiver<()>,
}

/// Why a session ends.
enum End {
    /// The client has closed the connection, or it has failed.
    Gone,
    /// The service closes it.
    Close(CloseCode, Cow<'static, str>),
}

impl Session {
    /// Serves the connection until it ends.
    pub(super) async fn run(mut self, upgraded: Upgraded) {
        let limit = self.app.settings.max_request_bytes.min(MAX_MESSAGE_BYTES);
        let config = WebSocketConfig::default()
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit))
            .write_buffer_size(0);
        let io = TokioIo::new(upgraded);
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let mut pending = None;
        let end = loop {
            let received = match pending.take() {
                Some(message) => Ok(message),
                None => self.next_request(&mut socket).await,
            };
            let served = match received {
                Ok(message) => self.serve(&mut socket, message).await,
                Err(end) => Err(end),
            };
            match served {
                Ok(next) => pending = next,
                Err(end) => break end,
            }
        };
        if let End::Close(code, reason) = end {
            let closed = async {
                socket.close(Some(CloseFrame { code, reason: reason.as_ref().into() })).await?;
                // The client answers, and then the connection ends in order.
                while let Some(Ok(_)) = socket.next().await {}
                Ok::<_, SocketError>(())
            };
            // The client may have disconnected already.
            let _ = timeout(CLOSE_GRACE, closed).await;
        }
    }

    /// Waits for the next request, and for signs of life of the client meanwhile.
    async fn next_request(&mut self, socket: &mut Socket) -> Result<Message, End> {
        let idle_end = Instant::now() + self.app.settings.stream_idle_timeout;
        let mut heard = Instant::now();
        let mut was_asked = false;
        loop {
            let silent = heard + PING_INTERVAL * if was_asked { 2 } else { 1 };
            tokio::select! {
                received = socket.next() => match read(received)? {
                    Some(message) => return Ok(message),
                    None => (heard, was_asked) = (Instant::now(), false),
                },
                () = sleep_until(silent.min(idle_end)) => {
                    if Instant::now() >= idle_end {
                        return Err(End::Close(CloseCode::Normal, "no request came".into()));
                    }
                    if was_asked {
                        return Err(End::Gone);
                    }
                    was_asked = true;
                    send(socket, Message::Ping(Bytes::new())).await?;
                }
                _ = self.closing.changed() => return Err(going_away()),
            }
        }
    }

    /// Runs one request and sends its chunks and its final message; returns a request that came
    /// meanwhile, after which nothing more was read.
    async fn serve(&self, socket: &mut Socket, message: Message) -> Result<Option<Message>, End> {
        let timeline = Arc::new(self.app.request_ids.start_timeline(None, None));
        let app = Arc::clone(&self.app);
        let mut call = Call::start(app, self.peer.clone(), timeline, Protocol::Http);
        let started = self.start(&mut call, message).await;
        let mut chunks = match started {
            Ok(chunks) => chunks,
            Err(error) => {
                call.report_failure(&error);
                send(socket, failed(&error)).await?;
                let is_draining = self.app.engine.health().is_draining();
                return if is_draining { Err(going_away()) } else { Ok(None) };
            }
        };
        drop(call);
        let mut next = None;
        let mut last = succeeded();
        while let Some(reply) = next_chunk(socket, &mut chunks, &mut next).await? {
            match reply {
                Reply::Chunk(message) => send(socket, message).await?,
                Reply::Failure(message) => last = message,
            }
        }
        send(socket, last).await?;
        Ok(next)
    }

    async fn start(
        &self,
        call: &mut Call,
        message: Message,
    ) -> Result<ReplyStream<MessageChunks>, Error> {
        // The caller may have been withdrawn since the handshake, and each request counts.
        let admission = Admission { policy: Policy::Infer, is_counted: true };
        admit(call, admission, || credentials::of_stream(&self.headers))?;
        let is_text = message.is_text();
        let body = message.into_data();
        call.scope.reserve_bytes(body.len())?;
        let predict = Predict::of_message(call, &self.headers, &self.query, is_text, body)?;
        start_chunks(call, predict, MessageChunks).await
    }
}

/// The next chunk of a request; `None` after the last one. Its client may leave meanwhile.
async fn next_chunk(
    socket: &mut Socket,
    chunks: &mut ReplyStream<MessageChunks>,
    next: &mut Option<Message>,
) -> Result<Option<Reply>, End> {
    loop {
        tokio::select! {
            chunk = poll_fn(|context| chunks.poll_next(context)) => return Ok(chunk),
            received = socket.next(), if next.is_none() => *next = read(received)?,
        }
    }
}

/// What was received: a request, or `None` for a sign of life.
fn read(received: Option<Result<Message, SocketError>>) -> Result<Option<Message>, End> {
    match received {
        Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => Ok(Some(message)),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
        // The library answers the close of the client.
        Some(Ok(Message::Close(_))) | None => Err(End::Gone),
        Some(Err(SocketError::Capacity(CapacityError::MessageTooLong { max_size, .. }))) => {
            let reason = format!("a message may have at most {max_size} bytes");
            Err(End::Close(CloseCode::Size, reason.into()))
        }
        Some(Err(SocketError::Utf8(_))) => {
            Err(End::Close(CloseCode::Invalid, "a text is not UTF-8".into()))
        }
        Some(Err(SocketError::Protocol(error))) => {
            Err(End::Close(CloseCode::Protocol, error.to_string().into()))
        }
        Some(Err(_)) => Err(End::Gone),
    }
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), End> {
    socket.send(message).await.map_err(|_| End::Gone)
}

fn going_away() -> End {
    End::Close(CloseCode::Away, "the service is shutting down".into())
}
