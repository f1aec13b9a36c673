//! The alphabet of byte-level tokenizers (GPT-2 and its successors): one character per byte.

/// Number of characters that stand for bytes which are not printable themselves.
const SHIFTED: u32 = 68;

/// Bytes that a token stands for; its UTF-8 if a character is not of the alphabet.
pub(crate) fn token_bytes(token: &str) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = token.chars().map(byte).collect();
    bytes.unwrap_or_else(|| token.as_bytes().to_vec())
}

/// The byte that a character stands for: printable characters of Latin-1 stand for themselves,
/// the characters from U+0100 for the remaining bytes in their order.
fn byte(character: char) -> Option<u8> {
    let code = u32::from(character);
    match code {
        0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => u8::try_from(code).ok(),
        0x100.. if code < 0x100 + SHIFTED => {
            let mut remaining = (0..=0x20).chain(0x7F..=0xA0).chain([0xAD]);
            remaining.nth((code - 0x100) as usize)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tokenizers::pre_tokenizers::byte_level::ByteLevel;

    use super::*;

    #[test]
    fn the_alphabet_is_the_one_of_the_tokenizers_crate() {
        let bytes: BTreeSet<u8> = ByteLevel::alphabet()
            .into_iter()
            .map(|c| byte(c).expect("a character of the alphabet"))
            .collect();
        assert_eq!(bytes.len(), 256);
        assert!((0..0x0011_0000).filter_map(char::from_u32).filter_map(byte).count() == 256);
    }

    #[test]
    fn bytes_come_in_the_order_of_gpt2() {
        assert_eq!(token_bytes("ĠHello"), b" Hello");
        assert_eq!(token_bytes("Ċ"), b"\n");
        assert_eq!(token_bytes("Ã©"), "é".as_bytes());
        assert_eq!(token_bytes("a b"), b"a b", "a space is not of the alphabet");
        assert_eq!(token_bytes("Ń"), [0xAD]);
    }
}
