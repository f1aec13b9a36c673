//! Sharing the outputs of a batch out to its requests.

use crate::error::{Cause, Error};
use crate::scheduling::batching::batch::Parts;
use crate::scheduling::batching::padding::CutRows;
use crate::tensor::tensor::Tensor;
use crate::tensor::values::Values;

impl Parts {
    /// Shares outputs out: each request's tensors, in the order of the requests.
    ///
    /// # Errors
    /// `ModelFailed` when an output has other rows than the input.
    pub fn share(&self, outputs: &[Tensor]) -> Result<Vec<Vec<Tensor>>, Error> {
        let mut shares: Vec<Vec<Tensor>> = self.cuts.iter().map(|_| Vec::new()).collect();
        for output in outputs {
            let (name, shape, rows) = (output.name(), output.shape(), self.rows);
            if shape.first() != Some(&rows) {
                let message = format!("output '{name}' has shape {shape:?}, not {rows} rows");
                return Err(Error::new(Cause::ModelFailed, message));
            }
            for (share, part) in shares.iter_mut().zip(&self.cuts) {
                let (shape, values) = cut(part, output.values(), shape);
                share.push(Tensor::new(name.to_owned(), shape, values)?);
            }
        }
        Ok(shares)
    }
}

/// A request's part of an output: its shape and elements.
fn cut(part: &CutRows, values: &Values, shape: &[usize]) -> (Vec<usize>, Values) {
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
