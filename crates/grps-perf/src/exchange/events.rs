//! The chunks of a streamed HTTP response: events, lines, or the parts as they come.

use std::time::Instant;

use serde_json::Value;

use crate::exchange::failure::{Class, Failure};
use crate::exchange::watch::Watch;

/// Longest line; a longer one ends the request.
const MOST_LINE_BYTES: usize = 16 * 1024 * 1024;

/// How a stream is divided into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Server-sent events: a line of each begins with `data:`.
    Events,
    /// A line is a chunk.
    Lines,
    /// Each part that comes is a chunk.
    Parts,
}

/// Finds the chunks of a stream.
#[derive(Debug)]
pub(crate) struct Chunks {
    form: Form,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
}

impl Chunks {
    /// Chooses the form by the content type of the response.
    pub(crate) fn new(content_type: &str) -> Self {
        let form = if content_type.starts_with("text/event-stream") {
            Form::Events
        } else if content_type.starts_with("application/x-ndjson") {
            Form::Lines
        } else {
            Form::Parts
        };
        Self { form, line: Vec::new() }
    }

    /// Reads the next part of the body.
    ///
    /// # Errors
    ///
    /// A chunk reports a failure, or a line is too long.
    pub(crate) fn read(&mut self, part: &[u8], watch: &mut Watch) -> Result<(), Failure> {
        let now = Instant::now();
        if self.form == Form::Parts {
            watch.add_chunk(now);
            return Ok(());
        }
        let mut rest = part;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (head, tail) = rest.split_at(end);
            rest = &tail[1..];
            if self.line.is_empty() {
                self.read_line(head, now, watch)?;
            } else {
                self.line.extend_from_slice(head);
                let line = std::mem::take(&mut self.line);
                self.read_line(&line, now, watch)?;
            }
        }
        if self.line.len() + rest.len() > MOST_LINE_BYTES {
            return Err(Failure::new(Class::Unreadable, "a line of the stream is too long"));
        }
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// Reads a last line without an end.
    ///
    /// # Errors
    ///
    /// It reports a failure.
    pub(crate) fn finish(&mut self, watch: &mut Watch) -> Result<(), Failure> {
        let line = std::mem::take(&mut self.line);
        self.read_line(&line, Instant::now(), watch)
    }

    fn read_line(&self, line: &[u8], now: Instant, watch: &mut Watch) -> Result<(), Failure> {
        let content = match self.form {
            Form::Events => line.strip_prefix(b"data:").unwrap_or_default().trim_ascii(),
            Form::Lines | Form::Parts => line.trim_ascii(),
        };
        if content.is_empty() || content == b"[DONE]" {
            return Ok(());
        }
        if let Some(failure) = Failure::of_chunk(content) {
            return Err(failure);
        }
        if self.form == Form::Lines || has_content(content, watch) {
            watch.add_chunk(now);
        }
        Ok(())
    }
}

/// Whether an event has something for the reader: those of the OpenAI API may have a role, an end or
/// a count of tokens only. The count is added up.
fn has_content(event: &[u8], watch: &mut Watch) -> bool {
    if memchr::memmem::find(event, b"\"choices\"").is_none() {
        return true;
    }
    let Ok(value) = serde_json::from_slice::<Value>(event) else { return true };
    add_tokens(&value, watch);
    value["choices"].as_array().is_none_or(|choices| choices.iter().any(has_text))
}

fn has_text(choice: &Value) -> bool {
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let delta = &choice["delta"];
    is_text(&choice["text"])
        || ["content", "reasoning_content", "reasoning"].iter().any(|key| is_text(&delta[*key]))
        || delta["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty())
}

/// Adds the tokens that a response of the OpenAI API says it has.
pub(crate) fn add_tokens(value: &Value, watch: &mut Watch) {
    if let Some(tokens) = value.pointer("/usage/completion_tokens").and_then(Value::as_u64) {
        // A server may repeat the sum in each event.
        watch.tokens = watch.tokens.max(tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &str, parts: &[&str]) -> Result<Watch, Failure> {
        let mut watch = Watch::new(usize::MAX);
        let mut chunks = Chunks::new(content_type);
        for part in parts {
            chunks.read(part.as_bytes(), &mut watch)?;
        }
        chunks.finish(&mut watch)?;
        Ok(watch)
    }

    #[test]
    fn events_of_a_chat_count_when_they_have_content() {
        let role =
            "data: {\"choices\": [{\"delta\": {\"role\": \"assistant\", \"content\": \"\"}}]}\n\n";
        let word = "data: {\"choices\": [{\"delta\": {\"content\": \"word\"}}]}\n\n";
        let usage =
            "data: {\"choices\": [], \"usage\": {\"completion_tokens\": 7}}\n\ndata: [DONE]\n\n";
        let watch = read("text/event-stream", &[role, word, word, usage]).unwrap();
        assert_eq!((watch.chunks, watch.tokens, watch.gaps.len()), (2, 7, 1));
    }

    #[test]
    fn events_are_joined_from_parts() {
        let watch =
            read("text/event-stream; charset=utf-8", &[": hi\nda", "ta: 1\r", "\n\ndata: 2"]);
        assert_eq!(watch.unwrap().chunks, 2);
    }

    #[test]
    fn lines_count_one_each() {
        assert_eq!(read("application/x-ndjson", &["{}\n{", "}\n\n{}"]).unwrap().chunks, 3);
    }

    #[test]
    fn parts_count_when_nothing_is_known() {
        assert_eq!(read("application/octet-stream", &["a\nb", "c"]).unwrap().chunks, 2);
    }

    #[test]
    fn a_failure_in_a_stream_fails_the_request() {
        let line = "data: {\"error\": {\"message\": \"out of memory\", \"code\": 507}}\n\n";
        let failure = read("text/event-stream", &[line]).unwrap_err();
        assert_eq!((failure.class, &*failure.text), (Class::Model(507), "out of memory"));
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let part = "x".repeat(MOST_LINE_BYTES);
        assert!(read("application/x-ndjson", &[&part]).is_ok());
        let failure = read("application/x-ndjson", &[&part, "x"]).unwrap_err();
        assert_eq!(failure.class, Class::Unreadable);
    }
}
