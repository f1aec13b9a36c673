//! The protocol over HTTP, at `/v1/models`.

mod describe;
mod infer;
mod json_examples;
mod json_request;
mod json_response;

use bytes::Bytes;
use grps_core::Error;
use http::{HeaderValue, Response, StatusCode};

use crate::app::Settings;
use crate::call::access::Policy;
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::{Endpoint, HttpRequest, Methods};
use crate::frontends::shared::json_object::error_text;
use crate::frontends::shared::response;
use crate::frontends::tfserving::Method;
use crate::frontends::tfserving::model_choice::{ModelChoice, VersionChoice};
use crate::net::http::reply_body::ReplyBody;

/// What all paths begin with.
const ROOT: &str = "/v1/models";

/// The content type, which has no parameters there.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The protocol over HTTP.
pub(crate) struct TfServingHttp;

/// What the second parameter of a path is.
#[derive(Clone, Copy, Debug)]
enum Second {
    Nothing,
    Version,
    Label,
}

impl FrontEnd for TfServingHttp {
    fn name(&self) -> &'static str {
        "tfserving"
    }

    fn endpoints(&self, _: &Settings) -> Vec<Endpoint> {
        let models = [
            ("/v1/models/{model}", Second::Nothing),
            ("/v1/models/{model}/versions/{version}", Second::Version),
            ("/v1/models/{model}/labels/{label}", Second::Label),
        ];
        models.into_iter().flat_map(|(path, second)| model_endpoints(path, second)).collect()
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        failure(error)
    }

    fn error_response(&self) -> &'static str {
        "ErrorObject"
    }

    fn path_prefix(&self) -> Option<&'static str> {
        Some(ROOT)
    }
}

fn model_endpoints(path: &'static str, second: Second) -> Vec<Endpoint> {
    use Methods::{Get, Post};
    use Policy::{Infer, Read};
    let infer = |name: &str, method: Method, summary: &'static str| {
        let endpoint =
            Endpoint::new(Post, format!("{path}:{name}"), Infer, move |call, request| {
                infer::infer(call, request, second, method)
            });
        endpoint.summary(summary).takes("Object").returns("Object")
    };
    vec![
        Endpoint::new(Get, path, Read, move |call, request| {
            describe::status(call, second.choose(&request))
        })
        .summary("The state of the versions of a model")
        .returns("Object"),
        Endpoint::new(Get, format!("{path}/metadata"), Read, move |call, request| {
            describe::metadata(call, second.choose(&request))
        })
        .summary("The signature of a model")
        .returns("Object"),
        infer("predict", Method::Predict, "Runs a model on tensors"),
        infer("classify", Method::Classify, "Runs a model on examples; returns classes"),
        infer("regress", Method::Regress, "Runs a model on examples; returns values"),
    ]
}

impl Second {
    /// The model that a path names.
    fn choose(self, request: &HttpRequest) -> ModelChoice {
        let parameter = |index: usize| request.parameters.get(index).cloned().unwrap_or_default();
        let version = match self {
            Self::Nothing => VersionChoice::Latest,
            Self::Version => VersionChoice::Version(parameter(1)),
            Self::Label => VersionChoice::Label(parameter(1)),
        };
        ModelChoice { name: parameter(0), version }
    }
}

/// 200 with JSON text.
fn success(text: impl Into<Bytes>) -> Response<ReplyBody> {
    response::respond(StatusCode::OK, JSON, text)
}

/// The response to an error.
fn failure(error: &Error) -> Response<ReplyBody> {
    response::failure(error, JSON, error_text(error))
}
