//! Rules for the traffic between versions of a model.

use std::collections::HashMap;

use crate::checks::Checked;
use crate::graphs::Fail;
use crate::suggest::hint;
use crate::text::quoted;
use crate::types::{ModelConfig, RolloutConfig, ShadowConfig, TrafficConfig};

/// Most versions that share the requests for a name.
const MAX_VERSIONS: usize = 16;

/// Checks the traffic of a configuration.
pub(crate) fn check_traffic(
    traffic: &[TrafficConfig],
    models: &[ModelConfig],
    fail: Fail<'_>,
) -> Checked {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (index, entry) in traffic.iter().enumerate() {
        let at = format!("traffic[{index}]");
        let name = quoted(&entry.model);
        if let Some(first) = seen.insert(&entry.model, index) {
            let text = format!("the traffic of {name} is already traffic[{first}]");
            return Err(fail(&format!("{at}.model"), &text));
        }
        let own = models.iter().filter(|model| model.name == entry.model);
        let versions: Vec<&str> = own.map(|model| model.version.as_str()).collect();
        if versions.is_empty() {
            let mut names: Vec<&str> = Vec::new();
            for model in models {
                if !names.contains(&model.name.as_str()) {
                    names.push(&model.name);
                }
            }
            let suggestion = hint(&entry.model, names.iter().copied());
            let known = names.join(", ");
            let text =
                format!("model {name} is not declared in 'models'{suggestion}; declared: {known}");
            return Err(fail(&format!("{at}.model"), &text));
        }
        let check = Check { entry, versions: &versions, fail };
        check.weights(&format!("{at}.weights"))?;
        if let Some(shadow) = &entry.shadow {
            check.shadow(shadow, &format!("{at}.shadow"))?;
        }
        if let Some(rollout) = &entry.rollout {
            check.rollout(rollout, &format!("{at}.rollout"))?;
        }
    }
    Ok(())
}

/// One entry, and the versions that its model has.
struct Check<'a> {
    entry: &'a TrafficConfig,
    versions: &'a [&'a str],
    fail: Fail<'a>,
}

impl Check<'_> {
    fn weights(&self, at: &str) -> Checked {
        let (weights, fail) = (&self.entry.weights, self.fail);
        if weights.is_empty() {
            return Err(fail(at, "at least one version needs a weight"));
        }
        if weights.len() > MAX_VERSIONS {
            let count = weights.len();
            let text = format!("{count} versions are too many, {MAX_VERSIONS} are allowed");
            return Err(fail(at, &text));
        }
        for (version, text) in weights {
            let here = format!("{at}.{version}");
            self.version(version, &here)?;
            if TrafficConfig::weight_of(text).is_none() {
                let text = quoted(text);
                let text =
                    format!("{text} is no weight; write a number from 0 to 1000000, such as 90");
                return Err(fail(&here, &text));
            }
        }
        if self.entry.shares().all(|(_, weight)| weight == 0.0) {
            return Err(fail(at, "all weights are 0: no version would get a request"));
        }
        Ok(())
    }

    fn version(&self, version: &str, at: &str) -> Checked {
        if self.versions.contains(&version) {
            return Ok(());
        }
        let suggestion = hint(version, self.versions.iter().copied());
        let (model, version) = (quoted(&self.entry.model), quoted(version));
        let known = self.versions.join(", ");
        let text = format!("model {model} has no version {version}{suggestion}; declared: {known}");
        Err((self.fail)(at, &text))
    }

    fn shadow(&self, shadow: &ShadowConfig, at: &str) -> Checked {
        let at = format!("{at}.version");
        self.version(&shadow.version, &at)?;
        if self.has_others(&shadow.version) {
            return Ok(());
        }
        let version = quoted(&shadow.version);
        let text = format!("version {version} has all the weight: no request would be copied");
        Err((self.fail)(&at, &text))
    }

    fn rollout(&self, rollout: &RolloutConfig, at: &str) -> Checked {
        let shadow = self.entry.shadow.as_ref().map(|shadow| shadow.version.as_str());
        let last = self.entry.weights.last().map(|(version, _)| version.as_str());
        let candidate = rollout.version.as_deref().or(shadow).or(last).unwrap_or_default();
        self.version(candidate, &format!("{at}.version"))?;
        if !self.has_others(candidate) {
            let candidate = quoted(candidate);
            let text = format!(
                "version {candidate} has all the weight: give another version some to start from"
            );
            return Err((self.fail)(at, &text));
        }
        let pairs = rollout.steps_percent.iter().zip(rollout.steps_percent.iter().skip(1));
        for (index, (before, step)) in pairs.enumerate() {
            if step <= before {
                let at = format!("{at}.steps_percent[{}]", index + 1);
                return Err((self.fail)(&at, "must be more than the step before it"));
            }
        }
        Ok(())
    }

    /// Whether another version has a weight.
    fn has_others(&self, version: &str) -> bool {
        self.entry.shares().any(|(one, weight)| one != version && weight > 0.0)
    }
}
