//! Properties of comparisons for any numbers, against a plain computation.

use proptest::prelude::*;

use super::{Comparison, Tolerance, Verdict, compare_tensors};
use crate::tensor::tensor::Tensor;
use crate::tensor::values::Values;

fn tensor(values: impl Into<Values>) -> Tensor {
    let values = values.into();
    Tensor::new("x".into(), vec![values.len()], values).unwrap()
}

/// Numbers of which many are equal, and some are special.
fn number() -> impl Strategy<Value = f64> {
    let special = [0.0, -0.0, 1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX];
    prop_oneof![prop::sample::select(special.to_vec()), -4.0..4.0, any::<f64>()]
}

fn pairs() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let near = number().prop_map(|value| (value, value));
    prop::collection::vec(prop_oneof![3 => near, 1 => (number(), number())], 0..300)
}

fn tolerances() -> impl Strategy<Value = Tolerance> {
    let part = || prop_oneof![Just(0.0), 0.0..2.0];
    (part(), part()).prop_map(|(absolute, relative)| Tolerance::new(absolute, relative).unwrap())
}

/// Whether two numbers differ, element by element and without blocks.
fn differs(expected: f64, actual: f64, tolerance: Tolerance) -> bool {
    if expected == actual || (expected.is_nan() && actual.is_nan()) {
        return false;
    }
    let distance = (actual - expected).abs();
    !distance.is_finite() || distance > tolerance.absolute() + tolerance.relative() * expected.abs()
}

fn check(pairs: &[(f64, f64)], tolerance: Tolerance, found: &Comparison) {
    let differing: Vec<usize> =
        (0..pairs.len()).filter(|at| differs(pairs[*at].0, pairs[*at].1, tolerance)).collect();
    assert_eq!(found.differing, differing.len() as u64);
    assert_eq!(found.elements, pairs.len() as u64);
    assert_eq!(found.first.as_ref().map(|place| place.index[0]), differing.first().copied());
    let distances = pairs.iter().map(|(expected, actual)| (actual - expected).abs());
    let largest = distances.filter(|distance| distance.is_finite()).fold(0.0, f64::max);
    assert_eq!(found.max_absolute, largest);
    assert!(found.max_relative.is_finite());
    let worst = found.worst.as_ref().map(|place| place.index[0]);
    assert_eq!(worst.is_some(), !differing.is_empty());
    assert!(worst.is_none_or(|worst| differing.contains(&worst)));
}

proptest! {
    #[test]
    fn a_comparison_equals_one_without_blocks(pairs in pairs(), tolerance in tolerances()) {
        let (expected, actual): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let found = compare_tensors(&[tensor(expected)], &[tensor(actual)], tolerance);
        check(&pairs, tolerance, &found);
        let narrow = |value: &f64| *value as f32;
        let (expected, actual): (Vec<f32>, Vec<f32>) =
            pairs.iter().map(|(one, other)| (narrow(one), narrow(other))).unzip();
        let wide = |one: &f32, other: &f32| (f64::from(*one), f64::from(*other));
        let pairs: Vec<_> =
            expected.iter().zip(&actual).map(|(one, other)| wide(one, other)).collect();
        let found = compare_tensors(&[tensor(expected)], &[tensor(actual)], tolerance);
        check(&pairs, tolerance, &found);
    }

    #[test]
    fn integers_are_compared_like_numbers(
        pairs in prop::collection::vec((-40_i64..40, -40_i64..40), 0..300),
        tolerance in tolerances(),
    ) {
        let (expected, actual): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
        let found = compare_tensors(&[tensor(expected)], &[tensor(actual)], tolerance);
        let pairs: Vec<_> =
            pairs.iter().map(|(one, other)| (*one as f64, *other as f64)).collect();
        check(&pairs, tolerance, &found);
    }

    #[test]
    fn anything_equals_itself(values in prop::collection::vec(number(), 0..300)) {
        let tensor = [tensor(values)];
        let found = compare_tensors(&tensor, &tensor, Tolerance::EXACT);
        prop_assert_eq!((found.verdict(), found.unequal), (Verdict::Equal, 0));
    }

    #[test]
    fn a_wider_tolerance_finds_no_more(pairs in pairs(), tolerance in tolerances()) {
        let (expected, actual): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let (expected, actual) = ([tensor(expected)], [tensor(actual)]);
        let found = compare_tensors(&expected, &actual, tolerance);
        let exact = compare_tensors(&expected, &actual, Tolerance::EXACT);
        prop_assert!(found.differing <= exact.differing);
        prop_assert_eq!((found.unequal, exact.unequal), (exact.differing, exact.differing));
    }
}
