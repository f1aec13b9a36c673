//! The lists of language models.

use std::time::{SystemTime, UNIX_EPOCH};

use grps_openai::{ListedModel, model_body, models_body};
use http::Response;

use crate::call::call::Call;
use crate::frontends::openai::api::Api;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::language::names;
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
            let error = grps_openai::ApiError::model_not_found(name, &names(&call));
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
        .filter_map(|model| {
            let language = model.spec().language.as_ref()?;
            Some(ListedModel {
                name: model.spec().name.clone(),
                created: seconds(model.created()),
                max_model_len: u32::try_from(language.context_length).ok(),
            })
        })
        .collect();
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    listed.dedup_by(|one, other| one.name == other.name);
    listed
}
