//! The operations front end: dashboard, metrics, logs, and model management at run time.

mod capture;
mod logs;
mod models;
mod monitor;
mod services;
mod traffic;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::call::call::Call;
use crate::frontends::FrontEnd;
use crate::frontends::grps_http::encode;
use crate::frontends::shared::endpoint::{Endpoint, HttpRequest, Methods};
use crate::frontends::shared::response;
use crate::net::http::reply_body::ReplyBody;

/// The operations front end.
pub(crate) struct Ops;

impl FrontEnd for Ops {
    fn name(&self) -> &'static str {
        "ops"
    }

    fn endpoints(&self, _: &Settings) -> Vec<Endpoint> {
        let mut endpoints = monitor_endpoints();
        endpoints.extend(admin_endpoints());
        endpoints
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        encode::failure(error)
    }
}

fn monitor_endpoints() -> Vec<Endpoint> {
    use Methods::Get;
    use Policy::{Public, Read};
    vec![
        Endpoint::new(Get, "/", Public, dashboard).summary("The dashboard").returns("Page"),
        Endpoint::new(Get, "/metrics", Read, monitor::metrics)
            .vital()
            .summary("Metrics for Prometheus")
            .returns("Metrics"),
        Endpoint::new(Get, "/grps/v1/monitor/series", Read, monitor::series)
            .summary("One series")
            .query(&["SeriesName"])
            .returns("Series"),
        Endpoint::new(Get, "/grps/v1/monitor/metrics", Read, monitor::page)
            .summary("A page with all series")
            .returns("Page"),
        Endpoint::new(Get, "/grps/v1/monitor/trends", Read, monitor::trends)
            .summary("Several series in one span")
            .query(&["SeriesNames", "Span"])
            .returns("Trends"),
        Endpoint::new(Get, "/grps/v1/monitor/names", Read, monitor::names)
            .summary("The names of all series")
            .returns("Names"),
        Endpoint::new(Get, "/grps/v1/monitor/live", Read, monitor::live)
            .summary("The state and the latest minute")
            .returns("Object"),
        Endpoint::new(Get, "/grps/v1/monitor/requests", Read, monitor::notable_requests)
            .summary("The slowest and the failed of the latest requests")
            .returns("Json"),
        Endpoint::new(Get, "/grps/v1/monitor/models", Read, monitor::catalog)
            .summary("The models and graphs")
            .returns("Object"),
    ]
}

fn admin_endpoints() -> Vec<Endpoint> {
    use Methods::{Get, Post, Put};
    use Policy::Admin;
    vec![
        Endpoint::new(Get, "/grps/v1/admin/logs", Admin, logs::tail)
            .summary("The last lines of a log")
            .query(&["LogFile", "LogBytes"])
            .returns("Log"),
        Endpoint::new(Post, "/grps/v1/admin/log-level", Admin, logs::set_level)
            .summary("Sets the log level")
            .query(&["LogLevel"])
            .returns("Json"),
        Endpoint::new(Get, "/grps/v1/admin/models", Admin, models::list)
            .summary("The models that are served, and the others of the configuration")
            .returns("Json"),
        Endpoint::new(Post, "/grps/v1/admin/models/{model}/{action}", Admin, models::change)
            .summary("Loads, unloads or reloads a model")
            .returns("ModelState"),
        Endpoint::new(Get, "/grps/v1/admin/services", Admin, services::list)
            .summary("The services that models run on, with their endpoints")
            .returns("Json"),
        Endpoint::new(Put, "/grps/v1/admin/services/{name}/endpoints", Admin, services::replace)
            .summary("Replaces the endpoints of a service by a later table")
            .takes("EndpointTable")
            .returns("Json"),
        Endpoint::new(Get, "/grps/v1/admin/capture", Admin, capture::state)
            .summary("What is recorded of requests, and how much was")
            .returns("Json"),
        Endpoint::new(Post, "/grps/v1/admin/capture/start", Admin, capture::start)
            .summary("Starts to record requests")
            .takes("CaptureOptions")
            .returns("Json"),
        Endpoint::new(Post, "/grps/v1/admin/capture/stop", Admin, capture::stop)
            .summary("Stops to record requests")
            .returns("Json"),
        Endpoint::new(Get, "/grps/v1/admin/capture/records", Admin, capture::records)
            .summary("The recorded requests, as one file")
            .returns("CaptureFile"),
        Endpoint::new(Get, "/grps/v1/admin/traffic", Admin, traffic::list)
            .summary("How requests are divided among the versions of models")
            .returns("Json"),
        Endpoint::new(Post, "/grps/v1/admin/traffic/{model}/{action}", Admin, traffic::change)
            .summary("Sets the weights of versions, promotes or rolls back, pauses or resumes")
            .takes("TrafficWeights")
            .returns("Json"),
    ]
}

/// The dashboard page at `/`.
async fn dashboard(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    response::html(call.app.settings.dashboard.clone())
}
