//! The nine element types of the GRPS protocol: their numbers, names and fields.

use grps_core::{Buffer, Cause, DataType, Elements, Error, Tensor, Values};

/// The field that holds elements of [`WireType::String`] when they are not all UTF-8 text.
pub(super) const FLAT_BYTES: u32 = 100;
/// The numbers of the types that only elements in the field `raw` can have.
const RAW_TYPES: [(DataType, i32); 5] = [
    (DataType::Bool, 100),
    (DataType::Uint16, 101),
    (DataType::Uint32, 102),
    (DataType::Uint64, 103),
    (DataType::Bfloat16, 104),
];

/// An element type on the wire; its number is the one that messages carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum WireType {
    /// Unsigned 8-bit integer.
    Uint8 = 1,
    /// Signed 8-bit integer.
    Int8 = 2,
    /// Signed 16-bit integer.
    Int16 = 3,
    /// Signed 32-bit integer.
    Int32 = 4,
    /// Signed 64-bit integer.
    Int64 = 5,
    /// IEEE half precision; travels as float.
    Float16 = 6,
    /// IEEE single precision.
    Float32 = 7,
    /// IEEE double precision.
    Float64 = 8,
    /// Byte strings: UTF-8 text in `flat_string`, any bytes in `flat_bytes`.
    String = 9,
}

impl WireType {
    /// All types in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Uint8,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Float16,
        Self::Float32,
        Self::Float64,
        Self::String,
    ];

    /// The type with this number; `None` for 0 (`DT_INVALID`) and unknown numbers.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|wire| wire.number() == number)
    }

    /// The type on the wire of elements of this type; `None` where the wire has none. A bool is a
    /// `uint8` there, in the same bytes.
    pub fn of(dtype: DataType) -> Option<Self> {
        let dtype = if dtype == DataType::Bool { DataType::Uint8 } else { dtype };
        Self::ALL.into_iter().find(|wire| wire.dtype() == dtype)
    }

    /// The type of the elements.
    pub fn dtype(self) -> DataType {
        match self {
            Self::Uint8 => DataType::Uint8,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Float16 => DataType::Float16,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::String => DataType::String,
        }
    }

    /// The number in messages.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The name in messages, for example `DT_FLOAT32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uint8 => "DT_UINT8",
            Self::Int8 => "DT_INT8",
            Self::Int16 => "DT_INT16",
            Self::Int32 => "DT_INT32",
            Self::Int64 => "DT_INT64",
            Self::Float16 => "DT_FLOAT16",
            Self::Float32 => "DT_FLOAT32",
            Self::Float64 => "DT_FLOAT64",
            Self::String => "DT_STRING",
        }
    }

    /// The number of the field that holds elements of this type: fields follow the types in the
    /// same order.
    pub(super) fn field(self) -> u32 {
        self as u32 + 3
    }

    /// The type whose elements are in the field with this number.
    pub(super) fn of_field(field: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|wire| wire.field() == field)
    }

    /// The name of the field that holds elements of this type.
    pub(super) fn field_name(self) -> &'static str {
        match self {
            Self::Uint8 => "flat_uint8",
            Self::Int8 => "flat_int8",
            Self::Int16 => "flat_int16",
            Self::Int32 => "flat_int32",
            Self::Int64 => "flat_int64",
            Self::Float16 => "flat_float16",
            Self::Float32 => "flat_float32",
            Self::Float64 => "flat_float64",
            Self::String => "flat_string",
        }
    }

    /// The types that a sender may name, for error messages.
    pub(super) fn known() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// The type of a tensor of a request that is passed on as a message.
    ///
    /// # Errors
    /// `InvalidArgument` when no message can carry the tensor.
    pub(super) fn of_input(tensor: &Tensor) -> Result<Self, Error> {
        Self::of_tensor(tensor).map_err(|fault| Error::invalid(format!("tensor {fault}")))
    }

    /// The type of a tensor that a model returned.
    ///
    /// # Errors
    /// `ModelFailed` when no message can carry the tensor.
    pub(super) fn of_output(tensor: &Tensor) -> Result<Self, Error> {
        let refuse = |fault| Error::new(Cause::ModelFailed, format!("output {fault}"));
        Self::of_tensor(tensor).map_err(refuse)
    }

    fn of_tensor(tensor: &Tensor) -> Result<Self, String> {
        let (name, dtype) = (tensor.name(), tensor.dtype());
        Self::of(dtype)
            .ok_or_else(|| format!("'{name}' has type {dtype}, which has no GRPS data type"))
    }
}

/// The number of a type whose elements are raw.
pub(super) fn raw_number(dtype: DataType) -> Option<i32> {
    let own = RAW_TYPES.iter().find(|(one, _)| *one == dtype);
    own.map(|(_, number)| *number).or_else(|| WireType::of(dtype).map(WireType::number))
}

/// The type of raw elements with this number.
pub(super) fn raw_type(number: i32) -> Option<DataType> {
    let own = RAW_TYPES.iter().find(|(_, one)| *one == number);
    own.map(|(dtype, _)| *dtype).or_else(|| WireType::from_number(number).map(WireType::dtype))
}

/// Elements as the wire has them: a bool is a `uint8`.
pub(super) fn wire_elements(elements: Elements<'_>) -> Elements<'_> {
    match elements {
        Elements::Bool(_) => Elements::Uint8(elements.bytes()),
        other => other,
    }
}

/// As [`wire_elements`], in the same memory.
pub(super) fn wire_buffer(buffer: Buffer) -> Buffer {
    if buffer.elements().dtype() != DataType::Bool {
        return buffer;
    }
    // Only strings have no bytes, and all bytes are of this type.
    let bytes = buffer.into_bytes().unwrap_or_default();
    let wire = Buffer::from_bytes(DataType::Uint8, bytes);
    wire.unwrap_or_else(|| Values::empty(DataType::Uint8).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_fields_go_together() {
        for (index, wire) in WireType::ALL.into_iter().enumerate() {
            assert_eq!(wire.number(), i32::try_from(index).unwrap() + 1);
            assert_eq!(WireType::from_number(wire.number()), Some(wire));
            assert_eq!(WireType::of(wire.dtype()), Some(wire));
            assert_eq!(WireType::of_field(wire.field()), Some(wire));
            let name = wire.dtype().name();
            assert_eq!(wire.name(), format!("DT_{}", name.to_uppercase()));
            assert_eq!(wire.field_name(), format!("flat_{name}"));
        }
        assert_eq!((WireType::from_number(0), WireType::from_number(10)), (None, None));
        assert_eq!((WireType::of_field(3), WireType::of_field(13)), (None, None));
    }

    #[test]
    fn a_bool_is_a_number_in_the_same_bytes() {
        let bools = Buffer::from(Values::Bool(vec![true, false]));
        assert_eq!(WireType::of(DataType::Bool), Some(WireType::Uint8));
        assert_eq!(wire_elements(bools.elements()), Elements::Uint8(&[1, 0]));
        let start = bools.elements().bytes().as_ptr();
        let wire = wire_buffer(bools);
        assert_eq!(wire.elements(), Elements::Uint8(&[1, 0]));
        assert_eq!(wire.elements().bytes().as_ptr(), start);
    }

    #[test]
    fn what_no_message_can_carry_is_refused() {
        let tensor = |values: Values| Tensor::new("x".into(), vec![1], values).unwrap();
        let output = WireType::of_output(&tensor(Values::Uint32(vec![1]))).unwrap_err();
        assert_eq!(output.cause(), Cause::ModelFailed);
        assert_eq!(output.message(), "output 'x' has type uint32, which has no GRPS data type");
        let input = WireType::of_input(&tensor(Values::Uint64(vec![1]))).unwrap_err();
        assert_eq!(input.cause(), Cause::InvalidArgument);
        assert_eq!(input.message(), "tensor 'x' has type uint64, which has no GRPS data type");
        let binary = tensor(Values::String(vec![bytes::Bytes::from_static(&[0xff])]));
        assert_eq!(WireType::of_output(&binary), Ok(WireType::String));
    }
}
