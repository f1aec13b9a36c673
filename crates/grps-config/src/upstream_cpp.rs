//! Projects that are written for upstream's C++ edition: which they are, and what runs their models.
//!
//! As `grps/server/loading/upstream_cpp.py`, which says why.

use std::fs::read;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::types::{Isolation, ModelConfig};

/// The library that such a project makes, by its name in `CMake`.
const TARGET: &[u8] = b"grps-server-customized";
/// Where it is in an archive.
const LIBRARY: &str = "lib/libgrps-server-customized.so";
/// The class of inferers that it has.
const CLASS: &str = "grps_framework";
const BUILD_FILES: [&str; 2] = ["CMakeLists.txt", "src/CMakeLists.txt"];

/// Whether the project in a folder is one for upstream's C++ edition.
pub fn is_upstream_cpp(folder: &Path) -> bool {
    let names_target = |file: &&str| {
        let text = read(folder.join(file)).unwrap_or_default();
        text.windows(TARGET.len()).any(|part| part == TARGET)
    };
    folder.join(BUILD_FILES[0]).is_file() && BUILD_FILES.iter().any(names_target)
}

/// What runs a model of such a project: its library, if the model has code of its own.
#[must_use]
pub fn hosted(model: ModelConfig, max_concurrency: usize) -> ModelConfig {
    let is_own = |kind: &str| kind == "customized";
    if !is_own(&model.inferer_type) && !model.converter_type.as_deref().is_some_and(is_own) {
        return model;
    }
    let is_batching = model.joining().is_some();
    let threads = model.max_threads.and_then(|threads| u32::try_from(threads).ok());
    let instances = if is_batching || model.isolation == Isolation::Process {
        model.instances
    } else {
        threads.or_else(|| u32::try_from(max_concurrency).ok()).unwrap_or(u32::MAX)
    };
    ModelConfig {
        inferer_args: Some(pair(&model)),
        inferer_type: "plugin".to_owned(),
        inferer_name: Some(CLASS.to_owned()),
        inferer_path: Some(LIBRARY.to_owned()),
        converter_type: None,
        converter_name: None,
        converter_path: None,
        converter_args: None,
        device: None,
        inp_device: None,
        max_threads: None,
        instances,
        ..model
    }
}

/// The lines of `inference.yml` that say what the model is made of.
fn pair(model: &ModelConfig) -> Map<String, Value> {
    let batching = if model.joining().is_some() { "dynamic" } else { "none" };
    let lines = [
        ("name", json!(model.name)),
        ("version", json!(model.version)),
        ("device", json!(model.device)),
        ("inp_device", json!(model.inp_device)),
        ("inferer_type", json!(model.inferer_type)),
        ("inferer_name", json!(model.inferer_name)),
        ("inferer_path", json!(model.inferer_path)),
        ("inferer_args", json!(model.inferer_args)),
        ("converter_type", json!(model.converter_type)),
        ("converter_name", json!(model.converter_name)),
        ("converter_path", json!(model.converter_path)),
        ("converter_args", json!(model.converter_args)),
        ("batching", json!({ "type": batching })),
    ];
    lines.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(keys: &Value) -> ModelConfig {
        let mut given = json!({
            "name": "m", "version": "1", "device": "cuda:1", "inp_device": null,
            "inferer_type": "customized", "inferer_name": "x", "inferer_path": null,
            "inferer_args": {"factor": 2}, "converter_type": "none", "converter_name": null,
            "converter_path": null, "converter_args": null, "batching": null,
            "queue": {"max_length": null, "timeout_ms": 0, "priority_levels": 1}, "instances": 1,
            "isolation": "thread", "max_threads": null, "warm_up": true, "warm_up_requests": [],
        });
        let keys = keys.as_object().cloned().unwrap_or_default();
        given.as_object_mut().unwrap().extend(keys);
        serde_json::from_value(given).unwrap()
    }

    #[test]
    fn the_library_runs_models_with_code_of_their_own() {
        let engine = model(&json!({"inferer_type": "torch", "converter_type": "torch"}));
        assert_eq!(hosted(engine.clone(), 32), engine);
        let threads = hosted(model(&json!({})), 32);
        assert_eq!((threads.inferer_type.as_str(), threads.instances), ("plugin", 32));
        assert_eq!((threads.inferer_name.as_deref(), threads.device), (Some(CLASS), None));
        let args = threads.inferer_args.unwrap();
        assert_eq!(
            (&args["device"], &args["inferer_args"]["factor"]),
            (&json!("cuda:1"), &json!(2))
        );
        assert_eq!(args["batching"]["type"], "none");
        let around = json!({"inferer_type": "torch", "converter_type": "customized"});
        assert_eq!(hosted(model(&around), 32).inferer_type, "plugin");
    }

    #[test]
    fn as_many_requests_run_at_once_as_upstream_lets_run() {
        let instances = |keys: Value| hosted(model(&keys), 32).instances;
        assert_eq!(instances(json!({"max_threads": 3})), 3);
        assert_eq!(instances(json!({"isolation": "process", "instances": 2})), 2);
        let batching = json!({
            "type": "dynamic", "max_batch_size": 8, "batch_timeout_us": 0, "wait": "when_busy",
            "preferred_sizes": [], "allowed_sizes": [], "padding": null,
        });
        assert_eq!(instances(json!({"batching": batching})), 1);
    }
}
