//! Base64 for byte values of `gmap`.

/// The standard alphabet.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// CallTimings bytes outside of both alphabets.
const INVALID: u8 = 0xff;

/// Value of each byte in the standard or the URL-safe alphabet.
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut values = [INVALID; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
}

/// Decodes either alphabet, padded or not, also broken into lines; `None` when it is invalid.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches([' ', '\t', '\r', '\n']);
    let unpadded = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let mut bytes = Vec::with_capacity(unpadded.len() / 4 * 3 + 2);
    let mut bits = 0u32;
    let mut digits = 0usize;
    for byte in unpadded.bytes() {
        let value = VALUES[usize::from(byte)];
        if value == INVALID {
            if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                continue;
            }
            return None;
        }
        bits = bits << 6 | u32::from(value);
        digits += 1;
        if digits.is_multiple_of(4) {
            let [_, group @ ..] = bits.to_be_bytes();
            bytes.extend(group);
        }
    }
    match digits % 4 {
        0 => (),
        2 => bytes.push((bits >> 4) as u8),
        3 => bytes.extend([(bits >> 10) as u8, (bits >> 2) as u8]),
        _ => return None,
    }
    Some(bytes)
}

/// Appends the standard alphabet with padding.
pub(super) fn encode(out: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |bits: u32| ALPHABET[(bits & 63) as usize];
    let (groups, rest) = bytes.as_chunks::<3>();
    for [first, second, third] in groups {
        let bits = u32::from_be_bytes([0, *first, *second, *third]);
        out.extend([digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits)]);
    }
    match rest {
        [first] => {
            let bits = u32::from(*first) << 4;
            out.extend([digit(bits >> 6), digit(bits), b'=', b'=']);
        }
        [first, second] => {
            let bits = u32::from_be_bytes([0, 0, *first, *second]) << 2;
            out.extend([digit(bits >> 12), digit(bits >> 6), digit(bits), b'=']);
        }
        _ => (),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_padded_or_not() {
        assert_eq!(decode("AAH/").unwrap(), [0, 1, 0xff]);
        assert_eq!(decode("-__-").unwrap(), decode("+//+").unwrap());
        assert_eq!(decode("AAE").unwrap(), [0, 1]);
        assert_eq!(decode("AAE=").unwrap(), [0, 1]);
        assert_eq!(decode("/w==").unwrap(), [0xff]);
        assert_eq!(decode("AA\nH/\r\n").unwrap(), [0, 1, 0xff]);
        assert!(decode("").unwrap().is_empty());
    }

    #[test]
    fn invalid_text() {
        for text in ["!!!", "A", "AAAAA", "A=AA", "AA===", "é"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn every_length_round_trips() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in 0..bytes.len() {
            let mut text = Vec::new();
            encode(&mut text, &bytes[..length]);
            assert_eq!(text.len(), length.div_ceil(3) * 4);
            assert_eq!(decode(std::str::from_utf8(&text).unwrap()).unwrap(), bytes[..length]);
        }
    }
}
