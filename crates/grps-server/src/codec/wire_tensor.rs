//! A tensor as its sender wrote it, before it is checked.

use std::sync::Arc;

use grps_core::{DataType, Error, MAX_RANK, Shape, Tensor, Values, element_count};

use smallvec::SmallVec;

use super::fault::Fault;
use super::wire_type::{WireType, raw_type, wire_buffer};

/// Most tensors that one message may carry.
pub const MAX_TENSORS: usize = 1024;

/// Dimensions as 32 bits each, outermost first.
pub type WireShape = SmallVec<[u32; 4]>;

/// The faithful view of a tensor on the wire: nothing in it has to fit together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WireTensor {
    /// Name as sent; empty when the sender gave none.
    pub name: Arc<str>,
    /// Wire number of the data type; 0 when the sender gave none.
    pub dtype: i32,
    /// Dimensions, outermost first.
    pub shape: WireShape,
    /// Each `flat_*` field that was present and not empty, in field order, each type at most once;
    /// elements of other types are not encoded.
    pub columns: Vec<Values>,
}

impl WireTensor {
    /// The strict view: a known data type, elements in the field that goes with it and nowhere
    /// else, and as many as the shape says. `index` is the position in the message, for errors.
    ///
    /// # Errors
    /// `InvalidArgument` that names the place when one of these does not hold.
    pub fn into_tensor(self, index: usize) -> Result<Tensor, Error> {
        let place = |fault: Fault| Error::from(fault.at_index(index).in_field("gtensors.tensors"));
        if self.shape.len() > MAX_RANK {
            let rank = self.shape.len();
            return Err(place(Fault::new(format!(
                "{rank} dimensions are too many, {MAX_RANK} are allowed"
            ))));
        }
        let shape: Shape = self.shape.iter().map(|dim| *dim as usize).collect();
        if let Some(dtype) = only_raw(self.dtype) {
            let values = raw_column(self.columns, dtype).map_err(place)?;
            return Tensor::new(self.name, shape, values);
        }
        let wire = known_type(self.dtype).map_err(|fault| place(fault.in_field("dtype")))?;
        let values = single_column(self.columns, wire).map_err(place)?;
        let expected = element_count(&shape);
        if expected != Some(values.len()) {
            let expected =
                expected.map_or_else(|| "too many".to_owned(), |count| count.to_string());
            return Err(place(Fault::new(format!(
                "shape {shape:?} wants {expected} values, {} has {}",
                wire.field_name(),
                values.len()
            ))));
        }
        Tensor::new(self.name, shape, values)
    }

    /// Puts a `flat_*` field in its place by field order; one of the same type is replaced, and
    /// an empty one only removes.
    pub(super) fn set_column(&mut self, values: Values) {
        let wire = WireType::of(values.dtype());
        self.columns.retain(|column| WireType::of(column.dtype()) != wire);
        if !values.is_empty() {
            let position = self.columns.partition_point(|c| WireType::of(c.dtype()) < wire);
            self.columns.insert(position, values);
        }
    }
}

impl TryFrom<Tensor> for WireTensor {
    type Error = Error;

    /// Dimensions past the wire's 32 bits (only a tensor without elements can have them) saturate.
    ///
    /// # Errors
    /// `ModelFailed` when the wire lacks the tensor's type.
    fn try_from(tensor: Tensor) -> Result<Self, Error> {
        let dtype = WireType::of_output(&tensor)?.number();
        let (name, shape, buffer) = tensor.into_parts();
        let shape = shape.into_iter().map(wire_dim).collect();
        let mut wire = Self { name, dtype, shape, columns: Vec::new() };
        wire.set_column(wire_buffer(buffer).into_values());
        Ok(wire)
    }
}

/// A dimension as the wire's 32 bits hold it.
pub(super) fn wire_dim(dim: usize) -> u32 {
    u32::try_from(dim).unwrap_or(u32::MAX)
}

/// The strict view of a message's tensors.
pub(super) fn into_tensors(tensors: Vec<WireTensor>) -> Result<Vec<Tensor>, Error> {
    tensors.into_iter().enumerate().map(|(index, tensor)| tensor.into_tensor(index)).collect()
}

/// The type with this number if only raw elements can have it.
fn only_raw(number: i32) -> Option<DataType> {
    raw_type(number).filter(|_| WireType::from_number(number).is_none())
}

/// The raw elements of a type, which fit their shape, or none.
fn raw_column(mut columns: Vec<Values>, dtype: DataType) -> Result<Values, Fault> {
    match (columns.pop(), columns.is_empty()) {
        (None, _) => Ok(Values::empty(dtype)),
        (Some(values), true) if values.dtype() == dtype => Ok(values),
        _ => Err(Fault::new(format!("dtype is {dtype}, so its values belong in raw"))),
    }
}

fn known_type(number: i32) -> Result<WireType, Fault> {
    WireType::from_number(number).ok_or_else(|| {
        let what =
            if number == 0 { "is missing".to_owned() } else { format!("{number} is not known") };
        Fault::new(format!("{what}, give one of {}", WireType::known()))
    })
}

fn single_column(columns: Vec<Values>, wire: WireType) -> Result<Values, Fault> {
    let mut found = Values::empty(wire.dtype());
    for column in columns {
        if column.dtype() != wire.dtype() {
            let other = WireType::of(column.dtype()).map_or("another field", WireType::field_name);
            return Err(Fault::new(format!(
                "dtype is {}, so its values belong in {}, but {other} is set",
                wire.name(),
                wire.field_name(),
            )));
        }
        found = column;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(dtype: i32, shape: &[u32], columns: Vec<Values>) -> WireTensor {
        WireTensor { name: "x".into(), dtype, shape: shape.into(), columns }
    }

    fn refusal(tensor: WireTensor) -> String {
        tensor.into_tensor(1).unwrap_err().message().to_owned()
    }

    #[test]
    fn fitting_tensor_is_taken() {
        let values = Values::Int32(vec![1, 2]);
        let tensor = wire(4, &[2, 1], vec![values.clone()]).into_tensor(0).unwrap();
        assert_eq!(tensor, Tensor::new("x".into(), vec![2, 1], values).unwrap());
        assert_eq!(WireTensor::try_from(tensor.clone()).unwrap().into_tensor(0).unwrap(), tensor);
    }

    #[test]
    fn no_elements_need_a_zero_in_the_shape() {
        let tensor = wire(7, &[3, 0], vec![]).into_tensor(0).unwrap();
        assert_eq!((tensor.shape(), tensor.dtype()), (&[3, 0][..], DataType::Float32));
        assert_eq!(WireTensor::try_from(tensor).unwrap(), wire(7, &[3, 0], vec![]));
        assert_eq!(
            refusal(wire(7, &[], vec![])),
            "gtensors.tensors[1]: shape [] wants 1 values, flat_float32 has 0"
        );
    }

    #[test]
    fn misfits_name_the_place() {
        let ints = || vec![Values::Int32(vec![1])];
        assert_eq!(
            refusal(wire(0, &[1], ints())),
            "gtensors.tensors[1].dtype: is missing, give one of DT_UINT8, DT_INT8, DT_INT16, \
             DT_INT32, DT_INT64, DT_FLOAT16, DT_FLOAT32, DT_FLOAT64, DT_STRING"
        );
        assert!(refusal(wire(10, &[1], ints())).contains("10 is not known"));
        assert_eq!(
            refusal(wire(7, &[1], ints())),
            "gtensors.tensors[1]: dtype is DT_FLOAT32, so its values belong in flat_float32, but \
             flat_int32 is set"
        );
        assert!(refusal(wire(4, &[u32::MAX, u32::MAX, 9], ints())).contains("too many"));
        assert!(wire(4, &[1; MAX_RANK], ints()).into_tensor(0).is_ok());
        assert_eq!(
            refusal(wire(4, &[1; MAX_RANK + 1], ints())),
            "gtensors.tensors[1]: 33 dimensions are too many, 32 are allowed"
        );
    }

    #[test]
    fn columns_stay_in_field_order() {
        let mut tensor = WireTensor::default();
        tensor.set_column(Values::Float32(vec![1.0]));
        tensor.set_column(Values::Int8(vec![1]));
        tensor.set_column(Values::Float32(vec![2.0]));
        assert_eq!(tensor.columns, [Values::Int8(vec![1]), Values::Float32(vec![2.0])]);
        tensor.set_column(Values::Int8(vec![]));
        assert_eq!(tensor.columns.len(), 1);
    }
}
