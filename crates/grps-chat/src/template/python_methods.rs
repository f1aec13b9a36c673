//! Methods of Python's texts that `minijinja-contrib` lacks.

use minijinja::value::{Tuple, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;

/// Calls a method of a text, a list or a mapping as Python has it.
pub(crate) fn call_python_method(
    state: &mut State,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        if let Some(result) = text_method(text, method, args) {
            return result;
        }
    } else if value.kind() == ValueKind::Map && method == "copy" {
        return Ok(value.clone());
    }
    unknown_method_callback(state, value, method, args)
}

/// `None` for a method that is not known here.
fn text_method(text: &str, method: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    let result = match method {
        "removeprefix" => {
            one(args).map(|prefix| Value::from(text.strip_prefix(prefix).unwrap_or(text)))
        }
        "removesuffix" => {
            one(args).map(|suffix| Value::from(text.strip_suffix(suffix).unwrap_or(text)))
        }
        "partition" => one(args).map(|mark| partition(text.split_once(mark), mark, (text, ""))),
        "rpartition" => one(args).map(|mark| partition(text.rsplit_once(mark), mark, ("", text))),
        "rsplit" => rsplit(text, args),
        "index" => one(args).and_then(|part| position(text, text.find(part))),
        "rindex" => one(args).and_then(|part| position(text, text.rfind(part))),
        "title" => from_args(args).map(|()| Value::from(title(text))),
        "casefold" => from_args(args).map(|()| Value::from(text.to_lowercase())),
        _ => return None,
    };
    Some(result)
}

/// As Python does it: each letter behind no letter is upper case, others are lower case.
fn title(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut follows_letter = false;
    for character in text.chars() {
        if follows_letter {
            written.extend(character.to_lowercase());
        } else {
            written.extend(character.to_uppercase());
        }
        follows_letter = character.is_alphabetic();
    }
    written
}

fn one(args: &[Value]) -> Result<&str, Error> {
    from_args::<(&str,)>(args).map(|(text,)| text)
}

fn partition(parts: Option<(&str, &str)>, mark: &str, whole: (&str, &str)) -> Value {
    let (before, mark, after) = match parts {
        Some((before, after)) => (before, mark, after),
        None if whole.0.is_empty() => ("", "", whole.1),
        None => (whole.0, "", ""),
    };
    Value::from_object(Tuple::from(vec![before.into(), mark.into(), after.into()]))
}

fn position(text: &str, bytes: Option<usize>) -> Result<Value, Error> {
    match bytes {
        Some(bytes) => Ok(Value::from(text[..bytes].chars().count())),
        None => Err(Error::new(ErrorKind::InvalidOperation, "substring not found")),
    }
}

fn rsplit(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (mark, most): (Option<&str>, Option<i64>) = from_args(args)?;
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX - 1);
    let mut parts: Vec<Value> = match mark {
        Some("") => return Err(Error::new(ErrorKind::InvalidOperation, "empty separator")),
        Some(mark) => text.rsplitn(most + 1, mark).map(Value::from).collect(),
        None => rsplit_whitespace(text, most),
    };
    parts.reverse();
    Ok(Value::from(parts))
}

fn rsplit_whitespace(text: &str, most: usize) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        match rest.rfind(char::is_whitespace).filter(|_| parts.len() < most) {
            Some(_) => {
                let word = rest.rsplit(char::is_whitespace).next().unwrap_or(rest);
                parts.push(Value::from(word));
                rest = rest[..rest.len() - word.len()].trim_end();
            }
            None => {
                parts.push(Value::from(rest));
                break;
            }
        }
    }
    parts
}
