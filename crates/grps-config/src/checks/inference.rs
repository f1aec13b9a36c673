//! Rules for models and graphs.

use std::collections::{HashMap, HashSet};

use crate::checks::Checked;
use crate::checks::services::{check_remote, check_services};
use crate::checks::traffic::check_traffic;
use crate::graphs::{Fail, plan_graph};
use crate::schema::Names;
use crate::suggest::hint;
use crate::text::quoted;
use crate::types::{
    BatchingConfig, BatchingType, DagConfig, DagType, InferenceConfig, Isolation, ModelConfig,
};

/// Checks models and graphs.
pub(crate) fn check_inference(config: &InferenceConfig, names: &Names, fail: Fail<'_>) -> Checked {
    if config.models.is_empty() {
        return Err(fail("models", "at least one model is needed"));
    }
    check_services(&config.services, fail)?;
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (index, model) in config.models.iter().enumerate() {
        let at = format!("models[{index}]");
        if let Some(first) = seen.insert(model.key(), index) {
            let text = format!("model {} is already models[{first}]", quoted(&model.key()));
            return Err(fail(&format!("{at}.name"), &text));
        }
        match &model.remote {
            Some(remote) => check_remote(model, remote, &at, &config.services, fail)?,
            None if model.inferer_type == "remote" => {
                return Err(fail(&at, "required key 'inferer_type' is missing or empty"));
            }
            None => check_model(model, &at, names, fail)?,
        }
    }
    let mut taken: HashSet<String> = seen.into_keys().collect();
    taken.extend(config.models.iter().map(|model| model.name.clone()));
    if let Some(dag) = &config.dag {
        check_graph(dag, "dag", &config.models, fail)?;
        if dag.kind == DagType::Graph {
            take_name(dag, "dag", &mut taken, fail)?;
        }
    }
    for (index, graph) in config.graphs.iter().enumerate() {
        let at = format!("graphs[{index}]");
        check_graph(graph, &at, &config.models, fail)?;
        take_name(graph, &at, &mut taken, fail)?;
    }
    check_traffic(&config.traffic, &config.models, fail)
}

fn check_graph(graph: &DagConfig, at: &str, models: &[ModelConfig], fail: Fail<'_>) -> Checked {
    if graph.nodes.is_empty() {
        return Err(fail(&format!("{at}.nodes"), "at least one node is needed"));
    }
    let keys: Vec<String> = models.iter().map(ModelConfig::key).collect();
    for (index, node) in graph.nodes.iter().enumerate() {
        let is_known = models.iter().any(|model| model.name == node.model);
        if !is_known && !keys.contains(&node.model) {
            let text = format!(
                "model {} is not declared in 'models'{}; declared: {}",
                quoted(&node.model),
                hint(&node.model, keys.iter().map(String::as_str)),
                keys.join(", ")
            );
            return Err(fail(&format!("{at}.nodes[{index}].model"), &text));
        }
    }
    plan_graph(graph, at, fail).map(drop)
}

fn take_name(graph: &DagConfig, at: &str, taken: &mut HashSet<String>, fail: Fail<'_>) -> Checked {
    if !taken.insert(graph.name.clone()) {
        let text = format!("{} is the name of a model or of another graph", quoted(&graph.name));
        return Err(fail(&format!("{at}.name"), &text));
    }
    Ok(())
}

fn check_model(model: &ModelConfig, at: &str, names: &Names, fail: Fail<'_>) -> Checked {
    check_batching(model, &format!("{at}.batching"), names, fail)?;
    if names.step_engines.contains(&model.inferer_type) {
        check_step_engine(model, at, fail)?;
    }
    let devices = model.devices();
    if devices.len() > 1 && devices.contains(&Some("")) {
        let device = quoted(model.device.as_deref().unwrap_or_default());
        return Err(fail(
            &format!("{at}.device"),
            &format!("{device} lists a device without a name"),
        ));
    }
    if model.isolation == Isolation::Process && model.max_threads.is_some() {
        return Err(fail(
            &format!("{at}.max_threads"),
            "has no effect with 'isolation: process', where each instance has one thread; use \
             instances instead",
        ));
    }
    check_inferer(model, at, fail)?;
    check_converter(model, at, names, fail)
}

fn check_inferer(model: &ModelConfig, at: &str, fail: Fail<'_>) -> Checked {
    match model.inferer_type.as_str() {
        "customized" if model.inferer_name.is_none() => {
            return Err(fail(
                &format!("{at}.inferer_name"),
                "needed because inferer_type is 'customized': give the name the inferer is \
                 registered under",
            ));
        }
        "customized" => {}
        "plugin" => check_plugin(model, at, fail)?,
        "identity" => check_identity(model, at, fail)?,
        other if model.inferer_path.is_none() => {
            let text =
                format!("needed because inferer_type is {}: give the model file", quoted(other));
            return Err(fail(&format!("{at}.inferer_path"), &text));
        }
        _ => {}
    }
    if model.inferer_type == "torchserve" {
        check_torchserve(model, at, fail)?;
    }
    Ok(())
}

fn check_converter(model: &ModelConfig, at: &str, names: &Names, fail: Fail<'_>) -> Checked {
    let Some(converter) = model.converter_type.as_deref() else { return Ok(()) };
    if let Some(file) = names.converter_paths.get(converter)
        && model.converter_path.is_none()
    {
        let text = format!("needed because converter_type is {}: give {file}", quoted(converter));
        return Err(fail(&format!("{at}.converter_path"), &text));
    }
    if converter == "customized" && model.converter_name.is_none() {
        return Err(fail(
            &format!("{at}.converter_name"),
            "needed because converter_type is 'customized': give the name the converter is \
             registered under",
        ));
    }
    Ok(())
}

fn has_converter(model: &ModelConfig) -> bool {
    !matches!(model.converter_type.as_deref(), None | Some("none"))
}

fn check_plugin(model: &ModelConfig, at: &str, fail: Fail<'_>) -> Checked {
    let faults = [
        (
            model.inferer_path.is_none(),
            "inferer_path",
            "needed because inferer_type is 'plugin': give the plugin, such as './libNAME.so'",
        ),
        (
            model.inferer_name.is_none(),
            "inferer_name",
            "needed because inferer_type is 'plugin': give the name of one of its inferers",
        ),
        (
            has_converter(model),
            "converter_type",
            "inferer_type 'plugin' takes tensors as they come; use 'none', and a graph to run a \
             converter in a model of its own",
        ),
        (
            model.max_threads.is_some(),
            "max_threads",
            "has no effect with inferer_type 'plugin', where each instance has one thread; use \
             instances instead",
        ),
        (
            !model.warm_up_requests.is_empty(),
            "warm_up_requests",
            "inferer_type 'plugin' does not take recorded requests; warm it up in its WarmUp()",
        ),
    ];
    first_fault(&faults, at, fail)
}

fn check_identity(model: &ModelConfig, at: &str, fail: Fail<'_>) -> Checked {
    let is_batched =
        model.batching.as_ref().is_some_and(|batching| batching.kind != BatchingType::None);
    let faults = [
        (
            has_converter(model) && model.converter_type.as_deref() != Some("customized"),
            "converter_type",
            "inferer_type 'identity' returns the request as it is; use 'none', or 'customized' \
             to try a converter alone",
        ),
        (is_batched, "batching.type", "inferer_type 'identity' has no batches; leave it out"),
    ];
    first_fault(&faults, at, fail)
}

fn check_torchserve(model: &ModelConfig, at: &str, fail: Fail<'_>) -> Checked {
    let faults = [
        (
            model.isolation != Isolation::Process,
            "isolation",
            "inferer_type 'torchserve' needs 'isolation: process': a handler of TorchServe has a \
             process of its own",
        ),
        (
            has_converter(model),
            "converter_type",
            "inferer_type 'torchserve' reads and writes messages itself; use 'none'",
        ),
    ];
    first_fault(&faults, at, fail)
}

/// Fails with the first of these that is the case: whether, the key, and what is wrong.
fn first_fault(faults: &[(bool, &str, &str)], at: &str, fail: Fail<'_>) -> Checked {
    match faults.iter().find(|(is_so, _, _)| *is_so) {
        None => Ok(()),
        Some((_, key, text)) => Err(fail(&format!("{at}.{key}"), text)),
    }
}

/// Whether a model's code gets tensors; else it gets whole messages.
fn takes_tensors(model: &ModelConfig, names: &Names) -> bool {
    let any_data = matches!(model.inferer_type.as_str(), "customized" | "identity" | "torchserve");
    let converter = model.converter_type.as_deref().unwrap_or("none");
    let is_own =
        converter == "customized" || names.built_in_converters.iter().any(|one| one == converter);
    !(is_own || (any_data && converter == "none"))
}

fn check_batching(model: &ModelConfig, at: &str, names: &Names, fail: Fail<'_>) -> Checked {
    let Some(batching) = &model.batching else { return Ok(()) };
    let shaping = [
        ("preferred_sizes", !batching.preferred_sizes.is_empty()),
        ("allowed_sizes", !batching.allowed_sizes.is_empty()),
        ("padding", batching.padding.is_some()),
    ];
    for (key, is_given) in shaping {
        if is_given && model.joining().is_none() {
            let text = "has no effect without 'type: dynamic' or 'type: auto'; add one, or leave \
                        it out";
            return Err(fail(&format!("{at}.{key}"), text));
        }
        if is_given && key != "preferred_sizes" && !takes_tensors(model, names) {
            let text = "needs tensors, but this model's code takes whole messages; use a tensor \
                        converter, such as 'converter_type: numpy'";
            return Err(fail(&format!("{at}.{key}"), text));
        }
    }
    if batching.slo.is_some() && batching.kind != BatchingType::Auto {
        let text = "has no effect without 'type: auto'; add that, or leave it out";
        return Err(fail(&format!("{at}.slo"), text));
    }
    if batching.kind == BatchingType::Continuous {
        check_steps(model, batching, at, names, fail)?;
    } else if batching.steps.is_some() {
        let text = "has no effect without 'type: continuous'; add that, or leave it out";
        return Err(fail(&format!("{at}.steps"), text));
    }
    let most = batching.max_batch_size;
    if let Some(largest) = batching.preferred_sizes.iter().max()
        && *largest > most
    {
        let text = format!("{largest} is over max_batch_size {most}");
        return Err(fail(&format!("{at}.preferred_sizes"), &text));
    }
    if let Some(largest) = batching.allowed_sizes.iter().max()
        && *largest != most
    {
        let text = format!("its largest size, {largest}, must be max_batch_size, {most}");
        return Err(fail(&format!("{at}.allowed_sizes"), &text));
    }
    if batching.padding.as_ref().is_some_and(|padding| padding.sizes.is_empty()) {
        return Err(fail(&format!("{at}.padding.sizes"), "at least one size is needed"));
    }
    Ok(())
}

fn check_step_engine(model: &ModelConfig, at: &str, fail: Fail<'_>) -> Checked {
    let named = format!("inferer_type {}", quoted(&model.inferer_type));
    if !model.makes_steps() {
        let text = format!("{named} makes its text in steps: use 'continuous'");
        return Err(fail(&format!("{at}.batching.type"), &text));
    }
    if model.converter_type.as_deref() != Some("numpy") {
        let text = format!("{named} takes tokens: use 'numpy'");
        return Err(fail(&format!("{at}.converter_type"), &text));
    }
    if model.batching.as_ref().is_some_and(|batching| batching.steps.is_some()) {
        let text = format!("{named} plans its steps itself; leave it out");
        return Err(fail(&format!("{at}.batching.steps"), &text));
    }
    Ok(())
}

fn check_steps(
    model: &ModelConfig,
    batching: &BatchingConfig,
    at: &str,
    names: &Names,
    fail: Fail<'_>,
) -> Checked {
    let inferer = &model.inferer_type;
    let is_own = inferer == "customized" && model.converter_type.as_deref() == Some("numpy");
    if !is_own && inferer != "plugin" && !names.step_engines.contains(inferer) {
        let text = "'continuous' is for step models: use inferer_type 'customized' and \
                    converter_type 'numpy', or inferer_type 'plugin'";
        return Err(fail(&format!("{at}.type"), text));
    }
    let useless = [
        ("max_threads", model.max_threads.is_some()),
        ("warm_up_requests", !model.warm_up_requests.is_empty()),
    ];
    if let Some((key, _)) = useless.iter().find(|(_, is_given)| *is_given) {
        let at = at.strip_suffix(".batching").unwrap_or(at);
        let text = "has no effect with batching.type 'continuous'; leave it out";
        return Err(fail(&format!("{at}.{key}"), text));
    }
    let (most, least) = (batching.max_batch_size, batching.max_batch_size + 1);
    let cost = batching.steps.as_ref().and_then(|steps| steps.max_step_cost);
    if let Some(cost) = cost.filter(|cost| *cost < least) {
        let text = format!("{cost} is too small for max_batch_size {most}; give at least {least}");
        return Err(fail(&format!("{at}.steps.max_step_cost"), &text));
    }
    Ok(())
}
