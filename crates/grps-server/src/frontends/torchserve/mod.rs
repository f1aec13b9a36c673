//! The HTTP API of TorchServe: `/predictions/MODEL`, `/ping`, and `/models`, which is read-only.

mod error;
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
        let mut endpoints = vec![
            Endpoint::new(PostOrPut, "/predictions/{model}", Infer, predict::predict),
            Endpoint::new(PostOrPut, "/predictions/{model}/{version}", Infer, predict::predict),
            Endpoint::new(Get, "/ping", Public, ping::ping).vital(),
            Endpoint::new(Get, "/models", Read, models::list),
            Endpoint::new(Get, "/models/{model}", Read, models::describe),
            Endpoint::new(Get, "/models/{model}/{version}", Read, models::describe),
            Endpoint::new(Any, "/explanations/{*model}", Read, refused::explanations),
            Endpoint::new(Any, "/workflows", Read, refused::workflows),
            Endpoint::new(Any, "/workflows/{*workflow}", Read, refused::workflows),
            Endpoint::new(Any, "/wfpredict/{*workflow}", Read, refused::workflows),
        ];
        if settings.front_ends.disabled.iter().any(|name| name == TFSERVING) {
            endpoints.push(Endpoint::new(Any, "/v1/models/{*model}", Read, refused::kserve));
        }
        endpoints
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        error::failure(error)
    }
}
