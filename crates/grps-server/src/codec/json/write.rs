//! Writes single JSON values.

use half::f16;

use super::base64;

/// Writes a string, escaping what JSON wants escaped; other characters stay as they are.
pub(super) fn string(out: &mut Vec<u8>, string: &str) {
    text(out, string.as_bytes());
}

/// Writes a string that is known to be UTF-8.
pub(super) fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    while let Some(length) = rest.iter().position(|byte| needs_escape(*byte)) {
        let (plain, special) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        if let Some((byte, after)) = special.split_first() {
            escape(out, *byte);
            rest = after;
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Writes bytes as base64.
pub(super) fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    base64::encode(out, bytes);
    out.push(b'"');
}

/// Writes an integer.
pub(super) fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes a 64-bit integer, in quotes because many readers hold numbers as doubles.
pub(super) fn long(out: &mut Vec<u8>, value: i64) {
    out.push(b'"');
    integer(out, value);
    out.push(b'"');
}

/// Writes the shortest decimal that reads back as the same single precision number.
pub(super) fn float(out: &mut Vec<u8>, value: f32) {
    if value.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else {
        quoted_word(out, value.into());
    }
}

/// Writes the shortest decimal of a number, or the words `NaN`, `Infinity` and `-Infinity`, which are
/// no JSON but known to many readers.
pub(super) fn float_or_word(out: &mut Vec<u8>, value: f32) {
    if value.is_finite() { float(out, value) } else { word(out, value.into()) }
}

/// As [`float_or_word`], in double precision.
pub(super) fn double_or_word(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() { double(out, value) } else { word(out, value) }
}

/// Writes a half precision number as the single precision number that it is.
pub(super) fn half(out: &mut Vec<u8>, value: f16) {
    float(out, value.to_f32());
}

/// Writes the shortest decimal that reads back as the same double precision number.
pub(super) fn double(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else {
        quoted_word(out, value);
    }
}

/// Writes `true` or `false`.
pub(super) fn boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Writes a string, or an object with base64 for bytes that are not UTF-8 text.
pub(super) fn text_or_bytes(out: &mut Vec<u8>, value: &[u8]) {
    if std::str::from_utf8(value).is_ok() {
        text(out, value);
    } else {
        base64_object(out, value);
    }
}

/// Writes an object with base64.
pub(super) fn base64_object(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'{');
    name(out, "b64");
    binary(out, value);
    out.push(b'}');
}

/// Writes a list with commas.
pub(super) fn list<T>(
    out: &mut Vec<u8>,
    values: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, value);
    }
    out.push(b']');
}

/// Starts a field of the object that is open, with a comma when it is not the first. Names are
/// the program's own and need no escape.
pub(super) fn name(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            // Only control characters below 0x20 are left.
            let low = byte & 0x0f;
            let digit = if low < 10 { b'0' + low } else { b'a' + low - 10 };
            out.extend_from_slice(b"\\u00");
            out.extend([b'0' + (byte >> 4), digit]);
            return;
        }
    };
    out.extend([b'\\', short]);
}

fn quoted_word(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    word(out, value);
    out.push(b'"');
}

fn word(out: &mut Vec<u8>, value: f64) {
    let word: &[u8] = if value.is_nan() {
        b"NaN"
    } else if value > 0.0 {
        b"Infinity"
    } else {
        b"-Infinity"
    };
    out.extend_from_slice(word);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings() {
        let text = "a\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}é😀\u{2028}";
        let expected = "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}é😀\u{2028}\"";
        assert_eq!(written(|out| string(out, text)), expected);
        assert_eq!(written(|out| string(out, "")), "\"\"");
    }

    #[test]
    fn numbers() {
        assert_eq!(written(|out| float(out, 0.2)), "0.2");
        assert_eq!(written(|out| float(out, 2.0)), "2.0");
        assert_eq!(written(|out| float(out, f32::NAN)), "\"NaN\"");
        assert_eq!(written(|out| half(out, f16::NEG_INFINITY)), "\"-Infinity\"");
        assert_eq!(written(|out| double(out, f64::INFINITY)), "\"Infinity\"");
        assert_eq!(written(|out| double(out, 0.2f32.into())), "0.20000000298023224");
        assert_eq!(written(|out| boolean(out, true)), "true");
        assert_eq!(written(|out| text_or_bytes(out, b"a\"\xc3\xa9")), "\"a\\\"\u{e9}\"");
        assert_eq!(written(|out| text_or_bytes(out, b"a\xff")), "{\"b64\":\"Yf8=\"}");
        assert_eq!(written(|out| long(out, i64::MIN)), "\"-9223372036854775808\"");
    }
}
