//! The operations front end: dashboard, metrics, logs, and model management at run time.

mod logs;
mod models;
mod monitor;

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
        use Methods::{Get, Post};
        use Policy::{Admin, Public, Read};
        vec![
            Endpoint::new(Get, "/", Public, dashboard),
            Endpoint::new(Get, "/metrics", Read, monitor::metrics).vital(),
            Endpoint::new(Get, "/grps/v1/monitor/series", Read, monitor::series),
            Endpoint::new(Get, "/grps/v1/monitor/metrics", Read, monitor::page),
            Endpoint::new(Get, "/grps/v1/monitor/trends", Read, monitor::trends),
            Endpoint::new(Get, "/grps/v1/monitor/names", Read, monitor::names),
            Endpoint::new(Get, "/grps/v1/monitor/live", Read, monitor::live),
            Endpoint::new(Get, "/grps/v1/monitor/requests", Read, monitor::notable_requests),
            Endpoint::new(Get, "/grps/v1/monitor/models", Read, monitor::catalog),
            Endpoint::new(Get, "/grps/v1/admin/logs", Admin, logs::tail),
            Endpoint::new(Post, "/grps/v1/admin/log-level", Admin, logs::set_level),
            Endpoint::new(Get, "/grps/v1/admin/models", Admin, models::list),
            Endpoint::new(Post, "/grps/v1/admin/models/{model}/{action}", Admin, models::change),
        ]
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        encode::failure(error)
    }
}

/// The dashboard page at `/`.
async fn dashboard(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    response::html(call.app.settings.dashboard.clone())
}
