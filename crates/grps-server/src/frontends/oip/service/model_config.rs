//! The configuration of a model or graph, as far as the protocol knows what it consists of.

use grps_core::{Route, TensorSpec};
use serde::Serialize;

use crate::admin::route_signature;
use crate::frontends::oip::inference::data_type;
use crate::frontends::oip::service::model_metadata::{platform, sizes, streams};
use crate::frontends::shared::inference::content::inputs;
use crate::frontends::shared::inference::lookup;

/// The configuration of a model or graph.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ModelConfig {
    pub(crate) name: String,
    pub(crate) platform: String,
    pub(crate) backend: String,
    /// Most rows of a batch; 0 for a model whose requests have no dimension of rows of their own.
    pub(crate) max_batch_size: i32,
    pub(crate) input: Vec<InputConfig>,
    pub(crate) output: Vec<OutputConfig>,
    pub(crate) instance_group: Vec<InstanceGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dynamic_batching: Option<DynamicBatching>,
    pub(crate) model_transaction_policy: TransactionPolicy,
}

/// An input.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct InputConfig {
    pub(crate) name: String,
    pub(crate) data_type: &'static str,
    pub(crate) dims: Vec<i64>,
    pub(crate) optional: bool,
}

/// An output.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OutputConfig {
    pub(crate) name: String,
    pub(crate) data_type: &'static str,
    pub(crate) dims: Vec<i64>,
}

/// The instances of a model.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct InstanceGroup {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) count: i32,
}

/// How requests form batches.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DynamicBatching {
    pub(crate) preferred_batch_size: Vec<i32>,
    pub(crate) max_queue_delay_microseconds: u64,
    pub(crate) priority_levels: u64,
}

/// How many responses a request has.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TransactionPolicy {
    /// Whether it may have none or several, by the way of streams: the inferer is a generator.
    pub(crate) decoupled: bool,
}

/// Describes the configuration of the model or graph of a route.
pub(crate) fn describe(route: &Route) -> ModelConfig {
    let (inputs, outputs) = (inputs(route), route_signature::outputs(route));
    let max_batch_size = max_batch_size(route, &inputs, &outputs);
    let dims = |spec: &TensorSpec| {
        // The dimension of rows is understood where there are batches.
        sizes(spec).into_iter().skip(usize::from(max_batch_size > 0)).collect()
    };
    let dtype = |spec: &TensorSpec| spec.dtype.map_or("TYPE_INVALID", data_type::config_name_of);
    let platform = platform(route);
    ModelConfig {
        name: lookup::name_of(route).to_owned(),
        backend: platform.clone(),
        platform,
        max_batch_size,
        input: inputs
            .iter()
            .map(|spec| InputConfig {
                name: spec.name.to_string(),
                data_type: dtype(spec),
                dims: dims(spec),
                optional: !spec.required,
            })
            .collect(),
        output: outputs
            .iter()
            .map(|spec| OutputConfig {
                name: spec.name.to_string(),
                data_type: dtype(spec),
                dims: dims(spec),
            })
            .collect(),
        instance_group: instance_group(route),
        dynamic_batching: dynamic_batching(route),
        model_transaction_policy: TransactionPolicy { decoupled: streams(route) },
    }
}

/// Most rows of a batch, if the requests have rows: each input and output has a first dimension that
/// is dynamic.
fn max_batch_size(route: &Route, inputs: &[TensorSpec], outputs: &[TensorSpec]) -> i32 {
    let has_rows = |spec: &TensorSpec| {
        spec.shape.as_ref().is_some_and(|shape| matches!(shape.first(), Some(None)))
    };
    let mut all = inputs.iter().chain(outputs);
    match (route.graph(), route.models()) {
        (None, [model]) if !inputs.is_empty() && all.all(has_rows) => {
            let batching = &model.spec().batching;
            let most = i32::try_from(batching.max_rows).unwrap_or(i32::MAX);
            if batching.batches() { most } else { 0 }
        }
        _ => 0,
    }
}

fn instance_group(route: &Route) -> Vec<InstanceGroup> {
    let groups = route.models().iter().map(|model| InstanceGroup {
        name: model.key().to_owned(),
        kind: "KIND_AUTO",
        count: i32::try_from(model.executor().instances()).unwrap_or(i32::MAX),
    });
    groups.collect()
}

fn dynamic_batching(route: &Route) -> Option<DynamicBatching> {
    let model = route.models().first().filter(|_| route.graph().is_none())?;
    let batching = &model.spec().batching;
    let small = |size: &usize| i32::try_from(*size).unwrap_or(i32::MAX);
    batching.batches().then(|| DynamicBatching {
        preferred_batch_size: batching.preferred.iter().map(small).collect(),
        max_queue_delay_microseconds: u64::try_from(batching.window.as_micros())
            .unwrap_or(u64::MAX),
        priority_levels: batching.priority_levels as u64,
    })
}
