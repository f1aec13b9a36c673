//! JSON strings.

use std::borrow::Cow;

use memchr::memchr2;

use super::cursor::Cursor;
use crate::codec::fault::Fault;

impl<'a> Cursor<'a> {
    /// Reads a string; one without escapes is not copied.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        if self.token() != b'"' {
            return Err(self.mismatch("a string"));
        }
        self.pos += 1;
        let first = self.plain_run()?;
        if self.peek() == b'"' {
            self.pos += 1;
            return Ok(Cow::Borrowed(first));
        }
        let mut text = first.to_owned();
        while self.peek() == b'\\' {
            self.pos += 1;
            text.push(self.escaped()?);
            text.push_str(self.plain_run()?);
        }
        self.pos += 1;
        Ok(Cow::Owned(text))
    }

    /// The characters up to the next quote or backslash, where the cursor then stands.
    fn plain_run(&mut self) -> Result<&'a str, Fault> {
        let rest = self.text.get(self.pos..).unwrap_or_default();
        let Some(length) = memchr2(b'"', b'\\', rest.as_bytes()) else {
            self.pos = self.text.len();
            return Err(self.syntax("expected '\"' to close the string"));
        };
        let run = rest.get(..length).unwrap_or_default();
        if let Some(control) = run.bytes().position(|byte| byte < 0x20) {
            self.pos += control;
            return Err(self.syntax("control characters in a string must be escaped"));
        }
        self.pos += length;
        Ok(run)
    }

    /// The character that an escape stands for; the cursor stands behind the backslash.
    fn escaped(&mut self) -> Result<char, Fault> {
        let escape = self.peek();
        let plain = match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.escaped_code(),
            _ => return Err(self.syntax("unknown escape in a string")),
        };
        self.pos += 1;
        Ok(plain)
    }

    /// The character of `uXXXX`, or of a surrogate pair in two of them.
    fn escaped_code(&mut self) -> Result<char, Fault> {
        let start = self.pos;
        let high = self.code_unit()?;
        let code = if (0xd800..0xdc00).contains(&high) && self.take("\\") && self.peek() == b'u' {
            let low = self.code_unit()?;
            match low.checked_sub(0xdc00) {
                Some(low) if low < 0x400 => 0x10000 + ((high - 0xd800) << 10) + low,
                _ => high,
            }
        } else {
            high
        };
        char::from_u32(code).ok_or_else(|| {
            self.pos = start;
            self.syntax("half of a surrogate pair in a string")
        })
    }

    fn code_unit(&mut self) -> Result<u32, Fault> {
        let digits = self.text.get(self.pos + 1..self.pos + 5).unwrap_or_default();
        let valid = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u32::from_str_radix(digits, 16) {
            Ok(unit) if valid => {
                self.pos += 5;
                Ok(unit)
            }
            _ => Err(self.syntax("expected four hexadecimal digits")),
        }
    }
}

#[cfg(test)]
mod tests {
    use grps_core::Error;

    use super::*;

    fn string(text: &str) -> Result<String, String> {
        let mut cursor = Cursor::new(text);
        let read = cursor.string().and_then(|read| cursor.end().map(|()| read.into_owned()));
        read.map_err(|fault| Error::from(fault).message().to_owned())
    }

    #[test]
    fn escapes() {
        assert_eq!(string(r#" "plain é" "#).unwrap(), "plain é");
        assert_eq!(string(r#""\"\\\/\b\f\n\r\t\u00e9""#).unwrap(), "\"\\/\u{8}\u{c}\n\r\té");
        assert_eq!(string(r#""a\ud83d\ude00b""#).unwrap(), "a😀b");
        assert_eq!(string(r#""\u0000""#).unwrap(), "\0");
    }

    #[test]
    fn broken_strings() {
        for text in [r#""\x""#, r#""\u12""#, r#""\u+123""#, r#""\u12é""#, "\"\\", "\"\n\"", "\"a"]
        {
            assert!(string(text).is_err(), "{text}");
        }
        for text in
            [r#""\ud800""#, r#""\ud800x""#, r#""\ud800\ud800""#, r#""\udc00""#, r#""\ud800\n""#]
        {
            assert!(string(text).unwrap_err().contains("surrogate"), "{text}");
        }
    }
}
