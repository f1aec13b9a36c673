//! Bodies that are not generated text: models, embeddings, rankings and tokens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::json_text::{push_array, push_integer, push_number, push_string};
use crate::request::EmbeddingEncoding;

/// A model as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedModel {
    /// The name that requests use; never a path.
    pub name: String,
    /// Seconds since 1970 when it was loaded.
    pub created: u64,
    /// Its longest prompt and answer together, in tokens.
    pub max_model_len: Option<u32>,
}

impl ListedModel {
    fn value(&self) -> Value {
        json!({
            "id": self.name,
            "object": "model",
            "created": self.created,
            "owned_by": "grps",
            "max_model_len": self.max_model_len,
        })
    }
}

/// The body of `/v1/models`.
#[must_use]
pub fn models_body(models: &[ListedModel]) -> Vec<u8> {
    let values: Vec<Value> = models.iter().map(ListedModel::value).collect();
    json!({"object": "list", "data": values}).to_string().into_bytes()
}

/// The body of `/v1/models/{name}`.
#[must_use]
pub fn model_body(model: &ListedModel) -> Vec<u8> {
    model.value().to_string().into_bytes()
}

/// The body of `/v1/embeddings`. Numbers that JSON can't represent are null.
#[must_use]
pub fn embeddings_body(
    model: &str,
    embeddings: &[impl AsRef<[f32]>],
    encoding: EmbeddingEncoding,
    prompt_tokens: u64,
) -> Vec<u8> {
    let numbers: usize = embeddings.iter().map(|embedding| embedding.as_ref().len()).sum();
    let mut out = Vec::with_capacity(256 + embeddings.len() * 64 + numbers * 12);
    out.extend_from_slice(b"{\"object\":\"list\",\"model\":");
    push_string(&mut out, model);
    out.extend_from_slice(b",\"data\":");
    let mut index = 0;
    push_array(&mut out, embeddings, |out, embedding| {
        out.extend_from_slice(b"{\"object\":\"embedding\",\"index\":");
        push_integer(out, index);
        index += 1;
        out.extend_from_slice(b",\"embedding\":");
        push_embedding(out, embedding.as_ref(), encoding);
        out.push(b'}');
    });
    let usage = json!({"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens});
    out.extend_from_slice(format!(",\"usage\":{usage}}}").as_bytes());
    out
}

fn push_embedding(out: &mut Vec<u8>, embedding: &[f32], encoding: EmbeddingEncoding) {
    match encoding {
        EmbeddingEncoding::Float => {
            push_array(out, embedding, |out, &number| push_number(out, number));
        }
        EmbeddingEncoding::Base64 => {
            let bytes: Vec<u8> = embedding.iter().flat_map(|number| number.to_le_bytes()).collect();
            push_string(out, &STANDARD.encode(bytes));
        }
    }
}

/// A document with its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Position in the request.
    pub index: usize,
    /// Higher is better.
    pub score: f32,
    /// Its text, if the client wants it back.
    pub document: Option<String>,
}

/// The body of `/v1/rerank`: the best `top_n` documents, best first. Equal ones keep their order.
#[must_use]
pub fn rerank_body(
    request_id: &str,
    model: &str,
    mut ranked: Vec<Ranked>,
    top_n: usize,
    tokens: u64,
) -> Vec<u8> {
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    ranked.truncate(top_n);
    let results: Vec<Value> = ranked
        .into_iter()
        .map(|Ranked { index, score, document }| {
            let mut result = json!({"index": index, "relevance_score": score});
            if let Some(text) = document {
                result["document"] = json!({"text": text});
            }
            result
        })
        .collect();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    let id = format!("rerank-{request_id}");
    json!({"id": id, "model": model, "usage": usage, "results": results}).to_string().into_bytes()
}

/// The body of `/tokenize`.
#[must_use]
pub fn tokenize_body(tokens: &[u32], max_model_len: usize, strings: Option<&[String]>) -> Vec<u8> {
    let body = json!({
        "count": tokens.len(),
        "max_model_len": max_model_len,
        "tokens": tokens,
        "token_strs": strings,
    });
    body.to_string().into_bytes()
}

/// The body of `/detokenize`.
#[must_use]
pub fn detokenize_body(text: &str) -> Vec<u8> {
    json!({"prompt": text}).to_string().into_bytes()
}

/// The body of `/v1/messages/count_tokens`.
#[must_use]
pub fn input_tokens_body(tokens: usize) -> Vec<u8> {
    json!({"input_tokens": tokens}).to_string().into_bytes()
}
