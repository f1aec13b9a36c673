//! Decodes `GrpsMessage`, for gRPC, bRPC and user code that works on messages.

use bytes::Bytes;
use grps_core::{Error, Tensor};

use super::reader::{Reader, Wire};
use super::tensor::append_tensors;
use crate::codec::fault::Fault;
use crate::codec::message::{
    BYTES_PER_KEY, Data, GrpsMessage, MAX_MAP_ENTRIES, MapData, Outcome, Status,
};
use crate::codec::room::Room;

/// What the allocations of a map entry's key and value take at least.
const BYTES_PER_TEXTS: usize = 32;

/// Decodes a message. `bin_data` and byte values of `gmap` share memory with `bytes`.
///
/// # Errors
/// `InvalidArgument` that names the field when the bytes are not a `GrpsMessage`.
pub fn decode(bytes: &Bytes) -> Result<GrpsMessage, Error> {
    decode_within(bytes, &Room::unlimited())
}

/// As [`decode`]; `room` is what the message may take.
///
/// # Errors
/// As [`decode`], and those of the room.
pub fn decode_within(bytes: &Bytes, room: &Room<'_>) -> Result<GrpsMessage, Error> {
    let mut message = decode_message(bytes, room)?;
    if let Data::Map(map) = &mut message.data {
        map.drop_overwritten();
    }
    Ok(message)
}

/// Decodes a message that carries tensors and checks them.
///
/// # Errors
/// `InvalidArgument` when the bytes are not a `GrpsMessage`, when it carries something else, or
/// when a tensor's type, shape and elements do not fit together.
pub fn decode_tensors(bytes: &Bytes) -> Result<Vec<Tensor>, Error> {
    decode(bytes)?.into_tensors()
}

fn decode_message(bytes: &Bytes, room: &Room<'_>) -> Result<GrpsMessage, Fault> {
    let mut message = GrpsMessage::default();
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (1, Wire::Len) => {
                let status = message.status.get_or_insert_default();
                let merged = reader.bytes().and_then(|bytes| merge_status(status, bytes));
                merged.map_err(|fault| fault.in_field("status"))?;
            }
            (2, Wire::Len) => {
                let model = reader.text().map_err(|fault| fault.in_field("model"))?;
                room.take(model.len())?;
                model.clone_into(&mut message.model);
            }
            (3..=7, Wire::Len) => {
                decode_data(&mut message.data, field, &mut reader, (bytes, room))?;
            }
            _ => reader.skip(field, wire)?,
        }
    }
    Ok(message)
}

/// The last field of the oneof wins; a submessage that comes twice in a row merges.
fn decode_data(
    data: &mut Data,
    field: u32,
    reader: &mut Reader<'_>,
    (whole, room): (&Bytes, &Room<'_>),
) -> Result<(), Fault> {
    match field {
        3 => {
            let binary = reader.bytes().map_err(|fault| fault.in_field("bin_data"))?;
            *data = Data::Binary(whole.slice_ref(binary));
        }
        4 => {
            let text = reader.text().map_err(|fault| fault.in_field("str_data"))?;
            room.take(text.len())?;
            *data = Data::Text(text.to_owned());
        }
        5 => {
            let mut tensors = match std::mem::take(data) {
                Data::Tensors(tensors) => tensors,
                _ => Vec::new(),
            };
            let appended =
                reader.bytes().and_then(|bytes| append_tensors(&mut tensors, bytes, (whole, room)));
            appended.map_err(|fault| fault.in_field("gtensors"))?;
            *data = Data::Tensors(tensors);
        }
        6 => {
            let marker = reader.bytes().and_then(skip_all);
            marker.map_err(|fault| fault.in_field("ndarray"))?;
            *data = Data::NdArrayMarker;
        }
        _ => {
            let mut map = match std::mem::take(data) {
                Data::Map(map) => map,
                _ => Box::default(),
            };
            let merged = reader.bytes().and_then(|bytes| merge_map(&mut map, bytes, (whole, room)));
            merged.map_err(|fault| fault.in_field("gmap"))?;
            *data = Data::Map(map);
        }
    }
    Ok(())
}

pub(super) fn merge_status(status: &mut Status, bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (1, Wire::Varint) => status.code = reader.varint()? as i32,
            (2, Wire::Len) => {
                let msg = reader.text().map_err(|fault| fault.in_field("msg"))?;
                status.msg = msg.to_owned().into();
            }
            (3, Wire::Varint) => status.outcome = Outcome(reader.varint()? as i32),
            _ => reader.skip(field, wire)?,
        }
    }
    Ok(())
}

fn skip_all(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        reader.skip(field, wire)?;
    }
    Ok(())
}

fn merge_map(
    map: &mut MapData,
    bytes: &[u8],
    (whole, room): (&Bytes, &Room<'_>),
) -> Result<(), Fault> {
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        if !(1..=6).contains(&field) || wire != Wire::Len {
            reader.skip(field, wire)?;
            continue;
        }
        if map.len() >= MAX_MAP_ENTRIES {
            return Err(Fault::new(format!("more than {MAX_MAP_ENTRIES} entries")));
        }
        let bytes = reader.bytes()?;
        room.take(bytes.len() + BYTES_PER_KEY + BYTES_PER_TEXTS)?;
        match field {
            1 => add(&mut map.s_s, room, || {
                entry("s_s", bytes, Wire::Len, |r| r.text().map(str::to_owned))
            }),
            2 => add(&mut map.s_b, room, || {
                let value = |r: &mut Reader<'_>| r.bytes().map(|value| whole.slice_ref(value));
                entry("s_b", bytes, Wire::Len, value)
            }),
            3 => add(&mut map.s_i32, room, || {
                entry("s_i32", bytes, Wire::Varint, |r| Ok(r.varint()? as i32))
            }),
            4 => add(&mut map.s_i64, room, || {
                entry("s_i64", bytes, Wire::Varint, |r| Ok(r.varint()? as i64))
            }),
            5 => add(&mut map.s_f, room, || {
                entry("s_f", bytes, Wire::Fixed32, |r| r.fixed32().map(f32::from_le_bytes))
            }),
            _ => add(&mut map.s_d, room, || {
                entry("s_d", bytes, Wire::Fixed64, |r| r.fixed64().map(f64::from_le_bytes))
            }),
        }?;
    }
    Ok(())
}

fn add<T>(
    entries: &mut Vec<T>,
    room: &Room<'_>,
    entry: impl FnOnce() -> Result<T, Fault>,
) -> Result<(), Fault> {
    room.grow(entries, 1)?;
    entries.push(entry()?);
    Ok(())
}

/// Decodes one map entry; key and value default when they are absent.
fn entry<'a, V: Default>(
    map: &str,
    bytes: &'a [u8],
    value_wire: Wire,
    mut read_value: impl FnMut(&mut Reader<'a>) -> Result<V, Fault>,
) -> Result<(String, V), Fault> {
    let mut key = String::new();
    let mut value = V::default();
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag().map_err(|fault| fault.in_field(map))? {
        let taken = if (field, wire) == (1, Wire::Len) {
            reader.text().map(|text| text.clone_into(&mut key))
        } else if (field, wire) == (2, value_wire) {
            read_value(&mut reader).map(|read| value = read)
        } else {
            reader.skip(field, wire)
        };
        taken.map_err(|fault| fault.at_key(&key).in_field(map))?;
    }
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> GrpsMessage {
        decode(&Bytes::copy_from_slice(bytes)).unwrap()
    }

    fn refusal(bytes: &[u8]) -> String {
        decode(&Bytes::copy_from_slice(bytes)).unwrap_err().message().to_owned()
    }

    #[test]
    fn last_field_of_the_oneof_wins() {
        let message = decoded(&[0x22, 1, b'a', 0x1a, 1, 7]);
        assert_eq!(message.data, Data::Binary(Bytes::from_static(&[7])));
        assert_eq!(decoded(&[0x1a, 1, 7, 0x22, 0]).data, Data::Text(String::new()));
        assert_eq!(decoded(&[0x22, 0, 0x32, 0]).data, Data::NdArrayMarker);
        assert_eq!(decoded(&[]).data, Data::None);
    }

    #[test]
    fn binary_is_not_copied() {
        let bytes = Bytes::from_static(&[0x1a, 2, 7, 8]);
        let Data::Binary(binary) = decode(&bytes).unwrap().data else { panic!("no binary") };
        assert_eq!(binary.as_ptr(), bytes[2..].as_ptr());
    }

    #[test]
    fn submessages_in_a_row_merge() {
        let tensor = [0x2a, 2, 0x0a, 0];
        let Data::Tensors(tensors) = decoded(&tensor.repeat(2)).data else { panic!("no tensors") };
        assert_eq!(tensors.len(), 2);
        let apart = [&tensor[..], &[0x22, 0], &tensor].concat();
        let Data::Tensors(tensors) = decoded(&apart).data else { panic!("no tensors") };
        assert_eq!(tensors.len(), 1);
        // s_i32 {a: 1}, then s_i32 {a: 2} and an entry without key and value.
        let maps = [0x3a, 7, 0x1a, 5, 0x0a, 1, b'a', 0x10, 1];
        let more = [0x3a, 9, 0x1a, 5, 0x0a, 1, b'a', 0x10, 2, 0x1a, 0];
        let Data::Map(map) = decoded(&[&maps[..], &more].concat()).data else { panic!("no map") };
        assert_eq!(map.s_i32, [("a".to_owned(), 2), (String::new(), 0)]);
    }

    #[test]
    fn map_entry_limit_is_exact() {
        let mut map = MapData::default();
        let entries = [0x1a, 0].repeat(MAX_MAP_ENTRIES);
        let (whole, room) = (Bytes::new(), Room::unlimited());
        merge_map(&mut map, &entries, (&whole, &room)).unwrap();
        let error = merge_map(&mut map, &[0x0a, 0], (&whole, &room)).unwrap_err();
        assert_eq!(Error::from(error).message(), "more than 1048576 entries");
    }

    #[test]
    fn status_merges_and_scalars_are_overwritten() {
        let message = decoded(&[0x0a, 2, 8, 9, 0x0a, 2, 0x18, 2, 0x12, 1, b'a', 0x12, 1, b'b']);
        let status = Status { code: 9, msg: "".into(), outcome: Outcome::FAILURE };
        assert_eq!((message.status, message.model.as_str()), (Some(status), "b"));
    }

    #[test]
    fn unknown_fields_are_skipped() {
        let bytes = [0xa2, 6, 1, 9, 0x18, 5, 0x63, 0x08, 1, 0x64, 0x22, 1, b'x'];
        assert_eq!(decoded(&bytes).data, Data::Text("x".to_owned()));
    }

    #[test]
    fn errors_name_the_field() {
        assert_eq!(refusal(&[0x22, 1, 0xff]), "str_data: not valid UTF-8 at byte 0");
        assert_eq!(refusal(&[0x12, 9]), "model: length 9 runs past the end, 0 bytes are left");
        assert_eq!(refusal(&[0x0a, 3, 0x12, 1, 0xff]), "status.msg: not valid UTF-8 at byte 0");
        let bad_value = [0x3a, 8, 0x0a, 6, 0x0a, 1, b'a', 0x12, 1, 0xff];
        assert_eq!(refusal(&bad_value), "gmap.s_s[\"a\"]: not valid UTF-8 at byte 0");
        assert_eq!(refusal(&[0x32, 1, 0x08]), "ndarray: message ends in the middle of a field");
        assert!(refusal(&[0x2a, 3, 0x0a, 1, 0x0c]).starts_with("gtensors.tensors[0]: "));
    }

    #[test]
    fn tensors_are_wanted() {
        let refusal = |bytes: &[u8]| {
            decode_tensors(&Bytes::copy_from_slice(bytes)).unwrap_err().message().to_owned()
        };
        let wanted = "the model takes tensors: send gtensors (or ndarray in JSON), got ";
        assert_eq!(refusal(&[0x22, 0]), format!("{wanted}str_data"));
        assert_eq!(refusal(&[0x1a, 0]), format!("{wanted}bin_data"));
        assert_eq!(refusal(&[0x3a, 0]), format!("{wanted}gmap"));
        assert_eq!(refusal(&[]), format!("{wanted}nothing"));
        assert_eq!(decode_tensors(&Bytes::from_static(&[0x2a, 0])).unwrap(), []);
    }
}
