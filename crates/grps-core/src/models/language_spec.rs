//! What front ends for language models know of one.

/// What a language model needs besides its weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LanguageSpec {
    /// Makes a prompt of messages, in Jinja; `None` for a model that is not made for chats.
    pub chat_template: Option<String>,
    /// Texts of special tokens by the names that templates give them, such as `eos_token`.
    pub special_tokens: Vec<(String, String)>,
    /// Most tokens of a prompt and its answer together.
    pub context_length: usize,
    /// Inputs that not every engine takes, and this one does, such as `logit_bias`.
    pub optional_inputs: Vec<String>,
    /// Changes of its weights that a request may ask for by the input `adapter`.
    pub adapters: Vec<String>,
}
