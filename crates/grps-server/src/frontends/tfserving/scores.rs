//! The answers of classify and regress, from the tensors that a model returned.

use bytes::Bytes;
use grps_core::{Elements, Error, Tensor, quoted};

/// A label and its score.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Class {
    /// Empty when the model returns none.
    pub(crate) label: Bytes,
    /// 0 when the model returns none.
    pub(crate) score: f32,
}

/// The classes of each example: from the outputs `classes` and `scores`, or the only ones of strings
/// and of floats.
///
/// # Errors
/// `InvalidArgument` when the outputs are not those of a classifier for so many examples.
pub(crate) fn classify(tensors: &[Tensor], examples: usize) -> Result<Vec<Vec<Class>>, Error> {
    let labels = find(tensors, "classes", |elements| matches!(elements, Elements::String(_)));
    let scores = find(tensors, "scores", is_float);
    let Some(any) = labels.or(scores) else {
        return Err(unfit("classify", "strings named 'classes' or floats named 'scores'", tensors));
    };
    let count = columns(any, examples)?;
    for tensor in labels.into_iter().chain(scores) {
        if columns(tensor, examples)? != count {
            return Err(Error::invalid("the outputs 'classes' and 'scores' differ in shape"));
        }
    }
    let labels = labels.map(|tensor| match tensor.elements() {
        Elements::String(labels) => labels,
        _ => &[],
    });
    let scores = scores.map(|tensor| floats(tensor.elements()));
    let class = |index: usize| Class {
        label: labels.and_then(|labels| labels.get(index)).cloned().unwrap_or_default(),
        score: scores.as_ref().and_then(|scores| scores.get(index)).copied().unwrap_or_default(),
    };
    let row = |row: usize| (row * count..(row + 1) * count).map(class).collect();
    Ok((0..examples).map(row).collect())
}

/// The value of each example: from the output `outputs`, or the only one of floats.
///
/// # Errors
/// `InvalidArgument` when the outputs are not those of a regressor for so many examples.
pub(crate) fn regress(tensors: &[Tensor], examples: usize) -> Result<Vec<f32>, Error> {
    let Some(tensor) = find(tensors, "outputs", is_float) else {
        return Err(unfit("regress", "floats named 'outputs'", tensors));
    };
    if columns(tensor, examples)? != 1 {
        let shape = tensor.shape();
        let name = quoted(tensor.name());
        return Err(Error::invalid(format!(
            "output {name} has shape {shape:?}, regress needs one value for each example"
        )));
    }
    Ok(floats(tensor.elements()))
}

/// The tensor of this name, or else the only one of the kind.
fn find<'a>(
    tensors: &'a [Tensor],
    name: &str,
    is_kind: impl Fn(Elements<'_>) -> bool,
) -> Option<&'a Tensor> {
    let mut fitting = tensors.iter().filter(|tensor| is_kind(tensor.elements()));
    if let Some(named) = fitting.clone().find(|tensor| tensor.name() == name) {
        return Some(named);
    }
    fitting.next().filter(|_| fitting.next().is_none())
}

fn is_float(elements: Elements<'_>) -> bool {
    matches!(elements, Elements::Float16(_) | Elements::Float32(_) | Elements::Float64(_))
}

fn floats(elements: Elements<'_>) -> Vec<f32> {
    match elements {
        Elements::Float16(values) => values.iter().map(|value| value.to_f32()).collect(),
        Elements::Float32(values) => values.to_vec(),
        Elements::Float64(values) => values.iter().map(|value| *value as f32).collect(),
        _ => Vec::new(),
    }
}

/// How many values a tensor has for each example.
fn columns(tensor: &Tensor, examples: usize) -> Result<usize, Error> {
    match *tensor.shape() {
        [rows] if rows == examples => Ok(1),
        [rows, columns] if rows == examples => Ok(columns),
        _ => Err(Error::invalid(format!(
            "output {} has shape {:?}, {examples} examples need [{examples}, any]",
            quoted(tensor.name()),
            tensor.shape()
        ))),
    }
}

fn unfit(method: &str, needed: &str, tensors: &[Tensor]) -> Error {
    let describe = |tensor: &Tensor| format!("{} {}", quoted(tensor.name()), tensor.dtype());
    let outputs: Vec<_> = tensors.iter().map(describe).collect();
    Error::invalid(format!(
        "{method} needs a model that returns {needed}; this one returned: {}; use predict",
        if outputs.is_empty() { "nothing".to_owned() } else { outputs.join(", ") }
    ))
}

#[cfg(test)]
mod tests {
    use grps_core::Values;

    use super::*;

    fn tensor(name: &str, shape: &[usize], values: impl Into<Values>) -> Tensor {
        Tensor::new(name.into(), shape, values.into()).unwrap()
    }

    fn text(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn classes_have_labels_and_scores() {
        let labels = tensor("classes", &[2, 2], vec![text("a"), text("b"), text("a"), text("b")]);
        let scores = tensor("scores", &[2, 2], vec![0.5f32, 0.25, 1.0, 0.0]);
        let rows = classify(&[labels.clone(), scores.clone()], 2).unwrap();
        assert_eq!(rows[0][1], Class { label: text("b"), score: 0.25 });
        assert_eq!((rows.len(), rows[1].len()), (2, 2));
        let only_labels = classify(std::slice::from_ref(&labels), 2).unwrap();
        assert_eq!(only_labels[1][0], Class { label: text("a"), score: 0.0 });
        let only_scores = classify(&[tensor("p", &[2], vec![0.5f64, 1.0])], 2).unwrap();
        assert_eq!(
            only_scores,
            [[Class { label: text(""), score: 0.5 }], [Class { label: text(""), score: 1.0 }]]
        );
        assert!(classify(&[labels, tensor("scores", &[2, 1], vec![0.5f32, 0.5])], 2).is_err());
        assert!(classify(&[scores], 3).is_err());
        let error = classify(&[tensor("n", &[2], vec![1i64, 2])], 2).unwrap_err();
        assert!(error.message().contains("this one returned: 'n' int64"), "{error}");
        assert!(classify(&[], 1).unwrap_err().message().contains("nothing"));
    }

    #[test]
    fn regression_has_one_value_for_each_example() {
        let named = tensor("outputs", &[2, 1], vec![1.5f32, 2.5]);
        let other = tensor("other", &[2], vec![0.0f32, 0.0]);
        assert_eq!(regress(&[other.clone(), named], 2).unwrap(), [1.5, 2.5]);
        assert_eq!(regress(std::slice::from_ref(&other), 2).unwrap(), [0.0, 0.0]);
        assert!(regress(&[other.clone(), tensor("b", &[2], vec![0.0f32, 0.0])], 2).is_err());
        assert!(regress(&[tensor("outputs", &[2, 2], vec![0.0f32; 4])], 2).is_err());
        assert!(regress(&[other], 1).is_err());
    }
}
