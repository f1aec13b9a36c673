//! The Open Inference Protocol over gRPC: `inference.GRPCInferenceService`.

mod codec;
mod infer;
mod memory;
mod messages;
mod service;
mod settings;
mod stream;

use std::borrow::Cow;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::call::status::rpc_failure;
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::{Endpoint, HttpRequest, Methods};
use crate::frontends::shared::grpc::response::failed;
use crate::net::http::reply_body::ReplyBody;

/// The protocol over gRPC.
pub(crate) struct OipGrpc;

/// A route to a call of the service.
fn endpoint<F, R>(name: &str, policy: Policy, handler: F) -> Endpoint
where
    F: Fn(crate::call::call::Call, HttpRequest) -> R + Send + Sync + 'static,
    R: Future<Output = Response<ReplyBody>> + Send + 'static,
{
    let path = Cow::from(format!("/inference.GRPCInferenceService/{name}"));
    Endpoint::new(Methods::Post, path, policy, handler)
}

impl FrontEnd for OipGrpc {
    fn name(&self) -> &'static str {
        "oip"
    }

    fn endpoints(&self, _: &Settings) -> Vec<Endpoint> {
        use Policy::{Admin, Infer, Public, Read};
        vec![
            endpoint("ModelInfer", Infer, infer::model_infer),
            endpoint("ModelStreamInfer", Infer, stream::model_stream_infer).with_many_requests(),
            endpoint("ServerLive", Public, service::server_live).vital(),
            endpoint("ServerReady", Public, service::server_ready).vital(),
            endpoint("ModelReady", Public, service::model_ready).vital(),
            endpoint("ServerMetadata", Read, service::server_metadata),
            endpoint("ModelMetadata", Read, service::model_metadata),
            endpoint("ModelConfig", Read, service::model_config),
            endpoint("ModelStatistics", Read, service::model_statistics),
            endpoint("RepositoryIndex", Read, service::repository_index),
            endpoint("RepositoryModelLoad", Admin, service::model_load),
            endpoint("RepositoryModelUnload", Admin, service::model_unload),
            endpoint("SystemSharedMemoryStatus", Read, memory::system_status),
            endpoint("SystemSharedMemoryRegister", Admin, memory::system_register),
            // Removing a region that exists requires what Admin requires.
            endpoint("SystemSharedMemoryUnregister", Read, memory::system_unregister),
            endpoint("CudaSharedMemoryStatus", Read, memory::cuda_status),
            endpoint("CudaSharedMemoryRegister", Admin, memory::cuda_register),
            endpoint("CudaSharedMemoryUnregister", Read, memory::cuda_unregister),
            // They also read; a change requires what Admin requires.
            endpoint("TraceSetting", Read, settings::trace_setting),
            endpoint("LogSettings", Read, settings::log_settings),
        ]
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        failed(rpc_failure(error))
    }

    fn is_grpc(&self) -> bool {
        true
    }
}
