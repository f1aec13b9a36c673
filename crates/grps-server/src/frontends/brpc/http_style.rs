//! bRPC over HTTP: `POST /SERVICE/METHOD` with a message in JSON or protobuf.

use std::sync::atomic::{AtomicBool, Ordering};

use grps_core::{Cause, Content, Error, SchedulingOptions};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::app::Settings;
use crate::call::access::Policy;
use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference, run};
use crate::call::status::{grps_status, http_status, is_in_message};
use crate::codec::{GrpsMessage, Status, json, proto};
use crate::frontends::brpc::errors::{self, code_of};
use crate::frontends::brpc::methods::{METHODS, Method, SERVICES, unknown_method};
use crate::frontends::custom_http;
use crate::frontends::grps_http::encode::json_message;
use crate::frontends::grps_http::{self, BodyForm, PredictBody, PredictQuery};
use crate::frontends::shared::endpoint::{Endpoint, HttpRequest, Methods};
use crate::frontends::shared::messages::control::{Control, outcome_message};
use crate::frontends::shared::messages::predict;
use crate::frontends::shared::resolve::find_route;
use crate::frontends::shared::response::{TEXT, respond};
use crate::frontends::shared::{optional_headers, scheduling_headers, timeout_header};
use crate::net::http::content_coding::collect;
use crate::net::http::reply_body::ReplyBody;

/// Header with the code of an error.
const ERROR_CODE: HeaderName = HeaderName::from_static("x-bd-error-code");
/// Encoding a byte of a tensor as text takes as long as decoding this many bytes of text.
const TEXT_BYTES_PER_BYTE: usize = 8;

/// The routes of all methods, by both names of the service.
pub(super) fn endpoints(settings: &Settings) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for service in SERVICES {
        for (name, method) in METHODS {
            endpoints.push(endpoint(settings, format!("/{service}/{name}"), method));
        }
        let pattern = format!("/{service}/{{method}}");
        let unknown = Endpoint::new(Methods::Post, pattern, Policy::Public, unknown);
        let unknown = unknown.summary("Refuses a method that the service does not have");
        endpoints.push(unknown.left_out());
    }
    endpoints
}

fn endpoint(settings: &Settings, path: String, method: Method) -> Endpoint {
    let (post, policy) = (Methods::Post, method.policy());
    let with_messages = |endpoint: Endpoint| {
        endpoint.summary(method.summary()).takes("GrpsMessage").returns("GrpsMessageOrProto")
    };
    match method {
        Method::Predict => with_messages(Endpoint::new(post, path, policy, serve_predict)),
        Method::PredictByHttp if settings.custom_code_owns_predict() => {
            let endpoint = Endpoint::new(post, path, policy, custom_http::serve);
            endpoint.summary(method.summary()).takes("AnyBytes").returns("AnyBytes")
        }
        Method::PredictByHttp => {
            let endpoint = Endpoint::new(post, path, policy, grps_http::predict);
            let endpoint = endpoint.summary(method.summary()).query(grps_http::PREDICT_PARAMETERS);
            let forms = grps_http::describe::PREDICT_FORMS;
            endpoint.takes("Predict").returns("Predict").fails("MessageOrTextError").typed(forms)
        }
        Method::Control(control) => {
            let serve = move |call, request| serve_control(call, request, control);
            let endpoint = with_messages(Endpoint::new(post, path, policy, serve));
            if method.is_vital() { endpoint.vital() } else { endpoint }
        }
    }
}

async fn unknown(_: Call, request: HttpRequest) -> Response<ReplyBody> {
    failure(&unknown_method(&request.parameters.concat()))
}

/// The response to an error: its text, and its code in a header.
pub(super) fn failure(error: &Error) -> Response<ReplyBody> {
    let code = code_of(error.cause());
    let status = match error.cause() {
        Cause::MethodNotAllowed | Cause::Cancelled => http_status(error),
        _ => errors::http_status(code),
    };
    let mut response = respond(status, TEXT, error.message().to_owned());
    response.headers_mut().insert(ERROR_CODE, HeaderValue::from(code));
    response
}

/// The form of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Proto,
}

impl Form {
    /// The form of a body by its content type; JSON without one, as an empty body has.
    ///
    /// # Errors
    /// `UnsupportedMediaType` with the known types.
    fn of_body(headers: &HeaderMap) -> Result<Self, Error> {
        let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(Self::Json) };
        let text = value.to_str().unwrap_or_default();
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" => Ok(Self::Json),
            "application/proto" | "application/x-protobuf" | "application/protobuf" => {
                Ok(Self::Proto)
            }
            _ => Err(Error::new(
                Cause::UnsupportedMediaType,
                "send a message as application/json or application/proto",
            )),
        }
    }

    /// Whether a body has the form, whatever it says.
    fn is_valid(self, body: &[u8]) -> bool {
        match self {
            Self::Json => json::is_object(body),
            Self::Proto => proto::peek_model(body).is_ok(),
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json",
            Self::Proto => "application/proto",
        })
    }

    /// The response with a message.
    fn respond(self, message: &GrpsMessage) -> Response<ReplyBody> {
        match self {
            Self::Json => respond(StatusCode::OK, self.content_type(), json::encode(message)),
            Self::Proto => respond(StatusCode::OK, self.content_type(), proto::encode(message)),
        }
    }
}

async fn serve_control(call: Call, request: HttpRequest, control: Control) -> Response<ReplyBody> {
    match control_response(&call, request, control).await {
        Ok(response) => response,
        Err(error) => failure(&error),
    }
}

async fn control_response(
    call: &Call,
    request: HttpRequest,
    control: Control,
) -> Result<Response<ReplyBody>, Error> {
    let HttpRequest { parts, body, .. } = request;
    let form = Form::of_body(&parts.headers)?;
    let body = collect(&parts.headers, body, call).await?;
    let sent = call.scope.within_room(body.len(), |room| match form {
        _ if body.is_empty() => Ok(GrpsMessage::default()),
        Form::Json => json::decode_optional(&body, room),
        Form::Proto => proto::decode_within(&body, room),
    })?;
    Ok(form.respond(&outcome_message(control.run(call, sent))))
}

async fn serve_predict(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let outcome = predict_response(&call, request).await;
    outcome.unwrap_or_else(|error| {
        call.report_failure(&error);
        failure(&error)
    })
}

/// Runs a model. Its failure is a status in the message.
async fn predict_response(call: &Call, request: HttpRequest) -> Result<Response<ReplyBody>, Error> {
    let HttpRequest { parts, body, .. } = request;
    let form = Form::of_body(&parts.headers)?;
    let optional = optional_headers::find(&parts.headers);
    let deadline = timeout_header::read_deadline(optional)?;
    let options = scheduling_headers::read_options(optional, deadline, call)?;
    let reading = collect(&parts.headers, body, call);
    let body = timeout_header::within(deadline, reading).await?;
    let is_malformed = &AtomicBool::new(false);
    let predict = Predict { form, headers: parts.headers, body, options, is_malformed };
    run(call, predict).await.or_else(|error| {
        // A message that can't be read is no message of the model.
        if is_malformed.load(Ordering::Relaxed) || !is_in_message(error.cause()) {
            return Err(error);
        }
        call.report_failure(&error);
        Ok(form.respond(&GrpsMessage::of_status(grps_status(&error))))
    })
}

/// A predict call whose body has been read.
struct Predict<'a> {
    form: Form,
    headers: HeaderMap,
    /// The encoded message; dropped after decoding.
    body: bytes::Bytes,
    options: SchedulingOptions,
    /// Set when the body is neither JSON nor protobuf.
    is_malformed: &'a AtomicBool,
}

impl Inference for Predict<'_> {
    type Reply = Response<ReplyBody>;

    fn decode_bytes(&self) -> usize {
        self.body.len()
    }

    fn decode(&mut self, call: &Call) -> Result<Decoded, Error> {
        let bytes = std::mem::take(&mut self.body);
        let body = bytes.clone();
        let decoded = match self.form {
            Form::Proto => predict::decode(call, bytes, &self.headers),
            Form::Json => {
                let query = &PredictQuery::default();
                let body = PredictBody { form: BodyForm::Json, query, bytes, queried: None };
                body.decode(call, |name| find_route(call, name, &self.headers))
            }
        };
        if decoded.is_err() {
            self.is_malformed.store(!self.form.is_valid(&body), Ordering::Relaxed);
        }
        let (route, content) = decoded?;
        Ok(Decoded { route, content, options: self.options.clone(), attachment: None })
    }

    fn encode_bytes(&self, output: &Content) -> usize {
        match self.form {
            Form::Json => output.byte_len().saturating_mul(TEXT_BYTES_PER_BYTE),
            Form::Proto => output.byte_len(),
        }
    }

    fn encode(&self, output: Content) -> Result<Response<ReplyBody>, Error> {
        let content_type = self.form.content_type();
        match self.form {
            Form::Json => Ok(respond(StatusCode::OK, content_type, json_message(output)?)),
            Form::Proto => {
                let with_status =
                    |message: &bytes::Bytes| proto::with_status(message, &Status::ok());
                Ok(respond(
                    StatusCode::OK,
                    content_type,
                    predict::encode(output, with_status, false)?,
                ))
            }
        }
    }
}
