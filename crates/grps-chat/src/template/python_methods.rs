//! Methods of Python's texts that `minijinja-contrib` lacks.

use std::borrow::Cow;

use minijinja::value::{Kwargs, Tuple, ValueKind, from_args};
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
        if let Some(result) = text_method(state, text, method, args) {
            return result;
        }
    } else if value.kind() == ValueKind::Map && method == "copy" {
        return Ok(value.clone());
    }
    unknown_method_callback(state, value, method, args)
}

/// `None` for a method that is not known here.
fn text_method(
    state: &State,
    text: &str,
    method: &str,
    args: &[Value],
) -> Option<Result<Value, Error>> {
    let result = match method {
        "strip" => trim(text, args, (true, true)),
        "lstrip" => trim(text, args, (true, false)),
        "rstrip" => trim(text, args, (false, true)),
        "split" => split(text, args),
        "splitlines" => lines(text, args),
        "find" | "rfind" | "index" | "rindex" => position(text, method, args),
        "count" => count(text, args),
        "ljust" | "rjust" | "center" | "zfill" => justify(state, text, method, args),
        "swapcase" => from_args(args).map(|()| Value::from(swap_case(text))),
        "removeprefix" => {
            one(args).map(|prefix| Value::from(text.strip_prefix(prefix).unwrap_or(text)))
        }
        "removesuffix" => {
            one(args).map(|suffix| Value::from(text.strip_suffix(suffix).unwrap_or(text)))
        }
        "partition" => one(args).map(|mark| partition(text.split_once(mark), mark, (text, ""))),
        "rpartition" => one(args).map(|mark| partition(text.rsplit_once(mark), mark, ("", text))),
        "rsplit" => rsplit(text, args),
        "title" => from_args(args).map(|()| Value::from(title(text))),
        "casefold" => from_args(args).map(|()| Value::from(fold_case(text))),
        _ => return None,
    };
    Some(result)
}

/// As Python does it: each letter behind none that has a case is upper case, others are lower case.
fn title(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut follows_cased = false;
    for character in text.chars() {
        if follows_cased {
            written.extend(character.to_lowercase());
        } else {
            written.extend(character.to_uppercase());
        }
        follows_cased = character.is_lowercase() || character.is_uppercase();
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

/// The part of a text between two positions that are counted as Python counts them, and how many
/// characters are before it.
fn part_of(text: &str, start: Option<i64>, end: Option<i64>) -> Option<(&str, usize)> {
    if start.is_none() && end.is_none() {
        return Some((text, 0));
    }
    let length = text.chars().count();
    let place = |position: Option<i64>, default: usize| match position {
        None => default,
        Some(position) => {
            let from_end = if position < 0 { i64::try_from(length).unwrap_or(i64::MAX) } else { 0 };
            usize::try_from(position.saturating_add(from_end)).unwrap_or(0)
        }
    };
    let (start, end) = (place(start, 0), place(end, length).min(length));
    let byte = |place| text.char_indices().nth(place).map_or(text.len(), |(byte, _)| byte);
    (start <= end).then(|| (&text[byte(start)..byte(end)], start))
}

fn position(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    let (wanted, start, end): (&str, Option<i64>, Option<i64>) = from_args(args)?;
    let found = part_of(text, start, end).and_then(|(part, before)| {
        let from_end = method.starts_with('r');
        let byte = if from_end { part.rfind(wanted) } else { part.find(wanted) }?;
        Some(before + part[..byte].chars().count())
    });
    match found {
        Some(position) => Ok(Value::from(position)),
        None if method.ends_with("find") => Ok(Value::from(-1)),
        None => Err(Error::new(ErrorKind::InvalidOperation, "substring not found")),
    }
}

fn count(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (wanted, start, end): (&str, Option<i64>, Option<i64>) = from_args(args)?;
    let part = part_of(text, start, end);
    Ok(Value::from(part.map_or(0, |(part, _)| part.matches(wanted).count())))
}

fn justify(state: &State, text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    let (width, fill): (usize, Option<char>) = from_args(args)?;
    let pad = width.saturating_sub(text.chars().count());
    state.consume_fuel(pad as u64)?;
    let (before, fill) = match method {
        "ljust" => (0, fill.unwrap_or(' ')),
        "rjust" => (pad, fill.unwrap_or(' ')),
        "center" => (pad / 2 + (pad & width & 1), fill.unwrap_or(' ')),
        _ => (pad, '0'),
    };
    let sign = if method == "zfill" && text.starts_with(['+', '-']) { 1 } else { 0 };
    let mut written = String::from(&text[..sign]);
    written.extend(std::iter::repeat_n(fill, before));
    written.push_str(&text[sign..]);
    written.extend(std::iter::repeat_n(fill, pad - before));
    Ok(Value::from(written))
}

fn swap_case(text: &str) -> String {
    text.chars()
        .flat_map(|character| -> Box<dyn Iterator<Item = char>> {
            if character.is_uppercase() {
                Box::new(character.to_lowercase())
            } else {
                Box::new(character.to_uppercase())
            }
        })
        .collect()
}

fn fold_case(text: &str) -> String {
    text.to_lowercase().replace('ß', "ss").replace('ς', "σ")
}

/// Whether Python takes a character for whitespace; it does so with four separators more.
fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\x1c'..='\x1f')
}

/// The text without whitespace at its ends.
pub(crate) fn strip_spaces(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Takes whitespace, or some characters, off the start or the end.
pub(crate) fn trim_characters<'a>(
    text: &'a str,
    characters: Option<&str>,
    (start, end): (bool, bool),
) -> &'a str {
    let is_trimmed = |character| match characters {
        Some(characters) => characters.contains(character),
        None => is_space(character),
    };
    let text = if start { text.trim_start_matches(is_trimmed) } else { text };
    if end { text.trim_end_matches(is_trimmed) } else { text }
}

fn trim(text: &str, args: &[Value], ends: (bool, bool)) -> Result<Value, Error> {
    let (characters,): (Option<&str>,) = from_args(args)?;
    Ok(Value::from(trim_characters(text, characters, ends)))
}

/// Reads `sep` and `maxsplit`, by position or by name.
fn split_arguments(args: &[Value]) -> Result<(Option<Cow<'_, str>>, usize), Error> {
    let (mark, most, named): (Option<Cow<'_, str>>, Option<i64>, Kwargs) = from_args(args)?;
    let mark = match mark {
        Some(mark) => Some(mark),
        None => named.get::<Option<String>>("sep")?.map(Cow::Owned),
    };
    let most = most.map_or_else(|| named.get::<Option<i64>>("maxsplit"), |most| Ok(Some(most)))?;
    named.assert_all_used()?;
    if mark.as_deref() == Some("") {
        return Err(Error::new(ErrorKind::InvalidOperation, "empty separator"));
    }
    Ok((mark, most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX - 1)))
}

fn split(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (mark, most) = split_arguments(args)?;
    if let Some(mark) = mark {
        return Ok(text.splitn(most + 1, &*mark).map(Value::from).collect());
    }
    let mut parts = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let end = rest.find(is_space).filter(|_| parts.len() < most).unwrap_or(rest.len());
        parts.push(Value::from(&rest[..end]));
        rest = rest[end..].trim_start_matches(is_space);
    }
    Ok(Value::from(parts))
}

fn rsplit(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (mark, most) = split_arguments(args)?;
    let mut parts: Vec<Value> = match mark {
        Some(mark) => text.rsplitn(most + 1, &*mark).map(Value::from).collect(),
        None => rsplit_whitespace(text, most),
    };
    parts.reverse();
    Ok(Value::from(parts))
}

fn rsplit_whitespace(text: &str, most: usize) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end_matches(is_space);
    while !rest.is_empty() {
        let word = match rest.rsplit(is_space).next() {
            Some(word) if parts.len() < most => word,
            _ => rest,
        };
        parts.push(Value::from(word));
        rest = rest[..rest.len() - word.len()].trim_end_matches(is_space);
    }
    parts
}

/// Whether Python sees the end of a line in a character.
pub(crate) fn is_line_end(character: char) -> bool {
    matches!(character, '\n'..='\r' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The lines of a text, with their ends or without.
pub(crate) fn split_lines(text: &str, with_ends: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let length = rest.find(is_line_end).unwrap_or(rest.len());
        let end = match &rest[length..] {
            behind if behind.starts_with("\r\n") => 2,
            behind => behind.chars().next().map_or(0, char::len_utf8),
        };
        lines.push(&rest[..if with_ends { length + end } else { length }]);
        rest = &rest[length + end..];
    }
    lines
}

fn lines(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (keep, named): (Option<bool>, Kwargs) = from_args(args)?;
    let keep = keep.map_or_else(|| named.get::<Option<bool>>("keepends"), |keep| Ok(Some(keep)))?;
    named.assert_all_used()?;
    Ok(split_lines(text, keep == Some(true)).into_iter().map(Value::from).collect())
}
