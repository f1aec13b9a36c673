//! The routes that make numbers of texts: embeddings, and scores of documents.

use grps_core::metrics::RequestStage;
use grps_core::{TextNumbers, TextTokens};
use grps_openai::{
    ApiError, Embeddings, Limits, Prompt, Ranked, Rerank, Truncation, embeddings_body,
    read_embeddings, read_rerank, rerank_body,
};
use http::Response;

use crate::call::call::Call;
use crate::call::token_charge::TokenCharge;
use crate::frontends::openai::api::Api;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::purpose::Purpose;
use crate::frontends::openai::received::{Received, TOKENIZING, receive, respond_json};
use crate::frontends::openai::text_rows::TextModel;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::http::reply_body::ReplyBody;

/// Embeddings of texts.
pub(super) async fn embed(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    respond_json(&call, Api::Chat, serve_embeddings(&call, request).await)
}

/// Documents by their scores.
pub(super) async fn rerank(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    respond_json(&call, Api::Chat, serve_ranking(&call, request).await)
}

/// A request with its model and the tokens of its texts.
struct Asked<T> {
    request: T,
    model: TextModel,
    rows: Vec<TextTokens>,
}

/// What a kind of requests needs.
struct Kind<T> {
    purpose: Purpose,
    read: fn(&[u8], &Limits) -> Result<T, ApiError>,
    /// The model that a request names.
    model: fn(&T) -> &str,
    /// Makes the rows of its texts.
    encode: fn(&T, &TextModel) -> Result<Vec<TextTokens>, Fault>,
}

const EMBEDDINGS: Kind<Embeddings> = Kind {
    purpose: Purpose::Embed,
    read: read_embeddings,
    model: |asked| &asked.model,
    encode: encode_inputs,
};

const RANKING: Kind<Rerank> = Kind {
    purpose: Purpose::Rank,
    read: read_rerank,
    model: |asked| &asked.model,
    encode: encode_documents,
};

async fn receive_texts<T: Send>(
    call: &Call,
    request: HttpRequest,
    kind: &Kind<T>,
) -> Result<Asked<T>, Fault> {
    let Received { headers, body, options, limits } = receive(call, request).await?;
    let decode = || {
        let request = (kind.read)(&body, &limits)?;
        let (route, model) = kind.purpose.find(call, (kind.model)(&request), &headers)?;
        let model = TextModel { route, model, options };
        let rows = (kind.encode)(&request, &model)?;
        Ok::<_, Fault>(Asked { request, model, rows })
    };
    let asked = call.app.blocking.run(body.len().saturating_mul(TOKENIZING), decode).await?;
    TokenCharge::begin(call, asked.rows.iter().map(|row| row.tokens.len()).sum())?;
    call.timeline.note_stage_end(RequestStage::Decode);
    Ok(asked)
}

async fn serve_embeddings(call: &Call, request: HttpRequest) -> Result<Vec<u8>, Fault> {
    let asked = receive_texts(call, request, &EMBEDDINGS).await?;
    let mut embeddings = asked.model.run(call, &asked.rows).await?;
    let Asked { request, model, rows } = &asked;
    if let Some(wanted) = request.dimensions {
        shorten(&mut embeddings, wanted as usize, model)?;
    }
    let numbers: usize = embeddings.iter().map(Vec::len).sum();
    let write = || embeddings_body(&request.model, &embeddings, request.encoding, tokens_of(rows));
    let encode = || call.timeline.measure(RequestStage::Encode, write);
    Ok(call.app.blocking.run(numbers * 4, encode).await)
}

fn encode_inputs(asked: &Embeddings, model: &TextModel) -> Result<Vec<TextTokens>, Fault> {
    let is_list = asked.inputs.len() > 1;
    let rows = asked.inputs.iter().enumerate().map(|(index, input)| {
        let field = if is_list { format!("input[{index}]") } else { "input".to_owned() };
        match input {
            Prompt::Tokens(tokens) => model.check(tokens, &field, asked.truncation),
            Prompt::Text(text) => model.encode(text, &field, asked.truncation),
            Prompt::Messages(_) => {
                Err(ApiError::invalid(field, "Messages have no embedding.").into())
            }
        }
    });
    rows.collect()
}

/// Leaves the first numbers of each embedding.
fn shorten(embeddings: &mut [Vec<f32>], wanted: usize, model: &TextModel) -> Result<(), ApiError> {
    let has = embeddings.first().map_or(0, Vec::len);
    if wanted == has {
        return Ok(());
    }
    let numbers = model.model.spec().text.as_ref().map(|text| text.numbers);
    let Some(TextNumbers::Embedding { is_matryoshka: true, is_normalized }) = numbers else {
        let message = format!("'dimensions' is {wanted}, the embeddings of this model have {has}.");
        return Err(ApiError::invalid("dimensions", message));
    };
    if wanted > has {
        let message = format!("'dimensions' is {wanted}, at most {has} are possible.");
        return Err(ApiError::invalid("dimensions", message));
    }
    for embedding in embeddings {
        embedding.truncate(wanted);
        let length = embedding.iter().map(|one| one * one).sum::<f32>().sqrt();
        if is_normalized && length > 0.0 {
            embedding.iter_mut().for_each(|one| *one /= length);
        }
    }
    Ok(())
}

async fn serve_ranking(call: &Call, request: HttpRequest) -> Result<Vec<u8>, Fault> {
    let asked = receive_texts(call, request, &RANKING).await?;
    let numbers = asked.model.run(call, &asked.rows).await?;
    let tokens = tokens_of(&asked.rows);
    let scores: Vec<f32> = if scores_pairs(&asked.model) {
        numbers.iter().filter_map(|row| row.first().copied()).collect()
    } else {
        let query = numbers.first().map_or(&[][..], Vec::as_slice);
        numbers.iter().skip(1).map(|document| cosine(query, document)).collect()
    };
    let Rerank { model, documents, top_n, return_documents, .. } = asked.request;
    let ranked = documents.into_iter().zip(scores).enumerate();
    let ranked = ranked.map(|(index, (document, score))| Ranked {
        index,
        score,
        document: return_documents.then_some(document),
    });
    Ok(rerank_body(call.timeline.id(), &model, ranked.collect(), top_n, tokens))
}

/// A model that makes scores takes the query with each document; another one takes the query first,
/// then the documents.
fn encode_documents(asked: &Rerank, model: &TextModel) -> Result<Vec<TextTokens>, Fault> {
    let field = |index: usize| format!("documents[{index}]");
    let documents = asked.documents.iter().enumerate();
    if scores_pairs(model) {
        let query = model.tokens(&asked.query, "query", false)?;
        let rows = documents.map(|(index, document)| {
            let document = model.tokens(document, &field(index), false)?;
            model.row(&query, Some(&document), &field(index), asked.truncation)
        });
        return rows.collect();
    }
    let query = model.encode(&asked.query, "query", Truncation::Refuse)?;
    let rows = documents.map(|(index, text)| model.encode(text, &field(index), asked.truncation));
    std::iter::once(Ok(query)).chain(rows).collect()
}

fn scores_pairs(model: &TextModel) -> bool {
    model.model.spec().text.as_ref().is_some_and(|text| text.numbers == TextNumbers::Score)
}

/// The cosine of the angle between two embeddings; 0 where one has no direction.
fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let lengths = (product(one, one) * product(other, other)).sqrt();
    if lengths > 0.0 { product(one, other) / lengths } else { 0.0 }
}

fn tokens_of(rows: &[TextTokens]) -> u64 {
    rows.iter().map(|row| row.tokens.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_do_not_depend_on_lengths() {
        assert!((cosine(&[1.0, 0.0], &[3.0, 3.0]) - 0.5_f32.sqrt()).abs() < 1e-6);
        assert!((cosine(&[2.0, 0.0], &[-1.0, 0.0]) + 1.0).abs() < 1e-6);
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]), 0.0);
    }
}
