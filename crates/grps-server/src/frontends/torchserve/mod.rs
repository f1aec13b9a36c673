//! The protocols of TorchServe. HTTP: `/predictions/MODEL`, `/explanations/MODEL`, `/ping`, and
//! `/models`, which is read-only. gRPC: `grpc`.

mod error;
pub(crate) mod grpc;
mod models;
mod ping;
mod predict;
mod refused;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::{Endpoint, Methods};
use crate::net::http::reply_body::ReplyBody;

/// The front end that serves the paths under `/v1/models` if it is on.
const TFSERVING: &str = "tfserving";

/// The HTTP API of TorchServe.
pub(crate) struct TorchServe;

impl FrontEnd for TorchServe {
    fn name(&self) -> &'static str {
        "torchserve"
    }

    fn endpoints(&self, settings: &Settings) -> Vec<Endpoint> {
        use Methods::{Any, Get, PostOrPut};
        use Policy::{Infer, Public, Read};
        let predict = |path: &'static str| {
            Endpoint::new(PostOrPut, path, Infer, predict::predict)
                .summary("Runs a model on a body of any type")
                .takes("AnyBytes")
                .returns("AnyBytes")
        };
        let explain = |path: &'static str| {
            Endpoint::new(PostOrPut, path, Infer, predict::explain)
                .summary("Has the handler of a model explain its answer to a body of any type")
                .takes("AnyBytes")
                .returns("AnyBytes")
        };
        let describe = |path: &'static str| {
            Endpoint::new(Get, path, Read, models::describe)
                .summary("The versions of a model")
                .returns("Json")
        };
        let workflows = |path: &'static str| {
            Endpoint::new(Any, path, Read, refused::workflows)
                .summary("Refused: no workflows")
                .left_out()
        };
        let mut endpoints = vec![
            predict("/predictions/{model}"),
            predict("/predictions/{model}/{version}"),
            Endpoint::new(Get, "/ping", Public, ping::ping)
                .vital()
                .summary("Whether the service is ready")
                .returns("Object")
                .fails("TorchServeUnhealthy"),
            Endpoint::new(Get, "/models", Read, models::list)
                .summary("The models")
                .returns("Object"),
            describe("/models/{model}"),
            describe("/models/{model}/{version}"),
            explain("/explanations/{model}"),
            explain("/explanations/{model}/{version}"),
            workflows("/workflows"),
            workflows("/workflows/{*workflow}"),
            workflows("/wfpredict/{*workflow}"),
        ];
        if settings.front_ends.is_off(TFSERVING) {
            let refused = Endpoint::new(Any, "/v1/models/{*model}", Read, refused::kserve);
            endpoints.push(refused.summary("Refused: tfserving is off").left_out());
        }
        endpoints
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        error::failure(error)
    }

    fn error_response(&self) -> &'static str {
        "TorchServeError"
    }
}
