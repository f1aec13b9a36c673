//! Token sequences that a vocabulary is checked with when it is loaded.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::Tokenizer;

use crate::decoding::DecodingState;
use crate::token_table::TokenContent;
use crate::vocabulary::Vocabulary;

const SEQUENCES: usize = 48;
const SEQUENCE_TOKENS: usize = 24;

/// Sequences with the text that `tokenizers` decodes from them.
#[derive(Debug)]
pub(crate) struct Samples {
    expected: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    ids: Vec<u32>,
    skip_special_tokens: bool,
    text: String,
}

impl Samples {
    /// Chooses sequences, the same each time. Those that `tokenizers` itself can't decode are left
    /// out.
    pub(crate) fn new(tokenizer: &Tokenizer, vocabulary: &Vocabulary) -> Self {
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let unusual = find_unusual(vocabulary);
        let all = vocabulary.table().len();
        let expected = (0..SEQUENCES)
            .filter_map(|index| {
                let ids = (0..random.below(SEQUENCE_TOKENS) + 1)
                    .map(|_| match unusual.get(random.below(unusual.len() * 2)) {
                        Some(id) => *id,
                        None => u32::try_from(random.below(all + 1)).unwrap_or_default(),
                    })
                    .collect();
                decode(tokenizer, ids, index % 2 == 0)
            })
            .collect();
        Self { expected }
    }

    /// Whether a vocabulary gives the expected text token by token.
    pub(crate) fn agree(&self, vocabulary: &Vocabulary) -> bool {
        self.expected.iter().all(|sample| {
            let mut state = DecodingState::new(vocabulary);
            let mut text = String::new();
            for id in &sample.ids {
                text.push_str(state.push(vocabulary, *id, sample.skip_special_tokens));
            }
            text.push_str(state.finish(vocabulary));
            text == sample.text
        })
    }
}

/// Special tokens and those that are not text by themselves: where decoders differ.
fn find_unusual(vocabulary: &Vocabulary) -> Vec<u32> {
    (0..=u32::MAX)
        .take(vocabulary.table().len())
        .filter(|id| match vocabulary.table().get(*id) {
            Some((TokenContent::Text(_), special)) => special,
            Some(_) => true,
            None => false,
        })
        .collect()
}

fn decode(tokenizer: &Tokenizer, ids: Vec<u32>, skip_special_tokens: bool) -> Option<Sample> {
    let decoded = catch_unwind(AssertUnwindSafe(|| tokenizer.decode(&ids, skip_special_tokens)));
    let text = decoded.ok()?.ok()?;
    Some(Sample { ids, skip_special_tokens, text })
}

/// The generator of Marsaglia with 64 bits of state (xorshift).
struct Random(u64);

impl Random {
    /// A number below a limit; 0 if the limit is 0.
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16).checked_rem(limit as u64).unwrap_or_default() as usize
    }
}
