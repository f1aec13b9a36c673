//! Which graph and which signature of a SavedModel are served.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::common::EngineError;
use crate::tensorflow::savedmodel::graphs::{Graph, Infos, TensorInfo};
use crate::tensorflow::savedmodel::natural::natural;

const DEFAULT_SIGNATURE: &str = "serving_default";
const DEFAULT_TAG: &str = "serve";
/// Begin of the names of signatures that TensorFlow keeps for itself.
const INTERNAL: &str = "__saved_model_";
const BINARY: &str = "saved_model.pb";
/// The list of the weights. TensorFlow loads a model without it, whose runs fail then.
const WEIGHTS: &str = "variables/variables.index";
const TEXT: &str = "saved_model.pbtxt";

/// The graph and the signature that are served.
#[derive(Debug)]
pub(in crate::tensorflow) struct Chosen {
    pub(in crate::tensorflow) tags: Vec<String>,
    has_variables: bool,
    /// In the order of the arguments, or else of the alphabet.
    pub(in crate::tensorflow) inputs: Vec<(String, TensorInfo)>,
    /// By name, where `output_10` follows `output_9`.
    pub(in crate::tensorflow) outputs: Vec<(String, TensorInfo)>,
}

/// Finds a signature in the SavedModel at `path`; what is not asked for is chosen.
///
/// # Errors
/// The file is damaged, or has no such graph or signature.
pub(in crate::tensorflow) fn choose_signature(
    path: &Path,
    tags: &[&str],
    signature: Option<&str>,
) -> Result<Chosen, EngineError> {
    let failed =
        |path: &Path, text: &str| EngineError::Model(format!("{}: {text}", path.display()));
    let graphs = Graph::all(&read(path)?)
        .map_err(|_| failed(&path.join(BINARY), "damaged or cut short; copy the file again"))?;
    let chosen = choose(graphs, tags, signature).map_err(|text| failed(path, &text))?;
    if chosen.has_variables && !path.join(WEIGHTS).exists() {
        return Err(failed(path, &format!("no {WEIGHTS}; copy the whole folder again")));
    }
    Ok(chosen)
}

fn read(path: &Path) -> Result<Vec<u8>, EngineError> {
    let failed = |text: String| EngineError::Model(format!("{}: {text}", path.display()));
    let binary = path.join(BINARY);
    if binary.exists() {
        return std::fs::read(&binary).map_err(|error| failed(format!("can't be read: {error}")));
    }
    if path.join(TEXT).exists() {
        return Err(EngineError::NeedsPython(TEXT.to_owned()));
    }
    let what = if path.exists() { "no saved_model.pb" } else { "no such file or directory" };
    Err(failed(what.to_owned()))
}

fn choose(graphs: Vec<Graph>, tags: &[&str], signature: Option<&str>) -> Result<Chosen, String> {
    let mut graph = graph_of(graphs, tags)?;
    graph.signatures.retain(|name, _| !name.starts_with(INTERNAL));
    let name = name_of(&graph, signature)?;
    let (inputs, outputs) = graph.signatures.remove(&name).unwrap_or_default();
    let order = argument_order(&graph, &inputs);
    let order = order.unwrap_or_else(|| in_natural_order(&inputs));
    let infos = |order: Vec<String>, known: &Infos| {
        let found = order.into_iter().filter_map(|name| {
            let info = known.get(&name)?.clone();
            Some((name, info))
        });
        found.collect()
    };
    Ok(Chosen {
        tags: graph.tags,
        has_variables: graph.has_variables,
        outputs: infos(in_natural_order(&outputs), &outputs),
        inputs: infos(order, &inputs),
    })
}

fn graph_of(graphs: Vec<Graph>, tags: &[&str]) -> Result<Graph, String> {
    let key = |graph: &Graph| graph.tags.iter().cloned().collect::<BTreeSet<String>>();
    let mut graphs: BTreeMap<_, _> = graphs.into_iter().map(|graph| (key(&graph), graph)).collect();
    if graphs.is_empty() {
        return Err("the SavedModel holds no graph; copy the file again".to_owned());
    }
    let known: Vec<_> = graphs
        .keys()
        .map(|group| group.iter().cloned().collect::<Vec<_>>().join(", "))
        .map(|group| if group.is_empty() { "(none)".to_owned() } else { group })
        .collect();
    let wanted = if tags.is_empty() { &[DEFAULT_TAG][..] } else { tags };
    let wanted_key: BTreeSet<_> = wanted.iter().map(|tag| (*tag).to_owned()).collect();
    let only = graphs.len() == 1 && tags.is_empty();
    let found =
        if only { graphs.pop_first().map(|(_, graph)| graph) } else { graphs.remove(&wanted_key) };
    found.ok_or_else(|| {
        let what = if tags.is_empty() {
            "several graphs".to_owned()
        } else {
            format!("no graph has the tags {}", tags.join(", "))
        };
        let known = known.join("; ");
        format!("{what}; set tags in inferer_args to those of one graph: {known}")
    })
}

fn name_of(graph: &Graph, wanted: Option<&str>) -> Result<String, String> {
    let names: Vec<&str> = graph.signatures.keys().map(String::as_str).collect();
    let name = match (names.as_slice(), wanted) {
        ([], _) => {
            return Err("the SavedModel has no signature; save it with \
                        tf.saved_model.save(model, path, signatures=...)"
                .to_owned());
        }
        ([only], None) => only,
        _ => wanted.filter(|wanted| !wanted.is_empty()).unwrap_or(DEFAULT_SIGNATURE),
    };
    if names.contains(&name) {
        return Ok(name.to_owned());
    }
    let said = wanted.map_or_else(
        || "several signatures".to_owned(),
        |wanted| format!("no signature is called '{wanted}'"),
    );
    Err(format!("{said}; set signature in inferer_args to one of: {}", names.join(", ")))
}

/// The one order in which the model's functions take inputs of these names.
///
/// Signatures themselves have no order; the functions they were made from are stored beside them.
fn argument_order(graph: &Graph, inputs: &Infos) -> Option<Vec<String>> {
    let fits = |order: &&Vec<String>| {
        let named: BTreeSet<_> = order.iter().collect();
        order.len() == inputs.len()
            && named.len() == order.len()
            && named.into_iter().eq(inputs.keys())
    };
    let mut orders = graph.orders.iter().filter(fits);
    let first = orders.next()?;
    orders.next().is_none().then(|| first.clone())
}

fn in_natural_order(infos: &Infos) -> Vec<String> {
    let mut names: Vec<String> = infos.keys().cloned().collect();
    names.sort_by(|one, two| natural(one).cmp(&natural(two)));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![(number << 3) | 2, u8::try_from(content.len()).unwrap()];
        bytes.extend_from_slice(content);
        bytes
    }

    fn entry(name: &str, content: &[u8]) -> Vec<u8> {
        [field(1, name.as_bytes()), field(2, content)].concat()
    }

    /// A graph with a signature that has an input and an output.
    fn graph(tag: &str, signature: &str) -> Vec<u8> {
        let info = [field(1, b"x:0"), vec![0x10, 1], field(3, &field(2, &[8, 3]))].concat();
        let sides = [field(1, &entry("x", &info)), field(2, &entry("y", &info))].concat();
        let tags = field(1, &field(4, tag.as_bytes()));
        field(2, &[tags, field(5, &entry(signature, &sides))].concat())
    }

    fn chosen_of(bytes: &[u8], tags: &[&str], signature: Option<&str>) -> Result<Chosen, String> {
        let graphs = Graph::all(bytes).map_err(|_| "damaged".to_owned())?;
        choose(graphs, tags, signature)
    }

    #[test]
    fn a_signature_is_chosen() {
        let model = [graph("serve", "serving_default"), graph("train", "fit")].concat();
        let chosen = chosen_of(&model, &[], None).unwrap();
        assert_eq!(chosen.tags, ["serve"]);
        let info =
            TensorInfo { tensor: Some("x:0".to_owned()), dtype: 1, shape: Some(vec![Some(3)]) };
        assert_eq!(chosen.inputs, [("x".to_owned(), info.clone())]);
        assert_eq!(chosen.outputs, [("y".to_owned(), info)]);
        assert_eq!(chosen_of(&model, &["train"], None).unwrap().tags, ["train"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let model = [graph("a", "one"), graph("b", "two")].concat();
        let said = |tags: &[&str], name| chosen_of(&model, tags, name).unwrap_err();
        let known = "set tags in inferer_args to those of one graph: a; b";
        assert_eq!(said(&[], None), format!("several graphs; {known}"));
        assert_eq!(said(&["c"], None), format!("no graph has the tags c; {known}"));
        let cause = "no signature is called 'x'; set signature in inferer_args to one of: one";
        assert_eq!(said(&["a"], Some("x")), cause);
        assert_eq!(
            chosen_of(&[], &[], None).unwrap_err().split(';').next(),
            Some("the SavedModel holds no graph")
        );
        let cut = &model[..model.len() - 1];
        assert!(chosen_of(cut, &["a"], None).unwrap_err().starts_with("damaged"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_model_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = chosen_of(&bytes, &[], None);
        }

        #[test]
        fn a_model_with_changed_bytes_is_a_model_or_an_error(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
        ) {
            let mut model = [graph("serve", "serving_default"), graph("train", "fit")].concat();
            for (at, byte) in changes {
                let at = at.index(model.len());
                model[at] = byte;
            }
            let _ = chosen_of(&model, &[], None);
        }
    }
}
