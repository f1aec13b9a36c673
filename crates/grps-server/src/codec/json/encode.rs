//! Encodes answers as compact JSON, by protobuf's JSON mapping with snake_case names.

use grps_core::{Elements, Error, Tensor};

use super::write;
use crate::codec::message::{Data, GrpsMessage, MapData, Status};
use crate::codec::wire_tensor::WireTensor;
use crate::codec::wire_type::{WireType, wire_elements};

/// Most lists that an `ndarray` without elements may have; its shape alone does not bound them.
const MAX_EMPTY_LISTS: usize = 1 << 16;

/// Bytes to reserve for an element of an `ndarray`; the vector grows when they are too few.
const FLOAT_BYTES: usize = 20;
const INTEGER_BYTES: usize = 4;

/// Bytes to reserve for the parts of an answer that are not elements.
const FRAME_BYTES: usize = 128;

/// Encodes a message.
pub fn encode(message: &GrpsMessage) -> Vec<u8> {
    let mut out = open_message(message.status.as_ref(), &message.model);
    match &message.data {
        Data::None => (),
        Data::Binary(bytes) => {
            write::name(&mut out, "bin_data");
            write::binary(&mut out, bytes);
        }
        Data::Text(text) => {
            write::name(&mut out, "str_data");
            write::string(&mut out, text);
        }
        Data::Tensors(tensors) => write_gtensors(&mut out, tensors, |out, tensor: &WireTensor| {
            let dims = tensor.shape.iter().copied();
            let columns = tensor.columns.iter().map(|column| column.elements());
            write_tensor(out, (&tensor.name, tensor.dtype), dims, columns);
        }),
        Data::NdArrayMarker => {
            write::name(&mut out, "ndarray");
            out.extend_from_slice(b"{}");
        }
        Data::Map(map) => {
            write::name(&mut out, "gmap");
            write_map(&mut out, map);
        }
    }
    out.push(b'}');
    out
}

/// Encodes a message that carries these tensors.
///
/// # Errors
/// `ModelFailed` when a tensor has a type that the wire lacks.
pub fn encode_tensors(
    status: Option<&Status>,
    model: &str,
    tensors: &[Tensor],
) -> Result<Vec<u8>, Error> {
    tensors.iter().try_for_each(|tensor| WireType::of_output(tensor).map(drop))?;
    let mut out = open_message(status, model);
    write_gtensors(&mut out, tensors, |out, tensor: &Tensor| {
        let dims = tensor.shape().iter().copied();
        let number = WireType::of(tensor.dtype()).map_or(0, WireType::number);
        write_tensor(
            out,
            (tensor.name(), number),
            dims,
            [wire_elements(tensor.elements())].into_iter(),
        );
    });
    out.push(b'}');
    Ok(out)
}

/// Encodes the first tensor as nested lists; a float is widened to double precision first.
///
/// # Errors
/// `InvalidArgument`, as the client asked for what this output can't be, when there is no tensor or
/// its shape asks for a huge number of empty lists.
pub fn encode_ndarray(status: Option<&Status>, tensors: &[Tensor]) -> Result<Vec<u8>, Error> {
    let Some(tensor) = tensors.first() else {
        return Err(Error::invalid("No tensors in output. Cannot convert to ndarray."));
    };
    let (shape, elements) = (tensor.shape(), wire_elements(tensor.elements()));
    check_empty_lists(shape)?;
    let mut out = open_message(status, "");
    write::name(&mut out, "model");
    out.extend_from_slice(b"\"\"");
    write::name(&mut out, "ndarray");
    let element_bytes = if is_float(elements) { FLOAT_BYTES } else { INTEGER_BYTES };
    out.reserve(elements.len().saturating_mul(element_bytes));
    write_nested_elements(&mut out, shape, elements);
    out.push(b'}');
    Ok(out)
}

fn is_float(elements: Elements<'_>) -> bool {
    matches!(
        elements,
        Elements::Float16(_) | Elements::Bfloat16(_) | Elements::Float32(_) | Elements::Float64(_)
    )
}

pub(super) fn write_nested_elements(out: &mut Vec<u8>, shape: &[usize], elements: Elements<'_>) {
    match elements {
        Elements::Bool(values) => nested(out, shape, values, &|out, v| write::boolean(out, *v)),
        Elements::Uint8(values) => nested(out, shape, values, &|out, v| write::integer(out, *v)),
        Elements::Uint16(values) => nested(out, shape, values, &|out, v| write::integer(out, *v)),
        Elements::Uint32(values) => nested(out, shape, values, &|out, v| write::integer(out, *v)),
        Elements::Uint64(values) => nested(out, shape, values, &|out, v| write::integer(out, *v)),
        Elements::Int8(values) => nested(out, shape, values, &|out, v| write::integer(out, *v)),
        Elements::Int16(values) => nested(out, shape, values, &|out, v| write::integer(out, *v)),
        Elements::Int32(values) => nested(out, shape, values, &|out, v| write::integer(out, *v)),
        Elements::Int64(values) => nested(out, shape, values, &|out, v| write::integer(out, *v)),
        Elements::Float16(values) => {
            nested(out, shape, values, &|out, v| write::double(out, v.to_f64()));
        }
        Elements::Bfloat16(values) => {
            nested(out, shape, values, &|out, v| write::double(out, v.to_f64()));
        }
        Elements::Float32(values) => {
            nested(out, shape, values, &|out, v| write::double(out, f64::from(*v)));
        }
        Elements::Float64(values) => nested(out, shape, values, &|out, v| write::double(out, *v)),
        Elements::String(values) => {
            nested(out, shape, values, &|out, v| write::text_or_bytes(out, v));
        }
    }
}

/// Starts the message's object with the fields that come before the data.
fn open_message(status: Option<&Status>, model: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME_BYTES);
    out.push(b'{');
    if let Some(status) = status {
        write::name(&mut out, "status");
        write_status(&mut out, status);
    }
    if !model.is_empty() {
        write::name(&mut out, "model");
        write::string(&mut out, model);
    }
    out
}

fn write_status(out: &mut Vec<u8>, status: &Status) {
    out.push(b'{');
    if status.code != 0 {
        write::name(out, "code");
        write::integer(out, status.code);
    }
    if !status.msg.is_empty() {
        write::name(out, "msg");
        write::string(out, &status.msg);
    }
    if status.outcome.0 != 0 {
        write::name(out, "status");
        write_enum(out, status.outcome.wire_name(), status.outcome.0);
    }
    out.push(b'}');
}

fn write_enum(out: &mut Vec<u8>, name: Option<&str>, number: i32) {
    match name {
        Some(name) => write::string(out, name),
        None => write::integer(out, number),
    }
}

fn write_gtensors<T>(out: &mut Vec<u8>, tensors: &[T], write_one: impl FnMut(&mut Vec<u8>, &T)) {
    write::name(out, "gtensors");
    out.push(b'{');
    if !tensors.is_empty() {
        write::name(out, "tensors");
        write::list(out, tensors, write_one);
    }
    out.push(b'}');
}

fn write_tensor<'a>(
    out: &mut Vec<u8>,
    (name, dtype): (&str, i32),
    shape: impl ExactSizeIterator<Item = impl itoa::Integer>,
    columns: impl Iterator<Item = Elements<'a>>,
) {
    out.push(b'{');
    if !name.is_empty() {
        write::name(out, "name");
        write::string(out, name);
    }
    if dtype != 0 {
        write::name(out, "dtype");
        write_enum(out, WireType::from_number(dtype).map(WireType::name), dtype);
    }
    if shape.len() > 0 {
        write::name(out, "shape");
        write::list(out, shape, write::integer);
    }
    for elements in columns.filter(|elements| !elements.is_empty()) {
        if let Some(wire_type) = WireType::of(elements.dtype()) {
            write::name(out, wire_type.field_name());
            write_elements(out, elements);
        }
    }
    out.push(b'}');
}

fn write_elements(out: &mut Vec<u8>, elements: Elements<'_>) {
    out.reserve(match elements {
        Elements::String(values) => values.iter().map(|value| value.len() + 3).sum(),
        // A guess that is close for most numbers; the vector grows when it was too small.
        _ => elements.len().saturating_mul(8),
    });
    match elements {
        Elements::Uint8(values) => write::list(out, values.iter().copied(), write::integer),
        Elements::Int8(values) => write::list(out, values.iter().copied(), write::integer),
        Elements::Int16(values) => write::list(out, values.iter().copied(), write::integer),
        Elements::Int32(values) => write::list(out, values.iter().copied(), write::integer),
        Elements::Int64(values) => write::list(out, values.iter().copied(), write::long),
        Elements::Float16(values) => write::list(out, values.iter().copied(), write::half),
        Elements::Float32(values) => write::list(out, values.iter().copied(), write::float),
        Elements::Float64(values) => write::list(out, values.iter().copied(), write::double),
        Elements::String(values) => {
            write::list(out, values, |out, value| write::text_or_bytes(out, value));
        }
        // No field holds these.
        Elements::Bool(_)
        | Elements::Uint16(_)
        | Elements::Uint32(_)
        | Elements::Uint64(_)
        | Elements::Bfloat16(_) => out.extend_from_slice(b"[]"),
    }
}

fn write_map(out: &mut Vec<u8>, map: &MapData) {
    out.push(b'{');
    write_entries(out, "s_s", &map.s_s, |out, value| write::string(out, value));
    write_entries(out, "s_b", &map.s_b, |out, value| write::binary(out, value));
    write_entries(out, "s_i32", &map.s_i32, |out, value| write::integer(out, *value));
    write_entries(out, "s_i64", &map.s_i64, |out, value| write::long(out, *value));
    write_entries(out, "s_f", &map.s_f, |out, value| write::float(out, *value));
    write_entries(out, "s_d", &map.s_d, |out, value| write::double(out, *value));
    out.push(b'}');
}

fn write_entries<V>(
    out: &mut Vec<u8>,
    name: &str,
    entries: &[(String, V)],
    write_value: impl Fn(&mut Vec<u8>, &V),
) {
    if entries.is_empty() {
        return;
    }
    write::name(out, name);
    out.push(b'{');
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write::string(out, key);
        out.push(b':');
        write_value(out, value);
    }
    out.push(b'}');
}

/// Refuses a shape that stands for a huge number of empty lists.
pub(super) fn check_empty_lists(shape: &[usize]) -> Result<(), Error> {
    let Some(zero) = shape.iter().position(|dim| *dim == 0) else {
        return Ok(());
    };
    let outer = shape.iter().take(zero);
    match outer.copied().try_fold(1usize, usize::checked_mul) {
        Some(lists) if lists <= MAX_EMPTY_LISTS => Ok(()),
        _ => Err(Error::invalid(format!(
            "shape {shape:?} asks for more than {MAX_EMPTY_LISTS} empty lists. Cannot convert to \
             ndarray."
        ))),
    }
}

/// Writes elements as nested lists.
pub(super) fn nested<T>(
    out: &mut Vec<u8>,
    shape: &[usize],
    values: &[T],
    write: &impl Fn(&mut Vec<u8>, &T),
) {
    match shape {
        [] => values.iter().for_each(|value| write(out, value)),
        [_] => write::list(out, values, write),
        [count, inner @ ..] => {
            let row = values.len() / (*count).max(1);
            write::list(out, 0..*count, |out, index| {
                let start = index * row;
                let part = values.get(start..start + row).unwrap_or_default();
                nested(out, inner, part, write);
            });
        }
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
