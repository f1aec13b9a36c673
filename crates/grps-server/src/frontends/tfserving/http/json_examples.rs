//! Reads the bodies of classify and regress: examples whose features are in JSON.

use bytes::Bytes;
use grps_core::{DataType, Elements, Error};

use crate::codec::json::{Cursor, read_as};
use crate::codec::{Fault, Room};
use crate::frontends::shared::json_object::{read_object, read_text};
use crate::frontends::tfserving::examples::{Feature, serialize};

/// Most features of an example.
const MAX_FEATURES: usize = 4096;
/// What a feature takes besides its name and values.
const FEATURE_BYTES: usize = 96;

/// What a request says.
#[derive(Debug)]
pub(super) struct JsonExamples {
    /// The signature; may be empty.
    pub(super) signature: String,
    /// The examples, serialized.
    pub(super) examples: Vec<Bytes>,
    /// What they have in common; empty if nothing.
    pub(super) context: Bytes,
}

/// Reads a body.
///
/// # Errors
/// `InvalidArgument` with the place and the reason; the errors of the room.
pub(super) fn read(body: &Bytes, room: &Room<'_>) -> Result<JsonExamples, Error> {
    let (mut signature, mut context) = (String::new(), Bytes::new());
    let mut examples = None;
    read_object(body, room, |cursor, key| {
        let read = match key {
            "signature_name" if !cursor.take_null() => {
                read_text(cursor).map(|name| signature = name)
            }
            "signature_name" => Ok(()),
            "context" => read_example(cursor, room).map(|read| context = read),
            "examples" => read_examples(cursor, room).map(|read| examples = Some(read)),
            _ => return cursor.skip_value(),
        };
        read.map_err(|fault| fault.in_field(key))
    })?;
    let examples = examples
        .ok_or_else(|| Error::invalid("examples is missing: send a list of objects of features"))?;
    Ok(JsonExamples { signature, examples, context })
}

fn read_examples(cursor: &mut Cursor<'_>, room: &Room<'_>) -> Result<Vec<Bytes>, Fault> {
    let mut examples = Vec::new();
    cursor.list(|cursor| {
        room.grow(&mut examples, 1)?;
        let example = read_example(cursor, room);
        examples.push(example.map_err(|fault| fault.at_index(examples.len()))?);
        Ok(())
    })?;
    Ok(examples)
}

fn read_example(cursor: &mut Cursor<'_>, room: &Room<'_>) -> Result<Bytes, Fault> {
    let mut features = Vec::new();
    if cursor.token() != b'{' {
        return Err(cursor.mismatch("an object of features"));
    }
    let start = cursor.pos;
    cursor.object(|cursor, key| {
        if features.len() >= MAX_FEATURES {
            return Err(Fault::new(format!("more than {MAX_FEATURES} features")));
        }
        room.take(key.len().saturating_add(FEATURE_BYTES))?;
        let name = key.into_owned();
        let feature = read_feature(cursor, room).map_err(|fault| fault.at_key(&name))?;
        features.push((name, feature));
        Ok(())
    })?;
    // A number of one digit and its comma become a float of four bytes.
    room.take((cursor.pos - start).saturating_mul(2))?;
    Ok(serialize(&features).into())
}

/// Reads a value, or a list of values of one kind.
fn read_feature(cursor: &mut Cursor<'_>, room: &Room<'_>) -> Result<Feature, Fault> {
    let mut first = cursor.clone();
    if first.token() == b'[' {
        first.pos += 1;
    }
    if matches!(first.token(), b'"' | b'{') {
        return read_bytes(cursor, room);
    }
    let mut feature = None;
    if cursor.token() == b'[' {
        cursor.list(|cursor| read_number(cursor, &mut feature, room))?;
    } else {
        read_number(cursor, &mut feature, room)?;
    }
    // A feature without values has any kind.
    Ok(feature.unwrap_or(Feature::Integers(Vec::new())))
}

fn read_bytes(cursor: &mut Cursor<'_>, room: &Room<'_>) -> Result<Feature, Fault> {
    let tensor = read_as(cursor, DataType::String, "values")?;
    match tensor.elements() {
        Elements::String(values) if tensor.shape().len() < 2 => {
            room.take(size_of_val(values))?;
            Ok(Feature::Bytes(values.to_vec()))
        }
        _ => Err(Fault::new("the values of a feature are one list, not nested ones")),
    }
}

fn read_number(
    cursor: &mut Cursor<'_>,
    feature: &mut Option<Feature>,
    room: &Room<'_>,
) -> Result<(), Fault> {
    let integer = match cursor.take_bool() {
        Some(value) => Ok(i64::from(value)),
        None => match cursor.token() {
            b'"' | b'{' | b'[' => return Err(cursor.mismatch("a number, as the first value is")),
            _ => {
                let text = cursor.number_text()?;
                text.parse().map_err(|_| text)
            }
        },
    };
    match (integer, feature) {
        (Ok(value), Some(Feature::Integers(values))) => {
            room.grow(values, 1)?;
            values.push(value);
        }
        (Ok(value), feature @ None) => *feature = Some(Feature::Integers(vec![value])),
        (Err(text), Some(Feature::Floats(values))) => {
            room.grow(values, 1)?;
            values.push(float(text)?);
        }
        (Err(text), feature @ None) => *feature = Some(Feature::Floats(vec![float(text)?])),
        _ => {
            return Err(Fault::new(
                "the values are of several kinds: write all numbers with a point, or none",
            ));
        }
    }
    Ok(())
}

/// A number with a point, an exponent, or one of the words for numbers that JSON lacks.
fn float(text: &str) -> Result<f32, Fault> {
    let is_integer = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    match text.parse() {
        Ok(value) if !is_integer => Ok(value),
        _ => Err(Fault::new(format!("{text} is out of range for int64"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_text(body: &str) -> Result<JsonExamples, Error> {
        read(&Bytes::from(body.to_owned()), &Room::unlimited())
    }

    fn example(features: &[(&str, Feature)]) -> Bytes {
        let owned: Vec<_> =
            features.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        serialize(&owned).into()
    }

    #[test]
    fn features_have_the_kind_of_their_values() {
        let body = r#"{"signature_name": "s", "context": {"c": "x"}, "examples": [
            {"i": 1, "f": [1.5, 2e0], "b": ["a", {"b64": "/w=="}], "t": true, "e": []}, {}]}"#;
        let read = read_text(body).unwrap();
        assert_eq!((read.signature.as_str(), read.examples.len()), ("s", 2));
        assert_eq!(read.context, example(&[("c", Feature::Bytes(vec!["x".into()]))]));
        let expected = example(&[
            ("i", Feature::Integers(vec![1])),
            ("f", Feature::Floats(vec![1.5, 2.0])),
            ("b", Feature::Bytes(vec!["a".into(), Bytes::from_static(b"\xff")])),
            ("t", Feature::Integers(vec![1])),
            ("e", Feature::Integers(Vec::new())),
        ]);
        assert_eq!(read.examples[0], expected);
        assert_eq!(read.examples[1], example(&[]));
    }

    #[test]
    fn malformed_examples_are_refused() {
        for (body, expected) in [
            ("{}", "examples is missing"),
            (r#"{"examples": {}}"#, "examples: expected a list"),
            (r#"{"examples": [1]}"#, "examples[0]: expected an object of features"),
            (r#"{"examples": [{"x": [1, 1.5]}]}"#, "examples[0][\"x\"]: the values are of several"),
            (r#"{"examples": [{"x": [1, "a"]}]}"#, "examples[0][\"x\"]: expected a number"),
            (r#"{"examples": [{"x": ["a", ["b"]]}]}"#, "examples[0][\"x\"]: values is ragged"),
            (r#"{"examples": [{"x": [[1]]}]}"#, "examples[0][\"x\"]: expected a number"),
            (r#"{"examples": [{"x": 9223372036854775808}]}"#, "examples[0][\"x\"]: 92233720"),
            (r#"{"examples": [{"x": null}]}"#, "examples[0][\"x\"]: "),
        ] {
            let error = read_text(body).unwrap_err();
            assert!(error.message().starts_with(expected), "{error}");
        }
    }

    #[test]
    fn the_number_of_features_is_limited() {
        let body = |count: usize| {
            let features: Vec<_> = (0..count).map(|index| format!("\"f{index}\": 1")).collect();
            format!("{{\"examples\": [{{{}}}]}}", features.join(","))
        };
        assert!(read_text(&body(MAX_FEATURES)).is_ok());
        assert!(read_text(&body(MAX_FEATURES + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused(body in "[\\[\\]{}\",:ab64 0-9.eE-]{0,40}") {
            let _ = read_text(&body);
            let _ = read_text(&format!("{{\"examples\": [{{\"x\": {body}}}]}}"));
        }
    }
}
