//! `RpcMeta`, the head of each frame: `brpc/policy/baidu_rpc_meta.proto`.

use std::fmt::Write as _;

use bytes::{BufMut, Bytes, BytesMut};
use grps_core::Error;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::codec::proto::{Reader, Wire, write_bytes, write_number};
use crate::frontends::brpc::errors::RpcError;
use crate::frontends::brpc::frame::{HEAD_BYTES, MAGIC};
use crate::frontends::shared::dispatch::REQUEST_ID;
use crate::frontends::shared::trace_headers::TRACE_PARENT;

/// What comes before a token in the credentials of HTTP.
const BEARER: &[u8] = b"Bearer ";

/// The meta of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Meta<'a> {
    /// Whether it is the meta of a request.
    pub(super) is_request: bool,
    /// Name of the service.
    pub(super) service: &'a [u8],
    /// Name of the method.
    pub(super) method: &'a [u8],
    /// Milliseconds until the client gives up; not above 0 without a timeout.
    pub(super) timeout_ms: i32,
    /// Compression of the payload.
    pub(super) compress_type: i32,
    /// What the response repeats.
    pub(super) correlation_id: u64,
    /// Bytes of the attachment, which ends the frame.
    pub(super) attachment_bytes: i32,
    /// Which part of a payload the frame carries; `None` for a whole one.
    pub(super) chunk: Option<Chunk>,
    /// Whether the client opens a stream.
    pub(super) opens_stream: bool,
    /// Credentials.
    authentication: &'a [u8],
    /// Identifiers that the client logs and traces.
    log_id: u64,
    trace_id: u64,
    span_id: u64,
    /// An identifier in C++; pairs of names and values in Java.
    request_id: &'a [u8],
    /// Names and values, as headers have them.
    fields: Vec<(&'a [u8], &'a [u8])>,
}

/// Which part of a payload a frame carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Number of the payload.
    pub(super) stream_id: u64,
    /// Position of the part from 0; [`Chunk::LAST`] for the last one.
    pub(super) chunk_id: i64,
}

impl Chunk {
    /// The position of the last part.
    pub(super) const LAST: i64 = -1;
}

impl<'a> Meta<'a> {
    /// Parses the meta of a frame.
    ///
    /// # Errors
    /// `InvalidArgument` when it is not protobuf.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut meta = Self::default();
        let mut reader = Reader::new(bytes);
        while let Some((field, wire)) = reader.tag()? {
            match (field, wire) {
                (1, Wire::Len) => meta.parse_request(reader.bytes()?)?,
                (3, Wire::Varint) => meta.compress_type = reader.varint()? as i32,
                (4, Wire::Varint) => meta.correlation_id = reader.varint()?,
                (5, Wire::Varint) => meta.attachment_bytes = reader.varint()? as i32,
                (6, Wire::Len) => meta.chunk = Some(parse_chunk(reader.bytes()?)?),
                (7, Wire::Len) => meta.authentication = reader.bytes()?,
                (8, Wire::Len) => {
                    reader.skip(field, wire)?;
                    meta.opens_stream = true;
                }
                (9, Wire::Len) => meta.fields.extend(parse_pair(reader.bytes()?)),
                _ => reader.skip(field, wire)?,
            }
        }
        Ok(meta)
    }

    fn parse_request(&mut self, bytes: &'a [u8]) -> Result<(), Error> {
        self.is_request = true;
        let mut reader = Reader::new(bytes);
        while let Some((field, wire)) = reader.tag()? {
            match (field, wire) {
                (1, Wire::Len) => self.service = reader.bytes()?,
                (2, Wire::Len) => self.method = reader.bytes()?,
                (3, Wire::Varint) => self.log_id = reader.varint()?,
                (4, Wire::Varint) => self.trace_id = reader.varint()?,
                (5, Wire::Varint) => self.span_id = reader.varint()?,
                (7, Wire::Len) => {
                    self.request_id = reader.bytes()?;
                    self.fields.extend(parse_pair(self.request_id));
                }
                (8, Wire::Varint) => self.timeout_ms = reader.varint()? as i32,
                _ => reader.skip(field, wire)?,
            }
        }
        Ok(())
    }

    /// The fields as headers of HTTP carry them. Credentials, the trace and the identifier, which
    /// bRPC has fields of its own for, are among them.
    pub(super) fn attributes(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.fields {
            if let Ok(name) = HeaderName::from_bytes(name) {
                insert(&mut headers, name, value);
            }
        }
        if !self.authentication.is_empty() {
            let has_scheme = self
                .authentication
                .get(..BEARER.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(BEARER));
            let scheme = if has_scheme { &b""[..] } else { BEARER };
            let value = HeaderValue::from_bytes(&[scheme, self.authentication].concat());
            // Without its token it is nobody's, but it is not as if there were none.
            let value = value.unwrap_or(HeaderValue::from_static("Bearer"));
            headers.insert(header::AUTHORIZATION, value);
        }
        if self.trace_id != 0 && !headers.contains_key(TRACE_PARENT) {
            let (trace_id, span_id) = (self.trace_id, self.span_id.max(1));
            let parent = format!("00-{trace_id:032x}-{span_id:016x}-01");
            insert(&mut headers, TRACE_PARENT, parent.as_bytes());
        }
        if is_visible(self.request_id) {
            insert(&mut headers, REQUEST_ID, self.request_id);
        } else if self.log_id != 0 && !headers.contains_key(REQUEST_ID) {
            insert(&mut headers, REQUEST_ID, self.log_id.to_string().as_bytes());
        }
        headers
    }

    /// Whether the frame has credentials.
    pub(super) fn has_authentication(&self) -> bool {
        !self.authentication.is_empty()
    }

    /// Splits what follows the meta into payload and attachment.
    ///
    /// # Errors
    /// 1003 when the attachment is larger than that.
    pub(super) fn split(&self, rest_bytes: usize) -> Result<(usize, usize), RpcError> {
        let attachment = usize::try_from(self.attachment_bytes).ok();
        let split = attachment.and_then(|size| Some((rest_bytes.checked_sub(size)?, size)));
        split.ok_or_else(|| {
            RpcError::bad_request(format!(
                "attachment_size is {}, but {rest_bytes} bytes follow the meta",
                self.attachment_bytes
            ))
        })
    }
}

/// Adds a header; a value that no header can have is left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(value) {
        // Fails only for more names than a meta has room for.
        let _ = headers.try_insert(name, value);
    }
}

fn is_visible(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_graphic)
}

fn parse_chunk(bytes: &[u8]) -> Result<Chunk, Error> {
    let mut chunk = Chunk::default();
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (1, Wire::Varint) => chunk.stream_id = reader.varint()?,
            (2, Wire::Varint) => chunk.chunk_id = reader.varint()? as i64,
            _ => reader.skip(field, wire)?,
        }
    }
    Ok(chunk)
}

/// A name and a value; `None` for bytes that are something else.
fn parse_pair(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut pair = (&b""[..], &b""[..]);
    let mut reader = Reader::new(bytes);
    loop {
        match reader.tag() {
            Ok(Some((1, Wire::Len))) => pair.0 = reader.bytes().ok()?,
            Ok(Some((2, Wire::Len))) => pair.1 = reader.bytes().ok()?,
            Ok(Some((field, wire))) => reader.skip(field, wire).ok()?,
            Ok(None) => return (!pair.0.is_empty()).then_some(pair),
            Err(_) => return None,
        }
    }
}

/// What a response says before its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResponseMeta<'a> {
    /// That of the request.
    pub(super) correlation_id: u64,
    /// Code and text of an error; `None` for a success.
    pub(super) error: Option<(i32, &'a str)>,
    /// Compression of the payload.
    pub(super) compress_type: i32,
}

impl ResponseMeta<'_> {
    /// The start of the frame, for a payload of so many bytes; `None` for more than a frame can have.
    pub(super) fn frame_start(self, payload_bytes: usize) -> Option<Bytes> {
        let mut response = Vec::with_capacity(16);
        write_number(&mut response, 1, self.error.map_or(0, |(code, _)| code) as u64);
        if let Some((_, text)) = self.error {
            write_bytes(&mut response, 2, text.as_bytes());
        }
        let mut meta = Vec::with_capacity(response.len() + 16);
        write_bytes(&mut meta, 2, &response);
        if self.compress_type != 0 {
            write_number(&mut meta, 3, self.compress_type as u64);
        }
        write_number(&mut meta, 4, self.correlation_id);
        // Clients read the size as a signed number.
        let body_bytes = i32::try_from(meta.len().checked_add(payload_bytes)?).ok()?;
        let mut start = BytesMut::with_capacity(HEAD_BYTES + meta.len());
        start.put_slice(MAGIC);
        start.put_i32(body_bytes);
        start.put_u32(u32::try_from(meta.len()).ok()?);
        start.put_slice(&meta);
        Some(start.freeze())
    }
}

/// `/SERVICE/METHOD`, for the log.
pub(super) fn path_of(service: &[u8], method: &[u8]) -> String {
    let mut path = String::with_capacity(2 + service.len() + method.len());
    for name in [service, method] {
        let _ = write!(path, "/{}", name.escape_ascii());
    }
    path
}

#[cfg(test)]
#[path = "meta_tests.rs"]
mod tests;
