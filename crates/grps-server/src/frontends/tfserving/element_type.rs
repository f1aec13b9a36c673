//! The numbers and names of element types in TensorFlow.

use grps_core::{DataType, Error};

/// The number of an element type that a model does not tell.
pub(crate) const UNKNOWN: i32 = 0;

/// The number of an element type, such as 1 for float32.
pub(crate) fn number_of(dtype: DataType) -> i32 {
    match dtype {
        DataType::Float32 => 1,
        DataType::Float64 => 2,
        DataType::Int32 => 3,
        DataType::Uint8 => 4,
        DataType::Int16 => 5,
        DataType::Int8 => 6,
        DataType::String => 7,
        DataType::Int64 => 9,
        DataType::Bool => 10,
        DataType::Bfloat16 => 14,
        DataType::Uint16 => 17,
        DataType::Float16 => 19,
        DataType::Uint32 => 22,
        DataType::Uint64 => 23,
    }
}

/// The name of an element type, such as `DT_FLOAT`.
pub(crate) fn name_of(dtype: DataType) -> &'static str {
    match dtype {
        DataType::Float32 => "DT_FLOAT",
        DataType::Float64 => "DT_DOUBLE",
        DataType::Int32 => "DT_INT32",
        DataType::Uint8 => "DT_UINT8",
        DataType::Int16 => "DT_INT16",
        DataType::Int8 => "DT_INT8",
        DataType::String => "DT_STRING",
        DataType::Int64 => "DT_INT64",
        DataType::Bool => "DT_BOOL",
        DataType::Bfloat16 => "DT_BFLOAT16",
        DataType::Uint16 => "DT_UINT16",
        DataType::Float16 => "DT_HALF",
        DataType::Uint32 => "DT_UINT32",
        DataType::Uint64 => "DT_UINT64",
    }
}

/// The element type with this number.
///
/// # Errors
/// `InvalidArgument` with the types there are.
pub(crate) fn from_number(number: i32) -> Result<DataType, Error> {
    let found = DataType::ALL.into_iter().find(|dtype| number_of(*dtype) == number);
    found.ok_or_else(|| {
        let known = DataType::ALL.map(name_of).join(", ");
        let what = match number {
            UNKNOWN => "dtype is missing".to_owned(),
            8 => "DT_COMPLEX64 is not supported".to_owned(),
            18 => "DT_COMPLEX128 is not supported".to_owned(),
            11 | 12 | 13 | 15 | 16 => format!("the quantized dtype {number} is not supported"),
            20 => "DT_RESOURCE is not supported".to_owned(),
            21 => "DT_VARIANT is not supported".to_owned(),
            _ => format!("dtype {number} is not supported"),
        };
        Error::invalid(format!("{what}; send one of {known}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_number_and_a_name_of_its_own() {
        for dtype in DataType::ALL {
            assert_eq!(from_number(number_of(dtype)).unwrap(), dtype);
            let same = DataType::ALL.iter().filter(|other| name_of(**other) == name_of(dtype));
            assert_eq!(same.count(), 1);
        }
    }

    #[test]
    fn other_types_are_refused_by_name() {
        for (number, expected) in [
            (0, "dtype is missing; send one of DT_BOOL"),
            (8, "DT_COMPLEX64 is not supported"),
            (11, "the quantized dtype 11 is not supported"),
            (20, "DT_RESOURCE is not supported"),
            (101, "dtype 101 is not supported"),
            (-1, "dtype -1 is not supported"),
        ] {
            let error = from_number(number).unwrap_err();
            assert!(error.message().starts_with(expected), "{error}");
        }
    }
}
