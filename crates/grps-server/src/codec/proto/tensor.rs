//! Decodes `GenericTensorData` and `GenericTensor`.

use grps_core::Values;

use super::packed::{self, Whole};
use super::raw_tensor::{RAW, raw_values};
use super::reader::{Reader, Wire};
use crate::codec::fault::Fault;
use crate::codec::room::Room;
use crate::codec::wire_tensor::{MAX_TENSORS, WireShape, WireTensor};
use crate::codec::wire_type::{FLAT_BYTES, WireType};

/// What a size of a shape takes in memory at most.
const BYTES_PER_SIZE: usize = 8;

/// Bytes of a tensor from which on its strings are counted before they are read.
const LARGE_TENSOR: usize = 64 << 10;

/// The field of `flat_string`.
const STRINGS: u32 = 12;

/// Appends the tensors of one `GenericTensorData`.
pub(super) fn append_tensors(
    tensors: &mut Vec<WireTensor>,
    bytes: &[u8],
    whole: Whole<'_>,
) -> Result<(), Fault> {
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        if (field, wire) != (1, Wire::Len) {
            reader.skip(field, wire)?;
            continue;
        }
        let index = tensors.len();
        if index >= MAX_TENSORS {
            return Err(Fault::new(format!("more than {MAX_TENSORS} tensors")).in_field("tensors"));
        }
        let tensor = reader.bytes().and_then(|bytes| decode_tensor(bytes, whole));
        tensors.push(tensor.map_err(|fault| fault.at_index(index).in_field("tensors"))?);
    }
    Ok(())
}

fn decode_tensor(bytes: &[u8], whole: Whole<'_>) -> Result<WireTensor, Fault> {
    let mut tensor = WireTensor::default();
    // The first field with strings: their order is known only if one field has them all.
    let mut strings = None;
    let mut raw = None;
    if bytes.len() >= LARGE_TENSOR {
        let mut column = Vec::new();
        whole.1.grow_exact(&mut column, count_strings(bytes)?)?;
        tensor.columns.push(Values::String(column));
    }
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        if matches!((field, wire), (STRINGS | FLAT_BYTES, Wire::Len))
            && *strings.get_or_insert(field) != field
        {
            return Err(Fault::new("flat_string and flat_bytes are both set; set one of them"));
        }
        match (field, wire) {
            (1, Wire::Len) => {
                let name = reader.text().map_err(|fault| fault.in_field("name"))?;
                whole.1.take(name.len())?;
                tensor.name = name.into();
            }
            (2, Wire::Varint) => tensor.dtype = reader.varint()? as i32,
            (3, Wire::Len | Wire::Varint) => {
                let appended = append_shape(&mut tensor.shape, &mut reader, wire, whole.1);
                appended.map_err(|fault| fault.in_field("shape"))?;
            }
            (RAW, Wire::Len) => raw = Some(reader.bytes().map_err(|fault| fault.in_field("raw"))?),
            _ => decode_column(&mut tensor, &mut reader, (field, wire), whole)?,
        }
    }
    tensor.columns.retain(|column| !column.is_empty());
    if let Some(raw) = raw {
        let values = raw_values(&tensor, raw, whole.1);
        tensor.columns.extend(values.map_err(|fault| fault.in_field("raw"))?);
    }
    Ok(tensor)
}

/// How many strings an encoded tensor has.
fn count_strings(bytes: &[u8]) -> Result<usize, Fault> {
    let mut count = 0;
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        count += usize::from(matches!((field, wire), (STRINGS | FLAT_BYTES, Wire::Len)));
        reader.skip(field, wire)?;
    }
    Ok(count)
}

/// Appends dimensions, packed or a single one. Protobuf keeps the low bits of one that is too wide.
fn append_shape(
    shape: &mut WireShape,
    reader: &mut Reader<'_>,
    wire: Wire,
    room: &Room<'_>,
) -> Result<(), Fault> {
    if wire == Wire::Varint {
        room.take(BYTES_PER_SIZE)?;
        shape.push(reader.varint().map_err(|fault| fault.at_index(shape.len()))? as u32);
        return Ok(());
    }
    let mut packed = Reader::new(reader.bytes()?);
    room.take(packed.remaining().saturating_mul(BYTES_PER_SIZE))?;
    while packed.remaining() > 0 {
        shape.push(packed.varint().map_err(|fault| fault.at_index(shape.len()))? as u32);
    }
    Ok(())
}

/// Takes a `flat_*` field and skips any other.
fn decode_column(
    tensor: &mut WireTensor,
    reader: &mut Reader<'_>,
    (field, wire): (u32, Wire),
    whole: Whole<'_>,
) -> Result<(), Fault> {
    let wire_type = if field == FLAT_BYTES {
        WireType::String
    } else if let Some(wire_type) = WireType::of_field(field) {
        wire_type
    } else {
        return reader.skip(field, wire);
    };
    let values = column(&mut tensor.columns, wire_type);
    match values {
        Some(values) if packed::accepts(values, wire) => {
            let appended = packed::append(values, reader, wire, whole);
            let name = if field == FLAT_BYTES { "flat_bytes" } else { wire_type.field_name() };
            appended.map_err(|fault| fault.in_field(name))
        }
        _ => reader.skip(field, wire),
    }
}

/// The column of this type, made in its place by field order when there is none yet.
fn column(columns: &mut Vec<Values>, wire_type: WireType) -> Option<&mut Values> {
    let type_of = |column: &Values| WireType::of(column.dtype());
    let position = columns.partition_point(|column| type_of(column) < Some(wire_type));
    if columns.get(position).is_none_or(|column| type_of(column) != Some(wire_type)) {
        columns.insert(position, Values::empty(wire_type.dtype()));
    }
    columns.get_mut(position)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use grps_core::Error;

    use super::*;

    fn decoded(bytes: &[u8]) -> Result<WireTensor, Fault> {
        let whole = Bytes::copy_from_slice(bytes);
        decode_tensor(&whole, (&whole, &Room::unlimited()))
    }

    fn appended(tensors: &mut Vec<WireTensor>, bytes: &[u8]) -> Result<(), Fault> {
        let whole = Bytes::copy_from_slice(bytes);
        append_tensors(tensors, &whole, (&whole, &Room::unlimited()))
    }

    #[test]
    fn columns_merge_packed_and_single() {
        // flat_int32 packed [1, 2], flat_int8 single 3, flat_int32 single 4, shape 5 and [6].
        let bytes = [0x3a, 2, 1, 2, 0x28, 3, 0x38, 4, 0x18, 5, 0x1a, 1, 6];
        let tensor = decoded(&bytes).unwrap();
        assert_eq!(tensor.columns, [Values::Int8(vec![3]), Values::Int32(vec![1, 2, 4])]);
        assert_eq!(tensor.shape[..], [5, 6]);
    }

    #[test]
    fn wrong_framing_counts_as_unknown() {
        // name as varint, flat_float32 as fixed64, flat_string as varint, field 13.
        let bytes = [0x08, 1, 0x51, 0, 0, 0, 0, 0, 0, 0, 0, 0x60, 1, 0x68, 1];
        assert_eq!(decoded(&bytes).unwrap(), WireTensor::default());
    }

    #[test]
    fn empty_run_leaves_no_column() {
        assert_eq!(decoded(&[0x52, 0]).unwrap().columns, []);
    }

    #[test]
    fn strings_are_any_bytes_of_one_of_two_fields() {
        let strings = |bytes: &[u8]| decoded(bytes).unwrap().columns;
        let expected = [Values::String(vec!["a".into(), Bytes::from_static(&[0xff])])];
        assert_eq!(strings(&[0x62, 1, b'a', 0x62, 1, 0xff]), expected);
        assert_eq!(strings(&[0xa2, 6, 1, b'a', 0xa2, 6, 1, 0xff]), expected);
        let both = decoded(&[0x62, 1, b'a', 0xa2, 6, 0]).unwrap_err();
        let expected = "flat_string and flat_bytes are both set; set one of them";
        assert_eq!(Error::from(both).message(), expected);
    }

    #[test]
    fn tensor_count_limit_is_exact() {
        let mut tensors = Vec::new();
        appended(&mut tensors, &[0x0a, 0].repeat(MAX_TENSORS)).unwrap();
        assert_eq!(tensors.len(), MAX_TENSORS);
        let error = appended(&mut tensors, &[0x0a, 0]).unwrap_err();
        assert_eq!(Error::from(error).message(), "tensors: more than 1024 tensors");
    }

    #[test]
    fn errors_name_the_element() {
        let mut tensors = vec![WireTensor::default()];
        let error = appended(&mut tensors, &[0x0a, 5, 0x22, 3, 1, 0x80, 2]).unwrap_err();
        assert_eq!(
            Error::from(error).message(),
            "tensors[1].flat_uint8[1]: 256 is out of range for uint8, 0 to 255 is allowed"
        );
    }
}
