//! Outputs of the steps of one sequence, joined along their first dimension.

use bytes::{Bytes, BytesMut};

use crate::error::{Cause, Error};
use crate::tensor::buffer::Buffer;
use crate::tensor::dtype::DataType;
use crate::tensor::tensor::{Shape, Tensor};

/// Outputs of the steps of one sequence so far.
#[derive(Debug, Default)]
pub(crate) struct Collected(Vec<Output>);

/// One output.
#[derive(Debug)]
struct Output {
    name: String,
    dtype: DataType,
    /// The dimensions of one step, the first of which is 1.
    shape: Shape,
    /// The elements of all steps.
    bytes: BytesMut,
    steps: usize,
}

impl Collected {
    /// Adds the outputs of a step: each has a first dimension of 1.
    ///
    /// # Errors
    /// They differ from those before in number, name, type or shape, or hold texts.
    pub(crate) fn add(&mut self, outputs: &[Tensor]) -> Result<(), Error> {
        if self.0.is_empty() {
            self.0 = outputs.iter().map(Output::new).collect();
        }
        if self.0.len() != outputs.len() {
            let (now, before) = (outputs.len(), self.0.len());
            return Err(failed(format!("a step has {now} outputs, the one before had {before}")));
        }
        self.0.iter_mut().zip(outputs).try_for_each(|(output, tensor)| output.add(tensor))
    }

    /// Whether there is no step.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All steps.
    ///
    /// # Errors
    /// The memory can't be had.
    pub(crate) fn tensors(&self) -> Result<Vec<Tensor>, Error> {
        self.0.iter().map(Output::tensor).collect()
    }
}

impl Output {
    fn new(tensor: &Tensor) -> Self {
        Self {
            name: tensor.name().to_owned(),
            dtype: tensor.dtype(),
            shape: tensor.shape().into(),
            bytes: BytesMut::new(),
            steps: 0,
        }
    }

    fn add(&mut self, tensor: &Tensor) -> Result<(), Error> {
        let is_same = tensor.name() == self.name
            && tensor.dtype() == self.dtype
            && tensor.shape() == &*self.shape;
        if !is_same {
            return Err(failed(format!(
                "output '{}' of a step is {} {:?}, that of the one before was '{}', {} {:?}",
                tensor.name(),
                tensor.dtype(),
                tensor.shape(),
                self.name,
                self.dtype,
                self.shape
            )));
        }
        if self.dtype == DataType::String {
            return Err(failed(format!("output '{}' of a step holds texts", self.name)));
        }
        self.bytes.extend_from_slice(tensor.elements().bytes());
        self.steps += 1;
        Ok(())
    }

    fn tensor(&self) -> Result<Tensor, Error> {
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = self.steps;
        }
        let bytes = Bytes::copy_from_slice(&self.bytes);
        let buffer = Buffer::from_bytes(self.dtype, bytes);
        let buffer = buffer.ok_or_else(|| failed("the outputs can't be joined".to_owned()))?;
        Tensor::new(self.name.as_str().into(), shape, buffer)
    }
}

fn failed(text: String) -> Error {
    Error::new(Cause::ModelFailed, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::values::Values;

    fn step(value: i64) -> Tensor {
        Tensor::new("token".into(), vec![1], Values::Int64(vec![value])).unwrap()
    }

    #[test]
    fn steps_are_joined() {
        let mut collected = Collected::default();
        assert!(collected.tensors().unwrap().is_empty());
        (0..3).for_each(|value| collected.add(&[step(value)]).unwrap());
        let all = collected.tensors().unwrap();
        assert_eq!(
            all,
            [Tensor::new("token".into(), vec![3], Values::Int64(vec![0, 1, 2])).unwrap()]
        );
    }

    #[test]
    fn a_step_that_differs_is_an_error() {
        let mut collected = Collected::default();
        collected.add(&[step(1)]).unwrap();
        let other = Tensor::new("token".into(), vec![1], Values::Int32(vec![1])).unwrap();
        let error = collected.add(&[other]).unwrap_err();
        assert!(error.message().contains("'token' of a step is int32 [1]"), "{error}");
        let error = collected.add(&[step(1), step(2)]).unwrap_err();
        assert_eq!(error.message(), "a step has 2 outputs, the one before had 1");
    }
}
