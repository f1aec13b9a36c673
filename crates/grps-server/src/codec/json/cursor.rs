//! A position in a JSON text, with the steps that every value needs.

use std::borrow::Cow;

use bytes::Bytes;

use crate::codec::fault::Fault;
use crate::codec::room::Room;

/// What an allocation takes at least.
const FEWEST_BYTES: usize = 16;

/// Deepest nesting of a value that is skipped.
const MAX_DEPTH: usize = 128;

/// What is left to read of one JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    pub(super) text: &'a str,
    /// Byte offset in `text`, always on a character border.
    pub(crate) pos: usize,
    /// What the values may take; `None` for a text without a limit.
    room: Option<&'a Room<'a>>,
    /// The memory of the text, which strings share; `None` where they are copied.
    memory: Option<&'a Bytes>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, pos: 0, room: None, memory: None }
    }

    /// Reads a text whose values may take so much memory. Strings share `memory` if the text is part
    /// of it.
    pub(crate) fn within(text: &'a str, room: &'a Room<'a>, memory: Option<&'a Bytes>) -> Self {
        Self { text, pos: 0, room: Some(room), memory }
    }

    /// The bytes of a string that was read here, in the text's memory if they can be.
    pub(super) fn bytes_of(&self, text: Cow<'a, str>) -> Result<Bytes, Fault> {
        match (text, self.memory) {
            (Cow::Borrowed(text), Some(memory)) => Ok(memory.slice_ref(text.as_bytes())),
            (text, _) => {
                self.take_text(&text)?;
                Ok(text.into_owned().into())
            }
        }
    }

    /// Charges for memory that is about to be allocated.
    pub(super) fn take_memory(&self, bytes: usize) -> Result<(), Fault> {
        self.room.map_or(Ok(()), |room| Ok(room.take(bytes)?))
    }

    /// Charges for text that is about to be copied.
    pub(crate) fn take_text(&self, text: &str) -> Result<(), Fault> {
        self.take_memory(text.len().max(FEWEST_BYTES))
    }

    /// Makes place for more elements and charges for them.
    pub(super) fn grow<T>(&self, values: &mut Vec<T>, more: usize) -> Result<(), Fault> {
        self.room.map_or(Ok(()), |room| room.grow(values, more))
    }

    /// Makes place for exactly so many more elements and charges for them.
    pub(super) fn grow_exact<T>(&self, values: &mut Vec<T>, more: usize) -> Result<(), Fault> {
        match self.room {
            Some(room) => room.grow_exact(values, more),
            None => {
                values.reserve_exact(more);
                Ok(())
            }
        }
    }

    /// The byte here; 0, which no JSON text may hold, at the end.
    #[inline]
    pub(super) fn peek(&self) -> u8 {
        byte_at(self.text.as_bytes(), self.pos)
    }

    /// Passes over white space and gives the byte behind it.
    #[inline]
    pub(crate) fn token(&mut self) -> u8 {
        loop {
            match self.peek() {
                b' ' | b'\n' | b'\r' | b'\t' => self.pos += 1,
                byte => return byte,
            }
        }
    }

    /// Passes over this word if it is here.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let found =
            self.text.as_bytes().get(self.pos..).is_some_and(|r| r.starts_with(word.as_bytes()));
        if found {
            self.pos += word.len();
        }
        found
    }

    /// Passes over `null` if that is the next value.
    pub(crate) fn take_null(&mut self) -> bool {
        self.token() == b'n' && self.take("null")
    }

    /// Passes over `true` or `false` if that is the next value.
    pub(crate) fn take_bool(&mut self) -> Option<bool> {
        match self.token() {
            b't' if self.take("true") => Some(true),
            b'f' if self.take("false") => Some(false),
            _ => None,
        }
    }

    /// Reads an object; `field` must read the value behind each key.
    pub(crate) fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.token() != b'{' {
            return Err(self.mismatch("an object"));
        }
        self.pos += 1;
        if self.token() == b'}' {
            self.pos += 1;
            return Ok(());
        }
        loop {
            if self.token() != b'"' {
                return Err(self.syntax("expected a key in double quotes"));
            }
            let key = self.string()?;
            if self.token() != b':' {
                return Err(self.syntax("expected ':' after the key"));
            }
            self.pos += 1;
            field(self, key)?;
            match self.token() {
                b',' => self.pos += 1,
                b'}' => break,
                _ => return Err(self.syntax("expected ',' or '}'")),
            }
        }
        self.pos += 1;
        Ok(())
    }

    /// Reads a list; `element` must read each value.
    pub(crate) fn list(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.token() != b'[' {
            return Err(self.mismatch("a list"));
        }
        self.pos += 1;
        if self.token() == b']' {
            self.pos += 1;
            return Ok(());
        }
        loop {
            element(self)?;
            match self.token() {
                b',' => self.pos += 1,
                b']' => break,
                _ => return Err(self.syntax("expected ',' or ']'")),
            }
        }
        self.pos += 1;
        Ok(())
    }

    /// Passes over any value, checking its syntax.
    pub(crate) fn skip_value(&mut self) -> Result<(), Fault> {
        self.skip_nested(0)
    }

    fn skip_nested(&mut self, depth: usize) -> Result<(), Fault> {
        let first = self.token();
        if matches!(first, b'{' | b'[') && depth >= MAX_DEPTH {
            return Err(self.syntax(&format!("values are nested deeper than {MAX_DEPTH}")));
        }
        match first {
            b'{' => self.object(|cursor, _| cursor.skip_nested(depth + 1)),
            b'[' => self.list(|cursor| cursor.skip_nested(depth + 1)),
            b'"' => self.string().map(drop),
            b't' | b'f' | b'n' if self.take_null() || self.take_bool().is_some() => Ok(()),
            _ => self.number_text().map(drop),
        }
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        match self.token() {
            0 if self.pos >= self.text.len() => Ok(()),
            _ => Err(self.syntax("nothing may follow the JSON value")),
        }
    }

    /// The next value is not of the wanted kind, or no value at all.
    #[cold]
    pub(crate) fn mismatch(&mut self, wanted: &str) -> Fault {
        let kind = match self.token() {
            b'"' => "a string",
            b'{' => "an object",
            b'[' => "a list",
            b'-' | b'0'..=b'9' => "a number",
            _ if self.clone().take("NaN") || self.clone().take("Infinity") => "a number",
            _ if self.clone().take_null() => "null",
            _ if self.clone().take_bool().is_some() => "a boolean",
            _ => return self.syntax(&format!("expected {wanted}")),
        };
        Fault::new(format!("expected {wanted}, got {kind}"))
    }

    /// A syntax error here.
    #[cold]
    pub(super) fn syntax(&self, what: &str) -> Fault {
        let before = self.text.get(..self.pos).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let end = if self.pos >= self.text.len() { ", got the end" } else { "" };
        Fault::new(format!("JSON syntax error at line {line} column {column}: {what}{end}"))
    }
}

/// The byte at this offset; 0 past the end.
#[inline]
pub(super) fn byte_at(bytes: &[u8], pos: usize) -> u8 {
    bytes.get(pos).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use grps_core::Error;

    use super::*;

    fn skip(text: &str) -> Result<(), String> {
        let mut cursor = Cursor::new(text);
        let done = cursor.skip_value().and_then(|()| cursor.end());
        done.map_err(|fault| Error::from(fault).message().to_owned())
    }

    #[test]
    fn values_are_skipped() {
        let text =
            r#" {"a" : [1, -2.5e3, true, false, null, NaN, -Infinity, "x\"]"], "b":{},"c":[]} "#;
        assert_eq!(skip(text), Ok(()));
    }

    #[test]
    fn broken_values_are_found() {
        for text in ["", "{", "[1,]", "[1 2]", "{\"a\"}", "{a:1}", "{\"a\":1,}", "tru", "01", "\"a"]
        {
            assert!(skip(text).is_err(), "{text}");
        }
        assert_eq!(
            skip("{\n \"é\": [1;2]}").unwrap_err(),
            "JSON syntax error at line 2 column 9: expected ',' or ']'"
        );
        assert_eq!(
            skip("[1").unwrap_err(),
            "JSON syntax error at line 1 column 3: expected ',' or ']', got the end"
        );
        assert!(skip("1 x").unwrap_err().contains("nothing may follow"));
        assert!(skip("1\0").is_err());
    }

    #[test]
    fn depth_limit_is_exact() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(skip(&nested(MAX_DEPTH)), Ok(()));
        assert!(skip(&nested(MAX_DEPTH + 1)).unwrap_err().contains("deeper than 128"));
    }

    #[test]
    fn mismatch_says_what_was_there() {
        let got = |text| Error::from(Cursor::new(text).mismatch("a list")).message().to_owned();
        assert_eq!(got(" \"x\""), "expected a list, got a string");
        assert_eq!(got("null"), "expected a list, got null");
        assert_eq!(got("true"), "expected a list, got a boolean");
        assert_eq!(got("?"), "JSON syntax error at line 1 column 1: expected a list");
    }
}
