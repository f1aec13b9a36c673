//! GRPS over gRPC: `grps.protos.v1.GrpsService`.

mod control;
mod encode;
mod raw_codec;
mod service;

use std::borrow::Cow;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::{Endpoint, Methods};
use crate::frontends::shared::messages::control::Control;
use crate::net::http::reply_body::ReplyBody;

/// GRPS over gRPC.
pub(crate) struct GrpsGrpc;

impl FrontEnd for GrpsGrpc {
    fn name(&self) -> &'static str {
        "grps_grpc"
    }

    fn endpoints(&self, _: &Settings) -> Vec<Endpoint> {
        let grps = |name: &str| Cow::from(format!("/grps.protos.v1.GrpsService/{name}"));
        let post = Methods::Post;
        vec![
            Endpoint::new(post, grps("Predict"), Policy::Infer, service::predict),
            Endpoint::new(
                post,
                grps("PredictStreaming"),
                Policy::Infer,
                service::predict_streaming,
            ),
            control::endpoint(grps("Online"), Control::Online),
            control::endpoint(grps("Offline"), Control::Offline),
            control::endpoint(grps("CheckLiveness"), Control::CheckLiveness),
            control::endpoint(grps("CheckReadiness"), Control::CheckReadiness),
            control::endpoint(grps("ServerMetadata"), Control::ServerMetadata),
            control::endpoint(grps("ModelMetadata"), Control::ModelMetadata),
        ]
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        encode::error_response(error)
    }

    fn is_grpc(&self) -> bool {
        true
    }
}
