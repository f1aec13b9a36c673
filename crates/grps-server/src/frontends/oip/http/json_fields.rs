//! Parts of JSON bodies that several calls have.

use grps_core::{MAX_RANK, Shape};
use smallvec::SmallVec;

use crate::codec::Fault;
use crate::codec::json::Cursor;
use crate::frontends::oip::inference::parameters::{Parameter, Parameters};
use crate::frontends::oip::inference::raw_tensor::shape_of;
use crate::frontends::shared::json_object::read_text;

/// Reads the sizes of a shape.
pub(super) fn read_shape(cursor: &mut Cursor<'_>) -> Result<Shape, Fault> {
    let mut sizes = SmallVec::<[i64; 4]>::new();
    cursor.list(|cursor| {
        cursor.token();
        let size = cursor.integer()?;
        // One size more than a shape may have is enough to refuse it.
        if sizes.len() <= MAX_RANK {
            sizes.push(i64::try_from(size).unwrap_or(if size < 0 { i64::MIN } else { i64::MAX }));
        }
        Ok(())
    })?;
    Ok(shape_of(sizes)?)
}

/// Reads parameters: an object with strings, numbers and booleans. `null` is no parameter.
pub(super) fn read_parameters(cursor: &mut Cursor<'_>) -> Result<Parameters, Fault> {
    let mut parameters = Parameters::default();
    if cursor.take_null() {
        return Ok(parameters);
    }
    cursor.object(|cursor, key| {
        let name = key.into_owned();
        cursor.take_text(&name)?;
        match read_parameter(cursor).map_err(|fault| fault.in_field(&name))? {
            Some(value) => Ok(parameters.add(name, value)?),
            None => Ok(()),
        }
    })?;
    Ok(parameters)
}

/// Reads the value of a parameter; `None` for `null`.
pub(super) fn read_parameter(cursor: &mut Cursor<'_>) -> Result<Option<Parameter>, Fault> {
    if cursor.take_null() {
        return Ok(None);
    }
    if let Some(value) = cursor.take_bool() {
        return Ok(Some(Parameter::Bool(value)));
    }
    match cursor.token() {
        b'"' => read_text(cursor).map(|text| Some(Parameter::Text(text))),
        b'{' | b'[' => Err(cursor.mismatch("a string, a number or a boolean")),
        _ => Ok(Some(number(cursor.number_text()?))),
    }
}

fn number(text: &str) -> Parameter {
    if let Ok(value) = text.parse() {
        Parameter::Int(value)
    } else if let Ok(value) = text.parse() {
        Parameter::Uint(value)
    } else {
        Parameter::Double(text.parse().unwrap_or(f64::NAN))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use grps_core::Error;

    use super::*;
    use crate::codec::Room;
    use crate::frontends::shared::json_object::read_object;

    fn parameters(text: &'static str) -> Result<Parameters, Error> {
        let mut found = Parameters::default();
        read_object(&Bytes::from_static(text.as_bytes()), &Room::unlimited(), |cursor, _| {
            found = read_parameters(cursor)?;
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn parameters_have_simple_values() {
        let text = "{\"p\": {\"a\": \"x\", \"b\": true, \"c\": -5, \"d\": 18446744073709551615, \
                    \"e\": 0.5, \"f\": null}}";
        let found = parameters(text).unwrap();
        let expected = [
            ("a", Parameter::Text("x".to_owned())),
            ("b", Parameter::Bool(true)),
            ("c", Parameter::Int(-5)),
            ("d", Parameter::Uint(u64::MAX)),
            ("e", Parameter::Double(0.5)),
        ];
        assert!(found.iter().eq(expected.iter().map(|(name, value)| (*name, value))));
        for bad in ["{\"p\": {\"a\": []}}", "{\"p\": {\"a\": {}}}", "{\"p\": 1}", "[]", "{} x", ""]
        {
            assert!(parameters(bad).is_err(), "{bad}");
        }
    }
}
