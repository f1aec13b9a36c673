//! A connection of one of the protocols.

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::exchange::failure::{Class, Failure};
use crate::exchange::prepared::Prepared;
use crate::exchange::socket::{Place, Socket};
use crate::exchange::watch::Watch;
use crate::exchange::{brpc, grpc, http};
use crate::plan::{Plan, Protocol};

/// The window of HTTP/2: large responses do not wait for the generator.
const WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// What a response contains, as far as the plan says it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) streaming: bool,
    pub(crate) grps_status: bool,
    pub(crate) counts_tokens: bool,
}

impl Reading {
    pub(crate) fn of(plan: &Plan) -> Self {
        let Plan { streaming, grps_status, counts_tokens, .. } = *plan;
        Self { streaming, grps_status, counts_tokens }
    }
}

/// A connection; one request at a time, unless it is a clone of one that is shared.
pub(crate) enum Connection {
    Http(http1::SendRequest<Full<Bytes>>),
    Grpc(http2::SendRequest<Full<Bytes>>),
    Brpc(Socket),
}

impl Connection {
    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// There is none, or the server does not speak the protocol.
    pub(crate) async fn open(place: &Place, protocol: Protocol) -> Result<Self, Failure> {
        let socket = place.connect().await?;
        match protocol {
            Protocol::Brpc => Ok(Self::Brpc(socket)),
            Protocol::Http => {
                let (sender, driver) =
                    http1::handshake(TokioIo::new(socket)).await.map_err(|error| ended(&error))?;
                tokio::spawn(driver);
                Ok(Self::Http(sender))
            }
            Protocol::Grpc => {
                let (sender, driver) = http2::Builder::new(TokioExecutor::new())
                    .initial_stream_window_size(WINDOW_BYTES)
                    .initial_connection_window_size(WINDOW_BYTES)
                    .handshake(TokioIo::new(socket))
                    .await
                    .map_err(|error| ended(&error))?;
                tokio::spawn(driver);
                Ok(Self::Grpc(sender))
            }
        }
    }

    /// Whether the server has closed it, as far as is known.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Http(sender) => sender.is_closed(),
            Self::Grpc(sender) => sender.is_closed(),
            Self::Brpc(_) => false,
        }
    }

    /// Another user of a connection that can be shared.
    pub(crate) fn share(&self) -> Option<Self> {
        match self {
            Self::Grpc(sender) => Some(Self::Grpc(sender.clone())),
            Self::Http(_) | Self::Brpc(_) => None,
        }
    }

    /// Sends a request and reads its response to the end.
    ///
    /// # Errors
    ///
    /// It failed.
    pub(crate) async fn exchange(
        &mut self,
        request: &Prepared,
        reading: Reading,
        watch: &mut Watch,
    ) -> Result<(), Failure> {
        match self {
            Self::Http(sender) => http::exchange(sender, request, reading, watch).await,
            Self::Grpc(sender) => grpc::exchange(sender, request, reading, watch).await,
            Self::Brpc(socket) => brpc::exchange(socket, request, reading, watch).await,
        }
    }
}

/// The failure of a connection, with the innermost cause.
pub(crate) fn ended(error: &hyper::Error) -> Failure {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    Failure::new(Class::Connection, text)
}

/// The request that hyper sends.
pub(crate) fn build(request: &Prepared) -> ::http::Request<Full<Bytes>> {
    let mut built = ::http::Request::new(Full::new(request.body.clone()));
    built.method_mut().clone_from(&request.method);
    built.uri_mut().clone_from(&request.uri);
    built.headers_mut().clone_from(&request.headers);
    built
}
