//! Texts of a file as errors show them: quoted as Python does it.

/// Longest part of a value that an error shows.
const SHOWN_CHARS: usize = 60;

/// A value from a file: quoted, its end cut off if it is long.
pub(crate) fn short(text: &str) -> String {
    shortened(text, SHOWN_CHARS)
}

/// A value, quoted and cut off after so many characters.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => quoted(text),
        Some((end, _)) => quoted(&format!("{}…", text.get(..end).unwrap_or(text))),
    }
}

/// A text in quotes, with what can't be printed escaped.
pub(crate) fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            one if one == quote => shown.extend(['\\', one]),
            ' '..='~' => shown.push(character),
            one if one.is_control() || one.is_whitespace() || is_invisible(one) => {
                shown.push_str(&escaped(one));
            }
            one => shown.push(one),
        }
    }
    shown.push(quote);
    shown
}

fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}')
}

fn escaped(character: char) -> String {
    match u32::from(character) {
        code @ ..=0xff => format!("\\x{code:02x}"),
        code @ ..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_as_python_quotes_them() {
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(quoted("a'b\"c\\\n"), r#"'a\'b"c\\\n'"#);
        assert_eq!(quoted("é\u{7f}\u{2028}"), "'é\\x7f\\u2028'");
    }

    #[test]
    fn long_texts_are_cut_off() {
        assert_eq!(short(&"x".repeat(60)), format!("'{}'", "x".repeat(60)));
        assert_eq!(short(&"é".repeat(61)), format!("'{}…'", "é".repeat(60)));
    }
}
