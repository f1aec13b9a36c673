//! The services that every server of gRPC has: health, and reflection for clients without protos.

mod descriptors;
mod health;
mod reflection;

use std::collections::BTreeSet;
use std::sync::Arc;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::call::status::rpc_failure;
use crate::frontends::shared::endpoint::Endpoint;
use crate::frontends::shared::grpc::response::failed;
use crate::frontends::shared::grpc::service::Service;
use crate::frontends::{FRONT_ENDS, FrontEnd};
use crate::net::http::reply_body::ReplyBody;

const NAME: &str = "grpc_services";
const HEALTH: &str = "grpc.health.v1.Health";

/// Health and reflection.
pub(crate) struct GrpcServices;

impl FrontEnd for GrpcServices {
    fn name(&self) -> &'static str {
        NAME
    }

    fn endpoints(&self, settings: &Settings) -> Vec<Endpoint> {
        let services: Arc<[String]> = served(settings).into();
        let (checked, watched) = (Arc::clone(&services), Arc::clone(&services));
        let health = Service(HEALTH);
        let mut endpoints = vec![
            health
                .method("Check", Policy::Public, move |call, request| {
                    health::check(call, request, Arc::clone(&checked))
                })
                .vital(),
            health.method("Watch", Policy::Public, move |call, request| {
                health::watch(call, request, Arc::clone(&watched))
            }),
        ];
        endpoints.extend(reflection::endpoints(&services));
        endpoints
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        failed(rpc_failure(error))
    }

    fn is_grpc(&self) -> bool {
        true
    }
}

/// The names of the gRPC services of a service with these settings.
fn served(settings: &Settings) -> Vec<String> {
    let others = FRONT_ENDS.iter().filter(|front_end| {
        let name = front_end.name();
        front_end.is_grpc() && name != NAME && !settings.front_ends.is_off(name)
    });
    let service_of = |endpoint: Endpoint| {
        let (service, _) = endpoint.pattern.strip_prefix('/')?.split_once('/')?;
        Some(service.to_owned())
    };
    let names: BTreeSet<_> = others
        .flat_map(|front_end| front_end.endpoints(settings))
        .filter_map(service_of)
        .chain([HEALTH.to_owned()])
        .collect();
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::settings;

    #[test]
    fn services_that_are_off_are_not_listed() {
        let mut settings = settings();
        let all = served(&settings);
        for name in [HEALTH, "grps.protos.v1.GrpsService", "inference.GRPCInferenceService"] {
            assert!(all.iter().any(|one| one == name), "{name}");
        }
        settings.front_ends.disabled =
            ["oip", "tfserving", "torchserve"].map(str::to_owned).to_vec();
        assert_eq!(served(&settings), [HEALTH, "grps.protos.v1.GrpsService"]);
    }
}
