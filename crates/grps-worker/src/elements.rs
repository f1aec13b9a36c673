//! Parts of outputs for the requests of a batch.

use grps_core::{CutRows, Values};

/// A request's part of an output: its shape and elements.
pub(crate) fn cut(part: &CutRows, values: &Values, shape: &[usize]) -> (Vec<usize>, Values) {
    macro_rules! cut_each {
        ($($variant:ident),+) => {
            match values {
                $(Values::$variant(values) => {
                    let (shape, values) = part.cut(values, shape);
                    (shape, Values::$variant(values))
                })+
            }
        };
    }
    cut_each!(Uint8, Int8, Int16, Int32, Int64, Float16, Float32, Float64, String)
}
