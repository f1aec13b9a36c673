//! What front ends know of a model that writes down what is said.

/// What a step model that writes down what is said takes. Its input `audio` is float32 samples of one
/// channel, 16,000 per second; its output is text.
#[derive(Clone, Debug, PartialEq)]
pub struct TranscriberSpec {
    /// Most seconds of a recording.
    pub max_seconds: f64,
    /// Languages, such as `en`. With several, a request may have the input `language`.
    pub languages: Vec<String>,
    /// A request may have the input `prompt`, a text.
    pub takes_prompt: bool,
    /// A request may have the input `temperature`, a float32.
    pub takes_temperature: bool,
}
