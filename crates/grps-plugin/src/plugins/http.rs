//! A request of customized HTTP while a plugin responds to it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use grps_core::{Cause, Content, Error, HttpReply, RawHttpRequest};

use crate::plugins::abi::{
    CLIENT_LEFT, HTTP_STREAMING, HttpHeader, HttpRequestView, HttpResponseView, OK, Text, TextView,
};
use crate::plugins::batch_run::RequestRun;
use crate::plugins::view;

/// Maximum number of headers of a response.
const MAX_HEADERS: u64 = 1024;

/// What there is of the HTTP of a request.
#[derive(Default)]
pub(crate) struct Http {
    /// The request as plugins see it.
    seen: OnceLock<Seen>,
    /// Whether a response was set.
    has_response: AtomicBool,
}

/// What a view of a request points into, besides the request.
struct Seen {
    headers: Vec<HttpHeader>,
    peer: String,
}

impl Seen {
    fn new(request: &RawHttpRequest) -> Self {
        let header = |(name, value): &(String, Vec<u8>)| HttpHeader {
            name: text_of(name.as_bytes()),
            value: text_of(value),
        };
        Self {
            headers: request.headers.iter().map(header).collect(),
            peer: request.peer.ip().to_canonical().to_string(),
        }
    }
}

impl RequestRun {
    /// A view of the HTTP request, which is valid as long as this is; `None` for other requests.
    pub(crate) fn http_request(&self) -> Option<HttpRequestView> {
        let request = self.request.http_request()?;
        let seen = self.http.seen.get_or_init(|| Seen::new(request));
        Some(HttpRequestView {
            struct_size: size_of::<HttpRequestView>() as u32,
            flags: if request.streaming { HTTP_STREAMING } else { 0 },
            method: text_of(request.method.as_bytes()),
            path: text_of(request.path.as_bytes()),
            query: text_of(request.query.as_bytes()),
            peer: text_of(seen.peer.as_bytes()),
            peer_port: u32::from(request.peer.port()),
            reserved: 0,
            body: text_of(&request.body),
            headers: seen.headers.as_ptr(),
            header_count: seen.headers.len() as u64,
        })
    }

    /// Sets the HTTP response.
    pub(crate) fn respond(&self, reply: HttpReply) -> Result<(), String> {
        self.expect_http()?;
        if self.has_chunks.load(Ordering::Acquire) {
            return Err("a part of the body was sent already; respond before it".to_owned());
        }
        self.http.has_response.store(true, Ordering::Release);
        self.request.set_http_reply(reply);
        Ok(())
    }

    /// Sends a part of the body of the HTTP response; returns a `grps_status`.
    pub(crate) fn send_body(&self, data: &[u8]) -> Result<i32, String> {
        self.expect_http()?;
        self.has_chunks.store(true, Ordering::Release);
        let receives = self.request.send_chunk(Content::Raw(Bytes::copy_from_slice(data)));
        Ok(if receives { OK } else { CLIENT_LEFT })
    }

    fn expect_http(&self) -> Result<(), String> {
        let is_missing = self.request.http_request().is_none();
        let fault = "the request is none of customized_predict_http, so it has outputs instead";
        if is_missing { Err(fault.to_owned()) } else { Ok(()) }
    }

    /// Replies to a request of customized HTTP, whose response was set or sent.
    pub(crate) fn finish_http(&self, outputs: Option<Content>) -> Result<(), Error> {
        let has_response = self.http.has_response.load(Ordering::Acquire)
            || self.has_chunks.load(Ordering::Acquire);
        let is_alone = self.request.is_alone();
        if is_alone && !has_response && self.request.is_open() && !self.request.is_cancelled() {
            let message = "infer set no HTTP response; call respond, or send_body";
            return Err(Error::new(Cause::ModelFailed, message));
        }
        // The client gets the response; outputs are for the next model of a graph.
        let outputs = outputs.filter(|_| !is_alone);
        self.request.reply(Ok(outputs.unwrap_or(Content::Message(Bytes::new()))));
        Ok(())
    }
}

/// Reads and checks a response.
///
/// # Safety
/// `view` is null, or its struct_size and its pointers are true.
pub(crate) unsafe fn read_response(view: *const HttpResponseView) -> Result<HttpReply, String> {
    // SAFETY: the caller guarantees a view.
    let size = unsafe { view.as_ref() }.map(|view| view.struct_size).ok_or("it is NULL")?;
    if (size as usize) < size_of::<HttpResponseView>() {
        let least = size_of::<HttpResponseView>();
        return Err(format!("its struct_size is {size}, not {least} or more"));
    }
    // SAFETY: the view has at least these fields.
    let view = unsafe { *view };
    let status = u16::try_from(view.status).ok().filter(|status| (200..1000).contains(status));
    let status = status.ok_or_else(|| format!("status {} is not 200 to 999", view.status))?;
    if view.header_count > MAX_HEADERS {
        let count = view.header_count;
        return Err(format!("it has {count} headers; at most {MAX_HEADERS} are allowed"));
    }
    if view.header_count > 0 && view.headers.is_null() {
        return Err("its headers are NULL".to_owned());
    }
    let mut headers = Vec::with_capacity(view.header_count as usize);
    for index in 0..view.header_count as usize {
        // SAFETY: the caller guarantees as many headers, and their texts.
        let read = unsafe {
            let HttpHeader { name, value } = *view.headers.add(index);
            view::text(name.data, name.length).and_then(|name| {
                Ok((name.to_owned(), view::text(value.data, value.length)?.to_owned()))
            })
        };
        headers.push(read.map_err(|fault| format!("header {index}: {fault}"))?);
    }
    // SAFETY: the caller guarantees the body.
    let body = unsafe { view::bytes(view.body.data.cast(), view.body.length) };
    let body = Bytes::copy_from_slice(body.map_err(|fault| format!("its body: {fault}"))?);
    Ok(HttpReply { status, headers, body })
}

fn text_of(bytes: &[u8]) -> TextView {
    TextView { data: bytes.as_ptr().cast::<std::ffi::c_char>() as Text, length: bytes.len() as u64 }
}
