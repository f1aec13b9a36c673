//! Models by name and version.

use grps_core::{Cause, Error, Route, RouteQuery};
use http::HeaderMap;

use crate::app::App;
use crate::call::call::Call;

/// The version of every graph: graphs have none of their own.
const GRAPH_VERSION: &str = "1";

/// Selects the route of an inference request, which is counted for it. `version` may be empty.
///
/// # Errors
/// `InvalidArgument` without a name; see [`Call::resolve`].
pub(crate) fn resolve(
    call: &Call,
    model: &str,
    version: &str,
    headers: &HeaderMap,
) -> Result<Route, Error> {
    let attributes = &|name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let query = RouteQuery { attributes, ..query(model, version)? };
    match call.find_route(&query) {
        Ok(route) => {
            call.scope.set_route(&route);
            Ok(route)
        }
        Err(error) => {
            let route = graph(&call.app, model, version).ok_or(error)?;
            call.scope.set_route(&route);
            Ok(route)
        }
    }
}

/// Finds a model or graph. `version` may be empty.
///
/// # Errors
/// `NotFound` for an unknown one, `Unavailable` while models are loading.
pub(crate) fn find(app: &App, model: &str, version: &str) -> Result<Route, Error> {
    let found = app.engine.resolve(&query(model, version)?);
    found.or_else(|error| graph(app, model, version).ok_or(error))
}

/// The version of what runs the requests of a route.
pub(crate) fn version_of(route: &Route) -> &str {
    match (route.graph(), route.models().first()) {
        (None, Some(model)) => &model.spec().version,
        _ => GRAPH_VERSION,
    }
}

/// The name of a model without its version, or of a graph.
pub(crate) fn name_of(route: &Route) -> &str {
    match (route.graph(), route.models().first()) {
        (Some(graph), _) => &graph.spec().name,
        (None, Some(model)) => &model.spec().name,
        (None, None) => "",
    }
}

fn query<'a>(model: &'a str, version: &'a str) -> Result<RouteQuery<'a>, Error> {
    if model.is_empty() {
        return Err(Error::invalid("the name of the model is missing"));
    }
    Ok(RouteQuery { version: Some(version), ..RouteQuery::named(model) })
}

/// A graph that is called by the version of all graphs.
fn graph(app: &App, model: &str, version: &str) -> Option<Route> {
    if version != GRAPH_VERSION {
        return None;
    }
    let found = app.engine.resolve(&RouteQuery::named(model)).ok()?;
    found.graph().is_some().then_some(found)
}

/// The error for a version that a whole-service call does not take.
pub(crate) fn not_loaded(message: impl Into<String>) -> Error {
    Error::new(Cause::Unavailable, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use grps_core::graph::{GraphSpec, Inputs, NodeSpec, Source};
    use grps_core::{DataType, InputForm, Model, ModelSpec, Naming, Signature, TensorSpec};

    use super::*;
    use crate::app::tests::app;
    use crate::frontends::oip::service::{model_config, model_metadata, statistics};

    fn spec(name: &str) -> TensorSpec {
        let shape = Some(vec![None, Some(2)]);
        TensorSpec { name: name.into(), dtype: Some(DataType::Float32), shape, required: true }
    }

    /// An app with two versions of a model, and a graph of the model.
    fn with_graph() -> App {
        let app = app();
        for version in ["1", "2"] {
            let (inputs, outputs) = (vec![spec("x")], vec![spec("y")]);
            let signature = Some(Signature { inputs, outputs, naming: Naming::Strict });
            let spec = ModelSpec { signature, ..ModelSpec::new("m", version, InputForm::Tensors) };
            app.engine.registry().add(Model::pulled(spec).0).unwrap();
        }
        let node = NodeSpec {
            name: "n".to_owned(),
            model: "m-1".to_owned(),
            inputs: Inputs::Whole(None),
            when: None,
        };
        let source = Source { node: Some(0), tensor: "y".to_owned() };
        let outputs = vec![(Arc::from("out"), source)];
        let (name, metadata) = ("g".to_owned(), String::new());
        let graph = GraphSpec { name, nodes: vec![node], outputs, metadata };
        app.engine.registry().put_graph(graph, false).unwrap();
        app.engine.health().set_loaded();
        app
    }

    #[test]
    fn models_have_versions_and_graphs_have_one() {
        let app = with_graph();
        for (model, version, expected) in
            [("m", "", "2"), ("m", "1", "1"), ("m-1", "", "1"), ("g", "", "1"), ("g", "1", "1")]
        {
            let route = find(&app, model, version).unwrap();
            assert_eq!(version_of(&route), expected, "{model} {version}");
        }
        for (model, version, cause) in [
            ("m", "3", Cause::NotFound),
            ("g", "2", Cause::NotFound),
            ("none", "", Cause::NotFound),
            ("", "", Cause::InvalidArgument),
        ] {
            assert_eq!(find(&app, model, version).unwrap_err().cause(), cause);
        }
    }

    #[test]
    fn graphs_are_described_by_their_models() {
        let app = with_graph();
        let metadata = model_metadata::describe(&app, &find(&app, "g", "").unwrap());
        assert_eq!((metadata.name.as_str(), metadata.platform.as_str()), ("g", "ensemble"));
        assert_eq!(metadata.versions, ["1"]);
        assert_eq!((metadata.inputs[0].name.as_str(), metadata.inputs[0].datatype), ("x", "FP32"));
        assert_eq!(
            (metadata.outputs[0].name.as_str(), &metadata.outputs[0].shape[..]),
            ("out", &[-1, 2][..])
        );
        let versions = model_metadata::describe(&app, &find(&app, "m", "").unwrap()).versions;
        assert_eq!(versions, ["1", "2"]);
        assert_eq!(model_config::describe(&find(&app, "g", "").unwrap()).max_batch_size, 0);
        assert_eq!(statistics::of_named(&app, "m", "").unwrap().model_stats.len(), 2);
        assert_eq!(statistics::of_named(&app, "m", "2").unwrap().model_stats.len(), 1);
        assert_eq!(statistics::of_named(&app, "m-1", "").unwrap().model_stats[0].version, "1");
        assert_eq!(statistics::of_named(&app, "g", "").unwrap().model_stats[0].name, "m");
    }
}
