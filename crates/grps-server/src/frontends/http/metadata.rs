//! `metadata/server` and `metadata/model`.

use grps_core::{Cause, Error};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::media_type::MediaType;
use super::{collect, respond};
use crate::admin::metadata::model_metadata;
use crate::app::App;
use crate::call::dispatch::Call;
use crate::codec::{Data, GrpsMessage, Status, json};
use crate::net::reply_body::ReplyBody;

/// The configuration files of the service.
pub(super) fn server(app: &App) -> Response<ReplyBody> {
    text(app.settings.server_metadata.clone())
}

/// What is known of the model named by `str_data`.
pub(super) async fn model(call: &Call, request: Request<Incoming>) -> Response<ReplyBody> {
    match read_name(call, request).await.and_then(|name| model_metadata(&call.app, &name)) {
        Ok(metadata) => text(metadata),
        Err(error) => respond::failure(&error),
    }
}

async fn read_name(call: &Call, request: Request<Incoming>) -> Result<String, Error> {
    if MediaType::of(request.headers()) != Some(MediaType::Json) {
        return Err(Error::new(
            Cause::UnsupportedMediaType,
            "send JSON with Content-Type: application/json",
        ));
    }
    let (parts, body) = request.into_parts();
    let body = collect(&parts.headers, body, call).await?;
    match json::decode_optional(&body)?.data {
        Data::Text(name) => Ok(name),
        _ => Err(Error::invalid("No model name.")),
    }
}

fn text(text: String) -> Response<ReplyBody> {
    let mut message = GrpsMessage::of_status(Status::ok());
    message.data = Data::Text(text);
    respond::message(StatusCode::OK, &message)
}
