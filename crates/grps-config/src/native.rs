//! What of a configuration a service without Python can do.

use serde_json::Value;

use crate::types::{InferenceConfig, ModelConfig, ServerConfig};

/// The values of `inferer_type` whose engine there is in native code.
pub const NATIVE_ENGINES: &[&str] = &["onnxruntime", "openvino", "tensorflow", "tensorrt", "torch"];

/// The first thing that needs Python, as a line; `None` when nothing does.
pub fn python_need(inference: &InferenceConfig, server: &ServerConfig) -> Option<String> {
    if let Some(gpu) = &server.gpu
        && (gpu.limits_memory() || gpu.mem_gc_enable == Some(true))
    {
        return Some("gpu: the memory of engines is looked after in Python".to_owned());
    }
    if inference.repository.is_some() {
        return Some("repository: Python reads it".to_owned());
    }
    inference.models.iter().find_map(model_need)
}

fn model_need(model: &ModelConfig) -> Option<String> {
    if model.is_native() || model.remote.is_some() {
        return None;
    }
    let paths = [("inferer_path", &model.inferer_path), ("converter_path", &model.converter_path)];
    for (key, path) in paths {
        if path.as_deref().is_some_and(is_uri) {
            return Some(named(
                model,
                &format!("{key} is a URI, and Python fetches what is at it"),
            ));
        }
    }
    let kind = model.inferer_type.as_str();
    let is_engine = NATIVE_ENGINES.contains(&kind);
    let need = match kind {
        "plugin" => return None,
        "identity" => "a converter or a process of its own".to_owned(),
        _ if is_engine && asks_for_native_code(model) => {
            return beyond_native_code(model).map(|key| named(model, key));
        }
        _ if is_engine => format!("inferer_type '{kind}' without inferer_args.native"),
        other => format!("inferer_type '{other}'"),
    };
    Some(named(model, &need))
}

/// Whether a path of a model is a URI; `is_uri` of `grps/sources/uri.py` is the same.
fn is_uri(path: &str) -> bool {
    let Some((scheme, rest)) = path.split_once(':') else { return false };
    let mut letters = scheme.chars();
    let is_scheme = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && scheme.len() > 1
        && letters.all(|one| one.is_ascii_alphanumeric() || "+.-".contains(one));
    is_scheme && (rest.starts_with("//") || scheme.eq_ignore_ascii_case("mlflow"))
}

fn named(model: &ModelConfig, need: &str) -> String {
    format!("model {}: {need}", model.key())
}

fn asks_for_native_code(model: &ModelConfig) -> bool {
    let args = model.inferer_args.as_ref();
    args.and_then(|args| args.get("native")) == Some(&Value::Bool(true))
}

/// The key of an engine's model that native code has nothing for.
fn beyond_native_code(model: &ModelConfig) -> Option<&'static str> {
    let is_the_cpu = |place: &str| ["cpu", "original"].contains(&place);
    let engine = model.inferer_type.as_str();
    let converts = |kind: &str| !["none", "numpy", engine].contains(&kind);
    [
        ("converter_type", model.converter_type.as_deref().is_some_and(converts)),
        ("inp_device", model.inp_device.as_deref().is_some_and(|place| !is_the_cpu(place))),
        ("max_threads", model.max_threads.is_some()),
        ("warm_up_requests", !model.warm_up_requests.is_empty()),
    ]
    .into_iter()
    .find_map(|(key, is_given)| is_given.then_some(key))
}
