//! Bringing tensors of different sizes to a common one, and cutting outputs back.

use std::ops::Range;

use crate::tensor::tensor::Tensor;
use crate::tensor::values::Values;

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
    source: &Values,
    start: usize,
    dims: &[usize],
    padded: &[usize],
) -> bool {
    if dims == padded {
        let count: usize = dims.iter().product();
        return target.extend_from(source, start..start + count);
    }
    let ((Some(size), inner), (Some(wanted), inner_padded)) = (split(dims), split(padded)) else {
        return false;
    };
    let stride: usize = inner.iter().product();
    let whole = (0..size)
        .all(|index| append_padded(target, source, start + index * stride, inner, inner_padded));
    let missing = wanted.saturating_sub(size) * inner_padded.iter().product::<usize>();
    target.extend_blank(missing);
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
    /// Copies the request's part out of an output with all rows; gives its shape and elements.
    ///
    /// The part is empty when the rows lie outside, which callers check by the first dimension.
    pub fn cut<T: Clone>(&self, values: &[T], shape: &[usize]) -> (Vec<usize>, Vec<T>) {
        let mut own = shape.to_vec();
        if let Some(first) = own.first_mut() {
            *first = self.rows.len();
        }
        for (axis, padded, size) in &self.axes {
            if let Some(dim) = own.get_mut(*axis).filter(|dim| *dim == padded) {
                *dim = *size;
            }
        }
        let row: usize = shape.iter().skip(1).product();
        let part = values.get(self.rows.start * row..self.rows.end * row).unwrap_or_default();
        if own.get(1..) == shape.get(1..) {
            return (own, part.to_vec());
        }
        let mut cut = Vec::with_capacity(own.iter().product());
        copy_cut(&mut cut, part, &own, shape.get(1..).unwrap_or_default());
        (own, cut)
    }
}

/// Copies the first `own` elements of each axis; `inner` are the source's dimensions below the first.
fn copy_cut<T: Clone>(target: &mut Vec<T>, source: &[T], own: &[usize], inner: &[usize]) {
    let Some((count, own_inner)) = own.split_first() else { return };
    let stride: usize = inner.iter().product();
    if own_inner == inner {
        target.extend_from_slice(source.get(..count * stride).unwrap_or_default());
        return;
    }
    for part in source.chunks_exact(stride.max(1)).take(*count) {
        copy_cut(target, part, own_inner, inner.get(1..).unwrap_or_default());
    }
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

    #[test]
    fn padding_and_cutting_are_inverse() {
        let source = Values::Int32((0..12).collect());
        let mut padded = Values::empty(crate::tensor::tensor::DataType::Int32);
        assert!(append_padded(&mut padded, &source, 6, &[2, 3], &[3, 4]));
        assert_eq!(padded, Values::Int32(vec![6, 7, 8, 0, 9, 10, 11, 0, 0, 0, 0, 0]));
        let Values::Int32(values) = padded else { unreachable!() };
        let cut = CutRows { rows: 0..1, axes: vec![(1, 3, 2), (2, 4, 3)] };
        assert_eq!(cut.cut(&values, &[1, 3, 4]), (vec![1, 2, 3], (6..12).collect()));
        assert!(!append_padded(&mut Values::Int32(vec![]), &source, 7, &[2, 3], &[3, 4]));
    }

    #[test]
    fn an_output_of_another_size_is_left_alone() {
        let cut = CutRows { rows: 1..2, axes: vec![(1, 4, 3)] };
        assert_eq!(cut.cut(&[1, 2, 3, 4], &[2, 2]), (vec![1, 2], vec![3, 4]));
        assert_eq!(cut.cut(&[1, 2], &[2]), (vec![1], vec![2]));
    }
}
