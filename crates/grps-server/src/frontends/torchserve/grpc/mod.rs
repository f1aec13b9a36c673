//! The gRPC services of TorchServe: inference, and what its management only reads.

mod infer;
mod output;
mod request;
mod service;

use std::borrow::Cow;

use grps_core::{Cause, Error};
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::call::call::Call;
use crate::call::status::rpc_failure;
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::{Endpoint, HttpRequest, Methods};
use crate::frontends::shared::grpc::response::failed;
use crate::net::http::reply_body::ReplyBody;

/// What changes models.
const MANAGEMENT: &str = "models are those of inference.yml; load, unload and reload them by the \
                          admin routes of the service, or grpst model";

/// The protocol over gRPC.
pub(crate) struct TorchServeGrpc;

/// A route to a call.
fn endpoint<F, R>(name: &str, policy: Policy, handler: F) -> Endpoint
where
    F: Fn(Call, HttpRequest) -> R + Send + Sync + 'static,
    R: Future<Output = Response<ReplyBody>> + Send + 'static,
{
    let path = Cow::from(format!("/org.pytorch.serve.grpc.{name}"));
    Endpoint::new(Methods::Post, path, policy, handler)
}

fn inference<F, R>(name: &str, policy: Policy, handler: F) -> Endpoint
where
    F: Fn(Call, HttpRequest) -> R + Send + Sync + 'static,
    R: Future<Output = Response<ReplyBody>> + Send + 'static,
{
    endpoint(&format!("inference.InferenceAPIsService/{name}"), policy, handler)
}

fn management<F, R>(name: &str, handler: F) -> Endpoint
where
    F: Fn(Call, HttpRequest) -> R + Send + Sync + 'static,
    R: Future<Output = Response<ReplyBody>> + Send + 'static,
{
    endpoint(&format!("management.ManagementAPIsService/{name}"), Policy::Read, handler)
}

/// Refuses a call. Only the refusal can be read.
async fn refuse(reason: String) -> Response<ReplyBody> {
    failed(rpc_failure(&Error::new(Cause::Unsupported, reason)))
}

fn unmanaged(name: &'static str) -> Endpoint {
    management(name, move |_, _| refuse(format!("{name} is not supported: {MANAGEMENT}")))
}

impl FrontEnd for TorchServeGrpc {
    fn name(&self) -> &'static str {
        "torchserve"
    }

    fn endpoints(&self, _: &Settings) -> Vec<Endpoint> {
        let sequences = "StreamPredictions2 is not supported, as there are no sequences of \
                         requests: call StreamPredictions for each";
        vec![
            inference("Ping", Policy::Public, service::ping).vital(),
            inference("Predictions", Policy::Infer, infer::predictions),
            inference("StreamPredictions", Policy::Infer, infer::stream_predictions),
            inference("StreamPredictions2", Policy::Read, move |_, _| refuse(sequences.to_owned())),
            management("ListModels", service::list_models),
            management("DescribeModel", service::describe_model),
            unmanaged("RegisterModel"),
            unmanaged("UnregisterModel"),
            unmanaged("ScaleWorker"),
            unmanaged("SetDefault"),
        ]
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        failed(rpc_failure(error))
    }

    fn is_grpc(&self) -> bool {
        true
    }
}
