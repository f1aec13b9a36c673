//! `infer`: reads an inference request and runs it.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{Content, Error, quoted};
use http::{HeaderMap, Response};

use crate::app::App;
use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference, run};
use crate::codec::Room;
use crate::frontends::oip::http::failure::failure;
use crate::frontends::oip::http::json_response::{self, JSON_LENGTH};
use crate::frontends::oip::http::{json_request, raw_request};
use crate::frontends::oip::inference::prepare::prepare;
use crate::frontends::oip::inference::request::InferRequest;
use crate::frontends::oip::inference::response::ResponseForm;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::inference::lookup;
use crate::frontends::shared::inference::request_head::RequestHead;
use crate::frontends::shared::timeout_header;
use crate::net::http::content_coding::collect_aligned;
use crate::net::http::reply_body::ReplyBody;
use crate::net::http::response_coding;

/// Encoding a byte of a tensor as text takes as long as decoding this many bytes of text.
const TEXT_BYTES_PER_BYTE: usize = 8;

/// Serves an inference request.
pub(super) async fn infer(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let coding = response_coding::preferred(&request.parts.headers);
    match serve(&call, request).await {
        Ok(response) => response_coding::encode(&call, coding, response).await,
        Err(error) => {
            call.report_failure(&error);
            failure(&error)
        }
    }
}

async fn serve(call: &Call, request: HttpRequest) -> Result<Response<ReplyBody>, Error> {
    let json_length = read_json_length(&request.parts.headers)?;
    let received = Received::read(call, request, json_length.unwrap_or_default()).await?;
    let infer = Infer { received, json_length, form: None, app: Arc::clone(&call.app) };
    run(call, infer).await
}

/// A request for a model whose body has been read.
pub(super) struct Received {
    /// The model of the path.
    pub(super) model: String,
    /// The version of the path; empty if there is none.
    pub(super) version: String,
    /// The headers, and what they ask for.
    pub(super) head: RequestHead,
    /// The body.
    pub(super) body: Bytes,
}

impl Received {
    /// Reads a request; byte number `aligned_at` of its body is the first of its elements.
    ///
    /// # Errors
    /// Those of the headers and of reading the body.
    pub(super) async fn read(
        call: &Call,
        request: HttpRequest,
        aligned_at: usize,
    ) -> Result<Self, Error> {
        let HttpRequest { parts, body, parameters } = request;
        let head = RequestHead::of_http(call, parts.headers)?;
        let reading = collect_aligned(&head.headers, body, call, aligned_at);
        let body = timeout_header::within(head.options.deadline, reading).await?;
        let mut parameters = parameters.into_iter();
        Ok(Self {
            model: parameters.next().unwrap_or_default(),
            version: parameters.next().unwrap_or_default(),
            head,
            body,
        })
    }
}

/// The length of the JSON at the start of the body; `None` when all of it is JSON.
fn read_json_length(headers: &HeaderMap) -> Result<Option<usize>, Error> {
    let Some(value) = headers.get(JSON_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    length.map(Some).ok_or_else(|| {
        Error::invalid(format!(
            "Inference-Header-Content-Length must be a number of bytes, got {}",
            quoted(&String::from_utf8_lossy(value.as_bytes()))
        ))
    })
}

/// An inference request.
struct Infer {
    received: Received,
    json_length: Option<usize>,
    /// What the response needs of the request, once it is decoded.
    form: Option<ResponseForm>,
    app: Arc<App>,
}

impl Infer {
    fn read(&self, call: &Call, body: Bytes, room: &Room<'_>) -> Result<InferRequest, Error> {
        let Received { model, version, head, .. } = &self.received;
        if self.json_length == Some(0) {
            let route = lookup::resolve(call, model, version, &head.headers)?;
            raw_request::read(&route, body, room)
        } else {
            json_request::read(&call.app, body, self.json_length, room)
        }
    }
}

impl Inference for Infer {
    type Reply = Response<ReplyBody>;

    fn decode_bytes(&self) -> usize {
        self.json_length.unwrap_or(self.received.body.len())
    }

    fn decode(&mut self, call: &Call) -> Result<Decoded, Error> {
        let body = std::mem::take(&mut self.received.body);
        let bytes = body.len();
        let (decoded, form) = call.scope.within_room(bytes, |room| {
            let request = self.read(call, body, room)?;
            let Received { model, version, head, .. } = &self.received;
            let (model, version) = (model.clone(), version.clone());
            prepare(call, head, InferRequest { model, version, ..request }, bytes, room)
        })?;
        self.form = Some(form);
        Ok(decoded)
    }

    fn encode_bytes(&self, output: &Content) -> usize {
        match &self.form {
            Some(form) if form.is_binary() => 0,
            _ => output.byte_len().saturating_mul(TEXT_BYTES_PER_BYTE),
        }
    }

    fn encode(&self, output: Content) -> Result<Response<ReplyBody>, Error> {
        let form = self.form.as_ref().ok_or_else(not_decoded)?;
        json_response::whole(&form.respond(&self.app, output)?)
    }
}

/// The error for an output of a request that was never decoded.
pub(super) fn not_decoded() -> Error {
    Error::new(grps_core::Cause::Internal, "the request was not decoded")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_length_of_the_json_is_a_number() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(JSON_LENGTH, HeaderValue::from_static(text));
            read_json_length(&headers)
        };
        assert_eq!(read_json_length(&HeaderMap::new()).unwrap(), None);
        assert_eq!((read("0").unwrap(), read(" 12 ").unwrap()), (Some(0), Some(12)));
        for bad in ["-1", "", "x", "1.5", "99999999999999999999999"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
