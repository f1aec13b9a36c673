//! How far two elements of one type are from each other.

use half::{bf16, f16};

/// A number that can be compared.
pub(super) trait Number: Copy {
    /// The number; integers of 64 bits may be rounded.
    fn value(self) -> f64;

    /// The distance to another number: 0 for equal ones, NaN for two of which one is NaN. It is
    /// computed without rounding the numbers first.
    fn distance(self, other: Self) -> f64;
}

macro_rules! integers {
    ($($type:ty),+) => {
        $(impl Number for $type {
            #[inline]
            fn value(self) -> f64 {
                self as f64
            }

            #[inline]
            fn distance(self, other: Self) -> f64 {
                self.abs_diff(other) as f64
            }
        })+
    };
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! floats {
    ($($type:ty: $convert:expr),+) => {
        $(impl Number for $type {
            #[inline]
            fn value(self) -> f64 {
                $convert(self)
            }

            #[inline]
            fn distance(self, other: Self) -> f64 {
                let (one, other) = (self.value(), other.value());
                // Equal infinities have no difference, and two NaN are equal here.
                let is_same = one == other || (one.is_nan() && other.is_nan());
                if is_same { 0.0 } else { (one - other).abs() }
            }
        })+
    };
}

floats!(f16: f16::to_f64, bf16: bf16::to_f64, f32: f64::from, f64: f64::from);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_integers_do_not_overflow() {
        assert_eq!(i8::MIN.distance(i8::MAX), 255.0);
        assert_eq!(i64::MIN.distance(i64::MAX), u64::MAX as f64);
        assert_eq!((u64::MAX - 1).distance(u64::MAX), 1.0);
        assert_eq!(0u32.distance(u32::MAX), f64::from(u32::MAX));
    }

    #[test]
    fn equal_floats_have_no_distance() {
        for value in [0.0, -1.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MAX] {
            assert_eq!(value.distance(value), 0.0);
            assert_eq!((value as f32).distance(value as f32), 0.0);
            assert_eq!(f16::from_f64(value).distance(f16::from_f64(value)), 0.0);
        }
        assert_eq!(0.0_f32.distance(-0.0), 0.0);
        assert!(f64::NAN.distance(1.0).is_nan() && 1.0.distance(f64::NAN).is_nan());
        assert_eq!(f32::INFINITY.distance(f32::NEG_INFINITY), f64::INFINITY);
        assert_eq!(bf16::from_f32(1.0).distance(bf16::from_f32(1.5)), 0.5);
    }
}
