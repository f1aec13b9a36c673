//! What of a configuration a service without Python can do.

use crate::types::{InferenceConfig, ModelConfig, ServerConfig};

/// The first thing that needs Python, as a line; `None` when nothing does.
pub fn python_need(inference: &InferenceConfig, server: &ServerConfig) -> Option<String> {
    if let Some(gpu) = &server.gpu
        && (gpu.limits_memory() || gpu.mem_gc_enable == Some(true))
    {
        return Some("gpu: the memory of engines is looked after in Python".to_owned());
    }
    inference.models.iter().find_map(model_need)
}

fn model_need(model: &ModelConfig) -> Option<String> {
    if model.is_native() || model.inferer_type == "plugin" {
        return None;
    }
    let what = if model.inferer_type == "identity" {
        "a converter or a process of its own".to_owned()
    } else {
        format!("inferer_type '{}'", model.inferer_type)
    };
    Some(format!("model {}: {what}", model.key()))
}
