//! `monitor/…` and `/metrics`: what is measured.

use bytes::Bytes;
use form_urlencoded::parse;
use grps_core::Error;
use http::{HeaderMap, HeaderValue, Response, header};
use serde_json::{Map, Value};

use super::respond;
use crate::app::App;
use crate::net::reply_body::ReplyBody;
use crate::observability::exposition::Format;
use crate::observability::monitoring::{self, Span, series_json};
use crate::observability::{metrics_page, overview};

const PAGE: &str = include_str!("monitor.html");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// Series that may be asked for at once.
const MAX_TRENDS: usize = 200;

/// One series, named by the query's `name`.
pub(super) fn series(app: &App, query: Option<&str>) -> Response<ReplyBody> {
    let query = query.unwrap_or_default();
    let name = parse(query.as_bytes()).find(|(key, _)| key == "name").map(|(_, name)| name);
    match name.and_then(|name| series_json(&app.monitor, &name)) {
        Some(series) => respond::json(series.into_bytes()),
        None => respond::html(Bytes::from_static(b"key not found")),
    }
}

/// The same span of several series at once: the query's `span` and each of its `name`s.
pub(super) fn trends(app: &App, query: Option<&str>) -> Response<ReplyBody> {
    match read_trends(app, query.unwrap_or_default()) {
        Ok(trends) => respond::json(trends.to_string().into_bytes()),
        Err(error) => respond::failure(&error),
    }
}

fn read_trends(app: &App, query: &str) -> Result<Value, Error> {
    let (mut span, mut trends) = (Span::Minute, Map::new());
    for (key, value) in parse(query.as_bytes()) {
        match &*key {
            "span" => span = Span::of(&value)?,
            "name" if trends.len() == MAX_TRENDS => {
                let text = format!("at most {MAX_TRENDS} series are answered at once");
                return Err(Error::invalid(text));
            }
            "name" => {
                let points = monitoring::points(&app.monitor, &value, span);
                trends.insert(value.into_owned(), points.into());
            }
            _ => {}
        }
    }
    Ok(trends.into())
}

/// The names of all series.
pub(super) fn names(app: &App) -> Response<ReplyBody> {
    respond::json(Value::from(app.monitor.names()).to_string().into_bytes())
}

/// The latest minute of everything.
pub(super) fn live(app: &App) -> Response<ReplyBody> {
    respond::json(overview::live(app).to_string().into_bytes())
}

/// The slowest requests and the failed ones.
pub(super) fn remembered(app: &App) -> Response<ReplyBody> {
    respond::json(overview::remembered(app).to_string().into_bytes())
}

/// The models and graphs.
pub(super) fn served(app: &App) -> Response<ReplyBody> {
    respond::json(overview::served(app).to_string().into_bytes())
}

/// All metrics, in the format that Prometheus asks for.
pub(super) fn metrics(app: &App, headers: &HeaderMap) -> Response<ReplyBody> {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let (format, content_type) = match accepted {
        Some(accepted) if accepted.contains("application/openmetrics-text") => {
            (Format::OpenMetrics, OPEN_METRICS)
        }
        _ => (Format::Plain, PLAIN),
    };
    respond::typed(content_type, metrics_page::write(app, format).into())
}

/// A page with all series and their latest values.
pub(super) fn page(app: &App) -> Response<ReplyBody> {
    let names = Value::from(app.monitor.names()).to_string();
    // Names come from user code: none may end the script they stand in.
    let names = names.replace('<', "\\u003c");
    respond::html(PAGE.replace("/*NAMES*/[]", &names).into())
}
