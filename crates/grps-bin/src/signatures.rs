//! What models say of their inputs and outputs, and how metadata shows it.

use grps_core::{DataType, ModelSpec, Naming, Signature, TensorSpec};
use grps_plugin::{PluginSignature, PluginTensor};
use serde_json::{Map, Value, json};

/// What an inferer of a plugin has described.
pub(crate) fn signature_of(described: PluginSignature) -> Signature {
    let dim = |dim: Option<u64>| dim.and_then(|dim| usize::try_from(dim).ok());
    let specs = |tensors: Vec<PluginTensor>| {
        let spec = |tensor: PluginTensor| TensorSpec {
            name: tensor.name.into(),
            dtype: Some(tensor.dtype),
            shape: Some(tensor.shape.into_iter().map(dim).collect()),
            required: true,
        };
        tensors.into_iter().map(spec).collect()
    };
    let PluginSignature { inputs, outputs } = described;
    Signature { inputs: specs(inputs), outputs: specs(outputs), naming: Naming::Strict }
}

/// Checks requests to a model against a signature from here on, and adds that to the metadata; as
/// `describe` in `grps/backends/common/signature.py`.
pub(crate) fn describe(
    spec: &mut ModelSpec,
    signature: Signature,
    is_unbatched: bool,
    places: &[String],
) -> Result<(), String> {
    let mut added = Map::new();
    added.insert("inputs".to_owned(), signature.inputs.iter().map(shown).collect());
    added.insert("outputs".to_owned(), signature.outputs.iter().map(shown).collect());
    if is_unbatched {
        added.insert("batching".to_owned(), json!({"type": "none"}));
    }
    added.insert("placed_on".to_owned(), json!(places));
    for (key, value) in &added {
        // A line of JSON is one of YAML as well.
        spec.metadata.push_str(&format!("{key}: {value}\n"));
    }
    let mut description: Map<String, Value> =
        serde_json::from_str(&spec.description).map_err(|error| error.to_string())?;
    description.extend(added);
    spec.description = Value::Object(description).to_string();
    spec.signature = Some(signature);
    Ok(())
}

fn shown(spec: &TensorSpec) -> Value {
    let dims = spec.shape.iter().flatten();
    let shape: Vec<i64> =
        dims.map(|dim| dim.and_then(|dim| i64::try_from(dim).ok()).unwrap_or(-1)).collect();
    // Clients of GRPS send a bool as a uint8.
    let dtype = spec.dtype.map(|dtype| match dtype {
        DataType::Bool => DataType::Uint8.name(),
        other => other.name(),
    });
    json!({"name": &*spec.name, "dtype": dtype, "shape": spec.shape.as_ref().map(|_| shape)})
}
