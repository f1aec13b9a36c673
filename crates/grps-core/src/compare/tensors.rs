//! Compares lists of tensors.

use std::collections::HashMap;

use crate::compare::comparison::{Comparison, Mismatch};
use crate::compare::place::Place;
use crate::compare::tally::Tally;
use crate::compare::tolerance::Tolerance;
use crate::tensor::tensor::Tensor;

/// Compares tensors with the expected ones: by their names in any order if each has a name of its
/// own, else by their order.
pub fn compare_tensors(expected: &[Tensor], actual: &[Tensor], tolerance: Tolerance) -> Comparison {
    let mut result = Compared { comparison: Comparison::default(), worst: 0.0 };
    match (by_name(expected), by_name(actual)) {
        (Some(_), Some(mut named)) => {
            for tensor in expected {
                match named.remove(tensor.name()) {
                    Some(other) => result.add(tensor, other, tolerance),
                    None => result.miss(tensor),
                }
            }
            let is_left = |tensor: &&Tensor| named.contains_key(tensor.name());
            actual.iter().filter(is_left).for_each(|tensor| result.refuse(tensor));
        }
        _ => {
            for (tensor, other) in expected.iter().zip(actual) {
                if tensor.name() == other.name() {
                    result.add(tensor, other, tolerance);
                } else {
                    result.miss(tensor);
                    result.refuse(other);
                }
            }
            expected.iter().skip(actual.len()).for_each(|tensor| result.miss(tensor));
            actual.iter().skip(expected.len()).for_each(|tensor| result.refuse(tensor));
        }
    }
    let Compared { mut comparison, .. } = result;
    comparison.worst = comparison.worst.or_else(|| comparison.first.clone());
    comparison
}

/// Tensors by their names; `None` if a name is empty or comes twice.
fn by_name(tensors: &[Tensor]) -> Option<HashMap<&str, &Tensor>> {
    let named: HashMap<_, _> = tensors.iter().map(|tensor| (tensor.name(), tensor)).collect();
    (named.len() == tensors.len() && !named.contains_key("")).then_some(named)
}

struct Compared {
    comparison: Comparison,
    /// The largest difference beyond the tolerance.
    worst: f64,
}

impl Compared {
    fn miss(&mut self, tensor: &Tensor) {
        self.comparison.add_mismatch(Mismatch::Missing(tensor.name().to_owned()));
    }

    fn refuse(&mut self, tensor: &Tensor) {
        self.comparison.add_mismatch(Mismatch::Unexpected(tensor.name().to_owned()));
    }

    fn add(&mut self, expected: &Tensor, actual: &Tensor, tolerance: Tolerance) {
        let tensor = || expected.name().to_owned();
        let types = (expected.dtype(), actual.dtype());
        if types.0 != types.1 {
            let (expected, actual) = types;
            let mismatch = Mismatch::DataType { tensor: tensor(), expected, actual };
            return self.comparison.add_mismatch(mismatch);
        }
        if expected.shape() != actual.shape() {
            let (expected, actual) = (expected.shape().to_vec(), actual.shape().to_vec());
            let mismatch = Mismatch::Shape { tensor: tensor(), expected, actual };
            return self.comparison.add_mismatch(mismatch);
        }
        let tally = Tally::of(expected.elements(), actual.elements(), tolerance);
        let comparison = &mut self.comparison;
        comparison.elements += expected.elements().len() as u64;
        comparison.unequal += tally.unequal;
        comparison.differing += tally.differing;
        comparison.non_finite += tally.non_finite;
        comparison.max_absolute = comparison.max_absolute.max(tally.max_absolute);
        comparison.max_relative = comparison.max_relative.max(tally.max_relative);
        if let Some(first) = tally.first.filter(|_| comparison.first.is_none()) {
            comparison.first = Some(Place::of_element(expected, actual, first));
        }
        if let Some((position, distance)) = tally.worst.filter(|worst| worst.1 > self.worst) {
            self.worst = distance;
            comparison.worst = Some(Place::of_element(expected, actual, position));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::comparison::Verdict;
    use crate::tensor::dtype::DataType;
    use crate::tensor::values::Values;

    fn tensor(name: &str, values: impl Into<Values>) -> Tensor {
        let values = values.into();
        Tensor::new(name.into(), vec![values.len()], values).unwrap()
    }

    fn compare(expected: &[Tensor], actual: &[Tensor]) -> Comparison {
        compare_tensors(expected, actual, Tolerance::EXACT)
    }

    #[test]
    fn named_tensors_may_come_in_any_order() {
        let (a, b) = (tensor("a", vec![1_i32, 2]), tensor("b", vec![3.0_f32]));
        let result = compare(&[a.clone(), b.clone()], &[b.clone(), a.clone()]);
        assert_eq!((result.verdict(), result.elements), (Verdict::Equal, 3));
        let result = compare(std::slice::from_ref(&a), &[b, a.clone()]);
        assert_eq!(result.mismatches, [Mismatch::Unexpected("b".into())]);
    }

    #[test]
    fn names_that_are_not_unique_go_by_order() {
        let (one, two) = (tensor("", vec![1_u8]), tensor("", vec![2_u8]));
        let result = compare(&[one.clone(), two.clone()], &[two.clone(), one.clone()]);
        assert_eq!((result.differing, result.elements), (2, 2));
        let result = compare(std::slice::from_ref(&one), &[one.clone(), two]);
        assert_eq!(result.mismatches, [Mismatch::Unexpected(String::new())]);
        let named = tensor("x", vec![1_u8]);
        let result = compare(&[named], &[one]);
        let wanted = [Mismatch::Missing("x".into()), Mismatch::Unexpected(String::new())];
        assert_eq!(result.mismatches, wanted);
    }

    #[test]
    fn types_and_shapes_must_be_equal() {
        let expected = tensor("x", vec![1.0_f32, 2.0]);
        let result = compare(std::slice::from_ref(&expected), &[tensor("x", vec![1.0_f64, 2.0])]);
        let (name, float) = ("x".to_owned(), DataType::Float32);
        let wanted =
            Mismatch::DataType { tensor: name.clone(), expected: float, actual: DataType::Float64 };
        assert_eq!(result.mismatches, [wanted]);
        let column = Values::from(vec![1.0_f32, 2.0]);
        let column = Tensor::new("x".into(), vec![2, 1], column).unwrap();
        let result = compare(&[expected], &[column]);
        let wanted = Mismatch::Shape { tensor: name, expected: vec![2], actual: vec![2, 1] };
        assert_eq!((result.mismatches, result.elements), (vec![wanted], 0));
    }

    #[test]
    fn the_places_of_all_tensors_are_compared() {
        let expected = [tensor("a", vec![1_i32, 1]), tensor("b", vec![1.0_f32, 1.0])];
        let actual = [tensor("a", vec![1_i32, 2]), tensor("b", vec![1.0_f32, 9.0])];
        let result = compare(&expected, &actual);
        let place = |tensor: &str, actual: &str| Place {
            tensor: tensor.into(),
            index: vec![1],
            expected: "1".into(),
            actual: actual.into(),
        };
        assert_eq!(result.first, Some(place("a", "2")));
        assert_eq!(result.worst, Some(place("b", "9")));
        assert_eq!((result.elements, result.differing, result.max_absolute), (4, 2, 8.0));
    }

    #[test]
    fn tensors_without_elements_are_equal() {
        let none: Vec<f32> = vec![];
        assert_eq!(compare(&[], &[]).verdict(), Verdict::Equal);
        let result = compare(&[tensor("x", none.clone())], &[tensor("x", none)]);
        assert_eq!((result.verdict(), result.elements), (Verdict::Equal, 0));
    }
}
