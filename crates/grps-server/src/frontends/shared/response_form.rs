//! How the response of a request leaves: its coding, gRPC-Web, and what pages of other sites may read.
//! The head of the request decides, before the front end takes it.

use std::sync::Arc;

use http::{HeaderValue, Request, Response, header};

use crate::app::App;
use crate::call::request_scope::RequestScope;
use crate::frontends::shared::grpc::response_coding;
use crate::net::http::compression::{
    CompressedChunks, accepted, add_headers, compress, is_compressible,
};
use crate::net::http::content_coding::Coding;
use crate::net::http::grpc_web::GrpcWeb;
use crate::net::http::reply_body::ReplyBody;

/// How the response of a request leaves.
pub(crate) struct ResponseForm {
    /// Whether the request uses gRPC, or gRPC-Web.
    is_grpc: bool,
    web: Option<GrpcWeb>,
    /// The coding that the client prefers; for gRPC, the one of its messages.
    coding: Option<Coding>,
    /// Whether a cache may keep the response.
    is_cacheable: bool,
    /// The origin of the page that sent the request, if the configuration has rules for it.
    origin: Option<HeaderValue>,
}

impl ResponseForm {
    /// The form by the head of a request.
    pub(crate) fn of<B>(
        app: &App,
        request: &Request<B>,
        is_grpc: bool,
        web: Option<GrpcWeb>,
    ) -> Self {
        let headers = request.headers();
        let settings = &app.settings.interface;
        let coding = if is_grpc {
            response_coding::of_request(app, headers)
        } else if settings.compression.http {
            accepted(headers)
        } else {
            None
        };
        let origin = settings.cors.as_ref().and_then(|_| headers.get(header::ORIGIN).cloned());
        let is_cacheable = request.method().is_safe();
        Self { is_grpc, web, coding, is_cacheable, origin }
    }

    /// Brings a response into the form.
    pub(crate) async fn apply(
        self,
        app: &Arc<App>,
        scope: &RequestScope,
        response: Response<ReplyBody>,
    ) -> Response<ReplyBody> {
        let mut response = match self.coding {
            Some(coding) if self.is_grpc => response_coding::apply(app, coding, response),
            coding if self.is_cacheable || coding.is_some() => {
                // In a box, so that the futures of other requests stay small.
                Box::pin(compressed(app, coding, self.is_cacheable, response)).await
            }
            _ => response,
        };
        for body in response.body_mut().buffers_mut() {
            scope.count_sent_bytes(body.len());
            *body = scope.hold(std::mem::take(body));
        }
        if let Some(web) = self.web {
            response = web.response(response);
        }
        if let (Some(cors), Some(origin)) = (&app.settings.interface.cors, &self.origin) {
            cors.add(origin, response.headers_mut());
        }
        response
    }
}

/// A response over HTTP in a coding. A whole body is compressed from a size on, a stream always.
async fn compressed(
    app: &Arc<App>,
    coding: Option<Coding>,
    is_cacheable: bool,
    mut response: Response<ReplyBody>,
) -> Response<ReplyBody> {
    let settings = app.settings.interface.compression;
    if !settings.http || !is_compressible(&response) {
        return response;
    }
    let mut applied = None;
    let body = std::mem::take(response.body_mut());
    *response.body_mut() = match (coding, body) {
        (Some(coding), ReplyBody::Whole(body)) if body.len() >= settings.min_bytes.max(1) => {
            // What fails to be compressed is sent as it is.
            match app
                .blocking
                .run(body.len(), || compress(coding, std::slice::from_ref(&body)))
                .await
            {
                Ok(encoded) if encoded.len() < body.len() => {
                    applied = Some(coding);
                    ReplyBody::Whole(encoded)
                }
                _ => ReplyBody::Whole(body),
            }
        }
        (Some(coding), ReplyBody::Chunks(chunks)) => {
            applied = Some(coding);
            ReplyBody::Chunks(Box::new(CompressedChunks::new(coding, chunks)))
        }
        (_, body) => body,
    };
    if applied.is_some() || is_cacheable {
        add_headers(response.headers_mut(), applied);
    }
    response
}
