//! Reads `TensorProto`.
//!
//! Elements come as they lie in memory (`tensor_content`) or in the field of their type. Fewer elements
//! than the shape has are filled up with the last one, and none at all are zeros or empty strings.

use bytes::Bytes;
use grps_core::{Buffer, DataType, Error, MAX_RANK, Shape, Tensor, Values, element_count};
use half::vec::HalfBitsVecExt;
use half::{bf16, f16};

use crate::codec::proto::packed::{self, Whole};
use crate::codec::proto::reader::{Reader, Wire};
use crate::codec::{Fault, Room};
use crate::frontends::tfserving::element_type;

/// What a string of a tensor takes: its place in the tensor and what refers to it elsewhere.
const STRING_BYTES: usize = 128 + size_of::<Bytes>();

/// The fields with elements, by their numbers.
const FIELDS: [(u32, &str); 13] = [
    (5, "float_val"),
    (6, "double_val"),
    (7, "int_val"),
    (8, "string_val"),
    (9, "scomplex_val"),
    (10, "int64_val"),
    (11, "bool_val"),
    (12, "dcomplex_val"),
    (13, "half_val"),
    (14, "resource_handle_val"),
    (15, "variant_val"),
    (16, "uint32_val"),
    (17, "uint64_val"),
];

/// The field with the elements of a type.
pub(super) fn field_of(dtype: DataType) -> u32 {
    match dtype {
        DataType::Float32 => 5,
        DataType::Float64 => 6,
        DataType::Int32 | DataType::Int16 | DataType::Int8 | DataType::Uint16 | DataType::Uint8 => {
            7
        }
        DataType::String => 8,
        DataType::Int64 => 10,
        DataType::Bool => 11,
        DataType::Float16 | DataType::Bfloat16 => 13,
        DataType::Uint32 => 16,
        DataType::Uint64 => 17,
    }
}

fn field_name(field: u32) -> &'static str {
    FIELDS.iter().find(|(number, _)| *number == field).map_or("another field", |(_, name)| name)
}

/// A tensor whose elements have not been read.
#[derive(Debug, Default)]
pub(super) struct TensorReader<'a> {
    dtype: i32,
    shape: Shape,
    content: &'a [u8],
    /// The occurrences of the message, which merge.
    parts: Vec<&'a [u8]>,
    /// The first field with elements that is not empty.
    first_field: Option<u32>,
}

impl<'a> TensorReader<'a> {
    /// Reads an occurrence of the message.
    ///
    /// # Errors
    /// A fault with the place when it is malformed.
    pub(super) fn add(&mut self, part: &'a [u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(part);
        while let Some((field, wire)) = reader.tag()? {
            match (field, wire) {
                // Protobuf keeps the low bits of a number that is too wide for its field.
                (1, Wire::Varint) => self.dtype = reader.varint()? as i32,
                (2, Wire::Len) => {
                    let shape = self.add_sizes(reader.bytes()?);
                    shape.map_err(|fault| fault.in_field("tensor_shape"))?;
                }
                (4, Wire::Len) => {
                    let bytes = reader.bytes().map_err(|fault| fault.in_field("tensor_content"))?;
                    self.content = bytes;
                }
                (5..=17, _) => self.note_field(field, wire, &mut reader)?,
                (18, Wire::Len) if !reader.clone().bytes()?.is_empty() => {
                    return Err(Fault::new("float8_val is not supported"));
                }
                _ => reader.skip(field, wire)?,
            }
        }
        // More occurrences than one are rare, and each is read again.
        if self.parts.len() >= MAX_RANK {
            return Err(Fault::new(format!("the tensor is given more than {MAX_RANK} times")));
        }
        self.parts.push(part);
        Ok(())
    }

    /// Notes a field with elements. An empty one is as good as none.
    fn note_field(&mut self, field: u32, wire: Wire, reader: &mut Reader<'a>) -> Result<(), Fault> {
        let before = reader.clone();
        reader.skip(field, wire).map_err(|fault| fault.in_field(field_name(field)))?;
        // A string may be empty.
        let is_empty = field != field_of(DataType::String)
            && wire == Wire::Len
            && before.clone().bytes().is_ok_and(<[u8]>::is_empty);
        if !is_empty {
            self.first_field.get_or_insert(field);
        }
        Ok(())
    }

    fn add_sizes(&mut self, shape: &[u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(shape);
        while let Some((field, wire)) = reader.tag()? {
            match (field, wire) {
                (2, Wire::Len) => {
                    if self.shape.len() >= MAX_RANK {
                        return Err(Fault::new(format!("more than {MAX_RANK} dimensions")));
                    }
                    self.shape.push(read_size(reader.bytes()?)?);
                }
                (3, Wire::Varint) if reader.clone().varint()? != 0 => {
                    return Err(Fault::new("the rank of a tensor can't be unknown"));
                }
                _ => reader.skip(field, wire)?,
            }
        }
        Ok(())
    }

    /// The tensor.
    ///
    /// # Errors
    /// `InvalidArgument` when its type is not supported, when elements are in the field of another
    /// type or are more than its shape says; those of the room.
    pub(super) fn finish(self, name: &str, whole: Whole<'a>) -> Result<Tensor, Error> {
        let dtype = element_type::from_number(self.dtype)?;
        let count = element_count(&self.shape);
        let count = count.ok_or_else(|| Error::invalid("tensor_shape is too large"))?;
        let own = field_of(dtype);
        let first = self.first_field;
        if !self.content.is_empty() {
            if let Some(field) = first {
                let field = field_name(field);
                return Err(Error::invalid(format!(
                    "tensor_content and {field} can't be combined"
                )));
            }
            let buffer = read_content(self.content, dtype, count, whole)?;
            return Tensor::new(name.into(), self.shape, buffer);
        }
        if let Some(field) = first.filter(|field| *field != own) {
            return Err(Error::invalid(format!(
                "the elements of {} are sent in {} or tensor_content, got {}",
                element_type::name_of(dtype),
                field_name(own),
                field_name(field)
            )));
        }
        let buffer = self.read_fields(dtype, count, whole)?;
        Tensor::new(name.into(), self.shape, buffer)
    }

    /// Reads the elements from the field of their type.
    fn read_fields(
        &self,
        dtype: DataType,
        count: usize,
        whole: Whole<'a>,
    ) -> Result<Buffer, Error> {
        if let Some(bytes) = self.only_run(dtype, count) {
            return in_place(bytes, dtype, whole);
        }
        let own = field_of(dtype);
        let in_own = |fault: Fault| fault.in_field(field_name(own));
        let mut values = Values::empty(stored_as(dtype));
        for part in &self.parts {
            let mut reader = Reader::new(part);
            while let Some((field, wire)) = reader.tag()? {
                if field != own {
                    reader.skip(field, wire)?;
                } else if packed::accepts(&values, wire) {
                    packed::append(&mut values, &mut reader, wire, whole).map_err(in_own)?;
                } else {
                    let name = field_name(field);
                    return Err(Error::invalid(format!("{name} is malformed")));
                }
            }
        }
        fill(&mut values, count, whole.1)?;
        Ok(of_bits(values, dtype).into())
    }

    /// The only packed run of elements, if it lies there as in memory.
    fn only_run(&self, dtype: DataType, count: usize) -> Option<&'a [u8]> {
        let (DataType::Float32 | DataType::Float64) = dtype else { return None };
        let [part] = self.parts.as_slice() else { return None };
        let (mut run, mut reader) = (None, Reader::new(part));
        while let Some((field, wire)) = reader.tag().ok()? {
            if field != field_of(dtype) {
                reader.skip(field, wire).ok()?;
            } else if wire == Wire::Len && run.is_none() {
                run = Some(reader.bytes().ok()?);
            } else {
                return None;
            }
        }
        run.filter(|run| {
            Some(run.len()) == dtype.width().and_then(|width| width.checked_mul(count))
        })
    }
}

/// Reads a `Dim`.
fn read_size(dim: &[u8]) -> Result<usize, Fault> {
    let (mut size, mut reader) = (0, Reader::new(dim));
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (1, Wire::Varint) => size = reader.varint()? as i64,
            _ => reader.skip(field, wire)?,
        }
    }
    usize::try_from(size)
        .map_err(|_| Fault::new(format!("the size {size} is negative, sizes are numbers from 0")))
}

/// The type that elements are read as: half precision numbers come as their bits.
fn stored_as(dtype: DataType) -> DataType {
    match dtype {
        DataType::Float16 | DataType::Bfloat16 => DataType::Uint16,
        other => other,
    }
}

fn of_bits(values: Values, dtype: DataType) -> Values {
    match (values, dtype) {
        (Values::Uint16(bits), DataType::Float16) => bits.reinterpret_into::<f16>().into(),
        (Values::Uint16(bits), DataType::Bfloat16) => bits.reinterpret_into::<bf16>().into(),
        (values, _) => values,
    }
}

/// Repeats the last element until there are `count`.
fn fill(values: &mut Values, count: usize, room: &Room<'_>) -> Result<(), Error> {
    let found = values.len();
    if found > count {
        return Err(Error::invalid(format!(
            "it has {found} elements, more than the {count} of its shape"
        )));
    }
    let width = values.dtype().width().unwrap_or(STRING_BYTES);
    // The vector is allocated anew when it grows.
    let needed = if found == count { 0 } else { count.saturating_mul(width) };
    room.take(needed)?;
    values.fill(count);
    Ok(())
}

/// Elements as they lie in memory.
fn read_content(
    content: &[u8],
    dtype: DataType,
    count: usize,
    whole: Whole<'_>,
) -> Result<Buffer, Error> {
    let Some(width) = dtype.width() else { return read_strings(content, count, whole) };
    if count.checked_mul(width) != Some(content.len()) {
        let (dtype, length) = (element_type::name_of(dtype), content.len());
        return Err(Error::invalid(format!(
            "tensor_content has {length} bytes, {count} elements of {dtype} take {width} each"
        )));
    }
    in_place(content, dtype, whole)
}

/// Elements in the memory of the message, unless they are not aligned there.
fn in_place(bytes: &[u8], dtype: DataType, (message, room): Whole<'_>) -> Result<Buffer, Error> {
    let width = dtype.width().unwrap_or(1);
    if dtype == DataType::Bool || !bytes.as_ptr().addr().is_multiple_of(width) {
        room.take(bytes.len())?;
    }
    let buffer = Buffer::from_bytes(dtype, message.slice_ref(bytes));
    buffer.ok_or_else(|| Error::invalid("the bytes are no elements"))
}

/// Strings in `tensor_content`: their lengths, and then all of them.
fn read_strings(content: &[u8], count: usize, (message, room): Whole<'_>) -> Result<Buffer, Error> {
    let malformed = || Error::invalid("tensor_content is not a list of so many strings");
    if count > content.len() {
        return Err(malformed());
    }
    room.take(count.saturating_mul(STRING_BYTES + size_of::<usize>()))?;
    let (mut lengths, mut reader) = (Vec::with_capacity(count), Reader::new(content));
    for _ in 0..count {
        lengths.push(usize::try_from(reader.varint()?).map_err(|_| malformed())?);
    }
    let texts = content.get(content.len() - reader.remaining()..).unwrap_or_default();
    let (mut rest, mut strings) = (texts, Vec::with_capacity(count));
    for length in lengths {
        let (text, after) = rest.split_at_checked(length).ok_or_else(malformed)?;
        strings.push(message.slice_ref(text));
        rest = after;
    }
    if rest.is_empty() { Ok(Values::String(strings).into()) } else { Err(malformed()) }
}

#[cfg(test)]
#[path = "tensor_reader_tests.rs"]
mod tests;
