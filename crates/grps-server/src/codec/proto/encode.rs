//! Encodes `GrpsMessage`: fields in number order, defaults left out, elements packed.

use bytes::Bytes;
use grps_core::{Elements, Error, Tensor};

use super::size::{
    SizedColumn, SizedTensor, field_size, map_size, optional_size, status_size, varint_size,
};
use crate::codec::message::{Data, GrpsMessage, MapData, Status};
use crate::codec::room::Room;
use crate::codec::wire_type::WireType;

/// Field framings as the low bits of a tag.
pub(crate) const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LEN: u32 = 2;
const FIXED32: u32 = 5;

/// How many bytes are turned into varints at once, small enough for the stack.
const BLOCK: usize = 128;

/// Encodes a message.
pub fn encode(message: &GrpsMessage) -> Bytes {
    // Room without a limit refuses nothing.
    encode_within(message, &Room::unlimited()).unwrap_or_default()
}

/// As [`encode`]; `room` is what the encoded message may take.
///
/// # Errors
/// Those of the room.
pub fn encode_within(message: &GrpsMessage, room: &Room<'_>) -> Result<Bytes, Error> {
    let head = Head { status: message.status.as_ref(), model: &message.model, room };
    match &message.data {
        Data::None => head.encode(0, |_| ()),
        Data::Binary(binary) => head.encode(field_size(binary.len()), |out| {
            write_bytes(out, 3, binary);
        }),
        Data::Text(text) => head.encode(field_size(text.len()), |out| {
            write_bytes(out, 4, text.as_bytes());
        }),
        Data::Tensors(tensors) => {
            head.encode_sized(&tensors.iter().map(SizedTensor::from).collect::<Vec<_>>())
        }
        Data::NdArrayMarker => head.encode(field_size(0), |out| {
            write_bytes(out, 6, &[]);
        }),
        Data::Map(map) => {
            let size = map_size(map);
            head.encode(field_size(size), |out| {
                write_length(out, 7, size);
                write_map(out, map);
            })
        }
    }
}

/// Encodes a message that carries these tensors.
///
/// # Errors
/// `ModelFailed` when a tensor has a type that the wire lacks.
pub fn encode_tensors(
    status: Option<&Status>,
    model: &str,
    tensors: &[Tensor],
) -> Result<Bytes, Error> {
    let sized: Result<Vec<_>, _> = tensors.iter().map(SizedTensor::try_from).collect();
    Head { status, model, room: &Room::unlimited() }.encode_sized(&sized?)
}

/// Encodes a message that carries these tensors of a request; `room` is what it may take.
///
/// # Errors
/// `InvalidArgument` when a tensor has a type that messages lack; those of the room.
pub fn encode_input(tensors: &[Tensor], room: &Room<'_>) -> Result<Bytes, Error> {
    tensors.iter().try_for_each(|tensor| WireType::of_input(tensor).map(drop))?;
    let sized: Result<Vec<_>, _> = tensors.iter().map(SizedTensor::try_from).collect();
    Head { status: None, model: "", room }.encode_sized(&sized?)
}

/// Appends a status as field 1 of a message.
pub(super) fn write_status(out: &mut Vec<u8>, status: &Status) {
    write_length(out, 1, status_size(status));
    write_int(out, 1, status.code);
    if !status.msg.is_empty() {
        write_bytes(out, 2, status.msg.as_bytes());
    }
    write_int(out, 3, status.outcome.0);
}

/// What comes before the data of a message.
struct Head<'a> {
    status: Option<&'a Status>,
    model: &'a str,
    /// What the message may take.
    room: &'a Room<'a>,
}

impl Head<'_> {
    fn encode_sized(self, tensors: &[SizedTensor<'_>]) -> Result<Bytes, Error> {
        let size = tensors.iter().map(|tensor| field_size(tensor.size)).sum();
        self.encode(field_size(size), |out| {
            write_length(out, 5, size);
            for tensor in tensors {
                write_tensor(out, tensor);
            }
        })
    }

    /// Encodes a message whose data takes so many bytes.
    fn encode(
        self,
        data_size: usize,
        write_data: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Bytes, Error> {
        let Self { status, model, room } = self;
        let status_size = status.map_or(0, |status| field_size(status_size(status)));
        let size = status_size + optional_size(model.len()) + data_size;
        room.take(size)?;
        let mut out = Vec::with_capacity(size);
        if let Some(status) = status {
            write_status(&mut out, status);
        }
        if !model.is_empty() {
            write_bytes(&mut out, 2, model.as_bytes());
        }
        write_data(&mut out);
        debug_assert_eq!(out.len(), size);
        Ok(out.into())
    }
}

fn write_tensor(out: &mut Vec<u8>, tensor: &SizedTensor<'_>) {
    write_length(out, 1, tensor.size);
    if !tensor.name.is_empty() {
        write_bytes(out, 1, tensor.name.as_bytes());
    }
    write_int(out, 2, tensor.dtype);
    if !tensor.shape.is_empty() {
        write_length(out, 3, tensor.shape_size);
        for dim in &tensor.shape {
            write_varint(out, u64::from(*dim));
        }
    }
    for column in tensor.columns.iter().flatten() {
        write_column(out, column);
    }
}

fn write_column(out: &mut Vec<u8>, column: &SizedColumn<'_>) {
    let field = column.field;
    if let Elements::String(values) = column.elements {
        for value in values {
            write_bytes(out, field, value);
        }
        return;
    }
    write_length(out, field, column.size);
    match column.elements {
        Elements::Uint8(values) => write_bytes_as_varints(out, values),
        // Signed numbers are widened with their sign: negative ones take ten bytes.
        Elements::Int8(values) => write_varints(out, column.size, values, |value| value as u64),
        Elements::Int16(values) => write_varints(out, column.size, values, |value| value as u64),
        Elements::Int32(values) => write_varints(out, column.size, values, |value| value as u64),
        Elements::Int64(values) => write_varints(out, column.size, values, |value| value as u64),
        Elements::Float16(values) => {
            out.extend(values.iter().flat_map(|value| value.to_f32().to_le_bytes()));
        }
        elements @ (Elements::Float32(_) | Elements::Float64(_)) => {
            out.extend_from_slice(elements.bytes());
        }
        // Strings are written above; no field holds the others.
        Elements::String(_)
        | Elements::Bool(_)
        | Elements::Uint16(_)
        | Elements::Uint32(_)
        | Elements::Uint64(_)
        | Elements::Bfloat16(_) => (),
    }
}

/// `size` is the number of bytes that the elements take.
fn write_varints<T: Copy>(out: &mut Vec<u8>, size: usize, values: &[T], widen: impl Fn(T) -> u64) {
    if size == values.len() {
        out.extend(values.iter().map(|value| widen(*value) as u8));
    } else {
        for value in values {
            write_varint(out, widen(*value));
        }
    }
}

/// Bytes as varints without a branch on their size, as it cannot be predicted.
fn write_bytes_as_varints(out: &mut Vec<u8>, values: &[u8]) {
    for values in values.chunks(BLOCK) {
        let mut block = [0u8; 2 * BLOCK];
        let mut length = 0;
        for value in values {
            if let Some([low, high]) = block.get_mut(length..).and_then(|b| b.first_chunk_mut()) {
                // From 128 up the top bit is set, which also says that a second byte follows;
                // below, the next value overwrites that byte.
                (*low, *high) = (*value, 1);
            }
            length += 1 + usize::from(value >> 7);
        }
        out.extend_from_slice(block.get(..length).unwrap_or_default());
    }
}

fn write_map(out: &mut Vec<u8>, map: &MapData) {
    for (key, value) in &map.s_s {
        write_entry(out, 1, key, field_size(value.len()));
        write_bytes(out, 2, value.as_bytes());
    }
    for (key, value) in &map.s_b {
        write_entry(out, 2, key, field_size(value.len()));
        write_bytes(out, 2, value);
    }
    for (key, value) in &map.s_i32 {
        write_varint_entry(out, 3, key, *value as u64);
    }
    for (key, value) in &map.s_i64 {
        write_varint_entry(out, 4, key, *value as u64);
    }
    for (key, value) in &map.s_f {
        write_entry(out, 5, key, 5);
        write_tag(out, 2, FIXED32);
        out.extend(value.to_le_bytes());
    }
    for (key, value) in &map.s_d {
        write_entry(out, 6, key, 9);
        write_tag(out, 2, FIXED64);
        out.extend(value.to_le_bytes());
    }
}

fn write_varint_entry(out: &mut Vec<u8>, field: u32, key: &str, value: u64) {
    write_entry(out, field, key, 1 + varint_size(value));
    write_number(out, 2, value);
}

/// The frame of a map entry and its key; `value_size` bytes of value must follow.
fn write_entry(out: &mut Vec<u8>, field: u32, key: &str, value_size: usize) {
    write_length(out, field, field_size(key.len()) + value_size);
    write_bytes(out, 1, key.as_bytes());
}

/// An `int32` or enum field, left out when it is zero.
fn write_int(out: &mut Vec<u8>, field: u32, value: i32) {
    if value != 0 {
        write_number(out, field, value as u64);
    }
}

/// Appends a field of an integer, which is written also when it is zero.
pub(crate) fn write_number(out: &mut Vec<u8>, field: u32, value: u64) {
    write_tag(out, field, VARINT);
    write_varint(out, value);
}

/// Appends a field of bytes, text or a message.
pub(crate) fn write_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    write_length(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// The tag of a field and the length of what follows.
pub(crate) fn write_length(out: &mut Vec<u8>, field: u32, length: usize) {
    write_tag(out, field, LEN);
    write_varint(out, length as u64);
}

/// The tag of a field.
pub(crate) fn write_tag(out: &mut Vec<u8>, field: u32, wire: u32) {
    write_varint(out, u64::from(field << 3 | wire));
}

/// A varint.
#[inline]
pub(crate) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use grps_core::Values;
    use half::f16;

    use super::*;
    use crate::codec::message::Outcome;
    use crate::codec::proto::decode;
    use crate::codec::wire_tensor::WireTensor;

    #[test]
    fn recorded_answers_are_reproduced() {
        let message = |data| GrpsMessage { status: Some(Status::ok()), data, ..Default::default() };
        let ok = b"\x0a\x09\x08\xc8\x01\x12\x02OK\x18\x01";
        assert_eq!(encode(&message(Data::None))[..], ok[..]);
        let empty = [&ok[..], b"\x22\x00"].concat();
        assert_eq!(encode(&message(Data::Text(String::new())))[..], empty);
        let binary = [&ok[..], b"\x1a\x03\x00\x01\xff"].concat();
        assert_eq!(encode(&message(Data::Binary(vec![0, 1, 255].into())))[..], binary);
        let tensor = Tensor::new("inp".into(), vec![2], Values::Int32(vec![-10, 10])).unwrap();
        let tail = b"\x2a\x19\x0a\x17\x0a\x03inp\x10\x04\x1a\x01\x02\x3a\x0b\xf6\xff\xff\xff\xff\
                     \xff\xff\xff\xff\x01\x0a";
        let expected = [&ok[..], tail].concat();
        assert_eq!(encode_tensors(Some(&Status::ok()), "", &[tensor]).unwrap()[..], expected);
    }

    #[test]
    fn defaults_are_left_out() {
        assert!(encode(&GrpsMessage::default()).is_empty());
        let status = Some(Status::default());
        assert_eq!(encode(&GrpsMessage { status, ..Default::default() })[..], [0x0a, 0]);
        let data = Data::Tensors(vec![WireTensor::default()]);
        assert_eq!(encode(&GrpsMessage { data, ..Default::default() })[..], [0x2a, 2, 0x0a, 0]);
        let data = Data::NdArrayMarker;
        assert_eq!(encode(&GrpsMessage { data, ..Default::default() })[..], [0x32, 0]);
    }

    #[test]
    fn strings_that_are_no_text_are_bytes() {
        let strings = vec!["a".into(), Bytes::from_static(&[0xff, 0])];
        let tensor = Tensor::new("x".into(), vec![2], Values::String(strings)).unwrap();
        let bytes = encode_tensors(None, "", std::slice::from_ref(&tensor)).unwrap();
        let expected =
            b"\x2a\x13\x0a\x11\x0a\x01x\x10\x09\x1a\x01\x02\xa2\x06\x01a\xa2\x06\x02\xff\x00";
        assert_eq!(bytes[..], expected[..]);
        assert_eq!(decode(&bytes).unwrap().into_tensors().unwrap(), [tensor]);
    }

    #[test]
    fn every_type_round_trips() {
        let columns = [
            Values::Uint8((0..=255).cycle().take(1000).collect()),
            Values::Int8(vec![-128, 127]),
            Values::Int16(vec![i16::MIN, -1, i16::MAX]),
            Values::Int32(vec![i32::MIN, 300, i32::MAX]),
            Values::Int64(vec![i64::MIN, i64::MAX]),
            Values::Float16(vec![f16::from_f32(0.5), f16::NEG_INFINITY]),
            Values::Float32(vec![0.1, f32::MIN_POSITIVE]),
            Values::Float64(vec![0.1, f64::MAX]),
            Values::String(vec![Bytes::new(), "你好".into()]),
        ];
        for values in columns {
            let tensor = Tensor::new("x".into(), vec![values.len(), 1], values).unwrap();
            let status = Status { code: -1, msg: "".into(), outcome: Outcome(9) };
            let bytes =
                encode_tensors(Some(&status), "m-1", std::slice::from_ref(&tensor)).unwrap();
            let data = Data::Tensors(vec![tensor.try_into().unwrap()]);
            let message = GrpsMessage { status: Some(status), model: "m-1".into(), data };
            assert_eq!(decode(&bytes).unwrap(), message);
            assert_eq!(encode(&message), bytes);
        }
    }
}
