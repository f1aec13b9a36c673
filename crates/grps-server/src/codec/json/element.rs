//! How each element type is read, by the rules of `ndarray` and of `flat_*` fields.

use std::borrow::Cow;

use bytes::Bytes;
use half::{bf16, f16};
use memchr::{memchr, memchr_iter, memchr2};

use super::base64;
use super::cursor::{Cursor, byte_at};
use super::number::{
    decimal_float, decimal_single, parse_float, parse_integer, short_decimal, short_integer,
};
use crate::codec::fault::{Fault, excerpt};

/// How bytes that are no text are written, for errors.
const B64: &str = "{\"b64\": \"...\"}";

/// Bytes of text from which on the elements of a list are counted before they are read.
const LARGE_TEXT: usize = 64 << 10;

/// An element of a tensor.
pub(super) trait Element: Sized {
    /// Whether the commas of a list tell how many elements it has: no element has any in it.
    const COUNTED: bool = true;

    /// Reads an element of `ndarray`: a number, also in quotes, or a boolean as 1 or 0.
    fn from_nested(cursor: &mut Cursor<'_>) -> Result<Self, Fault>;

    /// Reads an element of a `flat_*` field by protobuf's JSON rules: a number, also in quotes.
    fn from_flat(cursor: &mut Cursor<'_>) -> Result<Self, Fault>;

    /// The element that starts at this offset and where the comma behind it is, when it is written
    /// as most are.
    #[inline(always)]
    fn plain(_text: &[u8], _start: usize) -> Option<(Self, usize)> {
        None
    }
}

/// Makes room for all strings of the list that starts here, however deep they are in it. Short texts
/// are read without counting first.
pub(super) fn make_room_for_strings(
    cursor: &mut Cursor<'_>,
    strings: &mut Vec<Bytes>,
) -> Result<(), Fault> {
    if cursor.text.len() < LARGE_TEXT || cursor.token() != b'[' {
        return Ok(());
    }
    let count = count_strings(cursor.text.as_bytes().get(cursor.pos..).unwrap_or_default());
    cursor.grow_exact(strings, count)
}

/// How many strings a list holds: one for each comma outside of strings, and one.
fn count_strings(list: &[u8]) -> usize {
    let (mut count, mut depth, mut pos) = (1, 0usize, 0);
    while let Some(byte) = list.get(pos) {
        pos += 1;
        match byte {
            b',' => count += 1,
            b'[' => depth += 1,
            b']' if depth <= 1 => break,
            b']' => depth -= 1,
            b'"' => pos = string_end(list, pos),
            _ => {}
        }
    }
    count
}

/// The offset behind the quote that ends the string whose characters start here.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut pos = start;
    while let Some(length) = memchr2(b'"', b'\\', text.get(pos..).unwrap_or_default()) {
        pos += length + 1;
        if text.get(pos - 1) == Some(&b'"') {
            return pos;
        }
        pos += 1;
    }
    text.len()
}

/// Makes room for the elements before the next `end`, a byte that ends their list or something
/// around it. Returns up to where there is room; it is 0 for elements that can't be counted, for
/// which this is called before each.
pub(super) fn make_room<T: Element>(
    cursor: &Cursor<'_>,
    values: &mut Vec<T>,
    end: u8,
) -> Result<usize, Fault> {
    if !T::COUNTED {
        return cursor.grow(values, 1).map(|()| 0);
    }
    let text = cursor.text.as_bytes();
    if text.len() < LARGE_TEXT {
        return Ok(usize::MAX);
    }
    let rest = text.get(cursor.pos..).unwrap_or_default();
    let length = memchr(end, rest).unwrap_or(rest.len());
    let commas = memchr_iter(b',', rest.get(..length).unwrap_or_default()).count();
    cursor.grow_exact(values, commas + 1)?;
    Ok(cursor.pos + length)
}

/// Reads elements with commas behind them for as long as they are written as most are, up to the
/// start of the next one.
///
/// Big tensors spend their time here: nothing but the offset and the values is kept up to date.
#[inline]
pub(super) fn read_plain<T: Element>(cursor: &mut Cursor<'_>, values: &mut Vec<T>) {
    let text = cursor.text.as_bytes();
    let mut pos = cursor.pos;
    // Writers put a space behind each comma or behind none. It is compared rather than counted, so
    // that the place of the next element does not wait for it.
    let mut gap = None;
    while let Some((value, end)) = T::plain(text, pos) {
        values.push(value);
        pos = end + 1;
        if *gap.get_or_insert_with(|| byte_at(text, pos) == b' ') {
            if byte_at(text, pos) != b' ' {
                break;
            }
            pos += 1;
        }
    }
    cursor.pos = pos;
    cursor.token();
}

macro_rules! integers {
    ($($type:ty: $name:literal),*) => {$(
        impl Element for $type {
            #[inline]
            fn from_nested(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
                match cursor.peek() {
                    b't' | b'f' => nested_bool(cursor).map(Self::from),
                    _ => in_range(flat_integer(cursor)?),
                }
            }

            #[inline]
            fn from_flat(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
                in_range(flat_integer(cursor)?)
            }

            #[inline(always)]
            fn plain(text: &[u8], start: usize) -> Option<(Self, usize)> {
                let (value, end) = short_integer(text, start)?;
                let value = value.try_into().ok()?;
                (byte_at(text, end) == b',').then_some((value, end))
            }
        }

        impl Ranged for $type {
            const NAME: &'static str = $name;
            const ALLOWED: (i128, i128) = (Self::MIN as i128, Self::MAX as i128);
        }
    )*};
}
integers!(
    u8: "uint8", u16: "uint16", u32: "uint32", u64: "uint64",
    i8: "int8", i16: "int16", i32: "int32", i64: "int64"
);

/// An integer type with its limits, for errors.
trait Ranged: TryFrom<i128> {
    const NAME: &'static str;
    const ALLOWED: (i128, i128);
}

impl Element for bool {
    fn from_nested(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        match cursor.peek() {
            b't' | b'f' => nested_bool(cursor),
            _ => match cursor.integer()? {
                0 => Ok(false),
                1 => Ok(true),
                value => Err(Fault::out_of_range(value, "bool", "0 to 1")),
            },
        }
    }

    fn from_flat(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        Self::from_nested(cursor)
    }
}

impl Element for f64 {
    #[inline]
    fn from_nested(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        match cursor.peek() {
            b't' | b'f' => nested_bool(cursor).map(Self::from),
            b'"' => quoted(cursor, parse_float),
            _ => cursor.float(),
        }
    }

    #[inline]
    fn from_flat(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        let start = cursor.clone();
        let value = match cursor.token() {
            b'"' => quoted(cursor, parse_float)?,
            _ => cursor.float()?,
        };
        check_overflow(value.is_infinite(), start, "float64", Self::MAX).map(|()| value)
    }

    #[inline(always)]
    fn plain(text: &[u8], start: usize) -> Option<(Self, usize)> {
        if let Some((value, end)) = short_decimal(text, start) {
            return Some((value, end));
        }
        let (value, end) = decimal_float(text, start)?;
        (byte_at(text, end) == b',').then_some((value, end))
    }
}

impl Element for f32 {
    #[inline]
    fn from_nested(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        match cursor.peek() {
            b't' | b'f' => nested_bool(cursor).map(Self::from),
            b'"' => quoted(cursor, parse_float).map(|value| value as Self),
            _ => cursor.single(),
        }
    }

    #[inline]
    fn from_flat(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        let start = cursor.clone();
        let value = match cursor.token() {
            b'"' => quoted(cursor, parse_float)? as Self,
            _ => cursor.single()?,
        };
        check_overflow(value.is_infinite(), start, "float32", Self::MAX.into()).map(|()| value)
    }

    #[inline(always)]
    fn plain(text: &[u8], start: usize) -> Option<(Self, usize)> {
        if let Some((value, end)) = short_decimal(text, start) {
            return Some((value as Self, end));
        }
        let (value, end) = decimal_single(text, start)?;
        (byte_at(text, end) == b',').then_some((value, end))
    }
}

impl Element for f16 {
    #[inline]
    fn from_nested(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        f64::from_nested(cursor).map(Self::from_f64)
    }

    /// The field's type is float, so half precision overflows to infinity without an error.
    #[inline]
    fn from_flat(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        f32::from_flat(cursor).map(Self::from_f32)
    }
}

impl Element for bf16 {
    fn from_nested(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        f64::from_nested(cursor).map(Self::from_f64)
    }

    fn from_flat(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        f32::from_flat(cursor).map(Self::from_f32)
    }
}

impl Element for Bytes {
    const COUNTED: bool = false;

    /// As in a flat list, or a number as it is written: tables mix columns of text and numbers.
    fn from_nested(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        if !matches!(cursor.token(), b'-' | b'0'..=b'9') {
            return Self::from_flat(cursor);
        }
        let start = cursor.pos;
        cursor.skip_value()?;
        let text = cursor.text.get(start..cursor.pos).unwrap_or_default();
        cursor.bytes_of(Cow::Borrowed(text))
    }

    /// Text, or any bytes as `{"b64": "..."}`.
    fn from_flat(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        match cursor.token() {
            b'{' => base64_object(cursor),
            _ => {
                let text = cursor.string()?;
                cursor.bytes_of(text)
            }
        }
    }
}

/// Reads `{"b64": "..."}`, which other servers take too.
fn base64_object(cursor: &mut Cursor<'_>) -> Result<Bytes, Fault> {
    let mut bytes = None;
    cursor.object(|cursor, key| {
        if key != "b64" {
            return Err(Fault::new(format!(
                "{} is not known, bytes are written as {B64}",
                excerpt(&key)
            )));
        }
        cursor.token();
        bytes = Some(base64_text(cursor).map_err(|fault| fault.in_field("b64"))?);
        Ok(())
    })?;
    bytes.ok_or_else(|| Fault::new(format!("the object is empty, bytes are written as {B64}")))
}

/// Reads a string of base64.
pub(super) fn base64_text(cursor: &mut Cursor<'_>) -> Result<Bytes, Fault> {
    let text = cursor.string()?;
    cursor.take_text(&text)?;
    let bytes = base64::decode(&text);
    bytes.map(Bytes::from).ok_or_else(|| Fault::new(format!("{} is not base64", excerpt(&text))))
}

/// Reads a dimension or another `uint32`.
pub(super) fn flat_uint32(cursor: &mut Cursor<'_>) -> Result<u32, Fault> {
    in_range(flat_integer(cursor)?)
}

fn nested_bool(cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
    cursor.take_bool().ok_or_else(|| cursor.mismatch("a number"))
}

#[inline]
fn in_range<T: Ranged>(value: i128) -> Result<T, Fault> {
    T::try_from(value).map_err(|_| {
        let (low, high) = T::ALLOWED;
        Fault::out_of_range(value, T::NAME, &format!("{low} to {high}"))
    })
}

#[inline]
fn flat_integer(cursor: &mut Cursor<'_>) -> Result<i128, Fault> {
    match cursor.token() {
        b'"' => match cursor.quoted_integer() {
            Some(value) => Ok(value),
            None => quoted(cursor, parse_integer),
        },
        _ => cursor.integer(),
    }
}

/// Refuses a number at `start` that became infinite, unless it is written as infinite.
#[inline]
fn check_overflow(infinite: bool, start: Cursor<'_>, name: &str, max: f64) -> Result<(), Fault> {
    if infinite { written_infinite(start, name, max) } else { Ok(()) }
}

#[cold]
fn written_infinite(mut start: Cursor<'_>, name: &str, max: f64) -> Result<(), Fault> {
    if start.token() == b'"' {
        start.pos += 1;
    }
    match start.number_text()? {
        "Infinity" | "-Infinity" => Ok(()),
        text => Err(Fault::out_of_range(excerpt(text), name, &format!("{:e} to {max:e}", -max))),
    }
}

/// Reads a string that holds one number and nothing else.
fn quoted<T>(
    cursor: &mut Cursor<'_>,
    parse: impl Fn(&str) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let text = cursor.string()?;
    let mut inner = Cursor::new(&text);
    match inner.number_text() {
        Ok(number) if inner.pos == text.len() => parse(number),
        _ => Err(Fault::new(format!("expected a number, got the string {}", excerpt(&text)))),
    }
}

#[cfg(test)]
mod tests {
    use grps_core::Error;

    use super::*;

    fn flat<T: Element>(text: &str) -> Result<T, String> {
        T::from_flat(&mut Cursor::new(text))
            .map_err(|fault| Error::from(fault).message().to_owned())
    }

    fn nested<T: Element>(text: &str) -> Result<T, String> {
        T::from_nested(&mut Cursor::new(text))
            .map_err(|fault| Error::from(fault).message().to_owned())
    }

    #[test]
    fn flat_integers_follow_protobuf() {
        assert_eq!(flat("\"1\""), Ok(1i32));
        assert_eq!(flat("1.0"), Ok(1u8));
        assert_eq!(flat("1e2"), Ok(100i8));
        assert_eq!(flat("\"9223372036854775807\""), Ok(i64::MAX));
        assert_eq!(
            flat::<i32>("4294967296").unwrap_err(),
            "4294967296 is out of range for int32, -2147483648 to 2147483647 is allowed"
        );
        assert_eq!(
            flat::<u8>("-1").unwrap_err(),
            "-1 is out of range for uint8, 0 to 255 is allowed"
        );
        assert_eq!(flat::<i32>("1.5").unwrap_err(), "\"1.5\" is not an integer");
        assert_eq!(flat::<i32>("true").unwrap_err(), "expected a number, got a boolean");
        assert_eq!(flat::<i32>("null").unwrap_err(), "expected a number, got null");
        assert!(flat::<i32>("\" 1\"").is_err() && flat::<i32>("\"\"").is_err());
        assert!(flat::<i32>("1e400").is_err() && flat::<i64>("NaN").is_err());
        assert_eq!(flat_uint32(&mut Cursor::new("4294967295")).ok(), Some(u32::MAX));
        assert!(flat_uint32(&mut Cursor::new("4294967296")).is_err());
    }

    #[test]
    fn flat_floats_follow_protobuf() {
        assert_eq!(flat("\"1.5\""), Ok(1.5f32));
        assert!(flat::<f32>("\"NaN\"").unwrap().is_nan());
        assert_eq!(flat(" \"-Infinity\""), Ok(f32::NEG_INFINITY));
        assert_eq!(flat("Infinity"), Ok(f64::INFINITY));
        assert!(flat::<f32>("1e39").unwrap_err().contains("out of range for float32"));
        assert!(flat::<f64>("1e400").unwrap_err().contains("out of range for float64"));
        assert!(flat::<f64>("\"-1e400\"").is_err());
        assert_eq!(flat("1e30"), Ok(f16::INFINITY));
        assert!(flat::<f32>("false").is_err() && flat::<f32>("\"x\"").is_err());
    }

    #[test]
    fn strings_are_counted_before_they_are_read() {
        for (list, count) in [
            ("[]", 1),
            (r#"["a"]"#, 1),
            (r#"["a,]","b\"],", "c\\"],"x","y"]"#, 3),
            (r#"[["a"],["b","c"]],"d""#, 3),
            (r#"[{"b64":""},{"b64":",]"}]}"#, 2),
            (r#"["a","b"#, 2),
            (r#"["a\"#, 1),
        ] {
            assert_eq!(count_strings(list.as_bytes()), count, "{list}");
        }
    }

    #[test]
    fn nested_elements() {
        assert_eq!(nested("true"), Ok(1.0f32));
        assert_eq!(nested("false"), Ok(0u8));
        assert_eq!(nested("1e39"), Ok(f32::INFINITY));
        assert_eq!(nested("16777217"), Ok(16_777_216f32));
        assert_eq!(nested("2049"), Ok(f16::from_f32(2048.0)));
        assert_eq!(nested("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(nested("\"a\\n\""), Ok(Bytes::from("a\n")));
        assert_eq!((nested("true"), nested("0")), (Ok(true), Ok(false)));
        assert_eq!(
            nested::<bool>("2").unwrap_err(),
            "2 is out of range for bool, 0 to 1 is allowed"
        );
        assert_eq!(nested("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(nested("1.5"), Ok(bf16::from_f32(1.5)));
        assert_eq!(nested("\"1.5\""), Ok(1.5f32));
        assert_eq!(nested("\"-Infinity\""), Ok(f64::NEG_INFINITY));
        assert!(nested::<f32>("\"NaN\"").unwrap().is_nan());
        assert_eq!(nested("\"Infinity\""), Ok(f16::INFINITY));
        assert_eq!(nested("\"-9223372036854775808\""), Ok(i64::MIN));
        assert_eq!(nested("{\"b64\":\"/w\"}"), Ok(Bytes::from_static(&[0xff])));
        assert_eq!(nested::<f32>("\"x\"").unwrap_err(), "expected a number, got the string \"x\"");
        assert!(nested::<i64>("\"NaN\"").is_err() && nested::<bool>("\"1\"").is_err());
        assert_eq!(
            nested::<i8>("128").unwrap_err(),
            "128 is out of range for int8, -128 to 127 is allowed"
        );
        assert!(nested::<i8>("0.5").is_err() && nested::<f32>("tru").is_err());
    }
}
