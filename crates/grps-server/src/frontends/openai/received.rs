//! What all routes of these APIs do before and after their own work.

use bytes::Bytes;
use grps_core::SchedulingOptions;
use grps_core::metrics::RequestStage;
use grps_openai::Limits;
use http::{HeaderMap, Response};

use crate::call::call::Call;
use crate::frontends::openai::api::Api;
use crate::frontends::openai::errors::Fault;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response::json;
use crate::frontends::shared::{scheduling_headers, timeout_header};
use crate::net::http::content_coding::collect;
use crate::net::http::reply_body::ReplyBody;

/// Reading a text as tokens takes as long as decoding so many times its bytes of JSON.
pub(super) const TOKENIZING: usize = 16;

/// A request whose body has been received.
pub(super) struct Received {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What its headers say of its deadline and priority.
    pub(super) options: SchedulingOptions,
    /// What its fields may be.
    pub(super) limits: Limits,
}

/// Receives the body of a request.
///
/// # Errors
/// A header is wrong, or the body is too large or did not come in time.
pub(super) async fn receive(call: &Call, request: HttpRequest) -> Result<Received, Fault> {
    let HttpRequest { parts, body, .. } = request;
    let deadline = timeout_header::read_deadline(&parts.headers)?;
    let options = scheduling_headers::read_options(&parts.headers, deadline, call)?;
    let reading = collect(&parts.headers, body, call);
    let body = timeout_header::within(deadline, reading).await?;
    call.timeline.note_stage_end(RequestStage::Receive);
    let limits = Limits { body_bytes: call.app.settings.max_request_bytes, ..Limits::default() };
    Ok(Received { headers: parts.headers, body, options, limits })
}

/// Responds with what was made, and records how the call ended.
pub(super) fn respond(
    call: &Call,
    api: Api,
    made: Result<Response<ReplyBody>, Fault>,
) -> Response<ReplyBody> {
    match made {
        Ok(response) => {
            call.scope.record_outcome(None);
            response
        }
        Err(fault) => {
            call.report_failure(&fault.error());
            fault.response(api)
        }
    }
}

/// As [`respond`], for a body of JSON.
pub(super) fn respond_json(
    call: &Call,
    api: Api,
    made: Result<Vec<u8>, Fault>,
) -> Response<ReplyBody> {
    respond(call, api, made.map(json))
}
