//! Values as Python's `str` writes them: lists and mappings with quoted texts, numbers as Python
//! prints them.

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, State, Value};

use super::metered_text::{MeteredText, number_text};

/// Writes a value as `str` does.
pub(crate) fn python_text(state: &State, value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    if value.is_undefined() {
        return Ok(String::new());
    }
    let mut written = MeteredText::new(state);
    write_value(&mut written, value, 0)?;
    written.finish()
}

fn write_value(written: &mut MeteredText, value: &Value, depth: usize) -> Result<(), Error> {
    written.enter(depth)?;
    match value.kind() {
        ValueKind::Undefined => written.text.push_str("Undefined"),
        ValueKind::String => write_quoted(&mut written.text, value.as_str().unwrap_or("")),
        ValueKind::Number => written.text.push_str(&number_text(value, float_text)),
        // Sums and parts of lists can only be iterated, and are lists in Python.
        ValueKind::Seq | ValueKind::Iterable => write_list(written, value, depth)?,
        ValueKind::Map => write_mapping(written, value, depth)?,
        _ => written.text.push_str(&value.to_string()),
    }
    Ok(())
}

fn write_list(written: &mut MeteredText, value: &Value, depth: usize) -> Result<(), Error> {
    let is_tuple = value.downcast_object_ref::<Tuple>().is_some();
    let (start, end) = if is_tuple { ('(', ')') } else { ('[', ']') };
    written.text.push(start);
    for (place, item) in value.try_iter()?.enumerate() {
        if place > 0 {
            written.text.push_str(", ");
        }
        write_value(written, &item, depth + 1)?;
    }
    if is_tuple && value.len() == Some(1) {
        written.text.push(',');
    }
    written.text.push(end);
    Ok(())
}

fn write_mapping(written: &mut MeteredText, value: &Value, depth: usize) -> Result<(), Error> {
    written.text.push('{');
    for (place, key) in value.try_iter()?.enumerate() {
        if place > 0 {
            written.text.push_str(", ");
        }
        write_value(written, &key, depth + 1)?;
        written.text.push_str(": ");
        write_value(written, &value.get_item(&key)?, depth + 1)?;
    }
    written.text.push('}');
    Ok(())
}

/// Writes a text in single quotes, or in double quotes if only that saves escapes.
fn write_quoted(written: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    written.push(quote);
    for character in text.chars() {
        match character {
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '\\' => written.push_str("\\\\"),
            _ if character == quote => written.extend(['\\', quote]),
            _ if is_printable(character) => written.push(character),
            _ => written.push_str(&match u32::from(character) {
                code @ ..=0xff => format!("\\x{code:02x}"),
                code @ ..=0xffff => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    written.push(quote);
}

/// Whether Python prints a character as it is. Rust escapes the same ones, and marks that combine
/// with another character only at the start of a text.
fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_control();
    }
    let mut text = String::from("a");
    text.push(character);
    !text.escape_debug().any(|written| written == '\\')
}

/// A number as Python prints it: the shortest digits, with an exponent below 1e-4 and from 1e16.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{number:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_those_of_python() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (-2.5e-7, "-2.5e-07"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
        ];
        for (number, text) in cases {
            assert_eq!(float_text(number), text);
        }
    }
}
