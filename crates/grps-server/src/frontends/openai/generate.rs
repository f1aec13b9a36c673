//! The routes that generate text.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use grps_chat::AnswerParser;
use grps_core::metrics::RequestStage;
use grps_core::{Content, Request, SchedulingOptions};
use grps_openai::{AnswerHead, Generation, StreamOptions};
use http::{HeaderValue, Response};
use serde_json::{Map, Value};

use crate::call::call::Call;
use crate::call::token_charge::TokenCharge;
use crate::frontends::openai::api::Api;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::generating::{Choice, Event, Generating};
use crate::frontends::openai::inputs;
use crate::frontends::openai::language::Language;
use crate::frontends::openai::prompts::{Encoded, encode_all};
use crate::frontends::openai::received::{Received, receive};
use crate::frontends::openai::reply::{EventStream, collect as collect_answer};
use crate::frontends::openai::tools::Tools;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response::{JSON, with_content_type};
use crate::frontends::shared::scheduling_headers::with_body_priority;
use crate::net::http::reply_body::ReplyBody;

const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// A request that was read.
struct Asked {
    api: Api,
    generation: Generation,
    /// Fields that the response repeats.
    repeated: Map<String, Value>,
    language: Language,
    tools: Tools,
    prompts: Vec<Encoded>,
    options: SchedulingOptions,
}

/// Generates text.
pub(super) async fn generate(call: Call, request: HttpRequest, api: Api) -> Response<ReplyBody> {
    match serve(&call, request, api).await {
        Ok(response) => response,
        Err(fault) => {
            call.report_failure(&fault.error());
            fault.response(api)
        }
    }
}

async fn serve(call: &Call, request: HttpRequest, api: Api) -> Result<Response<ReplyBody>, Fault> {
    let received = receive(call, request).await?;
    let bytes = received.body.len();
    let mut asked = call.app.blocking.run(bytes, || read_request(call, received, api)).await?;
    let Asked { language, generation, tools, .. } = &asked;
    asked.prompts = encode_all(call, language, api, generation, tools).await?;
    call.timeline.note_stage_end(RequestStage::Decode);
    answer(call, asked).await
}

/// Reads all but the prompts, which other threads make.
fn read_request(call: &Call, received: Received, api: Api) -> Result<Asked, Fault> {
    let Received { headers, body, options, limits } = received;
    let (generation, repeated) = api.read(&body, &limits)?;
    let options = with_body_priority(options, generation.priority, &headers, call);
    let language = Language::find(call, &generation.model, &headers)?;
    let tools = Tools::of(call, &language, &generation)?;
    Ok(Asked { api, generation, repeated, language, tools, prompts: Vec::new(), options })
}

async fn answer(call: &Call, asked: Asked) -> Result<Response<ReplyBody>, Fault> {
    let Asked { api, generation, repeated, .. } = &asked;
    let mut generating = start(call, &asked)?;
    // An error before the first token has its own status.
    let first = poll_fn(|context| generating.poll_next(context)).await.transpose()?;
    let head = head_of(call, &asked);
    let choices = generation.total_choices();
    let events: Vec<Event> = echoes(&asked).into_iter().chain(first).collect();
    if generation.stream {
        let options = StreamOptions { choices, include_usage: generation.include_usage };
        let mut written = Vec::new();
        let stream = api.stream(head, options, repeated.clone(), &mut written);
        let stream = EventStream::new(generating, stream, written, &events, call.clone());
        return Ok(with_content_type(ReplyBody::Chunks(Box::new(stream)), EVENTS));
    }
    let answer = collect_answer(generating, events, head, choices).await?;
    let body = call.timeline.measure(RequestStage::Encode, || api.whole(&answer, repeated))?;
    call.scope.record_outcome(None);
    Ok(with_content_type(ReplyBody::from(Bytes::from(body)), JSON))
}

/// Starts the choices of a request.
fn start(call: &Call, asked: &Asked) -> Result<Generating, Fault> {
    let Asked { api, generation, language, prompts, options, .. } = asked;
    let seed = generation.sampling.seed.unwrap_or_else(|| random_seed(call));
    inputs::refuse_unsupported(*api, language, generation)?;
    let guide = asked.tools.guide.as_ref();
    let charge = TokenCharge::begin(call, prompt_tokens(asked))?;
    let mut choices = Vec::with_capacity(generation.total_choices());
    for prompt in prompts {
        for _ in 0..generation.choices {
            let index = i64::try_from(choices.len()).unwrap_or_default();
            let seed = seed.wrapping_add(index);
            let inputs = inputs::inputs(language, generation, guide, &prompt.tokens, seed)?;
            let request = Request {
                timeline: Arc::clone(&call.timeline),
                content: Content::Tensors(inputs),
                options: options.clone(),
                attachment: None,
            };
            let chunks = call.app.engine.infer_stream(language.route.clone(), request);
            let (parser, one) = (parser(call, asked, prompt)?, !generation.parallel_tool_calls);
            choices.push(Choice::new(chunks, parser, guide, one));
        }
    }
    let logprobs = generation.logprobs.map(|_| Arc::clone(language.text()));
    Ok(Generating::new(choices, logprobs, charge))
}

/// What finds calls and reasoning in the answer to messages.
fn parser(call: &Call, asked: &Asked, prompt: &Encoded) -> Result<Option<AnswerParser>, Fault> {
    if asked.api == Api::Completion {
        return Ok(None);
    }
    let chat = asked.language.chat(call)?;
    let names: Vec<&str> = asked.tools.names.iter().map(String::as_str).collect();
    Ok(Some(chat.format.parser(&prompt.text, &names)))
}

/// What each choice of a completion begins with, if it repeats its prompt.
fn echoes(asked: &Asked) -> Vec<Event> {
    if !asked.generation.echo {
        return Vec::new();
    }
    let per_prompt = asked.generation.choices as usize;
    let text = |prompt: &Encoded| match prompt.text.is_empty() {
        true => asked.language.text().decode(&prompt.tokens, true),
        false => prompt.text.clone(),
    };
    let texts = asked.prompts.iter().flat_map(|prompt| vec![text(prompt); per_prompt]);
    texts.enumerate().map(|(choice, text)| Event::of_text(choice, text)).collect()
}

/// The tokens of all prompts.
fn prompt_tokens(asked: &Asked) -> usize {
    asked.prompts.iter().map(|prompt| prompt.tokens.len()).sum()
}

fn head_of(call: &Call, asked: &Asked) -> AnswerHead {
    AnswerHead {
        request_id: call.timeline.id().to_owned(),
        created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        model: asked.generation.model.clone(),
        prompt_tokens: u32::try_from(prompt_tokens(asked)).unwrap_or(u32::MAX),
        cached_tokens: 0,
    }
}

/// A seed that differs from request to request.
fn random_seed(call: &Call) -> i64 {
    use std::hash::{BuildHasher, RandomState};
    (RandomState::new().hash_one(call.timeline.id()) >> 1).cast_signed()
}
