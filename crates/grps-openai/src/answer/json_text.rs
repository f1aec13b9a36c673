//! JSON written by hand, where it is written for each token.

use serde_json::Value;

/// What stands for a probability of zero, whose logarithm JSON can't represent.
const LOWEST_LOGPROB: f32 = -9999.0;

/// Appends text as the inside of a JSON string.
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut start = 0;
    for (position, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..position]);
        push_escape(out, byte);
        start = position + 1;
    }
    out.extend_from_slice(&bytes[start..]);
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        other => {
            let (high, low) = (DIGITS[usize::from(other >> 4)], DIGITS[usize::from(other & 15)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    }
}

/// Appends text as a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// Appends an integer.
pub(crate) fn push_integer(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a logarithm of a probability.
pub(crate) fn push_logprob(out: &mut Vec<u8>, logprob: f32) {
    let finite = if logprob.is_finite() { logprob } else { LOWEST_LOGPROB };
    push_finite(out, finite);
}

/// Appends a number; one that JSON can't represent is null.
pub(crate) fn push_number(out: &mut Vec<u8>, number: f32) {
    if number.is_finite() {
        push_finite(out, number);
    } else {
        out.extend_from_slice(b"null");
    }
}

fn push_finite(out: &mut Vec<u8>, number: f32) {
    out.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
}

/// Appends an array.
pub(crate) fn push_array<T>(
    out: &mut Vec<u8>,
    items: &[T],
    mut push: impl FnMut(&mut Vec<u8>, &T),
) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

/// Appends `data: …` of a value that is not written for each token.
pub(crate) fn push_data(out: &mut Vec<u8>, value: &Value) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(value.to_string().as_bytes());
    out.extend_from_slice(b"\n\n");
}

/// Appends an event with its name, which is also its `type`.
pub(crate) fn push_event(out: &mut Vec<u8>, name: &str, value: &Value) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.push(b'\n');
    push_data(out, value);
}
