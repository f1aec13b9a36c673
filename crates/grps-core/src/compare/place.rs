//! Where two outputs differ.

use crate::tensor::tensor::Tensor;
use crate::tensor::values::Elements;
use crate::text::excerpt;

/// Most characters of a text that are repeated.
const MAX_TEXT_CHARS: usize = 40;

/// An element that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of the tensor; empty if it has none, and for contents without tensors.
    pub tensor: String,
    /// The position in each dimension; of bytes, the first one that differs.
    pub index: Vec<usize>,
    /// The expected value as text.
    pub expected: String,
    /// The value in its place.
    pub actual: String,
}

impl Place {
    /// The place of an element, by its position in memory.
    pub(super) fn of_element(expected: &Tensor, actual: &Tensor, position: usize) -> Self {
        Self {
            tensor: expected.name().to_owned(),
            index: index_of(expected.shape(), position),
            expected: shown(expected.elements(), position),
            actual: shown(actual.elements(), position),
        }
    }

    /// The first byte that differs, with those behind it.
    pub(super) fn of_bytes(expected: &[u8], actual: &[u8]) -> Self {
        let position = common_bytes(expected, actual);
        let shown = |bytes: &[u8]| {
            let rest = bytes.get(position..).unwrap_or_default();
            let start = rest.get(..rest.len().min(MAX_TEXT_CHARS * 4)).unwrap_or_default();
            excerpt(&String::from_utf8_lossy(start), MAX_TEXT_CHARS)
        };
        Self {
            tensor: String::new(),
            index: vec![position],
            expected: shown(expected),
            actual: shown(actual),
        }
    }
}

/// How many bytes both begin with.
fn common_bytes(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// The position in each dimension of an element.
fn index_of(shape: &[usize], position: usize) -> Vec<usize> {
    let mut rest = position;
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|size| {
            let at = rest.checked_rem(*size).unwrap_or_default();
            rest = rest.checked_div(*size).unwrap_or_default();
            at
        })
        .collect();
    index.reverse();
    index
}

fn shown(elements: Elements<'_>, at: usize) -> String {
    fn text<T: ToString>(values: &[T], at: usize) -> String {
        values.get(at).map(T::to_string).unwrap_or_default()
    }
    match elements {
        Elements::Bool(values) => text(values, at),
        Elements::Uint8(values) => text(values, at),
        Elements::Uint16(values) => text(values, at),
        Elements::Uint32(values) => text(values, at),
        Elements::Uint64(values) => text(values, at),
        Elements::Int8(values) => text(values, at),
        Elements::Int16(values) => text(values, at),
        Elements::Int32(values) => text(values, at),
        Elements::Int64(values) => text(values, at),
        Elements::Float16(values) => text(values, at),
        Elements::Bfloat16(values) => text(values, at),
        Elements::Float32(values) => text(values, at),
        Elements::Float64(values) => text(values, at),
        Elements::String(values) => {
            let value = values.get(at).map(|value| String::from_utf8_lossy(value));
            excerpt(&value.unwrap_or_default(), MAX_TEXT_CHARS)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_a_number_for_each_dimension() {
        assert_eq!(index_of(&[2, 3, 4], 0), [0, 0, 0]);
        assert_eq!(index_of(&[2, 3, 4], 23), [1, 2, 3]);
        assert_eq!(index_of(&[2, 3, 4], 13), [1, 0, 1]);
        assert_eq!(index_of(&[], 0), [0; 0]);
    }

    #[test]
    fn bytes_are_shown_from_where_they_differ() {
        let place = Place::of_bytes(b"one two", b"one three");
        assert_eq!((&*place.expected, &*place.actual), (r#""wo""#, r#""hree""#));
        assert_eq!(place.index, [5]);
        let place = Place::of_bytes(b"", &[b'x'; 1000]);
        assert_eq!((place.index, place.expected), (vec![0], "\"\"".to_owned()));
        assert_eq!(place.actual, format!("\"{}\"...", "x".repeat(MAX_TEXT_CHARS)));
    }
}
