//! `metadata/server` and `metadata/model`.

use grps_core::{Cause, Error};
use http::Response;

use crate::admin::model_metadata::model_metadata;
use crate::call::call::Call;
use crate::codec::{Data, json};
use crate::frontends::grps_http::body_form::BodyForm;
use crate::frontends::grps_http::encode;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::http::content_coding::collect;
use crate::net::http::reply_body::ReplyBody;

/// The configuration files of the service.
pub(super) async fn server(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    encode::message(Data::Text(call.app.settings.server_metadata.clone()))
}

/// The description of the model in `str_data`.
pub(super) async fn model(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let name = read_name(&call, request).await;
    match name.and_then(|name| model_metadata(&call.app, &name)) {
        Ok(metadata) => encode::message(Data::Text(metadata)),
        Err(error) => encode::failure(&error),
    }
}

async fn read_name(call: &Call, request: HttpRequest) -> Result<String, Error> {
    let HttpRequest { parts, body, .. } = request;
    if BodyForm::from_content_type(&parts.headers) != Some(BodyForm::Json) {
        return Err(Error::new(
            Cause::UnsupportedMediaType,
            "send JSON with Content-Type: application/json",
        ));
    }
    let body = collect(&parts.headers, body, call).await?;
    let message = call.scope.within_room(body.len(), |room| json::decode_optional(&body, room));
    match message?.data {
        Data::Text(name) => Ok(name),
        _ => Err(Error::invalid("No model name.")),
    }
}
