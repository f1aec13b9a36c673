//! Makes the lines of the log safe to read: a message can't forge a line, control a terminal or fill
//! the disk, whoever chose its text.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// Most bytes of a record in the log; of a longer one, the middle is left out.
const MAX_RECORD_BYTES: usize = 16 * 1024;
/// How much of a longer record, or of a string in a longer JSON record, is kept from its start and
/// from its end.
const KEPT_START_BYTES: usize = 6 * 1024;
const KEPT_END_BYTES: usize = 2 * 1024;
/// What the further lines of a record start with; no record starts with a space.
const CONTINUATION: &str = "\n    ";

/// Makes writers that get whole records and write safe ones.
pub(super) struct SafeLines<M> {
    /// Makes the writers behind.
    writers: M,
    /// Whether records are JSON objects.
    json: bool,
}

impl<M> SafeLines<M> {
    /// Writes to the writers that `writers` makes.
    pub(super) fn new(writers: M, json: bool) -> Self {
        Self { writers, json }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for SafeLines<M> {
    type Writer = SafeWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        SafeWriter { writer: self.writers.make_writer(), json: self.json }
    }
}

/// A writer that gets one whole record per call.
pub(super) struct SafeWriter<W> {
    writer: W,
    json: bool,
}

impl<W: Write> Write for SafeWriter<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(record);
        let safe = if self.json { safe_json(&text) } else { safe_text(&text) };
        self.writer.write_all(safe.as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A record of text that ends with a line break. Its further lines are indented, so that none of them
/// looks like a record; other control characters are escaped.
fn safe_text(record: &str) -> Cow<'_, str> {
    let body = record.strip_suffix('\n').unwrap_or(record);
    if body.len() <= MAX_RECORD_BYTES && !body.contains(is_unsafe) {
        return Cow::Borrowed(record);
    }
    let mut safe = String::with_capacity(body.len().min(MAX_RECORD_BYTES) + 64);
    for character in cut(body).chars() {
        match character {
            '\n' => safe.push_str(CONTINUATION),
            '\t' => safe.push('\t'),
            _ if is_unsafe(character) => safe.extend(character.escape_default()),
            _ => safe.push(character),
        }
    }
    safe.push('\n');
    Cow::Owned(safe)
}

/// A JSON object that ends with a line break. JSON escapes line breaks itself, but not all control
/// characters; those can only be in its strings.
fn safe_json(record: &str) -> Cow<'_, str> {
    let body = record.strip_suffix('\n').unwrap_or(record);
    if body.len() <= MAX_RECORD_BYTES && !body.contains(is_unsafe) {
        return Cow::Borrowed(record);
    }
    let shorter = if body.len() > MAX_RECORD_BYTES { cut_strings(body) } else { body.to_owned() };
    let mut safe = String::with_capacity(shorter.len() + 64);
    for character in shorter.chars() {
        if is_unsafe(character) {
            // All of them are in the basic plane.
            safe.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            safe.push(character);
        }
    }
    safe.push('\n');
    Cow::Owned(safe)
}

/// Characters that break a line, control a terminal, or change the direction of the text.
fn is_unsafe(character: char) -> bool {
    matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A JSON object with shorter strings.
fn cut_strings(record: &str) -> String {
    match serde_json::from_str::<Value>(record) {
        Ok(Value::Object(mut fields)) => {
            for value in fields.values_mut() {
                if let Value::String(text) = value {
                    *text = cut(text).into_owned();
                }
            }
            Value::Object(fields).to_string()
        }
        _ => Value::from(cut(record)).to_string(),
    }
}

/// The start and the end of a text that is too long.
fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= KEPT_START_BYTES + KEPT_END_BYTES + 64 {
        return Cow::Borrowed(text);
    }
    let boundary = |index: &usize| text.is_char_boundary(*index);
    let start = (0..=KEPT_START_BYTES).rev().find(boundary).unwrap_or_default();
    let end = (text.len() - KEPT_END_BYTES..text.len()).find(boundary).unwrap_or(text.len());
    let (head, tail) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    Cow::Owned(format!("{head} ... {} bytes left out ... {tail}", end - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_records_are_not_copied() {
        let record = "2030-01-01 INFO grps: l\u{e9}ger id=\"x\" \u{65e5}\u{672c}\n";
        assert!(matches!(safe_text(record), Cow::Borrowed(_)));
        assert!(matches!(safe_json("{\"message\":\"\u{e9}\"}\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_message_can_not_forge_a_line() {
        let safe = safe_text("2030 WARN x\n2031 ERROR forged\r2032 INFO\u{2028}2033\u{85}end\n");
        assert_eq!(safe, "2030 WARN x\n    2031 ERROR forged\\r2032 INFO\\u{2028}2033\\u{85}end\n");
    }

    #[test]
    fn terminal_codes_are_escaped() {
        let codes = "\u{1b}[2J\u{9b}1m\u{7f}\0\u{8}\u{202e}\u{2066}";
        let safe = safe_text(codes);
        assert!(safe.chars().all(|character| character == '\n' || !is_unsafe(character)), "{safe}");
        assert!(safe.starts_with("\\u{1b}[2J\\u{9b}1m\\u{7f}\\u{0}\\u{8}"), "{safe}");
        let record = "{\"message\":\"\u{9b}1m\u{7f}\u{202e}\"}\n";
        let safe = safe_json(record);
        assert_eq!(safe, "{\"message\":\"\\u009b1m\\u007f\\u202e\"}\n");
        let read: Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(read["message"], "\u{9b}1m\u{7f}\u{202e}");
    }

    #[test]
    fn a_traceback_stays_readable() {
        let safe = safe_text("2030 ERROR failed\nTraceback:\n  File \"x\"\n\traise\n");
        assert_eq!(safe, "2030 ERROR failed\n    Traceback:\n      File \"x\"\n    \traise\n");
    }

    #[test]
    fn long_records_keep_their_start_and_end() {
        let record = format!("2030 ERROR {} id=\"x\"\n", "\u{e9}".repeat(5_000_000));
        let safe = safe_text(&record);
        assert!(safe.len() < MAX_RECORD_BYTES, "{}", safe.len());
        assert!(safe.starts_with("2030 ERROR ") && safe.ends_with(" id=\"x\"\n"));
        assert!(safe.contains("bytes left out"));
        let long = "x".repeat(5_000_000);
        let record = format!("{{\"level\":\"WARN\",\"message\":\"{long}\",\"id\":\"r\"}}\n");
        let read: Value = serde_json::from_str(&safe_json(&record)).unwrap();
        assert_eq!((&read["level"], &read["id"]), (&"WARN".into(), &"r".into()));
        assert!(read["message"].as_str().unwrap().len() < MAX_RECORD_BYTES);
    }

    #[test]
    fn writers_get_safe_records() {
        let mut written = Vec::new();
        let mut writer = SafeWriter { writer: &mut written, json: false };
        writer.write_all(b"one\ntwo\xff\n").unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "one\n    two\u{fffd}\n");
    }
}
