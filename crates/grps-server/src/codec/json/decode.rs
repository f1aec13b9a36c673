//! Decodes the JSON body of a request.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use grps_core::{DataType, Error, Tensor};

use super::cursor::Cursor;
use super::unicode::text_of;
use super::{gmap, gtensors, ndarray};
use crate::codec::fault::{Fault, unknown_field};
use crate::codec::message::{Data, GrpsMessage, MapData};
use crate::codec::room::Room;
use crate::codec::wire_tensor::WireTensor;

/// A decoded JSON body.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonRequest {
    /// The message; its status is always absent. A body with `ndarray` becomes one tensor
    /// without a name.
    pub message: GrpsMessage,
    /// Where `ndarray` stands in the body's text, set when the message's tensor was made from it,
    /// for [`parse_ndarray`] when the model wants another type.
    pub ndarray_span: Option<Range<usize>>,
}

/// Decodes a body, its `ndarray` as strings if its first element is text or bytes, else as float32.
///
/// # Errors
/// `InvalidArgument` that says what is wrong and where.
pub fn decode(body: &[u8]) -> Result<JsonRequest, Error> {
    decode_data(body, (&Room::unlimited(), None), &mut |_| None)
}

/// Decodes a body, its `ndarray` as this type.
///
/// # Errors
/// As [`decode`]; also when an element of `ndarray` does not fit the type.
pub fn decode_as(body: &[u8], dtype: DataType) -> Result<JsonRequest, Error> {
    decode_data(body, (&Room::unlimited(), None), &mut |_| Some(dtype))
}

/// Decodes a body in one pass. `dtype_of` is called when an `ndarray` is met, with the model that
/// the body has named until there, empty for none; it returns the type of the array's elements, or
/// `None` for what [`decode`] makes of it. `room` is what the message may take; strings of tensors
/// share the body's memory.
///
/// # Errors
/// As [`decode_as`], and those of the room.
pub fn decode_with(
    body: &Bytes,
    room: &Room<'_>,
    dtype_of: &mut dyn FnMut(&str) -> Option<DataType>,
) -> Result<JsonRequest, Error> {
    decode_data(body, (room, Some(body)), dtype_of)
}

/// What the values may take, and the memory of the body if they may share it.
type Memory<'a> = (&'a Room<'a>, Option<&'a Bytes>);

fn decode_data(
    body: &[u8],
    memory: Memory<'_>,
    dtype_of: &mut dyn FnMut(&str) -> Option<DataType>,
) -> Result<JsonRequest, Error> {
    let (request, unknown) = decode_any(body, memory, dtype_of)?;
    if request.message.data != Data::None {
        return Ok(request);
    }
    let hint =
        unknown.map_or_else(String::new, |key| format!("; {}", unknown_field(&key, &FIELDS)));
    Err(Error::invalid(format!(
        "no data field: give one of str_data, gtensors, ndarray, gmap{hint}"
    )))
}

/// Decodes a body that may also carry no data.
///
/// # Errors
/// As [`decode`], but for a missing data field.
pub fn decode_optional(body: &[u8], room: &Room<'_>) -> Result<GrpsMessage, Error> {
    decode_any(body, (room, None), &mut |_| None).map(|(request, _)| request.message)
}

/// Whether a body is a JSON object whose field of this name is `true`.
pub fn has_true(body: &[u8], name: &str) -> bool {
    let Ok(text) = text_of(body, &Room::of_body(body.len(), &|_| Ok(()))) else { return false };
    let mut cursor = Cursor::new(&text);
    let mut found = false;
    let read = cursor.object(|cursor, key| {
        let value = cursor.take_bool();
        if key == name {
            found = value == Some(true);
        }
        if value.is_none() { cursor.skip_value() } else { Ok(()) }
    });
    read.is_ok() && found
}

/// Whether a body is a JSON object, whatever its fields are.
pub fn is_object(body: &[u8]) -> bool {
    let Ok(text) = text_of(body, &Room::of_body(body.len(), &|_| Ok(()))) else { return false };
    let mut cursor = Cursor::new(&text);
    cursor.token() == b'{' && cursor.skip_value().is_ok() && cursor.end().is_ok()
}

/// Decodes a body; gives the first field that is not known as well.
fn decode_any(
    body: &[u8],
    (room, memory): Memory<'_>,
    dtype_of: &mut dyn FnMut(&str) -> Option<DataType>,
) -> Result<(JsonRequest, Option<String>), Error> {
    let text = text_of(body, room)?;
    let memory = memory.filter(|_| matches!(text, Cow::Borrowed(_)));
    let mut fields = Fields::new(dtype_of);
    let mut cursor = Cursor::within(&text, room, memory);
    if cursor.token() != b'{' {
        return Err(cursor.mismatch("a JSON object as the body").into());
    }
    cursor.object(|cursor, key| fields.read(cursor, &key))?;
    cursor.end()?;
    let unknown = fields.unknown.take();
    Ok((fields.into_request()?, unknown))
}

/// Parses the `ndarray` that [`decode`] found at `span` in `body` as this type. Integers are exact
/// and refuse fractions; strings are allowed when the type is string, and nothing else then.
///
/// # Errors
/// `InvalidArgument` that names the element that does not fit.
pub fn parse_ndarray(body: &[u8], span: Range<usize>, dtype: DataType) -> Result<Tensor, Error> {
    parse_ndarray_within(body, &Room::unlimited(), span, dtype)
}

/// As [`parse_ndarray`]; `room` is what the tensor may take.
///
/// # Errors
/// As [`parse_ndarray`], and those of the room.
pub fn parse_ndarray_within(
    body: &[u8],
    room: &Room<'_>,
    span: Range<usize>,
    dtype: DataType,
) -> Result<Tensor, Error> {
    let text = text_of(body, room)?;
    let mut cursor = Cursor::within(text.get(span).unwrap_or_default(), room, None);
    let tensor = ndarray::read(&mut cursor, dtype)?;
    cursor.end()?;
    Ok(tensor)
}

/// The fields of a message.
const FIELDS: [&str; 7] =
    ["status", "model", "bin_data", "str_data", "gtensors", "ndarray", "gmap"];

/// The fields met so far; each later one replaces the earlier.
struct Fields<'d> {
    /// Element type for `ndarray`, by the model named so far.
    dtype_of: &'d mut dyn FnMut(&str) -> Option<DataType>,
    /// The first field that is not known.
    unknown: Option<String>,
    model: String,
    text: Option<String>,
    tensors: Option<Vec<WireTensor>>,
    map: Option<Box<MapData>>,
    ndarray: Option<NdArray>,
}

/// An `ndarray` and where it stands. The error waits until it is known that the array is used.
struct NdArray {
    span: Range<usize>,
    tensor: Result<Tensor, Error>,
}

impl<'d> Fields<'d> {
    fn new(dtype_of: &'d mut dyn FnMut(&str) -> Option<DataType>) -> Self {
        let (model, unknown) = (String::new(), None);
        Self { dtype_of, unknown, model, text: None, tensors: None, map: None, ndarray: None }
    }

    fn read(&mut self, cursor: &mut Cursor<'_>, key: &str) -> Result<(), Fault> {
        match key {
            "model" => {
                self.model = optional(cursor, "model", text)?.unwrap_or_default();
            }
            "str_data" | "strData" => self.text = optional(cursor, "str_data", text)?,
            "gtensors" => self.tensors = optional(cursor, "gtensors", gtensors::read)?,
            "gmap" => self.map = optional(cursor, "gmap", gmap::read)?.map(Box::new),
            "ndarray" => self.ndarray = self.read_ndarray(cursor)?,
            "bin_data" | "binData" if !cursor.take_null() => {
                return Err(Fault::new(
                    "bin_data is not accepted in JSON: send the bytes with Content-Type: \
                     application/octet-stream",
                ));
            }
            "bin_data" | "binData" => (),
            _ => {
                if self.unknown.is_none() && key != "status" {
                    self.unknown = Some(key.to_owned());
                }
                cursor.skip_value()?;
            }
        }
        Ok(())
    }

    fn read_ndarray(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<NdArray>, Fault> {
        if cursor.take_null() {
            return Ok(None);
        }
        let start = cursor.pos;
        let dtype = (self.dtype_of)(&self.model);
        let dtype = dtype.unwrap_or_else(|| ndarray::natural_type(cursor));
        let tensor = ndarray::read(cursor, dtype);
        if tensor.is_err() {
            // Go on behind it, so that a body whose array is not used stays acceptable.
            cursor.pos = start;
            cursor.skip_value().map_err(|fault| fault.in_field("ndarray"))?;
        }
        Ok(Some(NdArray { span: start..cursor.pos, tensor }))
    }

    fn into_request(self) -> Result<JsonRequest, Error> {
        let model = self.model;
        let data = one_of(self.text, self.tensors, self.map)?;
        let (data, ndarray_span) = match self.ndarray {
            Some(ndarray) if is_empty(&data) => {
                (Data::Tensors(vec![ndarray.tensor?.try_into()?]), Some(ndarray.span))
            }
            _ => (data, None),
        };
        Ok(JsonRequest { message: GrpsMessage { status: None, model, data }, ndarray_span })
    }
}

fn optional<'a, T>(
    cursor: &mut Cursor<'a>,
    name: &str,
    read: impl FnOnce(&mut Cursor<'a>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    if cursor.take_null() {
        return Ok(None);
    }
    read(cursor).map(Some).map_err(|fault| fault.in_field(name))
}

fn text(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let text = cursor.string()?;
    cursor.take_text(&text)?;
    Ok(text.into_owned())
}

fn one_of(
    text: Option<String>,
    tensors: Option<Vec<WireTensor>>,
    map: Option<Box<MapData>>,
) -> Result<Data, Error> {
    let mut given = [text.map(Data::Text), tensors.map(Data::Tensors), map.map(Data::Map)]
        .into_iter()
        .flatten();
    let first = given.next().unwrap_or_default();
    match given.next() {
        None => Ok(first),
        Some(second) => Err(Error::invalid(format!(
            "{} and {} are both given: give one of str_data, gtensors, ndarray, gmap",
            first.field_name(),
            second.field_name()
        ))),
    }
}

fn is_empty(data: &Data) -> bool {
    match data {
        Data::Text(text) => text.is_empty(),
        Data::Tensors(tensors) => tensors.is_empty(),
        Data::Map(map) => map.is_empty(),
        Data::Binary(_) => false,
        Data::None | Data::NdArrayMarker => true,
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
