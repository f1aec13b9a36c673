//! One call over `baidu_std`: opened by its meta, run, and responded to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use grps_core::metrics::{Protocol, RequestStage};
use grps_core::{Cause, Error, SchedulingOptions};
use http::HeaderMap;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::app::App;
use crate::call::access::{Admission, Credentials, Policy, admit};
use crate::call::access_line::AccessLine;
use crate::call::call::Call;
use crate::call::inference::run;
use crate::call::status::{grps_status, is_in_message};
use crate::codec::proto::{Reader, Wire, write_bytes};
use crate::codec::{GrpsMessage, proto};
use crate::frontends::brpc::chunks::Received;
use crate::frontends::brpc::compression::{Compression, compress, expand};
use crate::frontends::brpc::errors::{BAD_RESPONSE, RpcError};
use crate::frontends::brpc::meta::{Meta, ResponseMeta, path_of};
use crate::frontends::brpc::methods::{Method, find};
use crate::frontends::shared::credentials::sent_key;
use crate::frontends::shared::dispatch::REQUEST_ID;
use crate::frontends::shared::messages::predict::Predict;
use crate::frontends::shared::{scheduling_headers, trace_headers};
use crate::net::http::request_body::too_large;
use crate::net::peer::Peer;
use crate::net::places::Place;

/// The fields of a message that carry data.
const DATA_FIELDS: std::ops::RangeInclusive<u32> = 3..=7;
/// `bin_data`.
const BINARY_FIELD: u32 = 3;
/// Most bytes before the content of a field.
const MAX_FIELD_HEAD: usize = 11;

/// A response, ready to be written.
pub(super) struct Outgoing {
    /// The frame up to the payload.
    pub(super) start: Bytes,
    /// The payload.
    pub(super) payload: Bytes,
    /// The place of the request among those of its connection.
    pub(super) permit: OwnedSemaphorePermit,
}

/// A request whose meta has been accepted.
pub(super) struct Opened {
    /// The call.
    pub(super) exchange: Exchange,
    /// What it asks for.
    pub(super) accepted: Accepted,
}

/// What the meta of a request asks for.
pub(super) struct Accepted {
    method: Method,
    compression: Compression,
    attributes: HeaderMap,
    /// Deadline, priority and the like.
    pub(super) options: SchedulingOptions,
}

/// One call and where its response belongs.
pub(super) struct Exchange {
    pub(super) call: Call,
    correlation_id: u64,
    /// Whether the call is an inference request, whose failures are counted and logged.
    is_inference: bool,
    line: Option<AccessLine>,
    permit: OwnedSemaphorePermit,
}

impl Exchange {
    /// Begins the call of a meta; returns its attributes as well.
    pub(super) fn begin(
        app: &Arc<App>,
        peer: &Peer,
        meta: &Meta<'_>,
        permit: OwnedSemaphorePermit,
    ) -> (Self, HeaderMap) {
        let attributes = meta.attributes();
        let trace = trace_headers::read_context(app, &attributes);
        let sent_id = attributes.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let timeline = Arc::new(app.request_ids.start_timeline(sent_id, trace));
        let call = Call::start(Arc::clone(app), peer.clone(), timeline, Protocol::Brpc);
        let line = AccessLine::begin(&call, "PRPC", || path_of(meta.service, meta.method));
        let correlation_id = meta.correlation_id;
        (Self { call, correlation_id, is_inference: false, line, permit }, attributes)
    }

    /// Checks what a meta asks for, before its body of so many bytes is read.
    ///
    /// # Errors
    /// Why it is refused.
    pub(super) fn accept(
        &mut self,
        meta: &Meta<'_>,
        attributes: HeaderMap,
        rest_bytes: usize,
        place: Place,
    ) -> Result<Accepted, RpcError> {
        if !meta.is_request {
            return Err(RpcError::bad_request("the meta of the frame has no request"));
        }
        let method = find(meta.service, meta.method)?;
        place.check(method.is_vital())?;
        self.is_inference = method.policy() == Policy::Infer;
        self.admit(method.policy(), &attributes)?;
        if method == Method::PredictByHttp {
            return Err(RpcError::bad_request(
                "PredictByHttp is served over HTTP only; call Predict",
            ));
        }
        if meta.opens_stream {
            return Err(RpcError::bad_request(
                "streams of bRPC are not supported; call without stream_settings, or use gRPC or \
                 HTTP for a stream",
            ));
        }
        let compression = Compression::from_wire(meta.compress_type)?;
        self.check_size(rest_bytes)?;
        let timeout = u64::try_from(meta.timeout_ms).ok().filter(|ms| *ms > 0);
        let deadline = timeout.map(|ms| Instant::now() + Duration::from_millis(ms));
        let options = scheduling_headers::read_options(&attributes, deadline, &self.call)?;
        Ok(Accepted { method, compression, attributes, options })
    }

    /// Checks the size of a body.
    ///
    /// # Errors
    /// 1003 when it is over the limit.
    pub(super) fn check_size(&self, bytes: usize) -> Result<(), RpcError> {
        let limit = self.call.app.settings.max_request_bytes;
        if bytes > limit { Err(too_large(limit).into()) } else { Ok(()) }
    }

    /// Checks the access policy. No browser speaks this protocol, so no page of another site does.
    fn admit(&mut self, policy: Policy, attributes: &HeaderMap) -> Result<(), RpcError> {
        let token = sent_key(attributes);
        let credentials = || Credentials { token, is_cross_site: false, is_direct: true };
        let admission = Admission { policy, is_counted: true };
        admit(&mut self.call, admission, credentials).map_err(|error| {
            let asks = matches!(error.cause(), Cause::PermissionDenied | Cause::Unauthenticated);
            if token.is_some() || !asks {
                return error.into();
            }
            let text = format!("{}; bRPC carries it in authentication_data", error.message());
            Error::new(error.cause(), text).into()
        })
    }

    /// Ends the call with an error.
    pub(super) fn fail(self, failure: &RpcError) -> Outgoing {
        if self.is_inference {
            self.call.report_failure(&failure.error);
        }
        let error = Some((failure.code, failure.error.message()));
        let correlation_id = self.correlation_id;
        let meta = ResponseMeta { correlation_id, error, compress_type: 0 };
        let start = meta.frame_start(0).unwrap_or_default();
        self.end(failure.code, start, Bytes::new())
    }

    fn succeed(self, compression: Compression, payload: Bytes) -> Outgoing {
        let compress_type = if payload.is_empty() { 0 } else { compression.wire() };
        let correlation_id = self.correlation_id;
        let meta = ResponseMeta { correlation_id, error: None, compress_type };
        let Some(start) = meta.frame_start(payload.len()) else {
            let error = Error::new(Cause::ModelFailed, "the response is larger than a frame");
            return self.fail(&RpcError { code: BAD_RESPONSE, error });
        };
        self.call.scope.count_sent_bytes(payload.len());
        let payload = self.call.scope.hold(payload);
        self.end(0, start, payload)
    }

    fn end(self, code: i32, start: Bytes, payload: Bytes) -> Outgoing {
        if let Some(line) = self.line {
            line.write(&self.call.timeline, code);
        }
        Outgoing { start, payload, permit: self.permit }
    }
}

impl Opened {
    /// Runs the call on what has been received.
    pub(super) async fn respond(self, received: Received) -> Outgoing {
        let Self { exchange, accepted } = self;
        let compression = accepted.compression;
        match serve(&exchange.call, accepted, received).await {
            Ok(payload) => exchange.succeed(compression, payload),
            Err(failure) => exchange.fail(&failure),
        }
    }
}

/// Runs a call; returns the payload of its response.
async fn serve(call: &Call, accepted: Accepted, received: Received) -> Result<Bytes, RpcError> {
    call.timeline.note_stage_end(RequestStage::Receive);
    let Accepted { method, compression, attributes, options } = accepted;
    let Received { payload, attachment } = received;
    let message = expand(call, compression, payload).await?;
    let message = with_attachment(call, message, &attachment)?;
    let payload = match method {
        Method::Control(control) => control.respond(call, &message),
        Method::Predict | Method::PredictByHttp => {
            // A message that can't be read is no message of the model.
            proto::peek_model(&message).map_err(RpcError::from)?;
            predict(call, Predict { message, attributes, options }).await?
        }
    };
    Ok(compress(call, compression, payload).await?)
}

/// Runs a model. Its failure is a status in the message.
async fn predict(call: &Call, predict: Predict) -> Result<Bytes, RpcError> {
    run(call, predict).await.or_else(|error| {
        if !is_in_message(error.cause()) {
            return Err(error.into());
        }
        call.report_failure(&error);
        Ok(proto::encode(&GrpsMessage::of_status(grps_status(&error))))
    })
}

/// The message with the attachment as its `bin_data`.
///
/// # Errors
/// `InvalidArgument` when the message has data of its own or is malformed.
fn with_attachment(call: &Call, message: Bytes, attachment: &Bytes) -> Result<Bytes, Error> {
    if attachment.is_empty() {
        return Ok(message);
    }
    let mut reader = Reader::new(&message);
    while let Some((field, wire)) = reader.tag()? {
        if DATA_FIELDS.contains(&field) && wire == Wire::Len {
            return Err(Error::invalid(
                "the message has data of its own, and the request an attachment, which stands for \
                 bin_data; send one of them",
            ));
        }
        reader.skip(field, wire)?;
    }
    let joined_bytes = message.len() + MAX_FIELD_HEAD + attachment.len();
    call.scope.within_room(joined_bytes, |room| room.take(joined_bytes))?;
    let mut joined = Vec::with_capacity(joined_bytes);
    joined.extend_from_slice(&message);
    write_bytes(&mut joined, BINARY_FIELD, attachment);
    Ok(joined.into())
}
