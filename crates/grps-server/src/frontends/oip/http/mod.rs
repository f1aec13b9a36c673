//! The protocol over HTTP, at `/v2`.

mod failure;
mod generate;
mod health;
mod infer;
mod json_fields;
mod json_request;
mod json_response;
mod metadata;
mod raw_request;
mod reply;
mod repository;
mod settings;
mod shared_memory;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::{Endpoint, Methods};
use crate::net::http::reply_body::ReplyBody;

/// What all paths begin with.
const ROOT: &str = "/v2";
/// The paths of a model: of its latest version, and of one version.
const MODEL_PATHS: [&str; 2] = ["/v2/models/{model}", "/v2/models/{model}/versions/{version}"];

/// The Open Inference Protocol over HTTP.
pub(crate) struct OipHttp;

impl FrontEnd for OipHttp {
    fn name(&self) -> &'static str {
        "oip"
    }

    fn endpoints(&self, _: &Settings) -> Vec<Endpoint> {
        let mut endpoints = service_endpoints();
        endpoints.extend(MODEL_PATHS.into_iter().flat_map(model_endpoints));
        endpoints.extend(shared_memory_endpoints());
        endpoints
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        failure::failure(error)
    }

    fn path_prefix(&self) -> Option<&'static str> {
        Some(ROOT)
    }
}

fn service_endpoints() -> Vec<Endpoint> {
    use Methods::{Get, Post};
    use Policy::{Admin, Public, Read};
    vec![
        Endpoint::new(Get, ROOT, Read, metadata::server),
        Endpoint::new(Get, "/v2/health/live", Public, health::live).vital(),
        Endpoint::new(Get, "/v2/health/ready", Public, health::ready).vital(),
        Endpoint::new(Get, "/v2/models/stats", Read, metadata::all_statistics),
        Endpoint::new(Post, "/v2/repository/index", Read, repository::index),
        Endpoint::new(Post, "/v2/repository/models/{model}/load", Admin, repository::load),
        Endpoint::new(Post, "/v2/repository/models/{model}/unload", Admin, repository::unload),
        Endpoint::new(Get, "/v2/logging", Read, settings::logging).posting(Admin),
        Endpoint::new(Get, "/v2/trace/setting", Read, settings::trace).posting(Admin),
    ]
}

fn model_endpoints(path: &'static str) -> Vec<Endpoint> {
    use Methods::{Get, Post};
    use Policy::{Admin, Infer, Public, Read};
    let below = |name: &str| format!("{path}/{name}");
    vec![
        Endpoint::new(Get, path, Read, metadata::model),
        Endpoint::new(Get, below("ready"), Public, health::model_ready),
        Endpoint::new(Get, below("config"), Read, metadata::config),
        Endpoint::new(Get, below("stats"), Read, metadata::model_statistics),
        Endpoint::new(Post, below("infer"), Infer, infer::infer),
        Endpoint::new(Post, below("generate"), Infer, generate::generate),
        Endpoint::new(Post, below("generate_stream"), Infer, generate::generate_stream),
        Endpoint::new(Get, below("trace/setting"), Read, settings::model_trace).posting(Admin),
    ]
}

fn shared_memory_endpoints() -> Vec<Endpoint> {
    use Methods::{Get, Post};
    use Policy::{Admin, Read};
    use shared_memory as memory;
    let system = |name: &str| format!("/v2/systemsharedmemory/{name}");
    let cuda = |name: &str| format!("/v2/cudasharedmemory/{name}");
    let (register, unregister) = ("region/{region}/register", "region/{region}/unregister");
    let status = "region/{region}/status";
    vec![
        Endpoint::new(Get, system("status"), Read, memory::system_status),
        Endpoint::new(Get, system(status), Read, memory::system_status),
        Endpoint::new(Post, system(register), Admin, memory::system_register),
        // Removing a region that exists requires what Admin requires.
        Endpoint::new(Post, system("unregister"), Read, memory::system_unregister),
        Endpoint::new(Post, system(unregister), Read, memory::system_unregister),
        Endpoint::new(Get, cuda("status"), Read, memory::cuda_status),
        Endpoint::new(Get, cuda(status), Read, memory::cuda_status),
        Endpoint::new(Post, cuda(register), Admin, memory::cuda_register),
        Endpoint::new(Post, cuda("unregister"), Read, memory::cuda_unregister),
        Endpoint::new(Post, cuda(unregister), Read, memory::cuda_unregister),
    ]
}
