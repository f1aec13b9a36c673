//! What the elements of two tensors of one type and shape differ in.

use half::slice::HalfFloatSliceExt;

use crate::compare::block::{BLOCK, compare_block, is_beyond};
use crate::compare::distances::Number;
use crate::compare::tolerance::Tolerance;
use crate::tensor::values::Elements;

/// What the elements of two tensors differ in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) unequal: u64,
    pub(super) differing: u64,
    pub(super) non_finite: u64,
    pub(super) max_absolute: f64,
    pub(super) max_relative: f64,
    /// The position of the first element that differs by more than the tolerance.
    pub(super) first: Option<usize>,
    /// The position of the largest finite difference that is beyond the tolerance, and how large
    /// it is.
    pub(super) worst: Option<(usize, f64)>,
}

impl Tally {
    /// Compares elements of one type, of which there are equally many.
    pub(super) fn of(expected: Elements<'_>, actual: Elements<'_>, tolerance: Tolerance) -> Self {
        use Elements::{
            Bfloat16, Bool, Float16, Float32, Float64, Int8, Int16, Int32, Int64, String, Uint8,
            Uint16, Uint32, Uint64,
        };
        match (expected, actual) {
            (Bool(expected), Bool(actual)) => Self::of_values(expected, actual),
            (String(expected), String(actual)) => Self::of_values(expected, actual),
            _ if expected.bytes() == actual.bytes() => Self::default(),
            (Uint8(expected), Uint8(actual)) => Self::of_numbers(expected, actual, tolerance),
            (Uint16(expected), Uint16(actual)) => Self::of_numbers(expected, actual, tolerance),
            (Uint32(expected), Uint32(actual)) => Self::of_numbers(expected, actual, tolerance),
            (Uint64(expected), Uint64(actual)) => Self::of_numbers(expected, actual, tolerance),
            (Int8(expected), Int8(actual)) => Self::of_numbers(expected, actual, tolerance),
            (Int16(expected), Int16(actual)) => Self::of_numbers(expected, actual, tolerance),
            (Int32(expected), Int32(actual)) => Self::of_numbers(expected, actual, tolerance),
            (Int64(expected), Int64(actual)) => Self::of_numbers(expected, actual, tolerance),
            (Float16(expected), Float16(actual)) => Self::of_halves(expected, actual, tolerance),
            (Bfloat16(expected), Bfloat16(actual)) => Self::of_halves(expected, actual, tolerance),
            (Float32(expected), Float32(actual)) => Self::of_numbers(expected, actual, tolerance),
            (Float64(expected), Float64(actual)) => Self::of_numbers(expected, actual, tolerance),
            // The caller has compared the types.
            _ => Self::default(),
        }
    }

    fn of_numbers<T: Number>(expected: &[T], actual: &[T], tolerance: Tolerance) -> Self {
        let mut tally = Self::default();
        let blocks = expected.chunks(BLOCK).zip(actual.chunks(BLOCK));
        for (number, (expected, actual)) in blocks.enumerate() {
            tally.add(number * BLOCK, expected, actual, tolerance);
        }
        tally
    }

    /// Half-precision numbers are widened a block at a time: one by one it takes far longer.
    fn of_halves<T>(expected: &[T], actual: &[T], tolerance: Tolerance) -> Self
    where
        [T]: HalfFloatSliceExt,
    {
        let mut tally = Self::default();
        let (mut wide_expected, mut wide_actual) = ([0.0_f32; BLOCK], [0.0_f32; BLOCK]);
        let blocks = expected.chunks(BLOCK).zip(actual.chunks(BLOCK));
        for (number, (expected, actual)) in blocks.enumerate() {
            let length = expected.len().min(actual.len());
            let wide = (wide_expected.get_mut(..length), wide_actual.get_mut(..length));
            let (Some(wide_expected), Some(wide_actual)) = wide else { continue };
            expected.convert_to_f32_slice(wide_expected);
            actual.convert_to_f32_slice(wide_actual);
            tally.add(number * BLOCK, wide_expected, wide_actual, tolerance);
        }
        tally
    }

    /// Values that are equal or not.
    fn of_values<T: PartialEq>(expected: &[T], actual: &[T]) -> Self {
        let mut tally = Self::default();
        for (position, (expected, actual)) in expected.iter().zip(actual).enumerate() {
            if expected != actual {
                tally.differing += 1;
                tally.first.get_or_insert(position);
            }
        }
        tally.unequal = tally.differing;
        tally
    }

    fn add<T: Number>(&mut self, start: usize, expected: &[T], actual: &[T], tolerance: Tolerance) {
        let block = compare_block(expected, actual, tolerance);
        if block.unequal == 0 {
            return;
        }
        self.unequal += block.unequal;
        self.differing += block.differing;
        self.non_finite += block.non_finite;
        self.max_relative = self.max_relative.max(block.max_relative);
        self.max_absolute = self.max_absolute.max(block.max_absolute);
        let largest = self.worst.map_or(0.0, |(_, largest)| largest);
        if block.differing == 0 || (self.first.is_some() && block.max_absolute <= largest) {
            return;
        }
        // The element that differs most need not be beyond the tolerance, which may be relative.
        for (position, (expected, actual)) in (start..).zip(expected.iter().zip(actual)) {
            let distance = expected.distance(*actual);
            if !is_beyond(distance, expected.value(), tolerance) {
                continue;
            }
            self.first.get_or_insert(position);
            let largest = self.worst.map_or(0.0, |(_, largest)| largest);
            if distance.is_finite() && distance > largest {
                self.worst = Some((position, distance));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;

    fn floats(expected: &[f32], actual: &[f32], tolerance: &str) -> Tally {
        let tolerance = Tolerance::parse(tolerance).unwrap();
        Tally::of(Elements::Float32(expected), Elements::Float32(actual), tolerance)
    }

    #[test]
    fn a_difference_is_allowed_up_to_the_tolerance() {
        let at = floats(&[1.0, 2.0], &[1.0, 2.25], "abs=0.25");
        assert_eq!((at.unequal, at.differing, at.first), (1, 0, None));
        assert_eq!((at.max_absolute, at.max_relative), (0.25, 0.125));
        let beyond = floats(&[1.0, 2.0], &[1.0, 2.250_000_2], "abs=0.25");
        assert_eq!((beyond.unequal, beyond.differing, beyond.first), (1, 1, Some(1)));
        assert_eq!(floats(&[4.0], &[5.0], "rel=0.25").differing, 0);
        assert_eq!(floats(&[4.0], &[5.000_000_5], "rel=0.25").differing, 1);
        assert_eq!(floats(&[4.0], &[5.5], "rel=0.25,abs=0.5").differing, 0);
    }

    #[test]
    fn nan_and_infinities_equal_only_themselves() {
        let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        assert_eq!(floats(&values, &values, "abs=0").unequal, 0);
        let negative_nan = [-f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        assert_eq!(floats(&values, &negative_nan, "abs=0"), Tally::default());
        let all = [(f32::NAN, 1.0), (1.0, f32::NAN), (f32::INFINITY, 1.0), (1.0, f32::INFINITY)];
        for (expected, actual) in all {
            let tally = floats(&[expected], &[actual], "abs=1e30,rel=1e30");
            assert_eq!((tally.differing, tally.non_finite, tally.first), (1, 1, Some(0)));
            assert_eq!((tally.max_absolute, tally.max_relative, tally.worst), (0.0, 0.0, None));
        }
        let opposite = floats(&[f32::INFINITY], &[f32::NEG_INFINITY], "rel=0");
        assert_eq!((opposite.differing, opposite.non_finite), (1, 1));
    }

    #[test]
    fn the_worst_element_is_beyond_the_tolerance() {
        let (expected, actual) = ([1000.0, 1.0, 2.0, 1.0], [1050.0, 2.0, 5.0, 3.0]);
        let tally = floats(&expected, &actual, "rel=0.1");
        assert_eq!((tally.first, tally.worst), (Some(1), Some((2, 3.0))));
        assert_eq!((tally.max_absolute, tally.max_relative), (50.0, 2.0));
    }

    #[test]
    fn an_expected_zero_has_no_relative_difference() {
        let tally = floats(&[0.0], &[0.5], "rel=1");
        assert_eq!((tally.differing, tally.max_absolute, tally.max_relative), (1, 0.5, 0.0));
    }

    #[test]
    fn differences_behind_the_first_block_are_found() {
        let expected = vec![1.0; BLOCK * 3 + 5];
        for position in [0, BLOCK - 1, BLOCK, BLOCK * 3, BLOCK * 3 + 4] {
            let mut actual = expected.clone();
            actual[position] = 3.0;
            let tally = floats(&expected, &actual, "abs=1");
            assert_eq!((tally.first, tally.worst), (Some(position), Some((position, 2.0))));
            let halves = |values: &[f32]| values.iter().map(|v| f16::from_f32(*v)).collect();
            let (expected, actual): (Vec<f16>, Vec<f16>) = (halves(&expected), halves(&actual));
            let (expected, actual) = (Elements::Float16(&expected), Elements::Float16(&actual));
            let tally = Tally::of(expected, actual, Tolerance::EXACT);
            assert_eq!((tally.first, tally.max_absolute), (Some(position), 2.0));
        }
    }

    #[test]
    fn bools_and_strings_have_no_tolerance() {
        let tolerance = Tolerance::new(10.0, 10.0).unwrap();
        let (expected, actual) = ([true, false], [true, true]);
        let tally = Tally::of(Elements::Bool(&expected), Elements::Bool(&actual), tolerance);
        assert_eq!((tally.differing, tally.first, tally.max_absolute), (1, Some(1), 0.0));
        let (expected, actual) = (["1".into(), "2".into()], ["1".into(), "3".into()]);
        let tally = Tally::of(Elements::String(&expected), Elements::String(&actual), tolerance);
        assert_eq!((tally.unequal, tally.differing, tally.first), (1, 1, Some(1)));
    }

    #[test]
    fn large_integers_are_compared_exactly() {
        let (expected, actual) = ([i64::MAX], [i64::MAX - 1]);
        let (expected, actual) = (Elements::Int64(&expected), Elements::Int64(&actual));
        let tally = Tally::of(expected, actual, Tolerance::EXACT);
        assert_eq!((tally.differing, tally.max_absolute), (1, 1.0));
        let wide = [bf16::from_f32(1.0)];
        assert_eq!(
            Tally::of(Elements::Bfloat16(&wide), Elements::Bfloat16(&wide), Tolerance::EXACT),
            Tally::default()
        );
    }
}
