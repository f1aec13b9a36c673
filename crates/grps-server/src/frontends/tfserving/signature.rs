//! The one signature that a model is served by.

use grps_core::{DataType, Error, Route, TensorSpec, quoted, shown};
use serde_json::Value;

use crate::admin::route_signature;
use crate::frontends::shared::inference::content::inputs;
use crate::frontends::shared::inference::lookup;

/// The name of the signature that requests mean without a name.
const DEFAULT: &str = "serving_default";
/// The only method that all models have.
pub(crate) const METHOD_NAME: &str = "tensorflow/serving/predict";

/// What is said of a signature.
#[derive(Clone, Debug)]
pub(crate) struct SignatureInfo {
    /// Its name.
    pub(crate) name: String,
    pub(crate) inputs: Vec<TensorInfo>,
    pub(crate) outputs: Vec<TensorInfo>,
}

/// An input or output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TensorInfo {
    pub(crate) name: String,
    /// `None` when the model does not tell.
    pub(crate) dtype: Option<DataType>,
    /// -1 for a dynamic size; `None` when the model does not tell.
    pub(crate) shape: Option<Vec<i64>>,
}

/// Describes the signature of a route.
pub(crate) fn describe(route: &Route) -> SignatureInfo {
    let infos = |specs: &[TensorSpec]| specs.iter().map(TensorInfo::new).collect();
    SignatureInfo {
        name: served(route),
        inputs: infos(&inputs(route)),
        outputs: infos(&route_signature::outputs(route)),
    }
}

impl TensorInfo {
    fn new(spec: &TensorSpec) -> Self {
        let size = |size: &Option<usize>| size.map_or(-1, |size| i64::try_from(size).unwrap_or(-1));
        let shape = spec.shape.as_ref().map(|shape| shape.iter().map(size).collect());
        Self { name: spec.name.to_string(), dtype: spec.dtype, shape }
    }
}

/// The name of the signature that runs a request for this one, which may be empty.
///
/// # Errors
/// `InvalidArgument` for one that the model is not served by.
pub(crate) fn check(route: &Route, requested: &str) -> Result<String, Error> {
    if requested.is_empty() || requested == DEFAULT {
        return Ok(DEFAULT.to_owned());
    }
    let served = served(route);
    if requested == served {
        return Ok(served);
    }
    Err(Error::invalid(format!(
        "model {} has no signature {}; it is served by its signature {}",
        shown(lookup::name_of(route)),
        quoted(requested),
        quoted(&served)
    )))
}

/// The signature that the configuration of the model names.
fn served(route: &Route) -> String {
    let model = route.models().first().filter(|_| route.graph().is_none());
    let description = model.map(|model| model.spec().description.as_str()).unwrap_or_default();
    let description: Value = serde_json::from_str(description).unwrap_or_default();
    let named = description.pointer("/inferer_args/signature").and_then(Value::as_str);
    named.unwrap_or(DEFAULT).to_owned()
}

#[cfg(test)]
mod tests {
    use grps_core::{InputForm, Model, ModelSpec, Naming, Registry, RouteQuery, Signature};

    use super::*;

    fn route(description: &str) -> Route {
        let spec = |name: &str, shape| TensorSpec {
            name: name.into(),
            dtype: Some(DataType::Float32),
            shape,
            required: true,
        };
        let signature = Signature {
            inputs: vec![spec("x", Some(vec![None, Some(2)]))],
            outputs: vec![spec("y", None)],
            naming: Naming::Strict,
        };
        let spec = ModelSpec {
            signature: Some(signature),
            description: description.to_owned(),
            ..ModelSpec::new("m", "1", InputForm::Tensors)
        };
        let registry = Registry::default();
        registry.add(Model::pulled(spec).0).unwrap();
        registry.resolve(&RouteQuery::named("m")).unwrap()
    }

    #[test]
    fn the_default_and_the_configured_name_are_served() {
        let plain = route("");
        assert_eq!(check(&plain, "").unwrap(), "serving_default");
        assert_eq!(check(&plain, "serving_default").unwrap(), "serving_default");
        let error = check(&plain, "classify").unwrap_err();
        assert!(error.message().contains("served by its signature 'serving_default'"), "{error}");
        let named = route("{\"inferer_args\": {\"signature\": \"classify\"}}");
        assert_eq!(check(&named, "classify").unwrap(), "classify");
        assert!(check(&named, "").is_ok() && check(&named, "other").is_err());
    }

    #[test]
    fn inputs_and_outputs_are_described() {
        let info = describe(&route(""));
        assert_eq!(info.name, "serving_default");
        assert_eq!(info.inputs[0].shape, Some(vec![-1, 2]));
        assert_eq!((info.outputs[0].name.as_str(), &info.outputs[0].shape), ("y", &None));
    }
}
