//! Joining the rows of several requests into one buffer per tensor.

use crate::error::Error;
use crate::scheduling::batching::batching_key::common_rows;
use crate::scheduling::batching::padding::{CutRows, Padding, append_padded};
use crate::scheduling::batching::policy::BatchPolicy;
use crate::tensor::tensor::{Shape, Tensor};
use crate::tensor::values::Values;

/// Joins the tensors of requests that share a batch; also gives each request's part.
///
/// # Errors
/// `InvalidArgument` when they do not fit together after all.
pub(crate) fn join(
    policy: &BatchPolicy,
    requests: &[&[Tensor]],
) -> Result<(Vec<Tensor>, Vec<CutRows>), Error> {
    let misfit = || Error::invalid("the requests of a batch have different tensors");
    let rows: Vec<usize> = requests
        .iter()
        .map(|tensors| common_rows(tensors))
        .collect::<Option<_>>()
        .ok_or_else(misfit)?;
    let total: usize = rows.iter().sum();
    let width = requests.first().map_or(0, |tensors| tensors.len());
    let paddings: Vec<_> = requests.iter().map(|tensors| policy.padding_of(tensors)).collect();
    let mut joined = Vec::with_capacity(width);
    for index in 0..width {
        let column: Vec<Part<'_>> = requests
            .iter()
            .zip(&paddings)
            .map(|(tensors, padding)| {
                let tensor = tensors.get(index).filter(|_| tensors.len() == width)?;
                Some(Part { tensor, row: padded_row(*padding, tensor) })
            })
            .collect::<Option<_>>()
            .ok_or_else(misfit)?;
        joined.push(join_column(policy, &column, total).ok_or_else(misfit)?);
    }
    let mut start = 0;
    let cuts = requests.iter().zip(rows).zip(paddings).map(|((tensors, rows), padding)| {
        start += rows;
        CutRows { rows: start - rows..start, axes: padded_axes(padding, tensors) }
    });
    Ok((joined, cuts.collect()))
}

/// One request's share of a joined tensor.
struct Part<'a> {
    tensor: &'a Tensor,
    /// The dimensions of one of its rows in the batch.
    row: Vec<usize>,
}

/// One tensor of all requests; `None` when name, type or padded shape differ.
fn join_column(policy: &BatchPolicy, column: &[Part<'_>], total: usize) -> Option<Tensor> {
    let Part { tensor: first, row } = column.first()?;
    let count: usize = row.iter().product();
    let rows = policy.padded_rows(total);
    // The one copy of the elements: from where a client's bytes were read to their place here.
    let mut values = Values::with_capacity(first.dtype(), rows * count);
    for part in column {
        let alike = part.tensor.name() == first.name() && part.row == *row;
        if !alike || !append(&mut values, part) {
            return None;
        }
    }
    // The last row once more is an input that the model takes; zeros might not be one.
    for _ in total..rows {
        values.repeat_last(count);
    }
    let mut shape = Shape::from_slice(row);
    shape.insert(0, rows);
    first.like(shape, values)
}

fn append(values: &mut Values, part: &Part<'_>) -> bool {
    let (tensor, dims) = (part.tensor, part.tensor.shape().get(1..).unwrap_or_default());
    if dims == part.row {
        return values.append(tensor.elements());
    }
    let stride: usize = dims.iter().product();
    let rows = tensor.shape().first().copied().unwrap_or_default();
    let elements = tensor.elements();
    (0..rows).all(|index| append_padded(values, elements, index * stride, dims, &part.row))
}

fn padded_row(padding: Option<&Padding>, tensor: &Tensor) -> Vec<usize> {
    match padding {
        Some(padding) => padding.padded_row(tensor.shape()),
        None => tensor.shape().get(1..).unwrap_or_default().to_vec(),
    }
}

fn padded_axes(padding: Option<&Padding>, tensors: &[Tensor]) -> Vec<(usize, usize, usize)> {
    let Some(padding) = padding.filter(|padding| padding.cut_outputs) else {
        return Vec::new();
    };
    let mut axes: Vec<(usize, usize, usize)> = Vec::new();
    for tensor in tensors {
        for (axis, size) in tensor.shape().iter().enumerate().skip(1) {
            let padded = padding.padded(axis, *size);
            if padded != *size && axes.iter().all(|(known, _, _)| *known != axis) {
                axes.push((axis, padded, *size));
            }
        }
    }
    axes
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
