//! Which code answers which path and method.

use grps_core::{Cause, Error};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::{custom, health, logs, metadata, models, monitor, predict, respond};
use crate::admin::commands::Action;
use crate::app::App;
use crate::call::dispatch::Call;
use crate::net::reply_body::ReplyBody;

/// What a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resource {
    Dashboard,
    Online,
    Offline,
    Alive,
    Ready,
    Predict,
    ServerMetadata,
    ModelMetadata,
    Series,
    SeriesPage,
    Trends,
    Names,
    Live,
    Remembered,
    Served,
    Metrics,
    Logs,
    LogLevel,
    Models,
    ModelAction,
}

impl Resource {
    fn of(path: &str, app: &App) -> Option<Self> {
        Some(match path {
            "/" => Self::Dashboard,
            "/grps/v1/infer/predict" => Self::Predict,
            "/grps/v1/health/online" => Self::Online,
            "/grps/v1/health/offline" => Self::Offline,
            "/grps/v1/health/live" => Self::Alive,
            "/grps/v1/health/ready" => Self::Ready,
            "/grps/v1/metadata/server" => Self::ServerMetadata,
            "/grps/v1/metadata/model" => Self::ModelMetadata,
            "/grps/v1/monitor/series" => Self::Series,
            "/grps/v1/monitor/metrics" => Self::SeriesPage,
            "/grps/v1/monitor/trends" => Self::Trends,
            "/grps/v1/monitor/names" => Self::Names,
            "/grps/v1/monitor/live" => Self::Live,
            "/grps/v1/monitor/requests" => Self::Remembered,
            "/grps/v1/monitor/models" => Self::Served,
            "/metrics" => Self::Metrics,
            "/grps/v1/admin/logs" => Self::Logs,
            "/grps/v1/admin/log-level" => Self::LogLevel,
            path if path.starts_with("/grps/v1/admin/") => match models::asked(path)? {
                (Action::List, _) => Self::Models,
                _ => Self::ModelAction,
            },
            path if app.settings.custom_route.as_ref().is_some_and(|own| own.path == path) => {
                Self::Predict
            }
            _ => return None,
        })
    }

    /// The methods it answers, as the `Allow` header tells them.
    fn allowed(self, path: &str) -> &'static str {
        match self {
            Self::Dashboard
            | Self::Series
            | Self::SeriesPage
            | Self::Trends
            | Self::Names
            | Self::Live
            | Self::Remembered
            | Self::Served
            | Self::Metrics
            | Self::Logs
            | Self::Models => "GET, HEAD, OPTIONS",
            Self::LogLevel => "OPTIONS, POST",
            Self::Predict if path != "/grps/v1/infer/predict" => "GET, HEAD, OPTIONS, POST",
            Self::Predict | Self::ModelMetadata | Self::ModelAction => "OPTIONS, POST",
            _ => "GET, HEAD, OPTIONS, POST",
        }
    }
}

/// Answers an HTTP request; `refusal` is set when inference is refused for now.
pub(crate) async fn answer(
    call: Call,
    request: Request<Incoming>,
    refusal: Option<Error>,
) -> Response<ReplyBody> {
    let path = request.uri().path();
    let Some(resource) = Resource::of(path, &call.app) else {
        return respond::not_found(path);
    };
    let allowed = resource.allowed(path);
    if request.method() == Method::OPTIONS {
        return with_allow(respond::empty(StatusCode::OK), allowed);
    }
    if !allowed.split(", ").any(|method| method == request.method().as_str()) {
        let message = format!("{} is not allowed here; use {allowed}", request.method());
        let refused = respond::failure(&Error::new(Cause::MethodNotAllowed, message));
        return with_allow(refused, allowed);
    }
    match resource {
        Resource::Dashboard => respond::html(call.app.settings.dashboard.clone()),
        Resource::Online => health::set_online(&call, request.headers(), true),
        Resource::Offline => health::set_online(&call, request.headers(), false),
        Resource::Alive => respond::success(),
        Resource::Ready => health::ready(&call.app),
        Resource::ServerMetadata => metadata::server(&call.app),
        Resource::ModelMetadata => metadata::model(&call, request).await,
        Resource::Series => monitor::series(&call.app, request.uri().query()),
        Resource::SeriesPage => monitor::page(&call.app),
        Resource::Trends => monitor::trends(&call.app, request.uri().query()),
        Resource::Names => monitor::names(&call.app),
        Resource::Live => monitor::live(&call.app),
        Resource::Remembered => monitor::remembered(&call.app),
        Resource::Served => monitor::served(&call.app),
        Resource::Metrics => monitor::metrics(&call.app, request.headers()),
        Resource::Logs => logs::tail(&call, request.headers(), request.uri().query()).await,
        Resource::LogLevel => {
            logs::set_level(&call, request.headers(), request.uri().query()).await
        }
        Resource::Models | Resource::ModelAction => {
            let Some(asked) = models::asked(path) else { return respond::not_found(path) };
            models::answer(&call, request.headers(), asked).await
        }
        Resource::Predict => match refusal {
            Some(error) => {
                call.scope.begin();
                call.scope.judge(Some(error.cause()));
                respond::failure(&error)
            }
            None => match call.app.settings.custom_route.as_ref().filter(|own| own.owns_body) {
                Some(own) => custom::answer(&call, own, request).await,
                None => predict::answer(&call, request).await,
            },
        },
    }
}

fn with_allow(mut response: Response<ReplyBody>, allowed: &'static str) -> Response<ReplyBody> {
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}
