//! What `--version` says.

use grps_build::BUILD;
use grps_engines::NativeEngine;
use serde_json::json;

/// One line, or one line of JSON with the keys of `grpst version --json`.
pub(crate) fn text(as_json: bool) -> String {
    if !as_json {
        return format!("grps-server {BUILD}");
    }
    let facts = json!({
        "version": BUILD.version,
        "commit": BUILD.commit,
        "rust": BUILD.rust,
        "target": BUILD.target,
        "profile": BUILD.profile,
        "native_engines": NativeEngine::ALL.map(NativeEngine::name),
    });
    facts.to_string()
}

#[cfg(test)]
mod tests {
    use grps_build::BUILD;
    use serde_json::Value;

    use super::text;

    #[test]
    fn both_forms_say_the_same_version() {
        assert_eq!(text(false).split(' ').nth(1), Some(BUILD.version));
        let facts: Value = serde_json::from_str(&text(true)).unwrap();
        assert_eq!(facts["version"], BUILD.version);
        assert_eq!(facts["native_engines"][0], "onnxruntime");
    }
}
