//! The metadata of a model or graph.

use grps_core::{Model, Route, TensorSpec};
use serde::Serialize;
use serde_json::Value;

use crate::admin::route_signature;
use crate::app::App;
use crate::frontends::oip::inference::data_type;
use crate::frontends::shared::inference::content::inputs;
use crate::frontends::shared::inference::lookup;

/// The metadata of a model or graph.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ModelMetadata {
    pub(crate) name: String,
    /// The versions that are loaded, the latest last.
    pub(crate) versions: Vec<String>,
    /// The engine.
    pub(crate) platform: String,
    pub(crate) inputs: Vec<TensorMetadata>,
    pub(crate) outputs: Vec<TensorMetadata>,
}

/// An input or output.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TensorMetadata {
    pub(crate) name: String,
    /// Empty when the model does not tell.
    pub(crate) datatype: &'static str,
    /// -1 for a dynamic size; `[-1]` when the model does not tell.
    pub(crate) shape: Vec<i64>,
}

/// Describes the model or graph of a route.
pub(crate) fn describe(app: &App, route: &Route) -> ModelMetadata {
    let metadata = |specs: &[TensorSpec]| specs.iter().map(TensorMetadata::new).collect();
    ModelMetadata {
        name: lookup::name_of(route).to_owned(),
        versions: versions(app, route),
        platform: platform(route),
        inputs: metadata(&inputs(route)),
        outputs: metadata(&route_signature::outputs(route)),
    }
}

impl TensorMetadata {
    fn new(spec: &TensorSpec) -> Self {
        Self {
            name: spec.name.to_string(),
            datatype: spec.dtype.map(data_type::name_of).unwrap_or_default(),
            shape: sizes(spec),
        }
    }
}

/// The sizes of a tensor, -1 for one that is dynamic.
pub(crate) fn sizes(spec: &TensorSpec) -> Vec<i64> {
    let size = |size: &Option<usize>| size.map_or(-1, |size| i64::try_from(size).unwrap_or(-1));
    spec.shape.as_ref().map_or_else(|| vec![-1], |shape| shape.iter().map(size).collect())
}

/// The engine of a model, as its configuration calls it.
pub(crate) fn platform(route: &Route) -> String {
    let model = route.models().first().filter(|_| route.graph().is_none());
    let Some(model) = model else { return "ensemble".to_owned() };
    let engine = description(model);
    let engine = engine.get("inferer_type").and_then(Value::as_str);
    engine.unwrap_or("grps").to_owned()
}

/// Whether a model is known to answer in pieces.
pub(crate) fn streams(route: &Route) -> bool {
    let last = route.models().last();
    last.is_some_and(|model| description(model).get("streams") == Some(&Value::Bool(true)))
}

fn description(model: &Model) -> Value {
    serde_json::from_str(&model.spec().description).unwrap_or_default()
}

fn versions(app: &App, route: &Route) -> Vec<String> {
    if route.graph().is_some() {
        return vec![lookup::version_of(route).to_owned()];
    }
    let name = lookup::name_of(route);
    let models = app.engine.registry().models();
    let own = models.iter().filter(|model| model.spec().name == name);
    own.map(|model| model.spec().version.clone()).collect()
}
