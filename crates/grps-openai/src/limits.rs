//! Limits of requests.

/// How much a request may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest body in bytes. JSON needs several times its size while it is read.
    pub body_bytes: usize,
    /// Most choices of a prompt: `n`.
    pub choices: u32,
    /// Most prompts of a completion times choices, inputs of embeddings, or documents to rank.
    pub sequences: usize,
    /// Most tools.
    pub tools: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 32 << 20, choices: 128, sequences: 2048, tools: 128 }
    }
}

/// Most stop strings of a request, and most bytes of each: those that `grps-text` searches for.
pub const MAX_STOP_STRINGS: usize = 16;
/// Most bytes of a stop string.
pub const MAX_STOP_BYTES: usize = 256;
/// Most token ids that end a generation.
pub const MAX_STOP_TOKENS: usize = 64;
/// Most alternatives whose log probabilities are returned.
pub const MAX_TOP_LOGPROBS: u32 = 20;
/// Most tokens with a bias.
pub const MAX_BIASES: usize = 1024;
/// Most words that must not be generated.
pub const MAX_BAD_WORDS: usize = 128;
