//! The classification extension: the highest values of an output with their positions.

use std::cmp::Ordering;
use std::fmt::Write as _;

use bytes::Bytes;
use grps_core::{Elements, Error, Shape, Tensor, Values, quoted};

/// The highest values of an output as text, `value:index`. Each row of an output with several
/// dimensions has its own; the shape is `[rows, classes]`, or `[classes]` for one dimension.
///
/// # Errors
/// `InvalidArgument` for an output without numbers.
pub(crate) fn classify(tensor: &Tensor, classes: usize) -> Result<Tensor, Error> {
    let (rows, width) = rows_of(tensor);
    let top = match tensor.elements() {
        Elements::Uint8(values) => top_of(values, width, classes),
        Elements::Uint16(values) => top_of(values, width, classes),
        Elements::Uint32(values) => top_of(values, width, classes),
        Elements::Uint64(values) => top_of(values, width, classes),
        Elements::Int8(values) => top_of(values, width, classes),
        Elements::Int16(values) => top_of(values, width, classes),
        Elements::Int32(values) => top_of(values, width, classes),
        Elements::Int64(values) => top_of(values, width, classes),
        Elements::Float16(values) => top_of(values, width, classes),
        Elements::Bfloat16(values) => top_of(values, width, classes),
        Elements::Float32(values) => top_of(values, width, classes),
        Elements::Float64(values) => top_of(values, width, classes),
        Elements::Bool(_) | Elements::String(_) => {
            return Err(Error::invalid(format!(
                "output {} has no numbers, so it can't be classified",
                quoted(tensor.name())
            )));
        }
    };
    let classes = classes.min(width);
    let shape: Shape = match tensor.shape().len() {
        0 | 1 => [classes].into_iter().collect(),
        _ => [rows, classes].into_iter().collect(),
    };
    Tensor::new(tensor.name().into(), shape, Values::String(top))
}

/// The number of rows and the number of elements of each.
fn rows_of(tensor: &Tensor) -> (usize, usize) {
    let count = tensor.elements().len();
    match tensor.shape() {
        [rows, _, ..] => (*rows, count.checked_div(*rows).unwrap_or_default()),
        _ => (1, count),
    }
}

fn top_of<T: Copy + PartialOrd + std::fmt::Display>(
    values: &[T],
    width: usize,
    classes: usize,
) -> Vec<Bytes> {
    if width == 0 {
        return Vec::new();
    }
    values.chunks(width).flat_map(|row| top_of_row(row, classes)).collect()
}

fn top_of_row<T: Copy + PartialOrd + std::fmt::Display>(row: &[T], classes: usize) -> Vec<Bytes> {
    let mut indices: Vec<usize> = (0..row.len()).collect();
    let by_value = |left: &usize, right: &usize| descending(row, *left, *right);
    if let Some(last) = classes.min(row.len()).checked_sub(1) {
        indices.select_nth_unstable_by(last, by_value);
    }
    indices.truncate(classes);
    indices.sort_unstable_by(by_value);
    indices.into_iter().filter_map(|index| Some(text_of(*row.get(index)?, index))).collect()
}

/// Higher values first; what is no number last; of equal ones the first.
fn descending<T: PartialOrd>(row: &[T], left: usize, right: usize) -> Ordering {
    let (Some(one), Some(other)) = (row.get(left), row.get(right)) else { return Ordering::Equal };
    let by_value = other.partial_cmp(one).unwrap_or_else(|| {
        let is_number = |value: &T| value.partial_cmp(value).is_some();
        is_number(other).cmp(&is_number(one))
    });
    by_value.then(left.cmp(&right))
}

fn text_of(value: impl std::fmt::Display, index: usize) -> Bytes {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(text, "{value}:{index}");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(shape: &[usize], values: Values, classes: usize) -> (Vec<usize>, Vec<String>) {
        let tensor = Tensor::new("y".into(), shape, values).unwrap();
        let top = classify(&tensor, classes).unwrap();
        let Elements::String(texts) = top.elements() else { panic!("no strings") };
        let texts = texts.iter().map(|text| String::from_utf8(text.to_vec()).unwrap());
        (top.shape().to_vec(), texts.collect())
    }

    #[test]
    fn each_row_has_its_own_classes() {
        let values = Values::Float32(vec![0.1, 0.7, 0.2, 3.0, 1.0, 2.0]);
        let expected = ["0.7:1", "0.2:2", "3:0", "2:2"].map(str::to_owned);
        assert_eq!(classified(&[2, 3], values, 2), (vec![2, 2], expected.to_vec()));
        let (shape, texts) = classified(&[3], Values::Int64(vec![-1, 5, 5]), usize::MAX);
        assert_eq!((shape, texts.join(" ")), (vec![3], "5:1 5:2 -1:0".to_owned()));
        let nan = Values::Float64(vec![f64::NAN, 1.0, f64::INFINITY]);
        assert_eq!(classified(&[3], nan, 3).1.join(" "), "inf:2 1:1 NaN:0");
        assert_eq!(classified(&[0, 3], Values::Uint8(Vec::new()), 2).0, [0, 0]);
    }

    #[test]
    fn texts_have_no_classes() {
        let tensor = Tensor::new("y".into(), vec![1], Values::Bool(vec![true])).unwrap();
        assert!(classify(&tensor, 1).is_err());
    }
}
