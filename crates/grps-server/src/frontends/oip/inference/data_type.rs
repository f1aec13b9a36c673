//! The names of element types in the protocol.

use grps_core::{DataType, Error, quoted};

/// The name of an element type, such as `FP32`.
pub(crate) fn name_of(dtype: DataType) -> &'static str {
    match dtype {
        DataType::Bool => "BOOL",
        DataType::Uint8 => "UINT8",
        DataType::Uint16 => "UINT16",
        DataType::Uint32 => "UINT32",
        DataType::Uint64 => "UINT64",
        DataType::Int8 => "INT8",
        DataType::Int16 => "INT16",
        DataType::Int32 => "INT32",
        DataType::Int64 => "INT64",
        DataType::Float16 => "FP16",
        DataType::Bfloat16 => "BF16",
        DataType::Float32 => "FP32",
        DataType::Float64 => "FP64",
        DataType::String => "BYTES",
    }
}

/// The name in a model configuration, such as `TYPE_FP32`.
pub(crate) fn config_name_of(dtype: DataType) -> &'static str {
    match dtype {
        DataType::Bool => "TYPE_BOOL",
        DataType::Uint8 => "TYPE_UINT8",
        DataType::Uint16 => "TYPE_UINT16",
        DataType::Uint32 => "TYPE_UINT32",
        DataType::Uint64 => "TYPE_UINT64",
        DataType::Int8 => "TYPE_INT8",
        DataType::Int16 => "TYPE_INT16",
        DataType::Int32 => "TYPE_INT32",
        DataType::Int64 => "TYPE_INT64",
        DataType::Float16 => "TYPE_FP16",
        DataType::Bfloat16 => "TYPE_BF16",
        DataType::Float32 => "TYPE_FP32",
        DataType::Float64 => "TYPE_FP64",
        DataType::String => "TYPE_STRING",
    }
}

/// The element type with this name.
///
/// # Errors
/// `InvalidArgument` with the names there are.
pub(crate) fn from_name(name: &str) -> Result<DataType, Error> {
    DataType::ALL.into_iter().find(|dtype| name_of(*dtype) == name).ok_or_else(|| {
        let known = DataType::ALL.map(name_of).join(", ");
        Error::invalid(format!("datatype {} is not known, give one of {known}", quoted(name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_name_of_its_own() {
        for dtype in DataType::ALL {
            assert_eq!(from_name(name_of(dtype)).unwrap(), dtype);
        }
        for name in ["", "fp32", "FP8", "STRING"] {
            assert!(from_name(name).unwrap_err().message().contains("give one of BOOL, UINT8"));
        }
    }
}
