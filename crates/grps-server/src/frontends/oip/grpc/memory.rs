//! The calls about shared memory.

use http::Response;

use crate::call::call::Call;
use crate::frontends::oip::grpc::messages::Empty;
use crate::frontends::oip::grpc::messages::shared_memory::{Region, RegionRequest, StatusResponse};
use crate::frontends::oip::shared_memory;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::grpc::unary::{serve, serve_later};
use crate::net::http::reply_body::ReplyBody;

/// Serves `SystemSharedMemoryStatus`.
pub(super) async fn system_status(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, query: RegionRequest| {
        let name = Some(query.name.as_str()).filter(|name| !name.is_empty());
        let regions = shared_memory::statuses(&call.app, name)?.into_iter().map(|status| {
            let (name, key) = (status.name.to_string(), status.key);
            let (offset, byte_size) = (status.offset, status.byte_size);
            (name.clone(), Region { name, key, offset, byte_size })
        });
        Ok(StatusResponse { regions: regions.collect() })
    })
    .await
}

/// Serves `SystemSharedMemoryRegister`.
pub(super) async fn system_register(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, Region { name, key, offset, byte_size }: Region| {
        shared_memory::regions(&call.app)?.register(&name, &key, offset, byte_size)
    })
    .await
}

/// Serves `SystemSharedMemoryUnregister`.
pub(super) async fn system_unregister(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve_later(call, request, |call, query: RegionRequest, may_change| async move {
        let name = Some(query.name.as_str()).filter(|name| !name.is_empty());
        shared_memory::unregister(&call.app, name, may_change)
    })
    .await
}

/// Serves `CudaSharedMemoryStatus`: there are no regions.
pub(super) async fn cuda_status(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |_, _: RegionRequest| Ok(StatusResponse::default())).await
}

/// Refuses `CudaSharedMemoryRegister`.
pub(super) async fn cuda_register(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |_, (): Empty| Err::<Empty, _>(shared_memory::cuda_unsupported())).await
}

/// Serves `CudaSharedMemoryUnregister`: no region is registered.
pub(super) async fn cuda_unregister(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |_, _: RegionRequest| Ok(())).await
}
