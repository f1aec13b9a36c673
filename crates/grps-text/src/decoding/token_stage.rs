//! Decoders that rewrite tokens before they are joined, one token at a time.

use tokenizers::Decoder;
use tokenizers::decoders::DecoderWrapper;
use tokenizers::decoders::bpe::BPEDecoder;
use tokenizers::decoders::ctc::CTC;
use tokenizers::decoders::strip::Strip;

/// One decoder of a chain.
#[derive(Clone, Debug)]
pub(crate) enum TokenStage {
    /// Each token by itself (`Replace`).
    Each(DecoderWrapper),
    /// Cuts characters off both ends of each token.
    Strip(Strip),
    /// The first token otherwise than all others (`Metaspace`, `WordPiece`).
    FirstDiffers(DecoderWrapper),
    /// A space before every token but the first: what is done without a decoder.
    Spaces,
    /// Consecutive tokens like `<0x0A>` are bytes of one text.
    ByteFallback,
    /// Drops a token that equals the one before.
    Ctc(CTC),
    /// The last token has no space at its end.
    Bpe(BPEDecoder),
}

/// Where a sequence stands in a stage.
#[derive(Debug, Default)]
pub(crate) struct StageState {
    /// A token has passed.
    seen: bool,
    /// The token before: compared with the next by CTC, held back by BPE.
    previous: Option<String>,
    /// Bytes of a run that has not ended.
    run: Vec<u8>,
}

impl TokenStage {
    /// Takes a token and adds those that are certain to `next`.
    pub(crate) fn push(&self, state: &mut StageState, token: String, next: &mut Vec<String>) {
        match self {
            Self::ByteFallback => match run_byte(&token) {
                Some(byte) => state.run.push(byte),
                None => {
                    next.extend(end_run(&mut state.run));
                    next.push(token);
                }
            },
            Self::Ctc(_) if state.previous.as_ref() == Some(&token) => {}
            Self::Ctc(ctc) => {
                state.previous = Some(token.clone());
                next.extend(decode(ctc, vec![token]));
            }
            Self::Bpe(bpe) => {
                let certain = state.previous.replace(token);
                next.extend(certain.map(|token| not_last(bpe, token)));
            }
            Self::Each(_) | Self::Strip(_) | Self::FirstDiffers(_) | Self::Spaces => {
                next.push(self.rewrite(token, !state.seen));
                state.seen = true;
            }
        }
    }

    /// Ends the sequence: what was held back is certain.
    pub(crate) fn finish(&self, state: &mut StageState, next: &mut Vec<String>) {
        next.extend(end_run(&mut state.run));
        let previous = state.previous.take();
        if let (Self::Bpe(bpe), Some(last)) = (self, previous) {
            next.extend(decode(bpe, vec![last]));
        }
        state.seen = false;
    }

    /// What becomes of a token that others follow. A byte of a run stays as it is.
    pub(crate) fn rewrite(&self, token: String, first: bool) -> String {
        match self {
            Self::Each(decoder) => decode(decoder, vec![token]).concat(),
            Self::Strip(strip) => strip_token(strip, &token).to_owned(),
            Self::FirstDiffers(decoder) if first => decode(decoder, vec![token]).concat(),
            Self::FirstDiffers(decoder) => {
                decode(decoder, vec![String::new(), token]).pop().unwrap_or_default()
            }
            Self::Spaces if first => token,
            Self::Spaces => format!(" {token}"),
            Self::ByteFallback => token,
            Self::Ctc(ctc) => decode(ctc, vec![token]).concat(),
            Self::Bpe(bpe) => not_last(bpe, token),
        }
    }

    /// Whether the stage does the same to every token but the first, whatever is around it.
    pub(crate) fn is_rewriting(&self) -> bool {
        !matches!(self, Self::ByteFallback | Self::Ctc(_) | Self::Bpe(_))
    }
}

/// The byte that a token of a decoder with byte fallback stands for.
pub(crate) fn run_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}

/// Tokens after all decoders of a chain. A decoder that fails leaves nothing; those that can fail
/// were refused when the vocabulary was loaded.
pub(crate) fn decode_all(chain: &[DecoderWrapper], mut tokens: Vec<String>) -> Vec<String> {
    for decoder in chain {
        tokens = match decoder {
            DecoderWrapper::Sequence(sequence) => decode_all(sequence.get_decoders(), tokens),
            DecoderWrapper::Strip(strip) => {
                tokens.iter().map(|token| strip_token(strip, token).to_owned()).collect()
            }
            DecoderWrapper::BPE(_) if tokens.is_empty() => tokens,
            _ => decode(decoder, tokens),
        };
    }
    tokens
}

fn decode(decoder: &impl Decoder, tokens: Vec<String>) -> Vec<String> {
    decoder.decode_chain(tokens).unwrap_or_default()
}

/// A token of a BPE decoder that others follow: the end of a word is a space.
fn not_last(bpe: &BPEDecoder, token: String) -> String {
    decode(bpe, vec![token, String::new()]).swap_remove(0)
}

/// The decoder of `tokenizers` panics where fewer characters are left than it cuts off.
fn strip_token<'a>(strip: &Strip, token: &'a str) -> &'a str {
    let mut rest = token;
    for _ in 0..strip.start {
        match rest.strip_prefix(strip.content) {
            Some(shorter) => rest = shorter,
            None => break,
        }
    }
    for _ in 0..strip.stop {
        match rest.strip_suffix(strip.content) {
            Some(shorter) => rest = shorter,
            None => break,
        }
    }
    rest
}

/// Ends a run of bytes: one token with its text, or U+FFFD for each byte unless all are UTF-8.
pub(crate) fn end_run(run: &mut Vec<u8>) -> Vec<String> {
    if run.is_empty() {
        return Vec::new();
    }
    match String::from_utf8(std::mem::take(run)) {
        Ok(text) => vec![text],
        Err(error) => vec![char::REPLACEMENT_CHARACTER.into(); error.as_bytes().len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_bytes_have_two_hexadecimal_digits() {
        assert_eq!(run_byte("<0x0A>"), Some(10));
        assert_eq!(run_byte("<0xfF>"), Some(255));
        for token in ["<0x>", "<0x1>", "<0x123>", "<0xgg>", "<0xé>", "0x0A", "<0x0A", ""] {
            assert_eq!(run_byte(token), None, "{token}");
        }
        assert_eq!(run_byte("<0x+1>"), Some(1), "as from_str_radix takes it");
    }

    #[test]
    fn strip_cuts_at_most_its_counts_and_never_fails() {
        let strip = Strip::new(' ', 1, 2);
        for (token, expected) in
            [("  a   ", " a "), ("a", "a"), (" ", ""), ("", ""), ("   ", ""), ("a ", "a")]
        {
            assert_eq!(strip_token(&strip, token), expected, "{token:?}");
        }
    }
}
