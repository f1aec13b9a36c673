//! The Open Inference Protocol over gRPC: `inference.GRPCInferenceService`.

mod codec;
mod infer;
mod memory;
mod messages;
mod service;
mod settings;
mod stream;

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

/// The protocol over gRPC.
pub(crate) struct OipGrpc;

const SERVICE: Service = Service("inference.GRPCInferenceService");

impl FrontEnd for OipGrpc {
    fn name(&self) -> &'static str {
        "oip"
    }

    fn endpoints(&self, _: &Settings) -> Vec<Endpoint> {
        use Policy::{Admin, Infer, Public, Read};
        vec![
            SERVICE.method("ModelInfer", Infer, infer::model_infer),
            SERVICE
                .method("ModelStreamInfer", Infer, stream::model_stream_infer)
                .with_many_requests(),
            SERVICE.method("ServerLive", Public, service::server_live).vital(),
            SERVICE.method("ServerReady", Public, service::server_ready).vital(),
            SERVICE.method("ModelReady", Public, service::model_ready).vital(),
            SERVICE.method("ServerMetadata", Read, service::server_metadata),
            SERVICE.method("ModelMetadata", Read, service::model_metadata),
            SERVICE.method("ModelConfig", Read, service::model_config),
            SERVICE.method("ModelStatistics", Read, service::model_statistics),
            SERVICE.method("RepositoryIndex", Read, service::repository_index),
            SERVICE.method("RepositoryModelLoad", Admin, service::model_load),
            SERVICE.method("RepositoryModelUnload", Admin, service::model_unload),
            SERVICE.method("SystemSharedMemoryStatus", Read, memory::system_status),
            SERVICE.method("SystemSharedMemoryRegister", Admin, memory::system_register),
            // Removing a region that exists requires what Admin requires.
            SERVICE.method("SystemSharedMemoryUnregister", Read, memory::system_unregister),
            SERVICE.method("CudaSharedMemoryStatus", Read, memory::cuda_status),
            SERVICE.method("CudaSharedMemoryRegister", Admin, memory::cuda_register),
            SERVICE.method("CudaSharedMemoryUnregister", Read, memory::cuda_unregister),
            // They also read; a change requires what Admin requires.
            SERVICE.method("TraceSetting", Read, settings::trace_setting),
            SERVICE.method("LogSettings", Read, settings::log_settings),
        ]
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        failed(rpc_failure(error))
    }

    fn is_grpc(&self) -> bool {
        true
    }
}
