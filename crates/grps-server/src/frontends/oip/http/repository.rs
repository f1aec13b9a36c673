//! `repository/index`, `repository/models/M/load` and `repository/models/M/unload`.

use bytes::Bytes;
use grps_core::Error;
use http::Response;

use crate::call::call::Call;
use crate::frontends::oip::http::failure::failure;
use crate::frontends::oip::http::health::model_of;
use crate::frontends::oip::http::json_fields::{read_object, read_parameters};
use crate::frontends::oip::http::metadata::respond;
use crate::frontends::oip::http::reply;
use crate::frontends::oip::inference::parameters::Parameters;
use crate::frontends::oip::service::repository;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::http::content_coding::collect;
use crate::net::http::reply_body::ReplyBody;

/// Lists the models; with `{"ready": true}` in the body, only those that are ready.
pub(super) async fn index(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let only_ready = read_only_ready(&call, request).await;
    respond(only_ready.map(|only_ready| repository::index(&call, only_ready)))
}

/// Loads a model, again if it is served.
pub(super) async fn load(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let model = model_of(&request).0.to_owned();
    let outcome = match read_load_parameters(&call, request).await {
        Ok(parameters) => repository::load(&call, &model, &parameters).await,
        Err(error) => Err(error),
    };
    done(outcome)
}

/// Unloads a model.
pub(super) async fn unload(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let model = model_of(&request).0.to_owned();
    let outcome = match read_load_parameters(&call, request).await {
        Ok(parameters) => repository::unload(&call, &model, &parameters).await,
        Err(error) => Err(error),
    };
    done(outcome)
}

/// 200 with an empty object, or an error.
pub(super) fn done(outcome: Result<(), Error>) -> Response<ReplyBody> {
    match outcome {
        Ok(()) => reply::json("{}"),
        Err(error) => failure(&error),
    }
}

/// Reads the body of a call; it may be empty.
pub(super) async fn read_body(call: &Call, request: HttpRequest) -> Result<Bytes, Error> {
    let body = collect(&request.parts.headers, request.body, call).await?;
    Ok(if body.is_empty() { Bytes::from_static(b"{}") } else { body })
}

async fn read_only_ready(call: &Call, request: HttpRequest) -> Result<bool, Error> {
    let body = read_body(call, request).await?;
    let mut only_ready = false;
    call.scope.within_room(body.len(), |room| {
        read_object(&body, room, |cursor, key| {
            if key != "ready" {
                return cursor.skip_value();
            }
            let value = cursor.take_bool();
            only_ready = value.ok_or_else(|| cursor.mismatch("a boolean").in_field(key))?;
            Ok(())
        })
    })?;
    Ok(only_ready)
}

async fn read_load_parameters(call: &Call, request: HttpRequest) -> Result<Parameters, Error> {
    let body = read_body(call, request).await?;
    let mut parameters = Parameters::default();
    call.scope.within_room(body.len(), |room| {
        read_object(&body, room, |cursor, key| {
            if key != "parameters" {
                return cursor.skip_value();
            }
            parameters = read_parameters(cursor).map_err(|fault| fault.in_field(key))?;
            Ok(())
        })
    })?;
    Ok(parameters)
}
