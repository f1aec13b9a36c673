//! Requests over HTTP/1.1.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;

use crate::exchange::connection::{Reading, build, ended};
use crate::exchange::events::{Chunks, add_tokens};
use crate::exchange::failure::{Class, Failure, MOST_BODY_BYTES};
use crate::exchange::prepared::Prepared;
use crate::exchange::watch::Watch;

/// Most bytes of a body that is read for its count of tokens.
const MOST_COUNTED_BYTES: usize = 8 * 1024 * 1024;

/// Sends a request and reads the response to its end.
///
/// # Errors
///
/// The connection, the response or a chunk of it reports a failure.
pub(crate) async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: &Prepared,
    reading: Reading,
    watch: &mut Watch,
) -> Result<(), Failure> {
    sender.ready().await.map_err(|error| ended(&error))?;
    let response = sender.send_request(build(request)).await.map_err(|error| ended(&error))?;
    let (head, body) = response.into_parts();
    let status = head.status;
    if !status.is_success() {
        let body = collect(body, watch, MOST_BODY_BYTES).await?;
        return Err(Failure::of_body(Class::Http(status.as_u16()), &body));
    }
    if reading.streaming {
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        return read_stream(body, Chunks::new(content_type.unwrap_or_default()), watch).await;
    }
    let kept = if reading.counts_tokens { MOST_COUNTED_BYTES } else { 0 };
    let body = collect(body, watch, kept).await?;
    if reading.counts_tokens {
        let value = serde_json::from_slice(&body).unwrap_or_default();
        add_tokens(&value, watch);
    }
    Ok(())
}

async fn read_stream(
    mut body: Incoming,
    mut chunks: Chunks,
    watch: &mut Watch,
) -> Result<(), Failure> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ended(&error))?;
        if let Some(part) = frame.data_ref() {
            watch.add_bytes(part.len())?;
            watch.keep(part);
            chunks.read(part, watch)?;
        }
    }
    chunks.finish(watch)
}

/// Reads a body to its end and keeps its first bytes.
async fn collect(mut body: Incoming, watch: &mut Watch, kept: usize) -> Result<Vec<u8>, Failure> {
    let mut first = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ended(&error))?;
        if let Some(part) = frame.data_ref() {
            watch.add_bytes(part.len())?;
            watch.keep(part);
            let room = kept.saturating_sub(first.len()).min(part.len());
            first.extend_from_slice(part.get(..room).unwrap_or_default());
        }
    }
    Ok(first)
}
