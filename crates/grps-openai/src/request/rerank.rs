//! `/v1/rerank`, as Jina and Cohere have it.

use serde_json::Value;

use super::truncation::Truncation;
use crate::error::ApiError;
use crate::limits::Limits;
use crate::reading::Fields;

/// A checked request that ranks documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rerank {
    /// The model as the client named it.
    pub model: String,
    /// What is looked for.
    pub query: String,
    /// Texts, at least one.
    pub documents: Vec<String>,
    /// Most results.
    pub top_n: usize,
    /// Results have the text of their document.
    pub return_documents: bool,
    /// What becomes of a document with too many tokens.
    pub truncation: Truncation,
}

/// Reads a request that ranks documents.
///
/// # Errors
///
/// The body is too large, not JSON, or a field has a wrong value, which the error names.
pub fn read_rerank(body: &[u8], limits: &Limits) -> Result<Rerank, ApiError> {
    let mut fields = Fields::read(body, limits)?;
    let model = fields.required_string("model")?;
    let query = fields.required_string("query")?;
    let values = fields.array("documents")?.ok_or_else(|| fields.missing("documents"))?;
    if values.is_empty() || values.len() > limits.sequences {
        let (count, limit) = (values.len(), limits.sequences);
        let message = format!("'documents' has {count} items, from 1 to {limit} are allowed.");
        return Err(fields.invalid("documents", message));
    }
    let mut documents = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        documents.push(match value {
            Value::String(text) => text,
            other => {
                let mut document = Fields::of(other, format!("documents[{index}]"))?;
                document.string("text")?.ok_or_else(|| document.missing("text"))?
            }
        });
    }
    let top_n = fields.count("top_n", 1)?.map_or(documents.len(), |top_n| top_n as usize);
    Ok(Rerank {
        model,
        query,
        top_n: top_n.min(documents.len()),
        documents,
        return_documents: fields.boolean("return_documents")?.unwrap_or(true),
        truncation: Truncation::read(&mut fields)?,
    })
}
