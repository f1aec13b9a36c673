//! The status and the metadata of a model.

use grps_core::Error;
use http::Response;
use serde_json::{Map, Value, json};

use crate::call::call::Call;
use crate::frontends::shared::inference::lookup;
use crate::frontends::tfserving::element_type;
use crate::frontends::tfserving::http::{failure, success};
use crate::frontends::tfserving::model_choice::{ModelChoice, number_of};
use crate::frontends::tfserving::signature::{self, METHOD_NAME, TensorInfo};
use crate::frontends::tfserving::version_states;
use crate::net::http::reply_body::ReplyBody;

/// The state of each version of a model, or of the one that is chosen.
pub(super) async fn status(call: Call, choice: ModelChoice) -> Response<ReplyBody> {
    let states = version_states::list(&call.app, &choice);
    respond(states.map(|states| {
        let state = |state: version_states::VersionState| {
            let (name, code) = match &state.trouble {
                None => ("AVAILABLE", "OK"),
                Some(_) => ("LOADING", "UNAVAILABLE"),
            };
            let error_message = state.trouble.unwrap_or_default();
            json!({
                "version": state.version.to_string(),
                "state": name,
                "status": {"error_code": code, "error_message": error_message},
            })
        };
        json!({"model_version_status": states.into_iter().map(state).collect::<Vec<_>>()})
    }))
}

/// The signature of a model.
pub(super) async fn metadata(call: Call, choice: ModelChoice) -> Response<ReplyBody> {
    respond(choice.find(&call.app).map(|route| {
        let signature = signature::describe(&route);
        let described = json!({
            "inputs": tensors(&signature.inputs),
            "outputs": tensors(&signature.outputs),
            "method_name": METHOD_NAME,
        });
        let version = number_of(lookup::version_of(&route)).to_string();
        json!({
            "model_spec": {"name": choice.name, "signature_name": "", "version": version},
            "metadata": {"signature_def": {"signature_def": {signature.name: described}}},
        })
    }))
}

fn tensors(tensors: &[TensorInfo]) -> Map<String, Value> {
    let describe = |tensor: &TensorInfo| {
        let sizes = tensor.shape.as_deref().unwrap_or_default();
        let size = |size: &i64| json!({"size": size.to_string(), "name": ""});
        let described = json!({
            "dtype": tensor.dtype.map_or("DT_INVALID", element_type::name_of),
            "tensor_shape": {
                "dim": sizes.iter().map(size).collect::<Vec<_>>(),
                "unknown_rank": tensor.shape.is_none(),
            },
            "name": tensor.name,
        });
        (tensor.name.clone(), described)
    };
    tensors.iter().map(describe).collect()
}

fn respond(outcome: Result<Value, Error>) -> Response<ReplyBody> {
    outcome.map_or_else(|error| failure(&error), |value| success(value.to_string()))
}
