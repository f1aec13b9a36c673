//! Log probabilities of tokens.

use super::json_text::{push_array, push_escaped, push_integer, push_logprob, push_string};

/// A token that was chosen, or one of a prompt that is echoed.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprob {
    /// Its bytes, which may be a part of a character.
    pub bytes: Vec<u8>,
    /// The logarithm of its probability; the first token of a prompt has none.
    pub logprob: Option<f32>,
    /// The likeliest tokens in its position.
    pub top: Vec<TopLogprob>,
}

/// A token that might have been chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct TopLogprob {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The logarithm of its probability.
    pub logprob: f32,
}

/// The text of a token, with bytes that are no characters as OpenAI writes them: `\xe2\x80`.
fn token_text(bytes: &[u8], mark: &str) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().fold(mark.to_owned(), |text, byte| format!("{text}\\x{byte:02x}")),
    }
}

/// Appends the array that chats and responses have.
pub(crate) fn push_token_array(out: &mut Vec<u8>, tokens: &[TokenLogprob]) {
    push_array(out, tokens, |out, token| {
        push_token(out, &token.bytes, token.logprob.unwrap_or(0.0));
        out.extend_from_slice(b",\"top_logprobs\":");
        push_array(out, &token.top, |out, top| {
            push_token(out, &top.bytes, top.logprob);
            out.push(b'}');
        });
        out.push(b'}');
    });
}

/// Appends an object without its end.
fn push_token(out: &mut Vec<u8>, bytes: &[u8], logprob: f32) {
    out.extend_from_slice(b"{\"token\":\"");
    match std::str::from_utf8(bytes) {
        Ok(text) => push_escaped(out, text),
        Err(_) => push_escaped(out, &token_text(bytes, "")),
    }
    out.extend_from_slice(b"\",\"logprob\":");
    push_logprob(out, logprob);
    out.extend_from_slice(b",\"bytes\":");
    push_array(out, bytes, |out, &byte| push_integer(out, usize::from(byte)));
}

/// Appends the object of a chat: null if there are no tokens.
pub(crate) fn push_chat_logprobs(out: &mut Vec<u8>, tokens: &[TokenLogprob]) {
    if tokens.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    out.extend_from_slice(b"{\"content\":");
    push_token_array(out, tokens);
    out.extend_from_slice(b",\"refusal\":null}");
}

/// Appends the columns of a completion: null if there are no tokens. `offset` is where the first
/// token begins in the text, in characters, and becomes where the next one will.
pub(crate) fn push_completion_logprobs(
    out: &mut Vec<u8>,
    tokens: &[TokenLogprob],
    offset: &mut usize,
) {
    if tokens.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    let text = |bytes: &[u8]| token_text(bytes, "bytes:");
    out.extend_from_slice(b"{\"tokens\":");
    push_array(out, tokens, |out, token| push_string(out, &text(&token.bytes)));
    out.extend_from_slice(b",\"token_logprobs\":");
    push_array(out, tokens, |out, token| match token.logprob {
        Some(logprob) => push_logprob(out, logprob),
        None => out.extend_from_slice(b"null"),
    });
    out.extend_from_slice(b",\"top_logprobs\":");
    push_array(out, tokens, push_top_map);
    out.extend_from_slice(b",\"text_offset\":");
    push_array(out, tokens, |out, token| {
        push_integer(out, *offset);
        // Bytes that continue a character don't begin one.
        *offset += token.bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
    });
    out.push(b'}');
}

/// The alternatives of a token by their text; null if none were asked for.
fn push_top_map(out: &mut Vec<u8>, token: &TokenLogprob) {
    if token.top.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    out.push(b'{');
    for (index, top) in token.top.iter().enumerate() {
        if token.top[..index].iter().any(|earlier| earlier.bytes == top.bytes) {
            continue;
        }
        if index > 0 {
            out.push(b',');
        }
        push_string(out, &token_text(&top.bytes, "bytes:"));
        out.push(b':');
        push_logprob(out, top.logprob);
    }
    out.push(b'}');
}
