//! Scalars of YAML 1.1, as PyYAML's safe loader resolves and constructs them.

use std::sync::LazyLock;

use chrono::{NaiveDate, NaiveTime};
use regex::Regex;
use serde_json::{Number, Value};

/// Longest number that is read.
const MAX_NUMBER_CHARS: usize = 100;

/// What a scalar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Null,
    Bool,
    Whole,
    Number,
    Time,
    Merge,
    Text,
    /// The text `=` and tags of other types.
    Other,
}

/// Why a scalar has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What is wrong with a number, said after the number.
    Number(String),
    /// It is not what its tag says.
    Malformed,
    /// Only PyYAML can tell its value.
    Unknown,
}

static BOOL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern("yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF")
});
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    )
});
static WHOLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        "[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+",
    )
});
static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})|(?P<day>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2})(?:[Tt]|[ \t]+)(?P<time>[0-9]{1,2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?",
    )
});

/// The tag of a plain scalar without one of its own.
pub(crate) fn resolve(text: &str) -> Tag {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Tag::Null,
        "<<" => return Tag::Merge,
        "=" => return Tag::Other,
        _ => {}
    }
    let tags =
        [(&BOOL, Tag::Bool), (&NUMBER, Tag::Number), (&WHOLE, Tag::Whole), (&TIME, Tag::Time)];
    let found = tags.into_iter().find(|(pattern, _)| fits(pattern, text));
    found.map_or(Tag::Text, |(_, tag)| tag)
}

/// The value of a scalar; dates stay text.
pub(crate) fn construct(text: &str, tag: Tag) -> Result<Value, Fault> {
    match tag {
        Tag::Null => Ok(Value::Null),
        Tag::Bool => match text.to_lowercase().as_str() {
            "yes" | "true" | "on" => Ok(Value::Bool(true)),
            "no" | "false" | "off" => Ok(Value::Bool(false)),
            _ => Err(Fault::Malformed),
        },
        Tag::Whole => number_fault(text).map_or_else(|| whole(text), Err),
        Tag::Number => number_fault(text).map_or_else(|| number(text), Err),
        Tag::Time => time(text),
        Tag::Text => Ok(Value::String(text.to_owned())),
        Tag::Merge | Tag::Other => Err(Fault::Unknown),
    }
}

fn pattern(alternatives: &str) -> Option<Regex> {
    Regex::new(&format!("^(?:{alternatives})$")).ok()
}

fn fits(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

fn number_fault(text: &str) -> Option<Fault> {
    if text.contains(':') {
        let fault = "is a number of base 60 in YAML; write it in quotes if it is text, else \
                     without colons";
        return Some(Fault::Number(fault.to_owned()));
    }
    let length = text.chars().count();
    (length > MAX_NUMBER_CHARS).then(|| {
        let fault = format!("is a number of {length} characters; write it in quotes if it is text");
        Fault::Number(fault)
    })
}

fn whole(text: &str) -> Result<Value, Fault> {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let (radix, digits) = if let Some(binary) = digits.strip_prefix("0b") {
        (2, binary)
    } else if let Some(hexadecimal) = digits.strip_prefix("0x") {
        (16, hexadecimal)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, digits)
    } else {
        (10, digits)
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(Fault::Malformed);
    }
    let value = i128::from_str_radix(digits, radix).ok().map(|value| sign * value);
    value.and_then(Number::from_i128).map(Value::Number).ok_or_else(|| {
        let fault = "is a number of over 64 bits; write it in quotes if it is text";
        Fault::Number(fault.to_owned())
    })
}

fn number(text: &str) -> Result<Value, Fault> {
    let plain = text.replace('_', "").to_lowercase();
    let unsigned = plain.trim_start_matches(['+', '-']);
    if matches!(unsigned, ".inf" | ".nan" | "inf" | "nan" | "infinity") {
        return Err(Fault::Unknown); // no value of JSON
    }
    let value: f64 = plain.parse().map_err(|_| Fault::Malformed)?;
    Number::from_f64(value).map(Value::Number).ok_or(Fault::Unknown)
}

/// A date stays text, but it has to be one.
fn time(text: &str) -> Result<Value, Fault> {
    let found = TIME.as_ref().and_then(|pattern| pattern.captures(text)).ok_or(Fault::Unknown)?;
    let date = found.name("date").or_else(|| found.name("day"));
    let date = date.and_then(|date| NaiveDate::parse_from_str(date.as_str(), "%Y-%m-%d").ok());
    let time = found.name("time").map(|time| NaiveTime::parse_from_str(time.as_str(), "%H:%M:%S"));
    match (date, time) {
        (Some(_), None | Some(Ok(_))) => Ok(Value::String(text.to_owned())),
        _ => Err(Fault::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<Value, Fault> {
        construct(text, resolve(text))
    }

    #[test]
    fn scalars_have_the_values_of_yaml_1_1() {
        for (text, expected) in [
            ("yes", Value::from(true)),
            ("Off", Value::from(false)),
            ("~", Value::Null),
            ("0x1F", Value::from(31)),
            ("010", Value::from(8)),
            ("0b1_1", Value::from(3)),
            ("1_000", Value::from(1000)),
            ("-7", Value::from(-7)),
            ("18446744073709551615", Value::from(u64::MAX)),
            ("1.5", Value::from(1.5)),
            ("1.0e+3", Value::from(1000.0)),
            ("1e5", Value::from("1e5")),
            ("08", Value::from("08")),
            ("2024-02-29", Value::from("2024-02-29")),
            ("y", Value::from("y")),
        ] {
            assert_eq!(value(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_has_no_value_is_refused() {
        for text in ["18446744073709551616", "1:30", &"1".repeat(101)] {
            assert!(matches!(value(text), Err(Fault::Number(_))), "{text}");
        }
        for text in [".inf", "=", "2024-02-30"] {
            assert_eq!(value(text), Err(Fault::Unknown), "{text}");
        }
        assert_eq!(construct("maybe", Tag::Bool), Err(Fault::Malformed));
        assert_eq!(construct("0b_", Tag::Whole), Err(Fault::Malformed));
    }
}
