//! The protocol over HTTP, at `/v2`.

mod describe;
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

    fn error_response(&self) -> &'static str {
        "ErrorObject"
    }

    fn path_prefix(&self) -> Option<&'static str> {
        Some(ROOT)
    }
}

fn service_endpoints() -> Vec<Endpoint> {
    use Methods::{Get, Post};
    use Policy::{Admin, Public, Read};
    vec![
        Endpoint::new(Get, ROOT, Read, metadata::server)
            .summary("The metadata of the service")
            .returns("OipServer"),
        Endpoint::new(Get, "/v2/health/live", Public, health::live)
            .vital()
            .summary("Whether the process runs")
            .returns("OipReady"),
        Endpoint::new(Get, "/v2/health/ready", Public, health::ready)
            .vital()
            .summary("Whether the service is ready")
            .returns("OipReady"),
        Endpoint::new(Get, "/v2/models/stats", Read, metadata::all_statistics)
            .summary("The statistics of all models")
            .returns("OipStatistics"),
        Endpoint::new(Post, "/v2/repository/index", Read, repository::index)
            .summary("The models of the repository")
            .takes("OipIndex")
            .returns("OipIndex"),
        Endpoint::new(Post, "/v2/repository/models/{model}/load", Admin, repository::load)
            .summary("Loads a model")
            .takes("OipLoad")
            .returns("Object"),
        Endpoint::new(Post, "/v2/repository/models/{model}/unload", Admin, repository::unload)
            .summary("Unloads a model")
            .takes("OipLoad")
            .returns("Object"),
        Endpoint::new(Get, "/v2/logging", Read, settings::logging)
            .posting(Admin)
            .summary("Reads the log settings, or changes them")
            .takes("OipSettings")
            .returns("Object"),
        Endpoint::new(Get, "/v2/trace/setting", Read, settings::trace)
            .posting(Admin)
            .summary("Reads the trace settings, or changes them")
            .takes("OipSettings")
            .returns("Object"),
    ]
}

fn model_endpoints(path: &'static str) -> Vec<Endpoint> {
    use Methods::{Get, Post};
    use Policy::{Admin, Infer, Public, Read};
    let below = |name: &str| format!("{path}/{name}");
    vec![
        Endpoint::new(Get, path, Read, metadata::model)
            .summary("The metadata of a model")
            .returns("OipModel"),
        Endpoint::new(Get, below("ready"), Public, health::model_ready)
            .summary("Whether a model is ready")
            .returns("OipReady"),
        Endpoint::new(Get, below("config"), Read, metadata::config)
            .summary("The configuration of a model")
            .returns("Object"),
        Endpoint::new(Get, below("stats"), Read, metadata::model_statistics)
            .summary("The statistics of a model")
            .returns("OipStatistics"),
        Endpoint::new(Post, below("infer"), Infer, infer::infer)
            .summary("Runs a model")
            .takes("OipInfer")
            .returns("OipInfer")
            .typed(describe::INFER_FORMS),
        Endpoint::new(Post, below("generate"), Infer, generate::generate)
            .summary("Runs a model on the fields of an object")
            .takes("OipGenerate")
            .returns("OipGenerate")
            .typed(describe::GENERATE_FORMS),
        Endpoint::new(Post, below("generate_stream"), Infer, generate::generate_stream)
            .summary("The same with a stream of responses")
            .takes("OipGenerate")
            .returns("OipEvents")
            .typed(describe::GENERATE_FORMS),
        Endpoint::new(Get, below("trace/setting"), Read, settings::model_trace)
            .posting(Admin)
            .summary("Reads the trace settings of a model, or changes them")
            .takes("OipSettings")
            .returns("Object"),
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
        Endpoint::new(Get, system("status"), Read, memory::system_status)
            .summary("The shared memory of this machine")
            .returns("OipRegions"),
        Endpoint::new(Get, system(status), Read, memory::system_status)
            .summary("One region of shared memory of this machine")
            .returns("OipRegions"),
        Endpoint::new(Post, system(register), Admin, memory::system_register)
            .summary("Registers shared memory of this machine")
            .takes("OipRegion")
            .returns("Object"),
        // Removing a region that exists requires what Admin requires.
        Endpoint::new(Post, system("unregister"), Read, memory::system_unregister)
            .summary("Forgets all shared memory of this machine")
            .returns("Object"),
        Endpoint::new(Post, system(unregister), Read, memory::system_unregister)
            .summary("Forgets a region of shared memory of this machine")
            .returns("Object"),
        Endpoint::new(Get, cuda("status"), Read, memory::cuda_status)
            .summary("The shared memory of CUDA")
            .returns("OipRegions"),
        Endpoint::new(Get, cuda(status), Read, memory::cuda_status)
            .summary("One region of shared memory of CUDA")
            .returns("OipRegions"),
        Endpoint::new(Post, cuda(register), Admin, memory::cuda_register)
            .summary("Refused: no shared memory of CUDA")
            .left_out(),
        Endpoint::new(Post, cuda("unregister"), Read, memory::cuda_unregister)
            .summary("Forgets all shared memory of CUDA")
            .returns("Object"),
        Endpoint::new(Post, cuda(unregister), Read, memory::cuda_unregister)
            .summary("Forgets a region of shared memory of CUDA")
            .returns("Object"),
    ]
}
