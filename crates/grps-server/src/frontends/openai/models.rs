//! The lists of models that the routes of this API serve.

use std::iter;
use std::time::{SystemTime, UNIX_EPOCH};

use grps_openai::{ListedModel, model_body, models_body};
use http::Response;

use crate::call::call::Call;
use crate::frontends::openai::api::Api;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::language::adapters;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response::json;
use crate::net::http::reply_body::ReplyBody;

/// Lists them.
pub(super) async fn list(call: Call, _request: HttpRequest) -> Response<ReplyBody> {
    let models: Vec<ListedModel> = listed(&call);
    json(models_body(&models))
}

/// Describes one.
pub(super) async fn describe(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let name = request.parameters.first().map(String::as_str).unwrap_or_default();
    let models = listed(&call);
    match models.iter().find(|model| model.name == name) {
        Some(model) => json(model_body(model)),
        None => {
            let names: Vec<&str> = models.iter().map(|model| &*model.name).collect();
            let error = grps_openai::ApiError::model_not_found(name, &names);
            Fault::from(error).response(Api::Chat)
        }
    }
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn listed(call: &Call) -> Vec<ListedModel> {
    let models = call.app.engine.registry().models();
    let mut listed: Vec<ListedModel> = models
        .iter()
        .flat_map(|model| {
            let spec = model.spec();
            let of_language = spec.language.as_ref().map(|language| language.context_length);
            let length = of_language.or(spec.text.as_ref().map(|text| text.max_length));
            if length.is_none() && spec.transcriber.is_none() {
                return Vec::new();
            }
            let max_model_len = length.and_then(|length| u32::try_from(length).ok());
            let created = seconds(model.created());
            let names = iter::once(&spec.name).chain(adapters(model));
            names.map(|name| ListedModel { name: name.clone(), created, max_model_len }).collect()
        })
        .collect();
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    listed.dedup_by(|one, other| one.name == other.name);
    listed
}
