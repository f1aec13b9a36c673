//! A tensor as its sender wrote it, before it is checked.

use grps_core::{DataType, Error, MAX_RANK, Tensor, Values};

use super::fault::Fault;

/// Most tensors that one message may carry.
pub const MAX_TENSORS: usize = 1024;

/// The faithful view of a tensor on the wire: nothing in it has to fit together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WireTensor {
    /// Name as sent; empty when the sender gave none.
    pub name: String,
    /// Wire number of the data type; 0 when the sender gave none.
    pub dtype: i32,
    /// Dimensions, outermost first.
    pub shape: Vec<u32>,
    /// Each `flat_*` field that was present and not empty, in field order, each type at most once.
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
        let dtype = known_dtype(self.dtype).map_err(|fault| place(fault.in_field("dtype")))?;
        if self.shape.len() > MAX_RANK {
            let rank = self.shape.len();
            return Err(place(Fault::new(format!(
                "{rank} dimensions are too many, {MAX_RANK} are allowed"
            ))));
        }
        let shape: Vec<usize> = self.shape.iter().map(|dim| *dim as usize).collect();
        let values = single_column(self.columns, dtype).map_err(place)?;
        let expected = shape.iter().try_fold(1usize, |count, dim| count.checked_mul(*dim));
        if expected != Some(values.len()) {
            let expected =
                expected.map_or_else(|| "too many".to_owned(), |count| count.to_string());
            return Err(place(Fault::new(format!(
                "shape {shape:?} wants {expected} values, {} has {}",
                flat_name(dtype),
                values.len()
            ))));
        }
        Tensor::new(self.name, shape, values)
    }

    /// Puts a `flat_*` field in its place by field order; one of the same type is replaced, and
    /// an empty one only removes.
    pub(super) fn set_column(&mut self, values: Values) {
        let dtype = values.dtype();
        self.columns.retain(|column| column.dtype() != dtype);
        if !values.is_empty() {
            let position = self.columns.partition_point(|c| (c.dtype() as i32) < dtype as i32);
            self.columns.insert(position, values);
        }
    }
}

impl From<Tensor> for WireTensor {
    /// Dimensions past the wire's 32 bits (only a tensor without elements can have them) saturate.
    fn from(tensor: Tensor) -> Self {
        let (name, shape, values) = tensor.into_parts();
        let mut wire = Self {
            name,
            dtype: values.dtype() as i32,
            shape: shape.into_iter().map(wire_dim).collect(),
            columns: Vec::new(),
        };
        wire.set_column(values);
        wire
    }
}

/// Name of the field that holds elements of this type.
pub(super) fn flat_name(dtype: DataType) -> &'static str {
    match dtype {
        DataType::Uint8 => "flat_uint8",
        DataType::Int8 => "flat_int8",
        DataType::Int16 => "flat_int16",
        DataType::Int32 => "flat_int32",
        DataType::Int64 => "flat_int64",
        DataType::Float16 => "flat_float16",
        DataType::Float32 => "flat_float32",
        DataType::Float64 => "flat_float64",
        DataType::String => "flat_string",
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

/// The data types a sender may name, for error messages.
pub(super) fn known_dtypes() -> String {
    DataType::ALL.map(DataType::wire_name).join(", ")
}

fn known_dtype(number: i32) -> Result<DataType, Fault> {
    DataType::from_wire(number).ok_or_else(|| {
        let what =
            if number == 0 { "is missing".to_owned() } else { format!("{number} is not known") };
        Fault::new(format!("{what}, give one of {}", known_dtypes()))
    })
}

fn single_column(columns: Vec<Values>, dtype: DataType) -> Result<Values, Fault> {
    let mut found = Values::empty(dtype);
    for column in columns {
        if column.dtype() != dtype {
            return Err(Fault::new(format!(
                "dtype is {}, so its values belong in {}, but {} is set",
                dtype.wire_name(),
                flat_name(dtype),
                flat_name(column.dtype())
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
        WireTensor { name: "x".into(), dtype, shape: shape.to_vec(), columns }
    }

    fn refusal(tensor: WireTensor) -> String {
        tensor.into_tensor(1).unwrap_err().message().to_owned()
    }

    #[test]
    fn fitting_tensor_is_taken() {
        let values = Values::Int32(vec![1, 2]);
        let tensor = wire(4, &[2, 1], vec![values.clone()]).into_tensor(0).unwrap();
        assert_eq!(tensor, Tensor::new("x".into(), vec![2, 1], values).unwrap());
        assert_eq!(WireTensor::from(tensor.clone()).into_tensor(0).unwrap(), tensor);
    }

    #[test]
    fn no_elements_need_a_zero_in_the_shape() {
        let tensor = wire(7, &[3, 0], vec![]).into_tensor(0).unwrap();
        assert_eq!((tensor.shape(), tensor.dtype()), (&[3, 0][..], DataType::Float32));
        assert_eq!(WireTensor::from(tensor), wire(7, &[3, 0], vec![]));
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
