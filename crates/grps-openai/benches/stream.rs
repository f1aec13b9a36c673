//! Cost of an event of a stream, and of reading a request.

#![expect(clippy::expect_used, reason = "a benchmark ends at the first error")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use grps_chat::AnswerPart;
use grps_openai::{
    AnswerHead, AnswerStream, ChatStream, CompletionStream, Limits, MessageStream, ResponseStream,
    StreamOptions, TokenLogprob, TopLogprob, read_chat,
};
use serde_json::{Map, json};

const REQUEST_ID: &str = "0123456789abcdef0123456789abcdef";

fn measure(criterion: &mut Criterion, name: &str, mut step: impl FnMut(&mut Vec<u8>)) {
    let mut out = Vec::with_capacity(1 << 16);
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            out.clear();
            step(&mut out);
            black_box(out.len())
        });
    });
}

fn benches(criterion: &mut Criterion) {
    let head = AnswerHead {
        request_id: REQUEST_ID.to_owned(),
        created: 1_764_000_000,
        model: "SmolLM2-135M-Instruct".to_owned(),
        prompt_tokens: 100,
        cached_tokens: 0,
    };
    let options = StreamOptions { choices: 1, include_usage: true };
    let mut out = Vec::new();
    let mut chat = ChatStream::begin(&head, options, &mut out);
    measure(criterion, "chat, text", |out| chat.text(0, black_box(" answer"), out));
    measure(criterion, "chat, escaped text", |out| chat.text(0, black_box("\n\t\"x\""), out));
    let piece = AnswerPart::ToolArguments { index: 0, json: "\"city\":".to_owned() };
    measure(criterion, "chat, arguments", |out| chat.part(0, black_box(&piece), out));
    let top = vec![TopLogprob { bytes: b" answer".to_vec(), logprob: -0.25 }; 5];
    let token = TokenLogprob { bytes: b" answer".to_vec(), logprob: Some(-0.25), top };
    measure(criterion, "chat, text with log probabilities", |out| {
        chat.logprobs(0, vec![token.clone()]);
        chat.text(0, black_box(" answer"), out);
    });
    let mut completion = CompletionStream::begin(&head, options);
    measure(criterion, "completion, text", |out| completion.text(0, black_box(" answer"), out));
    let mut message = MessageStream::begin(&head, &mut out);
    measure(criterion, "message, text", |out| message.text(0, black_box(" answer"), out));
    let mut response = ResponseStream::begin(head, Map::new(), &mut out);
    measure(criterion, "response, text", |out| response.text(0, black_box(" answer"), out));
    let body = json!({
        "model": "m", "stream": true, "temperature": 0.7, "max_tokens": 200,
        "messages": [{"role": "system", "content": "You are helpful."},
                     {"role": "user", "content": "What is the capital of France?"}],
    });
    let (body, limits) = (body.to_string(), Limits::default());
    criterion.bench_function("read a chat", |bencher| {
        bencher.iter(|| read_chat(black_box(body.as_bytes()), &limits).expect("accepted"));
    });
}

criterion_group!(stream, benches);
criterion_main!(stream);
