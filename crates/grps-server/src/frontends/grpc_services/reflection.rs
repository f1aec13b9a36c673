//! `grpc.reflection.v1` and `v1alpha`: the services and their messages, for tools such as grpcurl.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use tokio::time::{Interval, interval};
use tonic::codegen::Service;
use tonic_reflection::server::Builder;

use crate::app::App;
use crate::call::access::Policy;
use crate::call::call::Call;
use crate::frontends::shared::endpoint::{Endpoint, HttpRequest, Methods};
use crate::net::http::reply_body::ReplyBody;
use crate::net::http::request_body::LimitedBody;

/// The descriptions of all files in `proto/`; written by `python -m tools.generate`.
const DESCRIPTORS: &[u8] = include_bytes!("descriptors.bin");
/// Longest request: the name of a symbol or of a file.
const MAX_REQUEST_BYTES: usize = 64 * 1024;
const V1: &str = "grpc.reflection.v1.ServerReflection";
const V1_ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";
/// How often an open stream looks whether the service ends.
const DRAIN_INTERVAL: Duration = Duration::from_millis(500);

/// The routes of both versions, which list `services` and themselves.
pub(super) fn endpoints(services: &Arc<[String]>) -> Vec<Endpoint> {
    let builder = || {
        let names = services.iter().map(String::as_str).chain([V1, V1_ALPHA]);
        let builder = names.fold(Builder::configure(), Builder::with_service_name);
        builder
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(
                tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
            )
    };
    // The descriptors are constant, and a test reads them.
    let v1 = builder().build_v1().ok().map(|service| {
        let service = service.max_decoding_message_size(MAX_REQUEST_BYTES);
        endpoint(V1, move |request| {
            let mut service = service.clone();
            async move { service.call(request).await }
        })
    });
    let v1_alpha = builder().build_v1alpha().ok().map(|service| {
        let service = service.max_decoding_message_size(MAX_REQUEST_BYTES);
        endpoint(V1_ALPHA, move |request| {
            let mut service = service.clone();
            async move { service.call(request).await }
        })
    });
    v1.into_iter().chain(v1_alpha).collect()
}

/// The route of a version, whose requests `call` serves.
fn endpoint<F, R>(service: &str, call: F) -> Endpoint
where
    F: Fn(Request<UntilDrain>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response<tonic::body::Body>, std::convert::Infallible>>
        + Send
        + 'static,
{
    let path = format!("/{service}/ServerReflectionInfo");
    Endpoint::new(Methods::Post, path, Policy::Read, move |of: Call, request: HttpRequest| {
        let body = UntilDrain {
            body: LimitedBody::new(request.body, &of),
            app: Arc::clone(&of.app),
            ticks: interval(DRAIN_INTERVAL),
        };
        let responding = call(Request::from_parts(request.parts, body));
        async move {
            let Ok(response) = responding.await;
            response.map(ReplyBody::Grpc)
        }
    })
}

pin_project_lite::pin_project! {
    /// The body of a request, which ends when the service does: tools leave the stream open.
    struct UntilDrain {
        #[pin]
        body: LimitedBody,
        app: Arc<App>,
        ticks: Interval,
    }
}

impl Body for UntilDrain {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let this = self.project();
        let frame = this.body.poll_frame(context);
        if frame.is_ready() {
            return frame;
        }
        while this.ticks.poll_tick(context).is_ready() {
            if this.app.engine.health().is_draining() {
                return Poll::Ready(None);
            }
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_read_the_descriptors() {
        let paths: Vec<_> = endpoints(&Arc::from([])).into_iter().map(|one| one.pattern).collect();
        assert_eq!(paths, [V1, V1_ALPHA].map(|name| format!("/{name}/ServerReflectionInfo")));
    }
}
