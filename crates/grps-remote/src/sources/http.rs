//! A GET over HTTP/1.1, of which a response is read as a whole or line by line.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::settings::TlsSettings;
use crate::transport::tls;

/// Longest time for a connection and the head of a response.
const LIMIT: Duration = Duration::from_secs(5);
/// Longest time without anything: a watch has bookmarks about each minute.
const SILENCE_LIMIT: Duration = Duration::from_secs(330);

/// A server.
#[derive(Debug)]
pub(super) struct Origin {
    /// Host and port.
    authority: String,
    tls: Option<TlsSettings>,
}

impl Origin {
    /// The server of a URI such as `https://host:6443`.
    ///
    /// # Errors
    /// It is no such URI.
    pub(super) fn parse(uri: &str, tls: Option<TlsSettings>) -> Result<Self, String> {
        let wrong = || format!("'{uri}' is no address such as https://10.0.0.1:6443");
        let parsed: Uri = uri.parse().map_err(|_| wrong())?;
        let host = parsed.host().ok_or_else(wrong)?;
        let usual = if tls.is_some() { 443 } else { 80 };
        let authority = format!("{host}:{}", parsed.port_u16().unwrap_or(usual));
        Ok(Self { authority, tls })
    }

    /// Whether it is called over TLS.
    pub(super) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Begins a GET.
    ///
    /// # Errors
    /// There is no connection, or the status is not 200.
    pub(super) async fn get(&self, path: &str, token: Option<&str>) -> Result<Responding, String> {
        let getting = timeout(LIMIT, self.begin(path, token)).await;
        let named = |error: String| format!("{}: {error}", self.authority);
        getting.unwrap_or_else(|_| Err("no response in time".to_owned())).map_err(named)
    }

    async fn begin(&self, path: &str, token: Option<&str>) -> Result<Responding, String> {
        let mut request = Request::get(path)
            .header(header::HOST, &self.authority)
            .header(header::ACCEPT, "application/json")
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value = value.map_err(|error| error.to_string())?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let stream = TcpStream::connect(&self.authority).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let Some(files) = &self.tls else { return send(stream, request).await };
        let name = tls::server_name(files, &self.authority)?;
        let connector = TlsConnector::from(tls::load(files, b"http/1.1")?);
        let stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
        send(stream, request).await
    }
}

async fn send<S>(stream: S, request: Request<Empty<Bytes>>) -> Result<Responding, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, driver) = connection.map_err(|error| error.to_string())?;
    // It ends with the response.
    let driving = tokio::spawn(driver);
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    match response.status() {
        StatusCode::OK => {
            let body = response.into_body();
            Ok(Responding { body, received: BytesMut::new(), _sender: sender, driving })
        }
        status => Err(format!("it answers {status}")),
    }
}

/// A response whose head is received.
#[derive(Debug)]
pub(super) struct Responding {
    body: Incoming,
    /// What is received and not returned.
    received: BytesMut,
    /// Keeps the connection open.
    _sender: http1::SendRequest<Empty<Bytes>>,
    driving: tokio::task::JoinHandle<hyper::Result<()>>,
}

impl Drop for Responding {
    fn drop(&mut self) {
        self.driving.abort();
    }
}

impl Responding {
    /// The whole body.
    ///
    /// # Errors
    /// It broke off, or is larger than `limit`.
    pub(super) async fn whole(mut self, limit: usize) -> Result<Bytes, String> {
        while self.receive().await? {
            if self.received.len() > limit {
                return Err(format!("a response of more than {limit} bytes"));
            }
        }
        Ok(std::mem::take(&mut self.received).freeze())
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// It broke off, or a line is longer than `limit`.
    pub(super) async fn line(&mut self, limit: usize) -> Result<Option<Bytes>, String> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let mut line = self.received.split_to(end + 1);
                line.truncate(end);
                return Ok(Some(line.freeze()));
            }
            if self.received.len() > limit {
                return Err(format!("a line of more than {limit} bytes"));
            }
            if !self.receive().await? {
                return Ok(None);
            }
        }
    }

    /// Receives more; false at the end.
    async fn receive(&mut self) -> Result<bool, String> {
        let frame = timeout(SILENCE_LIMIT, self.body.frame()).await;
        let Some(frame) = frame.map_err(|_| "it sends nothing".to_owned())? else {
            return Ok(false);
        };
        let frame = frame.map_err(|error| error.to_string())?;
        if let Ok(data) = frame.into_data() {
            self.received.extend_from_slice(&data);
        }
        Ok(true)
    }
}
