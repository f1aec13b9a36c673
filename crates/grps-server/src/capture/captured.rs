//! A request that is recorded, on its way.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use grps_core::{Content, Error, Request, Route};
use http::{HeaderMap, HeaderName};

use super::counts::LeftOut;
use super::format::CaptureRecord;
use super::job::Job;
use super::session::Session;
use crate::call::call::Call;
use crate::call::status::http_status;

/// Most bytes of the value of a header.
const MAX_HEADER_BYTES: usize = 1024;

/// A request of the sample, whose route is not known yet.
pub(crate) struct Sampled {
    session: Arc<Session>,
    /// Names and values of the headers that are recorded.
    headers: OnceLock<Vec<(String, String)>>,
}

impl Sampled {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session, headers: OnceLock::new() }
    }

    /// Keeps the headers that are recorded.
    pub(crate) fn note_headers(&self, headers: &HeaderMap) {
        let value = |name: &HeaderName| {
            let value = headers.get(name).filter(|value| value.len() <= MAX_HEADER_BYTES)?;
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let found = self.session.headers.iter().filter_map(value).collect();
        // A request has its headers once.
        let _ = self.headers.set(found);
    }
}

/// A request that is recorded when its outcome is known. Nothing is recorded if it is dropped before.
pub(crate) struct Captured {
    session: Arc<Session>,
    head: CaptureRecord,
    request: Content,
    bytes: usize,
}

impl Captured {
    /// Keeps the input of a request of the sample; `None` if it is not recorded.
    pub(crate) fn begin(call: &Call, route: &Route, request: &Request) -> Option<Box<Self>> {
        let sampled = call.scope.sampled()?;
        let session = Arc::clone(&sampled.session);
        if !session.takes(route) {
            return None;
        }
        if request.attachment.is_some() {
            session.leave_out(LeftOut::HttpExchange);
            return None;
        }
        let bytes = request.content.held_bytes();
        if bytes as u64 > session.max_record_bytes() {
            session.leave_out(LeftOut::TooLarge);
            return None;
        }
        let is_chain = route.graph().is_none() && route.models().len() > 1;
        let head = CaptureRecord {
            time_us: session.time_us(call.timeline.began()),
            route: if is_chain { String::new() } else { route.stats().name.to_string() },
            version: version_of(route),
            protocol: call.scope.protocol().name().to_owned(),
            headers: sampled.headers.get().cloned().unwrap_or_default(),
            request_id: call.timeline.id().to_owned(),
            ..CaptureRecord::default()
        };
        Some(Box::new(Self { session, head, request: request.content.clone(), bytes }))
    }

    /// Counts a request of the sample whose reply is a stream: it is not recorded.
    pub(crate) fn leave_out_stream(call: &Call, route: &Route) {
        if let Some(sampled) = call.scope.sampled().filter(|one| one.session.takes(route)) {
            sampled.session.leave_out(LeftOut::Stream);
        }
    }

    /// Records the request with its outcome.
    pub(crate) fn finish(self: Box<Self>, call: &Call, outcome: &Result<Content, Error>) {
        let Self { session, head, request, bytes } = *self;
        let latency = Instant::now().saturating_duration_since(call.timeline.began());
        let latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let (status, error) = match outcome {
            Ok(_) => (200, String::new()),
            Err(error) => (http_status(error).as_u16(), error.message().to_owned()),
        };
        let reply = outcome.as_ref().ok().cloned();
        let bytes = bytes.saturating_add(reply.as_ref().map_or(0, Content::held_bytes));
        if bytes as u64 > session.max_record_bytes() {
            return session.leave_out(LeftOut::TooLarge);
        }
        let head = CaptureRecord { latency_us, status, error, ..head };
        session.submit(Box::new(Job { head, request, reply, bytes }));
    }
}

/// The version of the model of a route; empty for several.
fn version_of(route: &Route) -> String {
    match (route.graph(), route.models()) {
        (None, [model]) => model.spec().version.clone(),
        _ => String::new(),
    }
}
