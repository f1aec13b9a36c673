//! `/v2`, `models/M`, `models/M/config` and the statistics.

use grps_core::{Error, Route};
use http::Response;
use serde::Serialize;

use crate::call::call::Call;
use crate::frontends::oip::http::failure::failure;
use crate::frontends::oip::http::health::model_of;
use crate::frontends::oip::http::reply;
use crate::frontends::oip::service::{
    lookup, model_config, model_metadata, server_metadata, statistics,
};
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::http::reply_body::ReplyBody;

/// The metadata of the service.
pub(super) async fn server(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    respond(Ok(server_metadata::describe(&call.app)))
}

/// The metadata of a model.
pub(super) async fn model(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let route = find(&call, &request);
    respond(route.map(|route| model_metadata::describe(&call.app, &route)))
}

/// The configuration of a model.
pub(super) async fn config(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    respond(find(&call, &request).map(|route| model_config::describe(&route)))
}

/// The statistics of a model.
pub(super) async fn model_statistics(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let (model, version) = model_of(&request);
    respond(statistics::of_named(&call.app, model, version))
}

/// The statistics of all models.
pub(super) async fn all_statistics(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    respond(Ok(statistics::of_all(&call.app)))
}

fn find(call: &Call, request: &HttpRequest) -> Result<Route, Error> {
    let (model, version) = model_of(request);
    lookup::find(&call.app, model, version)
}

/// 200 with a value in JSON, or an error.
pub(super) fn respond(outcome: Result<impl Serialize, Error>) -> Response<ReplyBody> {
    let text = outcome.and_then(|value| {
        serde_json::to_vec(&value)
            .map_err(|error| Error::new(grps_core::Cause::Internal, error.to_string()))
    });
    text.map_or_else(|error| failure(&error), reply::json)
}
