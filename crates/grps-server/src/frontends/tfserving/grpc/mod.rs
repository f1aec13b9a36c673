//! The gRPC services `tensorflow.serving.PredictionService` and `tensorflow.serving.ModelService`.

mod codec;
mod infer;
mod messages;
mod service;

use std::borrow::Cow;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::call::call::Call;
use crate::call::status::rpc_failure;
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::{Endpoint, HttpRequest, Methods};
use crate::frontends::shared::grpc::response::failed;
use crate::frontends::tfserving::Method;
use crate::net::http::reply_body::ReplyBody;

/// The protocol over gRPC.
pub(crate) struct TfServingGrpc;

/// A route to a call.
fn endpoint<F, R>(name: &str, policy: Policy, handler: F) -> Endpoint
where
    F: Fn(Call, HttpRequest) -> R + Send + Sync + 'static,
    R: Future<Output = Response<ReplyBody>> + Send + 'static,
{
    let path = Cow::from(format!("/tensorflow.serving.{name}"));
    Endpoint::new(Methods::Post, path, policy, handler)
}

/// A route to a call of inference.
fn inference(name: &str, method: Method) -> Endpoint {
    let name = format!("PredictionService/{name}");
    endpoint(&name, Policy::Infer, move |call, request| infer::infer(call, request, method))
}

/// A route to a call that is refused.
fn refused(name: &str, reason: &'static str) -> Endpoint {
    // Only the refusal can be read.
    endpoint(name, Policy::Read, move |_, _| service::refuse(reason))
}

impl FrontEnd for TfServingGrpc {
    fn name(&self) -> &'static str {
        "tfserving"
    }

    fn endpoints(&self, _: &Settings) -> Vec<Endpoint> {
        vec![
            inference("Predict", Method::Predict),
            inference("Classify", Method::Classify),
            inference("Regress", Method::Regress),
            endpoint(
                "PredictionService/GetModelMetadata",
                Policy::Read,
                service::get_model_metadata,
            ),
            endpoint("ModelService/GetModelStatus", Policy::Read, service::get_model_status),
            refused(
                "PredictionService/MultiInference",
                "MultiInference is not supported: send a request for each signature",
            ),
            refused(
                "PredictionService/PredictStreamed",
                "PredictStreamed is not supported: call Predict, or stream by another protocol",
            ),
            refused(
                "SessionService/SessionRun",
                "SessionRun is not supported: call Predict with the inputs of the signature",
            ),
            refused(
                "ModelService/HandleReloadConfigRequest",
                "HandleReloadConfigRequest is not supported: models are those of inference.yml; load \
                 and unload them by the admin routes of the service",
            ),
        ]
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        failed(rpc_failure(error))
    }

    fn is_grpc(&self) -> bool {
        true
    }
}
