//! `monitor/series` and `monitor/metrics`: what is measured, over time.

use bytes::Bytes;
use form_urlencoded::parse;
use http::Response;
use serde_json::Value;

use super::respond;
use crate::app::App;
use crate::monitoring::series_json;
use crate::reply_body::ReplyBody;

const PAGE: &str = include_str!("monitor.html");

/// One series, named by the query's `name`.
pub(super) fn series(app: &App, query: Option<&str>) -> Response<ReplyBody> {
    let query = query.unwrap_or_default();
    let name = parse(query.as_bytes()).find(|(key, _)| key == "name").map(|(_, name)| name);
    match name.and_then(|name| series_json(&app.monitor, &name)) {
        Some(series) => respond::json(series.into_bytes()),
        None => respond::html(Bytes::from_static(b"key not found")),
    }
}

/// A page with all series and their latest values.
pub(super) fn page(app: &App) -> Response<ReplyBody> {
    let names = Value::from(app.monitor.names()).to_string();
    // Names come from user code: none may end the script they stand in.
    let names = names.replace('<', "\\u003c");
    respond::html(PAGE.replace("/*NAMES*/[]", &names).into())
}
