//! Filters and tests that behave otherwise in `minijinja` than in `jinja2`.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::python_methods::{is_line_end, split_lines, strip_spaces, trim_characters};
use super::python_text::python_text;

/// Replaces the filters and tests.
pub(crate) fn add_python_filters(environment: &mut Environment<'static>) {
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_filter("string", python_text);
    environment.add_filter("trim", trim);
    environment.add_filter("indent", indent);
    environment.add_filter("escape", escape);
    environment.add_filter("e", escape);
    environment.add_test("iterable", is_iterable);
    environment.add_test("sequence", is_sequence);
    environment.add_test("callable", is_callable);
}

/// Takes an argument by position or by name.
fn argument(positional: &[Value], place: usize, named: &Kwargs, name: &str) -> Option<Value> {
    let by_name = || if named.has(name) { named.get(name).ok() } else { None };
    positional.get(place).cloned().or_else(by_name)
}

fn default(value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let other = argument(&positional, 0, &named, "default_value");
    let unless_true = argument(&positional, 1, &named, "boolean").is_some_and(|v| v.is_true());
    named.assert_all_used()?;
    if value.is_undefined() || (unless_true && !value.is_true()) {
        return Ok(other.unwrap_or_else(|| Value::from("")));
    }
    Ok(value.clone())
}

fn int(value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let other = argument(&positional, 0, &named, "default").unwrap_or_else(|| Value::from(0));
    let base = argument(&positional, 1, &named, "base").unwrap_or_else(|| Value::from(10));
    named.assert_all_used()?;
    if let Some(text) = value.as_str() {
        if let Some(number) = base.as_usize().and_then(|base| integer(text, base)) {
            return Ok(Value::from(number));
        }
    } else if value.is_integer() {
        return Ok(value.clone());
    }
    Ok(float_of(value)?.and_then(whole_part).unwrap_or(other))
}

/// A whole number as Python's `int` reads it in a base.
fn integer(text: &str, base: usize) -> Option<i128> {
    let digits = strip_spaces(text).replace('_', "").to_ascii_lowercase();
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let mark = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let digits = digits.strip_prefix(mark).unwrap_or(digits);
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base))?;
    // A second sign would be read, too.
    let is_plain = digits.starts_with(|first: char| first.is_ascii_alphanumeric());
    is_plain.then(|| i128::from_str_radix(&[sign, digits].concat(), base).ok()).flatten()
}

fn float(value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let other = argument(&positional, 0, &named, "default").unwrap_or_else(|| Value::from(0.0));
    named.assert_all_used()?;
    Ok(float_of(value)?.map_or(other, Value::from))
}

fn float_of(value: &Value) -> Result<Option<f64>, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(ErrorKind::UndefinedError.into()),
        ValueKind::Bool => Ok(Some(f64::from(u8::from(value.is_true())))),
        ValueKind::String => Ok(value.as_str().and_then(|text| strip_spaces(text).parse().ok())),
        _ => Ok(f64::try_from(value.clone()).ok()),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the number is within the range")]
fn whole_part(number: f64) -> Option<Value> {
    (number.abs() < 1e38).then(|| Value::from(number.trunc() as i128))
}

fn trim(
    state: &State,
    value: &Value,
    positional: Rest<Value>,
    named: Kwargs,
) -> Result<String, Error> {
    let characters = argument(&positional, 0, &named, "chars");
    named.assert_all_used()?;
    let text = python_text(state, value)?;
    let characters = characters.as_ref().and_then(|value| value.as_str());
    Ok(trim_characters(&text, characters, (true, true)).to_owned())
}

/// Begins lines with spaces or with a text; the first one and empty ones only if asked to.
fn indent(
    state: &State,
    value: &Value,
    positional: Rest<Value>,
    named: Kwargs,
) -> Result<String, Error> {
    let width = argument(&positional, 0, &named, "width").unwrap_or_else(|| Value::from(4));
    let [first, blank] = [(1, "first"), (2, "blank")]
        .map(|(place, name)| argument(&positional, place, &named, name))
        .map(|value| value.is_some_and(|value| value.is_true()));
    named.assert_all_used()?;
    let text = python_text(state, value)?;
    let mark = match (width.as_str(), width.as_usize()) {
        (Some(mark), _) => mark.to_owned(),
        (None, Some(spaces)) if spaces <= 1024 => " ".repeat(spaces),
        _ => {
            let message = "indent: width is at most 1024 spaces, or a text";
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
    };
    let lines = split_lines(&text, false);
    state.consume_fuel((lines.len().saturating_mul(mark.len()) / 4) as u64)?;
    let mut written = String::with_capacity(text.len());
    // Behind the end of a line is an empty line; jinja2 adds a newline, which may complete "\r\n".
    let ends_empty = text.is_empty() || text.ends_with(is_line_end) && !text.ends_with('\r');
    let last = ends_empty.then_some("");
    for (place, line) in lines.into_iter().chain(last).enumerate() {
        if place > 0 {
            written.push('\n');
        }
        if if place == 0 { first } else { blank || !line.is_empty() } {
            written.push_str(&mark);
        }
        written.push_str(line);
    }
    Ok(written)
}

fn escape(state: &State, value: &Value) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value.clone());
    }
    let mut written = String::new();
    for character in python_text(state, value)?.chars() {
        match character {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&#34;"),
            '\'' => written.push_str("&#39;"),
            _ => written.push(character),
        }
    }
    Ok(Value::from_safe_string(written))
}

/// Texts, mappings and values that are missing can be iterated in Python, and `None` can't.
fn is_iterable(value: &Value) -> bool {
    is_sequence(value) || value.kind() == ValueKind::Iterable
}

/// What has a length and items by position or key, in the view of `jinja2`.
fn is_sequence(value: &Value) -> bool {
    match value.kind() {
        ValueKind::Undefined | ValueKind::String | ValueKind::Seq | ValueKind::Map => true,
        // A range has a length, and a generator has none.
        ValueKind::Iterable => value.len().is_some(),
        _ => false,
    }
}

fn is_callable(value: &Value) -> bool {
    // Functions and macros are plain objects, and there are no others.
    value.kind() == ValueKind::Plain || value.is_undefined()
}
