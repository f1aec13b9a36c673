//! What others chose, such as clients, as parts of error messages and log lines: bounded, in one line.

use std::borrow::Cow;

/// Longest text that is repeated as it is, if it is plain: `name-version` of a model.
const MAX_PLAIN_BYTES: usize = 257;
/// Most characters of another text that are repeated.
const EXCERPT_CHARS: usize = 40;
/// Most bytes of the message of an error.
const MAX_MESSAGE_BYTES: usize = 8 * 1024;

/// A text that a client chose, for an error message or a log line: as it is if it is short and
/// visible ASCII, else its start, quoted and escaped.
pub fn shown(text: &str) -> Cow<'_, str> {
    if is_plain(text) { Cow::Borrowed(text) } else { Cow::Owned(excerpt(text, EXCERPT_CHARS)) }
}

/// Like [`shown`], always in quotes.
pub fn quoted(text: &str) -> String {
    if is_plain(text) { format!("'{text}'") } else { excerpt(text, EXCERPT_CHARS) }
}

/// The first characters of a text, quoted and escaped so that they fit in one line.
pub fn excerpt(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// Cuts the message of an error to a bounded length.
pub(crate) fn bounded_message(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        let is_boundary = |end: &usize| message.is_char_boundary(*end);
        let end = (0..=MAX_MESSAGE_BYTES).rev().find(is_boundary).unwrap_or_default();
        let left_out = message.len() - end;
        message.truncate(end);
        message.push_str(&format!("... ({left_out} bytes left out)"));
    }
    message
}

fn is_plain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    (1..=MAX_PLAIN_BYTES).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_texts_are_repeated_as_they_are() {
        for text in ["m", "model-1.0.0", "/grps/v1/a%20b?x", &"x".repeat(MAX_PLAIN_BYTES)] {
            assert_eq!(shown(text), text);
            assert_eq!(quoted(text), format!("'{text}'"));
        }
    }

    #[test]
    fn other_texts_are_quoted_escaped_and_cut() {
        for (text, expected) in [
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("a\n2030-01-01 ERROR x\r", r#""a\n2030-01-01 ERROR x\r""#),
            ("\u{1b}[2J\u{9b}1m", r#""\u{1b}[2J\u{9b}1m""#),
            ("\u{202e}gnp\u{2028}", r#""\u{202e}gnp\u{2028}""#),
            (r#"x" id="y"#, r#""x\" id=\"y""#),
            ("modèle", r#""modèle""#),
        ] {
            assert_eq!(shown(text), expected);
            assert_eq!(quoted(text), expected);
        }
        let long = shown(&"é".repeat(5_000_000)).into_owned();
        assert_eq!(long.chars().count(), EXCERPT_CHARS + 5);
        assert!(shown(&"x".repeat(MAX_PLAIN_BYTES + 1)).len() < 60);
    }

    #[test]
    fn messages_are_bounded() {
        assert_eq!(bounded_message("short".to_owned()), "short");
        let cut = bounded_message("é".repeat(MAX_MESSAGE_BYTES));
        assert!(cut.len() < MAX_MESSAGE_BYTES + 40 && cut.ends_with("(8192 bytes left out)"));
        assert!(
            bounded_message(format!("x{}", "é".repeat(8192))).contains("(8194 bytes left out)")
        );
    }
}
