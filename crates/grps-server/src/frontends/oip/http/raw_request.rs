//! An inference request without JSON: its body is the only input of the model.

use bytes::Bytes;
use grps_core::{DataType, Error, Route, Shape, Tensor, TensorSpec, Values, quoted};

use crate::codec::Room;
use crate::frontends::oip::inference::parameters::{Parameter, Parameters};
use crate::frontends::oip::inference::raw_tensor;
use crate::frontends::oip::inference::request::InferRequest;
use crate::frontends::shared::inference::content::inputs;

/// Reads a body for the model of a route. Its outputs are returned as binary data.
///
/// # Errors
/// `InvalidArgument` for a model without one declared input, or when the body does not fit it.
pub(super) fn read(route: &Route, body: Bytes, room: &Room<'_>) -> Result<InferRequest, Error> {
    let inputs = inputs(route);
    let [input] = inputs.as_slice() else {
        let count = inputs.len();
        return Err(Error::invalid(format!(
            "a body without JSON needs a model with one declared input, this one has {count}; \
             send JSON"
        )));
    };
    let mut parameters = Parameters::default();
    parameters.add("binary_data_output".to_owned(), Parameter::Bool(true))?;
    let inputs = vec![read_input(input, body, room)?];
    Ok(InferRequest { parameters, inputs, ..InferRequest::default() })
}

fn read_input(input: &TensorSpec, body: Bytes, room: &Room<'_>) -> Result<Tensor, Error> {
    let name = quoted(&input.name);
    let Some(dtype) = input.dtype else {
        return Err(Error::invalid(format!("the type of input {name} is not known; send JSON")));
    };
    if dtype == DataType::String {
        let rank = input.shape.as_ref().map_or(1, Vec::len);
        let shape: Shape = std::iter::repeat_n(1, rank).collect();
        return Tensor::new(input.name.clone(), shape, Values::String(vec![body]));
    }
    let declared = input.shape.as_deref().unwrap_or(&[None]);
    let count = body.len() / dtype.width().unwrap_or(1);
    let shape = fitting_shape(declared, count).ok_or_else(|| {
        Error::invalid(format!("{} bytes don't fit {}", body.len(), input.describe()))
    })?;
    raw_tensor::decode(input.name.clone(), dtype, shape, body, room)
}

/// The shape of `count` elements: of several dynamic sizes all but the last are 1.
fn fitting_shape(declared: &[Option<usize>], count: usize) -> Option<Shape> {
    let mut shape: Shape = declared.iter().map(|size| size.unwrap_or(1)).collect();
    let known = shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size))?;
    let dynamic = declared.iter().rposition(Option::is_none);
    match dynamic.and_then(|index| shape.get_mut(index)) {
        Some(size) if known > 0 && count.is_multiple_of(known) => *size = count / known,
        _ if known == count => {}
        _ => return None,
    }
    Some(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_dynamic_size_fits_the_body() {
        let fit = |declared: &[Option<usize>], count| {
            fitting_shape(declared, count).map(|shape| shape.to_vec())
        };
        assert_eq!(fit(&[None, Some(3)], 6), Some(vec![2, 3]));
        assert_eq!(fit(&[None, None], 6), Some(vec![1, 6]));
        assert_eq!(fit(&[Some(2), Some(3)], 6), Some(vec![2, 3]));
        assert_eq!(fit(&[], 1), Some(vec![]));
        assert_eq!(fit(&[None, Some(4)], 6), None);
        assert_eq!(fit(&[Some(usize::MAX), Some(2)], 6), None);
        assert_eq!(fit(&[None, Some(0)], 6), None);
    }
}
