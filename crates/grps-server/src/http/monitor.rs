//! `monitor/series` and `monitor/metrics`: what is measured, over time.

use bytes::Bytes;
use form_urlencoded::parse;
use grps_core::metrics::Points;
use http::Response;
use serde_json::{Value, json};

use super::respond;
use crate::app::App;
use crate::monitoring::now_s;
use crate::reply_body::ReplyBody;

const PAGE: &str = include_str!("monitor.html");

/// One series, named by the query's `name`.
pub(super) fn series(app: &App, query: Option<&str>) -> Response<ReplyBody> {
    let query = query.unwrap_or_default();
    let name = parse(query.as_bytes()).find(|(key, _)| key == "name").map(|(_, name)| name);
    match name.and_then(|name| app.monitor.read(now_s(), &name)) {
        Some(points) => respond::json(to_json(points).to_string().into_bytes()),
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

fn to_json(points: Points) -> Value {
    match points {
        Points::Trend(values) => {
            let data: Vec<Value> = values
                .into_iter()
                .enumerate()
                .map(|(index, value)| json!([index, value]))
                .collect();
            json!({"label": "trend", "data": data})
        }
        Points::Distribution(values) => json!({"label": "cdf", "data": values}),
    }
}
