//! What a model says of its inputs and outputs, and the check of requests against it.

use std::sync::Arc;

use crate::error::Error;
use crate::tensor::dtype::DataType;
use crate::tensor::tensor::Tensor;
use crate::text::quoted;

/// What a model says of one of its tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name in the model.
    pub name: Arc<str>,
    /// Element type; `None` when the model does not tell.
    pub dtype: Option<DataType>,
    /// Dimensions, `None` for a dynamic one; `None` as a whole when the rank is unknown.
    pub shape: Option<Vec<Option<usize>>>,
    /// Whether the model can do without it.
    pub required: bool,
}

/// How the names a client gives are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// A name that the model does not have is an error.
    Strict,
    /// Names that match none of the model's are ignored and the order counts (TorchScript).
    Advisory,
}

/// Inputs and outputs of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Inputs in the order instances take them.
    pub inputs: Vec<TensorSpec>,
    /// Outputs.
    pub outputs: Vec<TensorSpec>,
    /// How names are matched.
    pub naming: Naming,
}

impl Signature {
    /// Whether clients must call the inputs by their names.
    pub fn has_names(&self) -> bool {
        self.naming == Naming::Strict
    }

    /// Puts tensors into the model's order and checks each; optional inputs may be left out at
    /// the end.
    ///
    /// # Errors
    /// `InvalidArgument` naming the model, the tensor, what was expected and what came.
    pub fn arrange(&self, model: &str, tensors: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        self.arrange_by(self.naming, model, tensors)
    }

    /// The same for what the model before it in a graph answered, whose names follow that model:
    /// where they match no input, the order counts.
    ///
    /// # Errors
    /// As `arrange`.
    pub fn arrange_outputs(&self, model: &str, tensors: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        self.arrange_by(Naming::Advisory, model, tensors)
    }

    fn arrange_by(
        &self,
        naming: Naming,
        model: &str,
        tensors: Vec<Tensor>,
    ) -> Result<Vec<Tensor>, Error> {
        if self.inputs.is_empty() {
            return Ok(tensors);
        }
        let by_name = self.by_name(naming, &tensors);
        let ordered = if by_name { self.match_names(tensors) } else { Ok(tensors) }
            .map_err(|fault| self.refuse(model, &fault))?;
        self.check_count(ordered.len()).map_err(|fault| self.refuse(model, &fault))?;
        let mut arranged = Vec::with_capacity(ordered.len());
        for (mut tensor, spec) in ordered.into_iter().zip(&self.inputs) {
            tensor = spec.converted(tensor);
            spec.check(&tensor).map_err(|fault| self.refuse(model, &fault))?;
            tensor.rename(Arc::clone(&spec.name));
            arranged.push(tensor);
        }
        Ok(arranged)
    }

    /// The element type of the only input, if the model has exactly one and tells its type.
    pub fn only_input_dtype(&self) -> Option<DataType> {
        self.only_input()?.dtype
    }

    /// The only input, if the model has exactly one.
    pub fn only_input(&self) -> Option<&TensorSpec> {
        match self.inputs.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    fn by_name(&self, naming: Naming, tensors: &[Tensor]) -> bool {
        let known = |tensor: &Tensor| self.inputs.iter().any(|spec| *spec.name == *tensor.name());
        match naming {
            Naming::Strict => tensors.iter().any(|tensor| !tensor.name().is_empty()),
            Naming::Advisory => tensors.iter().any(known),
        }
    }

    fn match_names(&self, tensors: Vec<Tensor>) -> Result<Vec<Tensor>, String> {
        let mut slots: Vec<Option<Tensor>> = self.inputs.iter().map(|_| None).collect();
        for tensor in tensors {
            let name = tensor.name();
            let index = self.inputs.iter().position(|spec| *spec.name == *name);
            let Some(slot) = index.and_then(|index| slots.get_mut(index)) else {
                return Err(if name.is_empty() {
                    "name all tensors or none".to_owned()
                } else {
                    format!("it has no input {}", quoted(name))
                });
            };
            if slot.is_some() {
                return Err(format!("input '{name}' is given twice"));
            }
            *slot = Some(tensor);
        }
        self.close_gaps(slots)
    }

    /// Left-out inputs must be optional and at the end, since instances take them by position.
    fn close_gaps(&self, slots: Vec<Option<Tensor>>) -> Result<Vec<Tensor>, String> {
        let given = slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        let mut ordered = Vec::with_capacity(given);
        for (slot, spec) in slots.into_iter().zip(&self.inputs) {
            match slot {
                Some(tensor) => ordered.push(tensor),
                None if spec.required || ordered.len() < given => {
                    return Err(format!("input '{}' is missing", spec.name));
                }
                None => {}
            }
        }
        Ok(ordered)
    }

    fn check_count(&self, given: usize) -> Result<(), String> {
        let most = self.inputs.len();
        let least = self.inputs.iter().filter(|spec| spec.required).count();
        if (least..=most).contains(&given) {
            return Ok(());
        }
        let wanted = if least == most { most.to_string() } else { format!("{least} to {most}") };
        Err(format!("it takes {wanted} input tensors, got {given}"))
    }

    fn refuse(&self, model: &str, fault: &str) -> Error {
        let inputs: Vec<_> = self.inputs.iter().map(TensorSpec::describe).collect();
        Error::invalid(format!("model '{model}': {fault}; inputs: {}", inputs.join(", ")))
    }
}

impl TensorSpec {
    /// The tensor in words, for example `x float32[?,3,224,224]`.
    pub fn describe(&self) -> String {
        let dtype = self.dtype.map_or("any type", DataType::name);
        let shape = self.shape.as_deref().map_or_else(|| "[...]".to_owned(), describe_shape);
        format!("{} {dtype}{shape}", self.name)
    }

    /// Protocols without bools send numbers in their place, and models of engines without bools take
    /// numbers: both are bytes.
    fn converted(&self, tensor: Tensor) -> Tensor {
        match (self.dtype, tensor.dtype()) {
            (Some(DataType::Bool), DataType::Uint8) => tensor.bytes_as(DataType::Bool),
            (Some(DataType::Uint8), DataType::Bool) => tensor.bytes_as(DataType::Uint8),
            _ => tensor,
        }
    }

    fn check(&self, tensor: &Tensor) -> Result<(), String> {
        if let Some(dtype) = self.dtype.filter(|dtype| *dtype != tensor.dtype()) {
            let got = tensor.dtype();
            return Err(format!("input '{}' is {dtype}, got {got}", self.name));
        }
        let Some(shape) = &self.shape else { return Ok(()) };
        let fits = shape.len() == tensor.shape().len()
            && shape.iter().zip(tensor.shape()).all(|(want, got)| want.is_none_or(|w| w == *got));
        if fits {
            return Ok(());
        }
        let want = describe_shape(shape);
        Err(format!("input '{}' has shape {want}, got {:?}", self.name, tensor.shape()))
    }
}

fn describe_shape(shape: &[Option<usize>]) -> String {
    let dims: Vec<_> =
        shape.iter().map(|dim| dim.map_or_else(|| "?".to_owned(), |d| d.to_string())).collect();
    format!("[{}]", dims.join(","))
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
