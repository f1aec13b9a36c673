//! `monitor/…` and `/metrics`: the metrics of the service.

use bytes::Bytes;
use form_urlencoded::parse;
use grps_core::Error;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

use crate::app::App;
use crate::call::access::{Policy, authorize};
use crate::call::call::Call;
use crate::frontends::grps_http::encode::failure;
use crate::frontends::shared::credentials;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response;
use crate::net::http::reply_body::ReplyBody;
use crate::observability::exposition::Format;
use crate::observability::monitoring::{self, Span, series_json};
use crate::observability::{metrics, overview};

const PAGE: &str = include_str!("monitor.html");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// Maximum number of series in one response.
const MAX_TRENDS: usize = 200;

/// The series of the query parameter `name`.
pub(super) async fn series(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let query = request.parts.uri.query().unwrap_or_default();
    let name = parse(query.as_bytes()).find(|(key, _)| key == "name").map(|(_, name)| name);
    match name.and_then(|name| series_json(&call.app.monitor, &name)) {
        Some(series) => response::json(series.into_bytes()),
        None => response::html(Bytes::from_static(b"key not found")),
    }
}

/// Several series in the same span; `name` can be repeated in the query.
pub(super) async fn trends(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    match read_trends(&call.app, request.parts.uri.query().unwrap_or_default()) {
        Ok(trends) => response::json(trends.to_string().into_bytes()),
        Err(error) => failure(&error),
    }
}

fn read_trends(app: &App, query: &str) -> Result<Value, Error> {
    let (mut span, mut trends, mut named) = (Span::Minute, Map::new(), 0);
    for (key, value) in parse(query.as_bytes()) {
        match &*key {
            "span" => span = Span::from_name(&value)?,
            "name" if named == MAX_TRENDS => {
                let text = format!("a request can name at most {MAX_TRENDS} series");
                return Err(Error::invalid(text));
            }
            "name" => {
                named += 1;
                let points = monitoring::points(&app.monitor, &value, span);
                trends.insert(value.into_owned(), points.into());
            }
            _ => {}
        }
    }
    Ok(trends.into())
}

/// The names of all series.
pub(super) async fn names(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    response::json(Value::from(call.app.monitor.names()).to_string().into_bytes())
}

/// The current state and the latest minute of all counters.
pub(super) async fn live(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    response::json(overview::live(&call.app).to_string().into_bytes())
}

/// The slowest and the failed requests. Only operators see the messages of the errors, which may
/// contain what another client has sent.
pub(super) async fn notable_requests(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let credentials = credentials::read(&request.parts);
    let is_operator = authorize(Policy::Admin, &call.peer, credentials, &call.app.auth).is_ok();
    response::json(overview::notable_requests(&call.app, is_operator).to_string().into_bytes())
}

/// The models and graphs.
pub(super) async fn catalog(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    response::json(overview::catalog(&call.app).to_string().into_bytes())
}

/// All metrics, in the format of the `Accept` header.
pub(super) async fn metrics(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let accept = request.parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let (format, content_type) = match accept {
        Some(accept) if accept.contains("application/openmetrics-text") => {
            (Format::OpenMetrics, OPEN_METRICS)
        }
        _ => (Format::Plain, PLAIN),
    };
    response::respond(StatusCode::OK, content_type, metrics::write(&call.app, format))
}

/// A page with all series and their latest values.
pub(super) async fn page(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    let names = Value::from(call.app.monitor.names()).to_string();
    // Names come from user code and must not end the script element.
    let names = names.replace('<', "\\u003c");
    response::html(PAGE.replace("/*NAMES*/[]", &names).into())
}
