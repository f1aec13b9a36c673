//! Base64 for byte values of `gmap`; [`super::gmap`] decodes, [`super::write`] encodes.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Accepts what common encoders write: with padding or without, and any bits behind the last byte.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);

const STANDARD_ALPHABET: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);

const URL_SAFE_ALPHABET: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Decodes either alphabet, padded or not, also broken into lines; `None` when it is invalid.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD_ALPHABET
        .decode(text)
        .or_else(|_| URL_SAFE_ALPHABET.decode(text))
        .or_else(|_| STANDARD_ALPHABET.decode(in_standard_form(text)))
        .ok()
}

/// The text in one line and in the standard alphabet.
fn in_standard_form(text: &str) -> Vec<u8> {
    let digit = |byte| match byte {
        b' ' | b'\t' | b'\r' | b'\n' => None,
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        other => Some(other),
    };
    text.bytes().filter_map(digit).collect()
}

/// Appends the standard alphabet with padding.
pub(super) fn encode(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(STANDARD_ALPHABET.encode(bytes).as_bytes());
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
        assert_eq!(decode(" -_\t+/ ").unwrap(), decode("+/+/").unwrap());
        assert_eq!(decode("_x").unwrap(), [0xff]);
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
