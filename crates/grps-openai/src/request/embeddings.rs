//! `/v1/embeddings`.

use super::completions::read_prompts;
use super::generation::Prompt;
use super::truncation::Truncation;
use crate::error::ApiError;
use crate::limits::Limits;
use crate::reading::Fields;

/// How the numbers of an embedding are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddingEncoding {
    /// A JSON array.
    Float,
    /// The bytes of 32-bit floats, little-endian, in base64.
    Base64,
}

/// A checked request for embeddings.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// The model as the client named it.
    pub model: String,
    /// Text or tokens, one embedding each.
    pub inputs: Vec<Prompt>,
    /// Only the first so many numbers are wanted.
    pub dimensions: Option<u32>,
    /// How the numbers are written.
    pub encoding: EmbeddingEncoding,
    /// What becomes of a text with too many tokens.
    pub truncation: Truncation,
    /// Who asks, for logs.
    pub user: Option<String>,
}

/// Reads a request for embeddings.
///
/// # Errors
///
/// The body is too large, not JSON, or a field has a wrong value, which the error names.
pub fn read_embeddings(body: &[u8], limits: &Limits) -> Result<Embeddings, ApiError> {
    let mut fields = Fields::read(body, limits)?;
    let model = fields.required_string("model")?;
    let inputs = read_prompts(&mut fields, "input", limits)?;
    let encoding = match fields.string("encoding_format")?.as_deref() {
        None | Some("float") => EmbeddingEncoding::Float,
        Some("base64") => EmbeddingEncoding::Base64,
        Some(other) => {
            let message = format!("'{other}' is none of 'float' and 'base64'.");
            return Err(fields.invalid("encoding_format", message));
        }
    };
    let dimensions = fields.count("dimensions", 1)?;
    let truncation = Truncation::read(&mut fields)?;
    let user = fields.string("user")?;
    Ok(Embeddings { model, inputs, dimensions, encoding, truncation, user })
}
