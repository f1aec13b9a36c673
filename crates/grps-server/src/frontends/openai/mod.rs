//! The APIs of OpenAI and Anthropic, for language models.
//!
//! A request is read by `grps-openai`, its prompt made by `grps-chat` and the model's tokenizer. The
//! model is called once for each choice; what it generates is parsed and written piece by piece.

mod api;
mod embeddings;
mod errors;
mod generate;
mod generating;
mod inputs;
mod language;
mod models;
mod parts;
mod prompts;
mod purpose;
mod received;
mod reply;
mod text_rows;
mod tokens;
mod tools;
mod transcriptions;
mod upload;

use grps_core::Error;
use http::Response;

use crate::app::Settings;
use crate::call::access::Policy;
use crate::frontends::FrontEnd;
use crate::frontends::openai::api::Api;
use crate::frontends::shared::endpoint::{Endpoint, Methods};
use crate::net::http::reply_body::ReplyBody;

/// The front ends that serve the paths under `/v1/models` if they are on.
const OWNERS: [&str; 2] = ["tfserving", "torchserve"];

/// Leaves out the routes that user code serves itself, as plugins for language models do.
fn without_custom(mut endpoints: Vec<Endpoint>, settings: &Settings) -> Vec<Endpoint> {
    let custom = &settings.custom_routes;
    endpoints.retain(|endpoint| custom.iter().all(|route| route.path != *endpoint.pattern));
    endpoints
}

/// The API of OpenAI.
pub(crate) struct OpenAi;

/// The API of Anthropic.
pub(crate) struct Anthropic;

impl FrontEnd for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn endpoints(&self, settings: &Settings) -> Vec<Endpoint> {
        use Methods::{Get, Post};
        use Policy::{Infer, Read};
        let generate = |path: &'static str, api: Api, summary: &'static str| {
            let serve = move |call, request| generate::generate(call, request, api);
            Endpoint::new(Post, path, Infer, serve).summary(summary).takes("Object").returns("Json")
        };
        let rerank = |path: &'static str| {
            Endpoint::new(Post, path, Infer, embeddings::rerank)
                .summary("Documents by how well they match a query")
                .takes("Object")
                .returns("Json")
        };
        let mut endpoints = vec![
            generate("/v1/chat/completions", Api::Chat, "Answers the messages of a chat"),
            generate("/v1/completions", Api::Completion, "Continues a text"),
            generate("/v1/responses", Api::Response, "Responds to messages; nothing is stored"),
            Endpoint::new(Get, "/v1/models", Read, models::list)
                .summary("The models that these routes serve")
                .returns("Json"),
            Endpoint::new(Post, "/v1/embeddings", Infer, embeddings::embed)
                .summary("Embeddings of texts")
                .takes("Object")
                .returns("Json"),
            Endpoint::new(Post, "/v1/audio/transcriptions", Infer, transcriptions::transcribe)
                .summary("What is said in a recording")
                .takes("Recording")
                .returns("Transcript"),
            rerank("/v1/rerank"),
            rerank("/rerank"),
            Endpoint::new(Post, "/tokenize", Infer, tokens::tokenize)
                .summary("The tokens of a text, or of the prompt of messages")
                .takes("Object")
                .returns("Json"),
            Endpoint::new(Post, "/detokenize", Infer, tokens::detokenize)
                .summary("The text of tokens")
                .takes("Object")
                .returns("Json"),
        ];
        if OWNERS.iter().all(|owner| settings.front_ends.is_off(owner)) {
            let one = Endpoint::new(Get, "/v1/models/{model}", Read, models::describe);
            endpoints.push(one.summary("A model that these routes serve").returns("Json"));
        }
        without_custom(endpoints, settings)
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        Api::Chat.failure(error)
    }

    fn path_prefix(&self) -> Option<&'static str> {
        Some("/v1")
    }

    fn error_response(&self) -> &'static str {
        "OpenAiError"
    }
}

impl FrontEnd for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn endpoints(&self, settings: &Settings) -> Vec<Endpoint> {
        let messages = |call, request| generate::generate(call, request, Api::Message);
        let endpoints = vec![
            Endpoint::new(Methods::Post, "/v1/messages", Policy::Infer, messages)
                .summary("Answers the messages of a chat, as Anthropic does")
                .takes("Object")
                .returns("Json"),
            Endpoint::new(
                Methods::Post,
                "/v1/messages/count_tokens",
                Policy::Infer,
                tokens::count_tokens,
            )
            .summary("The number of tokens of messages, as Anthropic says it")
            .takes("Object")
            .returns("Json"),
        ];
        without_custom(endpoints, settings)
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        Api::Message.failure(error)
    }

    fn error_response(&self) -> &'static str {
        "AnthropicError"
    }
}
