//! Bringing tensors of different sizes to a common one, and cutting outputs back.

use std::ops::Range;

use crate::tensor::tensor::{Shape, Tensor};
use crate::tensor::values::{Elements, Values};

/// How differing sizes are brought together.
#[derive(Clone, Debug)]
pub struct Padding {
    /// Axes, 1 and more, that may be padded; empty for all but the first.
    pub axes: Vec<usize>,
    /// Sizes, ascending, that an axis is padded to; larger ones stay as they are.
    pub sizes: Vec<usize>,
    /// Largest share, 0 to 1, of a tensor that may be padding; a request beyond it stays as it is.
    pub max_waste: f64,
    /// Whether outputs as large as the padding on the same axis are cut back.
    pub cut_outputs: bool,
}

impl Padding {
    /// The size that `size` is padded to on `axis`.
    pub(crate) fn padded(&self, axis: usize, size: usize) -> usize {
        if axis == 0 || !(self.axes.is_empty() || self.axes.contains(&axis)) {
            return size;
        }
        self.sizes.iter().copied().find(|padded| *padded >= size).unwrap_or(size)
    }

    /// The dimensions of one row of a tensor of this shape, padded.
    pub(crate) fn padded_row(&self, shape: &[usize]) -> Vec<usize> {
        shape.iter().enumerate().skip(1).map(|(axis, size)| self.padded(axis, *size)).collect()
    }

    /// Whether padding wastes little enough of every tensor.
    pub(crate) fn applies(&self, tensors: &[Tensor]) -> bool {
        tensors.iter().all(|tensor| {
            let shares = tensor.shape().iter().enumerate().skip(1);
            let used: f64 = shares
                .map(|(axis, size)| *size as f64 / self.padded(axis, *size).max(1) as f64)
                .product();
            1.0 - used <= self.max_waste
        })
    }
}

/// Appends one row of `dims` elements, found in `source` at `start`, padded to `padded`.
///
/// Returns false when the row does not lie in the source.
pub(crate) fn append_padded(
    target: &mut Values,
    source: Elements<'_>,
    start: usize,
    dims: &[usize],
    padded: &[usize],
) -> bool {
    if dims == padded {
        let count: usize = dims.iter().product();
        return source.get(start..start + count).is_some_and(|row| target.append(row));
    }
    let ((Some(size), inner), (Some(wanted), inner_padded)) = (split(dims), split(padded)) else {
        return false;
    };
    let stride: usize = inner.iter().product();
    let whole = (0..size)
        .all(|index| append_padded(target, source, start + index * stride, inner, inner_padded));
    let missing = wanted.saturating_sub(size) * inner_padded.iter().product::<usize>();
    target.append_blank(missing);
    whole
}

fn split(dims: &[usize]) -> (Option<usize>, &[usize]) {
    dims.split_first().map_or((None, dims), |(first, rest)| (Some(*first), rest))
}

/// A request's part of the outputs of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutRows {
    /// Its rows.
    pub rows: Range<usize>,
    /// Axes on which its inputs were padded: `(axis, padded size, own size)`.
    pub axes: Vec<(usize, usize, usize)>,
}

impl CutRows {
    /// The request's part of an output with all rows: in the same memory, or copied where padding
    /// is cut off. `None` when the rows lie outside.
    pub(crate) fn cut(&self, output: &Tensor) -> Option<Tensor> {
        let rows = output.rows(self.rows.clone())?;
        let mut own = Shape::from_slice(rows.shape());
        for (axis, padded, size) in &self.axes {
            if let Some(dim) = own.get_mut(*axis).filter(|dim| *dim == padded) {
                *dim = *size;
            }
        }
        if own.as_slice() == rows.shape() {
            return Some(rows);
        }
        let mut values = Values::with_capacity(rows.dtype(), own.iter().product());
        let inner = rows.shape().get(1..).unwrap_or_default();
        copy_cut(&mut values, rows.elements(), 0, &own, inner).then(|| rows.like(own, values))?
    }
}

/// Copies the first `own` elements of each axis from `start` on; `inner` are the source's
/// dimensions below the first. Returns false when they do not lie in the source.
fn copy_cut(
    target: &mut Values,
    source: Elements<'_>,
    start: usize,
    own: &[usize],
    inner: &[usize],
) -> bool {
    let Some((count, own_inner)) = own.split_first() else { return true };
    let stride: usize = inner.iter().product();
    if own_inner == inner {
        let rows = source.get(start..start + count * stride);
        return rows.is_some_and(|rows| target.append(rows));
    }
    let below = inner.get(1..).unwrap_or_default();
    (0..*count).all(|index| copy_cut(target, source, start + index * stride, own_inner, below))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padding() -> Padding {
        Padding { axes: vec![], sizes: vec![4, 8], max_waste: 0.5, cut_outputs: true }
    }

    #[test]
    fn sizes_go_up_to_the_next_bucket() {
        let padding = padding();
        assert_eq!(padding.padded_row(&[9, 3, 4, 5, 8, 9]), [4, 4, 8, 8, 9]);
        let only = Padding { axes: vec![2], ..padding };
        assert_eq!(only.padded_row(&[9, 3, 3]), [3, 4]);
    }

    #[test]
    fn waste_is_bounded() {
        let tensor = |shape: Vec<usize>| {
            let count = shape.iter().product();
            Tensor::new("x".into(), shape, Values::Uint8(vec![1; count])).unwrap()
        };
        let padding = padding();
        assert!(padding.applies(&[tensor(vec![1, 2])]));
        assert!(!padding.applies(&[tensor(vec![1, 1])]));
        assert!(!padding.applies(&[tensor(vec![1, 4]), tensor(vec![1, 2, 3])]));
    }

    fn ints(shape: &[usize], values: impl IntoIterator<Item = i32>) -> Tensor {
        Tensor::new("x".into(), shape, Values::Int32(values.into_iter().collect())).unwrap()
    }

    #[test]
    fn padding_and_cutting_are_inverse() {
        let source = Elements::Int32(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        let mut padded = Values::empty(crate::tensor::dtype::DataType::Int32);
        assert!(append_padded(&mut padded, source, 6, &[2, 3], &[3, 4]));
        assert_eq!(padded, Values::Int32(vec![6, 7, 8, 0, 9, 10, 11, 0, 0, 0, 0, 0]));
        let padded = Tensor::new("x".into(), vec![1, 3, 4], padded).unwrap();
        let cut = CutRows { rows: 0..1, axes: vec![(1, 3, 2), (2, 4, 3)] };
        assert_eq!(cut.cut(&padded), Some(ints(&[1, 2, 3], 6..12)));
        assert!(!append_padded(&mut Values::Int32(vec![]), source, 7, &[2, 3], &[3, 4]));
    }

    #[test]
    fn an_output_of_another_size_is_left_alone() {
        let cut = CutRows { rows: 1..2, axes: vec![(1, 4, 3)] };
        let output = ints(&[2, 2], 1..5);
        let part = cut.cut(&output).unwrap();
        assert_eq!(part, ints(&[1, 2], 3..5));
        // It is the output's own memory.
        assert_eq!(part.elements().bytes().as_ptr(), output.elements().bytes()[8..].as_ptr());
        assert_eq!(cut.cut(&ints(&[2], 1..3)), Some(ints(&[1], 2..3)));
        assert_eq!(cut.cut(&ints(&[1, 2], 1..3)), None);
    }
}
