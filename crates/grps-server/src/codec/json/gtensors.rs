//! Reads `gtensors`.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{MAX_RANK, Values};

use super::cursor::Cursor;
use super::element::{
    Element, base64_text, flat_uint32, make_room, make_room_for_strings, read_plain,
};
use crate::codec::fault::{Fault, excerpt, unknown_field};
use crate::codec::wire_tensor::{MAX_TENSORS, WireShape, WireTensor};
use crate::codec::wire_type::WireType;

/// Reads a `gtensors` object.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Vec<WireTensor>, Fault> {
    let mut tensors = None;
    let mut unknown = None;
    cursor.object(|cursor, key| match key.as_ref() {
        "tensors" => {
            let list = tensors.insert(Vec::new());
            read_tensors(cursor, list).map_err(|fault| fault.in_field("tensors"))
        }
        key => {
            unknown.get_or_insert_with(|| unknown_field(key, &["tensors"]));
            cursor.skip_value()
        }
    })?;
    match (tensors, unknown) {
        (None, Some(unknown)) => Err(Fault::new(unknown)),
        (tensors, _) => Ok(tensors.unwrap_or_default()),
    }
}

fn read_tensors(cursor: &mut Cursor<'_>, tensors: &mut Vec<WireTensor>) -> Result<(), Fault> {
    if cursor.take_null() {
        return Ok(());
    }
    cursor.list(|cursor| {
        let index = tensors.len();
        if index >= MAX_TENSORS {
            return Err(Fault::new(format!("more than {MAX_TENSORS} tensors")));
        }
        tensors.push(read_tensor(cursor).map_err(|fault| fault.at_index(index))?);
        Ok(())
    })
}

fn read_tensor(cursor: &mut Cursor<'_>) -> Result<WireTensor, Fault> {
    let mut tensor = WireTensor::default();
    let mut unknown = None;
    cursor.object(|cursor, key| {
        let read = match key.as_ref() {
            "name" => read_name(cursor).map(|name| tensor.name = name),
            "dtype" => read_dtype(cursor).map(|dtype| tensor.dtype = dtype),
            "shape" => read_shape(cursor).map(|shape| tensor.shape = shape),
            key => match column_type(key) {
                Some(wire_type) => {
                    read_column(cursor, wire_type).map(|values| tensor.set_column(values))
                }
                None if is_flat_bytes(key) => {
                    read_bytes(cursor).map(|strings| tensor.set_column(Values::String(strings)))
                }
                None => {
                    unknown.get_or_insert_with(|| unknown_field(key, &known_fields()));
                    return cursor.skip_value();
                }
            },
        };
        read.map_err(|fault| match column_type(&key) {
            Some(wire_type) => fault.in_field(wire_type.field_name()),
            None => fault.in_field(&key),
        })
    })?;
    match unknown {
        // Without its type or its elements it is no tensor: they may be what was misspelt.
        Some(unknown) if tensor.dtype == 0 || tensor.columns.is_empty() => Err(Fault::new(unknown)),
        _ => Ok(tensor),
    }
}

fn known_fields() -> Vec<&'static str> {
    let elements = WireType::ALL.into_iter().map(WireType::field_name);
    ["name", "dtype", "shape", "flat_bytes"].into_iter().chain(elements).collect()
}

fn read_name(cursor: &mut Cursor<'_>) -> Result<Arc<str>, Fault> {
    if cursor.take_null() { Ok(Arc::default()) } else { read_text(cursor) }
}

fn read_text(cursor: &mut Cursor<'_>) -> Result<Arc<str>, Fault> {
    let text = cursor.string()?;
    cursor.take_text(&text)?;
    Ok(text.into())
}

/// A data type by name or number, the number also in quotes.
fn read_dtype(cursor: &mut Cursor<'_>) -> Result<i32, Fault> {
    if cursor.take_null() {
        return Ok(0);
    }
    if cursor.token() != b'"' {
        return i32::from_flat(cursor);
    }
    let name = cursor.string()?;
    if name == "DT_INVALID" {
        return Ok(0);
    }
    let known = WireType::ALL.into_iter().find(|wire_type| wire_type.name() == name);
    match known.map(WireType::number).or_else(|| name.parse().ok()) {
        Some(number) => Ok(number),
        None => Err(Fault::new(format!(
            "{} is not known, give one of {}",
            excerpt(&name),
            WireType::known()
        ))),
    }
}

/// The type whose field is called `flat_int8` or, by protobuf's other spelling, `flatInt8`.
fn column_type(key: &str) -> Option<WireType> {
    let mut known = WireType::ALL.into_iter();
    let suffix = key.strip_prefix("flat")?;
    if suffix.starts_with('_') {
        return known.find(|wire_type| wire_type.field_name() == key);
    }
    if !suffix.starts_with(|first: char| first.is_ascii_uppercase()) {
        return None;
    }
    let (_, tail) = suffix.split_at_checked(1)?;
    known.find(|wire_type| {
        let name = wire_type.dtype().name();
        name.eq_ignore_ascii_case(suffix) && name.ends_with(tail)
    })
}

fn read_column(cursor: &mut Cursor<'_>, wire_type: WireType) -> Result<Values, Fault> {
    Ok(match wire_type {
        WireType::Uint8 => Values::Uint8(read_flat(cursor)?),
        WireType::Int8 => Values::Int8(read_flat(cursor)?),
        WireType::Int16 => Values::Int16(read_flat(cursor)?),
        WireType::Int32 => Values::Int32(read_flat(cursor)?),
        WireType::Int64 => Values::Int64(read_flat(cursor)?),
        WireType::Float16 => Values::Float16(read_flat(cursor)?),
        WireType::Float32 => Values::Float32(read_flat(cursor)?),
        WireType::Float64 => Values::Float64(read_flat(cursor)?),
        WireType::String => {
            let mut strings = Vec::new();
            make_room_for_strings(cursor, &mut strings)?;
            Values::String(read_into(cursor, strings)?)
        }
    })
}

fn is_flat_bytes(key: &str) -> bool {
    matches!(key, "flat_bytes" | "flatBytes")
}

/// Strings by protobuf's JSON rules for `bytes`: as base64.
fn read_bytes(cursor: &mut Cursor<'_>) -> Result<Vec<Bytes>, Fault> {
    let mut strings = Vec::new();
    if cursor.take_null() {
        return Ok(strings);
    }
    make_room_for_strings(cursor, &mut strings)?;
    cursor.list(|cursor| {
        cursor.token();
        cursor.grow(&mut strings, 1)?;
        strings.push(base64_text(cursor).map_err(|fault| fault.at_index(strings.len()))?);
        Ok(())
    })?;
    Ok(strings)
}

fn read_flat<T: Element>(cursor: &mut Cursor<'_>) -> Result<Vec<T>, Fault> {
    read_into(cursor, Vec::new())
}

fn read_into<T: Element>(cursor: &mut Cursor<'_>, mut values: Vec<T>) -> Result<Vec<T>, Fault> {
    let mut room_to = 0;
    if cursor.take_null() {
        return Ok(values);
    }
    cursor.list(|cursor| {
        cursor.token();
        if cursor.pos >= room_to {
            room_to = make_room(cursor, &mut values, b']')?;
        }
        read_plain(cursor, &mut values);
        values.push(T::from_flat(cursor).map_err(|fault| fault.at_index(values.len()))?);
        Ok(())
    })?;
    Ok(values)
}

fn read_shape(cursor: &mut Cursor<'_>) -> Result<WireShape, Fault> {
    let mut shape = WireShape::new();
    if cursor.take_null() {
        return Ok(shape);
    }
    cursor.list(|cursor| {
        if shape.len() >= MAX_RANK {
            return Err(Fault::new(format!("at most {MAX_RANK} dimensions are allowed")));
        }
        shape.push(flat_uint32(cursor).map_err(|fault| fault.at_index(shape.len()))?);
        Ok(())
    })?;
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use grps_core::Error;
    use half::f16;

    use super::*;

    fn tensors(text: &str) -> Result<Vec<WireTensor>, String> {
        read(&mut Cursor::new(text)).map_err(|fault| Error::from(fault).message().to_owned())
    }

    fn column(text: &str) -> Result<Values, String> {
        let mut tensors = tensors(&format!("{{\"tensors\":[{{{text}}}]}}"))?;
        Ok(tensors.remove(0).columns.remove(0))
    }

    #[test]
    fn whole_tensor() {
        let text = r#"{"x":[],"tensors":[{"name":"a","dtype":"DT_FLOAT32","shape":[1,2],"y":{},
            "flat_float32":[1, "2"]}]}"#;
        let expected = WireTensor {
            name: "a".into(),
            dtype: 7,
            shape: vec![1, 2].into(),
            columns: vec![Values::Float32(vec![1.0, 2.0])],
        };
        assert_eq!(tensors(text), Ok(vec![expected]));
        assert_eq!(tensors("{}"), Ok(vec![]));
        assert_eq!(tensors(r#"{"tensors":null}"#), Ok(vec![]));
        assert_eq!(tensors(r#"{"tensors":[{}]}"#), Ok(vec![WireTensor::default()]));
        let nulls = r#"{"tensors":[{"name":null,"dtype":null,"shape":null,"flat_int8":null}]}"#;
        assert_eq!(tensors(nulls), Ok(vec![WireTensor::default()]));
    }

    #[test]
    fn unknown_fields_are_named_when_something_is_missing() {
        assert_eq!(
            tensors(r#"{"tensor":[{}]}"#).unwrap_err(),
            "\"tensor\" is not known: did you mean \"tensors\"?"
        );
        for (text, expected) in [
            (
                r#"{"type":"DT_INT8","shape":[1],"flat_int8":[1]}"#,
                "\"type\" is not known: did you mean \"dtype\"?",
            ),
            (
                r#"{"dtype":1,"flat_float":[1]}"#,
                "\"flat_float\" is not known: did you mean \"flat_float16\"?",
            ),
            (r#"{"dtype":1,"data":[1]}"#, "\"data\" is not known"),
        ] {
            let error = tensors(&format!("{{\"tensors\":[{{}},{text}]}}")).unwrap_err();
            assert_eq!(error, format!("tensors[1]: {expected}"));
        }
    }

    #[test]
    fn columns_by_both_names() {
        assert_eq!(column(r#""flat_uint8":[255]"#), Ok(Values::Uint8(vec![255])));
        assert_eq!(column(r#""flatInt8":[-128]"#), Ok(Values::Int8(vec![-128])));
        assert_eq!(column(r#""flatInt16":[-3]"#), Ok(Values::Int16(vec![-3])));
        assert_eq!(column(r#""flatInt64":["-3"]"#), Ok(Values::Int64(vec![-3])));
        let half = Values::Float16(vec![f16::from_f32(0.5)]);
        assert_eq!(column(r#""flatFloat16":[0.5]"#), Ok(half));
        assert_eq!(column(r#""flatString":["a"]"#), Ok(Values::String(vec!["a".into()])));
        for key in ["flatfloat32", "flatFLOAT32", "flat_Float32", "flat", "flat_"] {
            assert_eq!(column_type(key), None, "{key}");
        }
    }

    #[test]
    fn bytes_are_base64() {
        let expected = Ok(Values::String(vec![Bytes::from_static(&[0xff]), "a".into()]));
        for text in [
            r#""flat_string":[{"b64":"/w=="},"a"]"#,
            r#""flat_string":[ { "b64" : "_w" } , {"b64":"YQ=="}]"#,
            r#""flat_bytes":["/w==","YQ"]"#,
            r#""flatBytes":[ "_w==" , "YQ=="]"#,
        ] {
            assert_eq!(column(text), expected, "{text}");
        }
        let refusals = [
            (r#""flat_string":["a",{"b64":"!"}]"#, "flat_string[1].b64: \"!\" is not base64"),
            (r#""flat_string":[{"b64":5}]"#, "flat_string[0].b64: expected a string, got a number"),
            (
                r#""flat_string":[{"b65":""}]"#,
                "flat_string[0]: \"b65\" is not known, bytes are written as {\"b64\": \"...\"}",
            ),
            (
                r#""flat_string":[{}]"#,
                "flat_string[0]: the object is empty, bytes are written as {\"b64\": \"...\"}",
            ),
            (r#""flat_bytes":[5]"#, "flat_bytes[0]: expected a string, got a number"),
        ];
        for (text, expected) in refusals {
            assert_eq!(column(text).unwrap_err(), format!("tensors[0].{expected}"), "{text}");
        }
    }

    #[test]
    fn last_column_of_a_type_wins() {
        let text = r#""flat_int32":[1,2],"flat_float32":[1],"flatInt32":[3]"#;
        assert_eq!(column(text), Ok(Values::Int32(vec![3])));
    }

    #[test]
    fn dtypes() {
        let dtype = |text: &str| {
            tensors(&format!("{{\"tensors\":[{{\"dtype\":{text}}}]}}")).map(|list| list[0].dtype)
        };
        assert_eq!(dtype("\"DT_STRING\""), Ok(9));
        assert_eq!(dtype("7"), Ok(7));
        assert_eq!(dtype("\"7\""), Ok(7));
        assert_eq!(dtype("42"), Ok(42));
        assert_eq!(dtype("\"DT_INVALID\""), Ok(0));
        assert!(
            dtype("\"float32\"")
                .unwrap_err()
                .starts_with("tensors[0].dtype: \"float32\" is not known, give one of DT_UINT8, ")
        );
        assert!(dtype("true").is_err());
    }

    #[test]
    fn errors_name_the_element() {
        let text = r#"{"tensors":[{},{"flatInt32":[1,2,3,4294967296]}]}"#;
        assert_eq!(
            tensors(text).unwrap_err(),
            "tensors[1].flat_int32[3]: 4294967296 is out of range for int32, \
             -2147483648 to 2147483647 is allowed"
        );
        assert_eq!(
            tensors(r#"{"tensors":[{"shape":[-1]}]}"#).unwrap_err(),
            "tensors[0].shape[0]: -1 is out of range for uint32, 0 to 4294967295 is allowed"
        );
        assert_eq!(tensors(r#""x""#).unwrap_err(), "expected an object, got a string");
        assert!(tensors(r#"{"tensors":[null]}"#).unwrap_err().contains("got null"));
        assert!(tensors(r#"{"tensors":[{"name":5}]}"#).unwrap_err().contains("tensors[0].name"));
    }

    #[test]
    fn tensor_count_limit_is_exact() {
        let list = |count| format!("{{\"tensors\":[{}]}}", vec!["{}"; count].join(","));
        assert_eq!(tensors(&list(MAX_TENSORS)).unwrap().len(), MAX_TENSORS);
        assert_eq!(tensors(&list(MAX_TENSORS + 1)).unwrap_err(), "tensors: more than 1024 tensors");
    }
}
