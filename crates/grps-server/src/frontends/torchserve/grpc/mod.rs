//! The gRPC services of TorchServe: inference, and what its management only reads.

mod infer;
mod output;
mod request;
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
use crate::net::http::reply_body::ReplyBody;

const INFERENCE: Service = Service("org.pytorch.serve.grpc.inference.InferenceAPIsService");
const MANAGEMENT: Service = Service("org.pytorch.serve.grpc.management.ManagementAPIsService");
/// Why what changes models is refused.
const CONFIGURED: &str = "models are those of inference.yml; load, unload and reload them by the \
                          admin routes of the service, or grpst model";

/// The protocol over gRPC.
pub(crate) struct TorchServeGrpc;

impl FrontEnd for TorchServeGrpc {
    fn name(&self) -> &'static str {
        "torchserve"
    }

    fn endpoints(&self, _: &Settings) -> Vec<Endpoint> {
        let refused = |name| MANAGEMENT.refused(name, CONFIGURED);
        vec![
            INFERENCE.method("Ping", Policy::Public, service::ping).vital(),
            INFERENCE.method("Predictions", Policy::Infer, infer::predictions),
            INFERENCE.method("StreamPredictions", Policy::Infer, infer::stream_predictions),
            INFERENCE.refused(
                "StreamPredictions2",
                "there are no sequences of requests; call StreamPredictions for each",
            ),
            MANAGEMENT.method("ListModels", Policy::Read, service::list_models),
            MANAGEMENT.method("DescribeModel", Policy::Read, service::describe_model),
            refused("RegisterModel"),
            refused("UnregisterModel"),
            refused("ScaleWorker"),
            refused("SetDefault"),
        ]
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        failed(rpc_failure(error))
    }

    fn is_grpc(&self) -> bool {
        true
    }
}
