//! Reads `gmap`.

use super::cursor::Cursor;
use super::element::{Element, base64_text};
use crate::codec::fault::{Fault, unknown_field};
use crate::codec::message::{BYTES_PER_KEY, MAX_MAP_ENTRIES, MapData};

/// The maps of a `gmap`.
const MAPS: [&str; 6] = ["s_s", "s_b", "s_i32", "s_i64", "s_f", "s_d"];

/// Reads a `gmap` object. Its entries are bounded for each map, as a JSON entry takes more bytes.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<MapData, Fault> {
    let mut map = MapData::default();
    let mut unknown = None;
    cursor.object(|cursor, key| {
        match key.as_ref() {
            "s_s" | "sS" => {
                map.s_s = entries(cursor, "s_s", |cursor| {
                    let text = cursor.string()?;
                    cursor.take_text(&text)?;
                    Ok(text.into_owned())
                })?;
            }
            "s_b" | "sB" => map.s_b = entries(cursor, "s_b", base64_text)?,
            "s_i32" | "sI32" => map.s_i32 = entries(cursor, "s_i32", i32::from_flat)?,
            "s_i64" | "sI64" => map.s_i64 = entries(cursor, "s_i64", i64::from_flat)?,
            "s_f" | "sF" => map.s_f = entries(cursor, "s_f", f32::from_flat)?,
            "s_d" | "sD" => map.s_d = entries(cursor, "s_d", f64::from_flat)?,
            key => {
                unknown.get_or_insert_with(|| unknown_field(key, &MAPS));
                cursor.skip_value()?;
            }
        }
        Ok(())
    })?;
    if let Some(unknown) = unknown.filter(|_| map.is_empty()) {
        return Err(Fault::new(format!("{unknown}; the maps are {}", MAPS.join(", "))));
    }
    map.drop_overwritten();
    Ok(map)
}

fn entries<'a, V>(
    cursor: &mut Cursor<'a>,
    name: &str,
    mut value: impl FnMut(&mut Cursor<'a>) -> Result<V, Fault>,
) -> Result<Vec<(String, V)>, Fault> {
    let mut entries = Vec::new();
    if cursor.take_null() {
        return Ok(entries);
    }
    let read = cursor.object(|cursor, key| {
        if entries.len() >= MAX_MAP_ENTRIES {
            return Err(Fault::new(format!("more than {MAX_MAP_ENTRIES} entries")));
        }
        cursor.token();
        let value = value(cursor).map_err(|fault| fault.at_key(&key))?;
        cursor.take_text(&key)?;
        cursor.take_memory(BYTES_PER_KEY)?;
        cursor.grow(&mut entries, 1)?;
        entries.push((key.into_owned(), value));
        Ok(())
    });
    read.map(|()| entries).map_err(|fault| fault.in_field(name))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use grps_core::Error;

    use super::*;

    fn map(text: &str) -> Result<MapData, String> {
        read(&mut Cursor::new(text)).map_err(|fault| Error::from(fault).message().to_owned())
    }

    #[test]
    fn all_maps_by_both_names() {
        let expected = MapData {
            s_s: vec![("a".into(), "b".into())],
            s_b: vec![("bin".into(), Bytes::from_static(&[0, 1, 0xff]))],
            s_i32: vec![("i".into(), -5)],
            s_i64: vec![("l".into(), 9_007_199_254_740_993)],
            s_f: vec![("f".into(), 0.1)],
            s_d: vec![("d".into(), 0.1)],
        };
        let text = r#"{"s_s":{"a":"b"},"s_b":{"bin":"AAH/"},"s_i32":{"i":-5},"x":1,
            "s_i64":{"l":9007199254740993},"s_f":{"f":0.1},"s_d":{"d":0.1}}"#;
        assert_eq!(map(text).as_ref(), Ok(&expected));
        let text = r#"{"sS":{"a":"b"},"sB":{"bin":"AAH_"},"sI32":{"i":"-5"},
            "sI64":{"l":"9007199254740993"},"sF":{"f":"0.1"},"sD":{"d" : 0.1}}"#;
        assert_eq!(map(text), Ok(expected));
    }

    #[test]
    fn duplicates_and_nulls() {
        assert_eq!(map(r#"{"s_i32":{"a":1,"a":2}}"#).unwrap().s_i32, [("a".into(), 2)]);
        assert_eq!(map(r#"{"s_i32":{"a":1},"s_i32":null}"#), Ok(MapData::default()));
    }

    #[test]
    fn entry_limit_is_exact() {
        let list = |count| format!("{{\"s_i32\":{{{}}}}}", vec!["\"\":1"; count].join(","));
        assert_eq!(map(&list(MAX_MAP_ENTRIES)).unwrap().s_i32, [(String::new(), 1)]);
        let refusal = map(&list(MAX_MAP_ENTRIES + 1)).unwrap_err();
        assert_eq!(refusal, "s_i32: more than 1048576 entries");
    }

    #[test]
    fn errors_name_the_key() {
        assert_eq!(map(r#"{"s_b":{"k":"!!!"}}"#).unwrap_err(), "s_b[\"k\"]: \"!!!\" is not base64");
        assert_eq!(
            map(r#"{"s_s":{"k":null}}"#).unwrap_err(),
            "s_s[\"k\"]: expected a string, got null"
        );
        assert!(map(r#"{"s_i32":{"k":2147483648}}"#).unwrap_err().contains("out of range"));
        assert_eq!(map(r#"{"s_f":[]}"#).unwrap_err(), "s_f: expected an object, got a list");
    }
}
