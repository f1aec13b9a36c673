//! Reads `InferTensorContents`: elements in the field of their type.

use grps_core::{DataType, Error, Shape, Tensor, Values};

use crate::codec::fault::Fault;
use crate::codec::proto::packed::{self, Whole};
use crate::codec::proto::reader::{Reader, Wire};
use crate::frontends::oip::inference::data_type;

/// The names of the fields, from field 1 on.
const FIELDS: [&str; 8] = [
    "bool_contents",
    "int_contents",
    "int64_contents",
    "uint_contents",
    "uint64_contents",
    "fp32_contents",
    "fp64_contents",
    "bytes_contents",
];

/// The field with the elements of a type; `None` for types that only raw contents can have.
fn field_of(dtype: DataType) -> Option<u32> {
    Some(match dtype {
        DataType::Bool => 1,
        DataType::Int8 | DataType::Int16 | DataType::Int32 => 2,
        DataType::Int64 => 3,
        DataType::Uint8 | DataType::Uint16 | DataType::Uint32 => 4,
        DataType::Uint64 => 5,
        DataType::Float32 => 6,
        DataType::Float64 => 7,
        DataType::String => 8,
        DataType::Float16 | DataType::Bfloat16 => return None,
    })
}

/// Reads the elements of an input from the occurrences of its contents, which merge.
///
/// # Errors
/// `InvalidArgument` when another field than that of the type is set, and when there are not as many
/// elements as the shape says; those of the room.
pub(super) fn decode(
    (name, dtype, shape): (&str, DataType, Shape),
    contents: &[&[u8]],
    whole: Whole<'_>,
) -> Result<Tensor, Error> {
    let mut values = Values::empty(dtype);
    for bytes in contents {
        append(&mut values, bytes, whole).map_err(|fault| fault.in_field("contents"))?;
    }
    Tensor::new(name.into(), shape, values)
}

fn append(values: &mut Values, bytes: &[u8], whole: Whole<'_>) -> Result<(), Fault> {
    let dtype = values.dtype();
    let own = field_of(dtype);
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        let index = field.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        let Some(field_name) = index.and_then(|index| FIELDS.get(index)) else {
            reader.skip(field, wire)?;
            continue;
        };
        if own == Some(field) && packed::accepts(values, wire) {
            let appended = packed::append(values, &mut reader, wire, whole);
            appended.map_err(|fault| fault.in_field(field_name))?;
        } else {
            // An empty run is as good as none.
            let is_empty = wire == Wire::Len && reader.clone().bytes()?.is_empty();
            if !is_empty {
                return Err(wrong_field(dtype, own, field_name));
            }
            reader.skip(field, wire)?;
        }
    }
    Ok(())
}

fn wrong_field(dtype: DataType, own: Option<u32>, given: &str) -> Fault {
    let dtype = data_type::name_of(dtype);
    let own = own.and_then(|own| FIELDS.get(usize::try_from(own).ok()?.checked_sub(1)?));
    Fault::new(match own {
        Some(own) if *own == given => format!("{given} is malformed"),
        Some(own) => format!("{dtype} is sent in {own}, got {given}"),
        None => format!("{dtype} is sent in raw_input_contents, got {given}"),
    })
}
