//! GRPS over HTTP: `/grps/v1/infer/predict`, `health/…` and `metadata/…`, in JSON or bytes.

mod body_form;
mod declared;
mod decode;
pub(crate) mod describe;
pub(crate) mod encode;
mod health;
mod metadata;
pub(crate) mod predict;
mod query;
mod stream_form;

pub(crate) use body_form::BodyForm;
pub(crate) use decode::PredictBody;
pub(crate) use predict::{predict, predict_by};
pub(crate) use query::PredictQuery;

use std::borrow::Cow;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::{Endpoint, Methods, literal_pattern};
use crate::net::http::reply_body::ReplyBody;

/// The path of predict calls.
pub(crate) const PREDICT: &str = "/grps/v1/infer/predict";

/// The parameters of predict calls in the description of the service.
pub(crate) const PREDICT_PARAMETERS: &[&str] =
    &["Model", "ReturnNdarray", "Streaming", "Shape", "Dtype"];

/// GRPS over HTTP.
pub(crate) struct GrpsHttp;

impl FrontEnd for GrpsHttp {
    fn name(&self) -> &'static str {
        "grps_http"
    }

    fn endpoints(&self, settings: &Settings) -> Vec<Endpoint> {
        let mut endpoints = service_endpoints();
        // The custom HTTP front end serves the routes whose bodies user code reads itself.
        if !settings.custom_code_owns_predict() {
            endpoints.push(predict_endpoint(Methods::Post, PREDICT));
        }
        let custom = settings.custom_routes.iter();
        let custom = custom.filter(|custom| !custom.owns_body && custom.path != PREDICT);
        let paths = custom.map(|custom| literal_pattern(&custom.path));
        endpoints.extend(paths.map(|path| predict_endpoint(Methods::GetOrPost, path)));
        endpoints
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        encode::failure(error)
    }
}

fn service_endpoints() -> Vec<Endpoint> {
    use Methods::{GetOrPost, Post};
    use Policy::{Admin, Public, Read};
    vec![
        Endpoint::new(GetOrPost, "/grps/v1/health/online", Admin, health::online)
            .summary("Sets the service online")
            .returns("GrpsMessage"),
        Endpoint::new(GetOrPost, "/grps/v1/health/offline", Admin, health::offline)
            .summary("Sets the service offline")
            .returns("GrpsMessage"),
        Endpoint::new(GetOrPost, "/grps/v1/health/live", Public, health::live)
            .vital()
            .summary("Whether the process runs")
            .returns("GrpsMessage"),
        Endpoint::new(GetOrPost, "/grps/v1/health/ready", Public, health::ready)
            .vital()
            .summary("Whether the service is ready")
            .returns("GrpsMessage"),
        Endpoint::new(GetOrPost, "/grps/v1/metadata/server", Read, metadata::server)
            .summary("The configuration of the service")
            .returns("GrpsText"),
        Endpoint::new(Post, "/grps/v1/metadata/model", Read, metadata::model)
            .summary("The configuration, inputs and outputs of a model")
            .takes("ModelName")
            .returns("GrpsText"),
    ]
}

fn predict_endpoint(methods: Methods, path: impl Into<Cow<'static, str>>) -> Endpoint {
    Endpoint::new(methods, path, Policy::Infer, predict::predict)
        .summary("Runs a model")
        .query(PREDICT_PARAMETERS)
        .takes("Predict")
        .returns("Predict")
        .typed(describe::PREDICT_FORMS)
}
