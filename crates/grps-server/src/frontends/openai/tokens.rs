//! Tokens of texts and texts of tokens.

use grps_openai::{
    ApiError, Limits, Tool, detokenize_body, input_tokens_body, read_count_tokens, read_detokenize,
    read_tokenize, tokenize_body,
};
use http::{HeaderMap, Response};
use serde_json::Value;

use crate::call::call::Call;
use crate::frontends::openai::api::Api;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::language::Language;
use crate::frontends::openai::prompts::{Source, encode};
use crate::frontends::openai::received::{Received, receive, respond_json};
use crate::frontends::openai::tools::Tools;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::net::http::reply_body::ReplyBody;

/// The tokens of a text, or of the prompt of messages.
pub(super) async fn tokenize(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    respond_json(&call, Api::Chat, tokens_of(&call, request).await)
}

async fn tokens_of(call: &Call, request: HttpRequest) -> Result<Vec<u8>, Fault> {
    let (headers, asked) = read(call, request, read_tokenize).await?;
    let language = Language::find_only(call, asked.model.as_deref(), &headers)?;
    let tools: Vec<Value> = asked.tools.iter().map(Tool::template_value).collect();
    let (prompt, options) = (&asked.prompt, &asked.template);
    let source = Source { prompt, options, tools: &tools, begun: "" };
    let encoded = encode(call, &language, &source, asked.add_special_tokens).await?;
    let text =
        |token: &u32| String::from_utf8_lossy(language.text().token_bytes(*token)).into_owned();
    let texts: Option<Vec<String>> =
        asked.return_token_strings.then(|| encoded.tokens.iter().map(text).collect());
    Ok(tokenize_body(&encoded.tokens, language.context_length(), texts.as_deref()))
}

/// The text of tokens.
pub(super) async fn detokenize(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    respond_json(&call, Api::Chat, text_of(&call, request).await)
}

async fn text_of(call: &Call, request: HttpRequest) -> Result<Vec<u8>, Fault> {
    let (headers, asked) = read(call, request, read_detokenize).await?;
    let language = Language::find_only(call, asked.model.as_deref(), &headers)?;
    Ok(detokenize_body(&language.text().decode(&asked.tokens, false)))
}

/// The number of tokens of messages.
pub(super) async fn count_tokens(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    respond_json(&call, Api::Message, count_of(&call, request).await)
}

async fn count_of(call: &Call, request: HttpRequest) -> Result<Vec<u8>, Fault> {
    let (headers, asked) = read(call, request, read_count_tokens).await?;
    let language = Language::find(call, &asked.model, &headers)?;
    let tools = Tools::of(call, &language, &asked)?;
    let mut count = 0;
    for prompt in &asked.prompts {
        let source = Source { prompt, options: &asked.template, tools: &tools.shown, begun: "" };
        count += encode(call, &language, &source, true).await?.tokens.len();
    }
    Ok(input_tokens_body(count))
}

async fn read<T>(
    call: &Call,
    request: HttpRequest,
    read: fn(&[u8], &Limits) -> Result<T, ApiError>,
) -> Result<(HeaderMap, T), Fault> {
    let Received { headers, body, limits, .. } = receive(call, request).await?;
    let asked = call.app.blocking.run(body.len(), || read(&body, &limits)).await?;
    Ok((headers, asked))
}
