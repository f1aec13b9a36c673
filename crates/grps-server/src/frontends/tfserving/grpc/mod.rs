//! The gRPC services `tensorflow.serving.PredictionService` and `tensorflow.serving.ModelService`.

mod codec;
mod infer;
mod messages;
mod service;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::call::status::rpc_failure;
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::Endpoint;
use crate::frontends::shared::grpc::response::failed;
use crate::frontends::shared::grpc::service::Service;
use crate::frontends::tfserving::Method;
use crate::net::http::reply_body::ReplyBody;

/// The protocol over gRPC.
pub(crate) struct TfServingGrpc;

const PREDICTION: Service = Service("tensorflow.serving.PredictionService");
const MODEL: Service = Service("tensorflow.serving.ModelService");
const SESSION: Service = Service("tensorflow.serving.SessionService");

/// A route to a call of inference.
fn inference(name: &str, method: Method) -> Endpoint {
    PREDICTION.method(name, Policy::Infer, move |call, request| infer::infer(call, request, method))
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
            PREDICTION.method("GetModelMetadata", Policy::Read, service::get_model_metadata),
            MODEL.method("GetModelStatus", Policy::Read, service::get_model_status),
            PREDICTION.refused("MultiInference", "send a request for each signature"),
            PREDICTION.refused("PredictStreamed", "call Predict, or stream by another protocol"),
            SESSION.refused("SessionRun", "call Predict with the inputs of the signature"),
            MODEL.refused(
                "HandleReloadConfigRequest",
                "models are those of inference.yml; load and unload them by the admin routes of the \
                 service",
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
