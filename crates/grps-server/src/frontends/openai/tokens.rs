//! Tokens of texts and texts of tokens.

use grps_openai::{
    Limits, Tool, detokenize_body, input_tokens_body, read_count_tokens, read_detokenize,
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

type Work = fn(&Call, &HeaderMap, &[u8], &Limits) -> Result<Vec<u8>, Fault>;

/// The tokens of a text, or of the prompt of messages.
pub(super) async fn tokenize(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, Api::Chat, |call, headers, body, limits| {
        let asked = read_tokenize(body, limits)?;
        let language = Language::find_only(call, asked.model.as_deref(), headers)?;
        let adds = asked.add_special_tokens;
        let tools: Vec<Value> = asked.tools.iter().map(Tool::template_value).collect();
        let (prompt, options) = (&asked.prompt, &asked.template);
        let source = Source { prompt, options, tools: &tools, begun: "" };
        let encoded = encode(call, &language, &source, adds)?;
        let text =
            |token: &u32| String::from_utf8_lossy(language.text().token_bytes(*token)).into_owned();
        let texts: Option<Vec<String>> =
            asked.return_token_strings.then(|| encoded.tokens.iter().map(text).collect());
        Ok(tokenize_body(&encoded.tokens, language.context_length(), texts.as_deref()))
    })
    .await
}

/// The text of tokens.
pub(super) async fn detokenize(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, Api::Chat, |call, headers, body, limits| {
        let asked = read_detokenize(body, limits)?;
        let language = Language::find_only(call, asked.model.as_deref(), headers)?;
        Ok(detokenize_body(&language.text().decode(&asked.tokens, false)))
    })
    .await
}

/// The number of tokens of messages.
pub(super) async fn count_tokens(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, Api::Message, |call, headers, body, limits| {
        let asked = read_count_tokens(body, limits)?;
        let language = Language::find(call, &asked.model, headers)?;
        let tools = Tools::of(call, &language, &asked)?;
        let mut count = 0;
        for prompt in &asked.prompts {
            let (options, shown) = (&asked.template, &tools.shown);
            let source = Source { prompt, options, tools: shown, begun: "" };
            count += encode(call, &language, &source, true)?.tokens.len();
        }
        Ok(input_tokens_body(count))
    })
    .await
}

async fn serve(call: Call, request: HttpRequest, api: Api, work: Work) -> Response<ReplyBody> {
    respond_json(&call, api, run(&call, request, work).await)
}

async fn run(call: &Call, request: HttpRequest, work: Work) -> Result<Vec<u8>, Fault> {
    let Received { headers, body, limits, .. } = receive(call, request).await?;
    call.app.blocking.run(body.len(), || work(call, &headers, &body, &limits)).await
}
