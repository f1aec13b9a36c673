//! The traffic between versions, as `inference.yml` has it.

use grps_config::types::{InferenceConfig, TrafficConfig};
use grps_core::Registry;
use grps_server::TrafficSettings;
use serde_json::json;

/// Divides the requests for models among their versions.
pub(crate) fn put_traffic(registry: &Registry, config: &InferenceConfig) -> Result<(), String> {
    for entry in &config.traffic {
        let spec = TrafficSettings::read(&settings(entry)).map_err(|error| error.to_string())?;
        registry.put_traffic(spec).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn settings(entry: &TrafficConfig) -> String {
    json!({
        "model": entry.model,
        "weights": entry.shares().collect::<Vec<_>>(),
        "sticky_header": entry.sticky_header,
        "shadow": entry.shadow,
        "rollout": entry.rollout,
    })
    .to_string()
}
