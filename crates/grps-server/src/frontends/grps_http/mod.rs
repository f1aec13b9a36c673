//! GRPS over HTTP: `/grps/v1/infer/predict`, `health/…` and `metadata/…`, in JSON or bytes.

mod body_form;
mod decode;
pub(crate) mod encode;
mod health;
mod metadata;
pub(crate) mod predict;
mod query;
mod stream_form;

pub(crate) use body_form::BodyForm;
pub(crate) use decode::PredictBody;
pub(crate) use predict::predict;
pub(crate) use query::PredictQuery;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::{Endpoint, Methods, literal_pattern};
use crate::net::http::reply_body::ReplyBody;

/// The path of predict calls.
pub(crate) const PREDICT: &str = "/grps/v1/infer/predict";

/// GRPS over HTTP.
pub(crate) struct GrpsHttp;

impl FrontEnd for GrpsHttp {
    fn name(&self) -> &'static str {
        "grps_http"
    }

    fn endpoints(&self, settings: &Settings) -> Vec<Endpoint> {
        use Methods::{GetOrPost, Post};
        let mut endpoints = vec![
            Endpoint::new(GetOrPost, "/grps/v1/health/online", Policy::Admin, health::online),
            Endpoint::new(GetOrPost, "/grps/v1/health/offline", Policy::Admin, health::offline),
            Endpoint::new(GetOrPost, "/grps/v1/health/live", Policy::Public, health::live).vital(),
            Endpoint::new(GetOrPost, "/grps/v1/health/ready", Policy::Public, health::ready)
                .vital(),
            Endpoint::new(GetOrPost, "/grps/v1/metadata/server", Policy::Read, metadata::server),
            Endpoint::new(Post, "/grps/v1/metadata/model", Policy::Read, metadata::model),
        ];
        // The custom HTTP front end serves the routes whose bodies user code reads itself.
        if !settings.custom_code_owns_predict() {
            endpoints.push(Endpoint::new(Post, PREDICT, Policy::Infer, predict::predict));
        }
        let custom = settings.custom_routes.iter();
        let custom = custom.filter(|custom| !custom.owns_body && custom.path != PREDICT);
        endpoints.extend(custom.map(|custom| {
            let path = literal_pattern(&custom.path);
            Endpoint::new(GetOrPost, path, Policy::Infer, predict::predict)
        }));
        endpoints
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        encode::failure(error)
    }
}
